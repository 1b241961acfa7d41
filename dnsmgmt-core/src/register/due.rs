//! When a host writes its heartbeats anew.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::moment::Moment;

/// How far two clocks of one machine may drift apart between two runs before one of them was set, or the machine slept.
const STEP: Duration = Duration::from_secs(60);

/// What is remembered of the last time that heartbeats were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// What was wanted then: addresses, names and settings as one text, or a hash of it.
    pub wanted: String,
    /// Whether a listing showed it all.
    pub is_verified: bool,
    /// Whether nothing else there was in trouble either.
    pub is_well: bool,
    /// When, by the wall clock.
    pub now: Timestamp,
    /// In which boot.
    pub boot: Arc<str>,
    /// When in that boot.
    pub running: Duration,
}

impl Last {
    /// Returns when it was.
    pub fn moment(&self) -> Moment {
        Moment { now: self.now, boot: self.boot.clone(), running: self.running }
    }
}

/// Whether heartbeats are to be written now, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing is known of an earlier run.
    First,
    /// Other addresses, names or settings are wanted than before.
    Changed,
    /// The last time no listing showed what was written.
    Unverified,
    /// The machine was started, or slept, or its clock was set.
    Interrupted,
    /// It is not known how far apart runs are.
    UnknownInterval,
    /// At the next run it would be late.
    Late,
    /// The heartbeats are in time, and something else was in trouble: that is looked at again, and nothing is written that is not late.
    Unwell,
    /// It is not due: it will not be late at the next run.
    No,
}

/// Decides whether heartbeats are due after the `last` ones: where anything changed or went wrong, and where the next run, after
/// `interval`, would come when more than 80 % of the lease is over (RFC 9664 section 5).
pub fn due(last: Option<&Last>, wanted: &str, moment: &Moment, interval: Option<Duration>, lease: Duration) -> Due {
    let Some(last) = last else { return Due::First };
    if last.wanted != wanted {
        return Due::Changed;
    }
    if !last.is_verified {
        return Due::Unverified;
    }
    let Some(running) = moment.running.checked_sub(last.running).filter(|_| last.boot == moment.boot) else {
        return Due::Interrupted;
    };
    let by_the_wall = moment.now.duration_since(last.now);
    let drift = by_the_wall.saturating_sub(SignedDuration::try_from(running).unwrap_or(SignedDuration::MAX));
    match interval {
        _ if drift.unsigned_abs() > STEP => Due::Interrupted,
        None => Due::UnknownInterval,
        Some(_) if is_late(by_the_wall, interval, lease) => Due::Late,
        Some(_) if !last.is_well => Due::Unwell,
        Some(_) => Due::No,
    }
}

/// Returns whether a run shows that it is not true how far apart runs are `said` to be: the one before, which was not due, cannot have been
/// so near. Only runs in one boot and without a sleep between them show it.
pub fn contradicts(last: &Last, moment: &Moment, said: Duration, lease: Duration) -> bool {
    let Some(age) = moment.running.checked_sub(last.running).filter(|_| last.boot == moment.boot) else { return false };
    // Later than at that age the run before would have been due.
    let latest = (lease * 4 / 5).saturating_sub(said);
    !are_so_near(age.saturating_sub(latest), said)
}

/// Returns whether runs that were `apart` are as near as it is `said`: timers are a little late now and then.
pub fn are_so_near(apart: Duration, said: Duration) -> bool {
    apart <= said * 6 / 5
}

/// Returns whether a heartbeat of that age would be late at the next run. Where nobody knows how far apart runs are, they are at most as
/// far apart as the heartbeat is old.
pub(super) fn is_late(age: SignedDuration, interval: Option<Duration>, lease: Duration) -> bool {
    let Ok(age) = Duration::try_from(age) else { return true };
    age + interval.unwrap_or(age) > lease * 4 / 5
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(900);
    const START: i64 = 1_700_000_000;

    fn moment(boot: &str, running: u64, now: i64) -> Moment {
        let now = Timestamp::from_second(START + now).unwrap();
        Moment { now, boot: boot.into(), running: Duration::from_secs(running) }
    }

    fn last() -> Last {
        let Moment { now, boot, running } = moment("a", 1000, 0);
        Last { wanted: "x".into(), is_verified: true, is_well: true, now, boot, running }
    }

    fn after(seconds: u64, interval: Option<u64>) -> Due {
        let moment = moment("a", 1000 + seconds, seconds.try_into().unwrap());
        due(Some(&last()), "x", &moment, interval.map(Duration::from_secs), LEASE)
    }

    #[test]
    fn a_refresh_is_due_when_the_next_run_would_be_late() {
        assert_eq!(after(300, Some(300)), Due::No);
        assert_eq!(after(420, Some(300)), Due::No, "at 80 % of the lease it is not late");
        assert_eq!(after(421, Some(300)), Due::Late);
        assert_eq!(after(600, Some(60)), Due::No);
        assert_eq!(after(661, Some(60)), Due::Late);
        assert_eq!(after(0, Some(900)), Due::Late, "runs that are too far apart are all due");
        assert_eq!(after(10, None), Due::UnknownInterval);
    }

    #[test]
    fn what_changed_or_went_wrong_is_due_at_once() {
        let interval = Some(Duration::from_secs(60));
        let soon = moment("a", 1060, 60);
        assert_eq!(due(None, "x", &soon, interval, LEASE), Due::First);
        assert_eq!(due(Some(&last()), "y", &soon, interval, LEASE), Due::Changed);
        let unverified = Last { is_verified: false, ..last() };
        assert_eq!(due(Some(&unverified), "x", &soon, interval, LEASE), Due::Unverified);
        let unwell = Last { is_well: false, ..last() };
        assert_eq!(due(Some(&unwell), "x", &soon, interval, LEASE), Due::Unwell);
        assert_eq!(due(Some(&unwell), "x", &moment("a", 1900, 900), interval, LEASE), Due::Late);
        assert_eq!(due(Some(&last()), "x", &soon, interval, LEASE), Due::No);
    }

    #[test]
    fn a_boot_a_sleep_and_a_clock_that_was_set_are_due() {
        let due = |boot, running, now| due(Some(&last()), "x", &moment(boot, running, now), Some(LEASE / 15), LEASE);
        assert_eq!(due("b", 1060, 60), Due::Interrupted, "another boot");
        assert_eq!(due("a", 900, 60), Due::Interrupted, "a clock that goes back is another one");
        assert_eq!(due("a", 1060, 9000), Due::Interrupted, "it slept");
        assert_eq!(due("a", 1060, -9000), Due::Interrupted, "its clock was set back");
        assert_eq!(due("a", 1060, 115), Due::No, "a little drift is none");
    }

    #[test]
    fn a_heartbeat_that_is_older_than_it_can_be_contradicts_what_is_said() {
        let contradicts = |boot, age: u64, said| {
            let seconds = i64::try_from(age).unwrap();
            contradicts(&last(), &moment(boot, 1000 + age, seconds), Duration::from_secs(said), LEASE)
        };
        assert!(!contradicts("a", 720, 60), "the run before it was not due at 660");
        assert!(!contradicts("a", 732, 60), "a timer may be a little late");
        assert!(contradicts("a", 733, 60));
        assert!(!contradicts("b", 9000, 60), "a boot lies between");
        assert!(contradicts("a", 1100, 900) && !contradicts("a", 1000, 900), "where every run is due");
    }

    #[test]
    fn without_a_memory_the_age_bounds_the_interval() {
        let late = |age, interval: Option<u64>| {
            is_late(SignedDuration::from_secs(age), interval.map(Duration::from_secs), LEASE)
        };
        assert!(!late(300, None) && late(361, None));
        assert!(late(-1, None), "a heartbeat from the future says nothing");
        assert!(!late(400, Some(300)) && late(421, Some(300)));
    }
}
