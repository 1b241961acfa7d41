//! The clocks of one machine, which may be wrong.

use std::time::Duration;

use dnsmgmt_core::moment::Moment;
use jiff::Timestamp;

/// What the world's time is at its start, in milliseconds since 1970.
const START: i64 = 1_700_000_000_000;

/// The clocks of one machine. Each function is told the world's own time.
#[derive(Debug)]
pub(crate) struct Clock {
    machine: String,
    boots: u32,
    booted: Duration,
    /// For how long the machine slept in this boot.
    slept: Duration,
    /// How much faster than the world its quartz is, in millionths.
    fast: i64,
    /// What the wall clock showed when it was set, in milliseconds, and when that was.
    set: (i64, Duration),
}

impl Clock {
    /// Returns clocks that are right, of a machine that was just started.
    pub(crate) fn new(machine: String, fast: i64, now: Duration) -> Self {
        let mut clock = Self { machine, boots: 0, booted: now, slept: Duration::ZERO, fast, set: (0, now) };
        clock.set_off(0, now);
        clock
    }

    pub(crate) fn moment(&self, now: Duration) -> Moment {
        let boot = format!("{}-{}", self.machine, self.boots).into();
        let running = self.by_quartz(now.saturating_sub(self.booted).saturating_sub(self.slept));
        Moment { now: self.wall(now), boot, running: Duration::from_millis(running.unsigned_abs()) }
    }

    pub(crate) fn wall(&self, now: Duration) -> Timestamp {
        let (shown, since) = self.set;
        timestamp(shown + self.by_quartz(now.saturating_sub(since)))
    }

    /// Returns by how many seconds the wall clock is ahead.
    pub(crate) fn off(&self, now: Duration) -> f64 {
        self.wall(now).duration_since(right(now)).as_secs_f64()
    }

    /// Sets the wall clock, so that it is that many seconds ahead.
    pub(crate) fn set_off(&mut self, seconds: i64, now: Duration) {
        self.set = (right(now).as_millisecond() + 1000 * seconds, now);
    }

    pub(crate) fn reboot(&mut self, now: Duration) {
        (self.boots, self.booted, self.slept) = (self.boots + 1, now, Duration::ZERO);
    }

    /// Starts the wall clock at 1970, so long ago as the machine takes to start.
    pub(crate) fn forget_the_time(&mut self, start: Duration, now: Duration) {
        self.set = (i64::try_from(start.as_millis()).expect("a start of some minutes"), now);
    }

    pub(crate) fn sleep(&mut self, duration: Duration) {
        self.slept += duration;
    }

    /// Returns what the quartz makes of a time, in milliseconds.
    fn by_quartz(&self, time: Duration) -> i64 {
        let milliseconds = i64::try_from(time.as_millis()).expect("a world of some months");
        milliseconds + milliseconds / 1_000_000 * self.fast + milliseconds % 1_000_000 * self.fast / 1_000_000
    }
}

/// Returns what a clock shows that is right.
pub(crate) fn right(now: Duration) -> Timestamp {
    timestamp(START + i64::try_from(now.as_millis()).expect("a world of some months"))
}

fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).expect("a year of four digits")
}
