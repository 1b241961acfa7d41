//! When something is looked at.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// How far apart two looks are taken to be where nothing is known.
const UNKNOWN_INTERVAL: Duration = Duration::from_secs(300);

/// A moment, as the program at the edge reads it from its clocks.
///
/// The wall clock is for people: machines boot in 1970, step their clocks and sleep for a week. What has to be waited for is
/// measured by the other clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub now: Timestamp,
    /// What tells this boot of the machine from others.
    pub boot: Arc<str>,
    /// The time since then, by the clock that only goes forward and stands still while the machine sleeps.
    pub running: Duration,
}

/// A look at something that was looked at before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The boot in which it was.
    pub boot: Arc<str>,
    /// When in that boot.
    pub running: Duration,
    /// How long the thing had been observed by then.
    pub observed: Duration,
    /// How far apart the two looks before were, where one boot saw both.
    pub gap: Option<Duration>,
}

impl Look {
    /// Returns the look of `moment` after `last`, the look before it, if there was one.
    ///
    /// Two looks within one boot are apart what that boot's clock says; two looks across a boot one interval: the configured one, else the
    /// gap between the looks before where that was shorter than five minutes, else five minutes.
    pub fn after(last: Option<&Self>, moment: &Moment, interval: Option<Duration>) -> Self {
        let mut look = Self { boot: moment.boot.clone(), running: moment.running, observed: Duration::ZERO, gap: None };
        let Some(last) = last else { return look };
        look.gap = last.gap;
        let apart = if last.boot == moment.boot {
            // A clock that only goes forward and does not is another one.
            let apart = moment.running.checked_sub(last.running).unwrap_or_default();
            look.gap = Some(apart);
            apart
        } else {
            // One gap of days is not the usual one.
            interval.unwrap_or_else(|| last.gap.unwrap_or(UNKNOWN_INTERVAL).min(UNKNOWN_INTERVAL))
        };
        look.observed = last.observed + apart;
        look
    }

    /// Returns the look of `moment` after `last`, as [`after`](Self::after) does, of an observer who may have been away: however far
    /// apart the two looks are, no more than two intervals count. What did not change while nobody looked may have had no way to. And
    /// across a boot no more than this boot's clock says has passed: a machine that starts again and again waits no longer than it runs.
    pub fn after_at_most_two(last: Option<&Self>, moment: &Moment, interval: Option<Duration>) -> Self {
        let mut look = Self::after(last, moment, interval);
        if let Some(last) = last {
            // The gap before this one is the usual one, this one may be the night that the observer was down.
            let two = 2 * interval.or(last.gap).unwrap_or(UNKNOWN_INTERVAL);
            let most = if last.boot == moment.boot { two } else { two.min(moment.running) };
            look.observed = look.observed.min(last.observed + most);
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(boot: &str, seconds: u64) -> Moment {
        Moment { now: Timestamp::UNIX_EPOCH, boot: boot.into(), running: Duration::from_secs(seconds) }
    }

    type After = fn(Option<&Look>, &Moment, Option<Duration>) -> Look;

    fn observed_by(after: After, looks: &[(&str, u64)], interval: Option<u64>) -> u64 {
        let mut last = None;
        for (boot, seconds) in looks {
            last = Some(after(last.as_ref(), &moment(boot, *seconds), interval.map(Duration::from_secs)));
        }
        last.unwrap().observed.as_secs()
    }

    fn observed(looks: &[(&str, u64)], interval: Option<u64>) -> u64 {
        observed_by(Look::after, looks, interval)
    }

    #[test]
    fn within_a_boot_its_clock_counts() {
        assert_eq!(observed(&[("a", 100), ("a", 160), ("a", 1000)], Some(7)), 900);
        assert_eq!(observed(&[("a", 100), ("a", 50)], None), 0, "no time runs backwards");
    }

    #[test]
    fn across_a_boot_it_is_one_interval() {
        assert_eq!(observed(&[("a", 9000), ("b", 5)], Some(60)), 60);
        assert_eq!(observed(&[("a", 9000), ("a", 9040), ("b", 5)], None), 80, "the usual gap");
        assert_eq!(observed(&[("a", 9000), ("b", 5), ("c", 7)], None), 600, "nothing known: five minutes each");
    }

    #[test]
    fn an_observer_who_was_away_has_seen_two_intervals_at_most() {
        let observed = |looks: &[(&str, u64)], interval| observed_by(Look::after_at_most_two, looks, interval);
        assert_eq!(observed(&[("a", 100), ("a", 460)], Some(300)), 360);
        assert_eq!(observed(&[("a", 100), ("a", 90_000)], Some(300)), 600);
        assert_eq!(observed(&[("a", 100), ("a", 160), ("a", 90_000)], None), 60 + 120, "the usual gap");
        assert_eq!(observed(&[("a", 100), ("a", 90_000)], None), 600, "nothing known: two times five minutes");
        assert_eq!(observed(&[("a", 0), ("a", 3600), ("a", 7200), ("a", 10_800)], None), 600 + 2 * 3600, "every hour");
        assert_eq!(observed(&[("a", 100), ("b", 90_000)], Some(300)), 300, "across a boot it is one");
        assert_eq!(
            observed(&[("a", 100), ("b", 40), ("c", 30)], Some(300)),
            70,
            "and never more than the boot has run"
        );
    }
}
