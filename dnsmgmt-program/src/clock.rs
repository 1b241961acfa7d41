//! The one place where this program reads its clocks.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use dnsmgmt_core::moment::Moment;
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Where Linux tells a boot from others (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The clocks of this machine in this boot.
#[derive(Debug)]
pub struct Clock {
    boot: Arc<str>,
}

impl Clock {
    /// Reads which boot this is. Where the system does not say it, every run counts as a boot of its own.
    pub fn of_this_boot() -> Self {
        let said = fs::read_to_string(BOOT_ID).ok().map(|text| text.trim().to_owned()).filter(|id| !id.is_empty());
        let boot = said.unwrap_or_else(|| format!("{:032x}", fastrand::u128(..)));
        Self { boot: boot.into() }
    }

    /// Returns a way to read them, for what the library does.
    pub fn reader(&self) -> impl Fn() -> Moment + Sync {
        || self.moment()
    }

    /// Returns the moment that it is.
    #[expect(clippy::disallowed_methods, reason = "the one place where this program reads its clocks")]
    pub fn moment(&self) -> Moment {
        Moment { now: Timestamp::now(), boot: self.boot.clone(), running: running() }
    }
}

/// Returns the time, for what signs its messages with it.
#[expect(clippy::disallowed_methods, reason = "the one place where this program reads its clocks")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Returns the clock that only goes forward and, on Linux, stands still while the machine sleeps (clock_gettime(2)).
fn running() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    let whole = Duration::from_secs(time.tv_sec.try_into().unwrap_or_default());
    whole + Duration::from_nanos(time.tv_nsec.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_are_in_one_boot_and_in_order() {
        let (first, second) = (Clock::of_this_boot().moment(), Clock::of_this_boot().moment());
        assert!(!first.boot.is_empty());
        assert!(first.running > Duration::ZERO && first.running <= second.running);
        if cfg!(target_os = "linux") {
            assert_eq!(first.boot, second.boot);
        }
    }
}
