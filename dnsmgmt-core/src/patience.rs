//! How long and how often something is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// How long and how often something is tried again: exponential backoff with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The first pause, without its jitter.
    pub first: Duration,
    /// The longest pause, without its jitter.
    pub longest: Duration,
    /// How long all pauses together may be, those that the provider asks for included.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(30), total: Duration::from_secs(30) }
    }
}

/// The pauses of one run.
#[derive(Debug)]
pub(crate) struct Pauses {
    backoff: ExponentialBackoff,
    left: Duration,
}

impl Patience {
    /// Returns the pauses of one run; `seed` decides the jitter.
    pub(crate) fn pauses(&self, seed: u64) -> Pauses {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .without_max_times()
            .with_jitter()
            .with_jitter_seed(seed)
            .build();
        Pauses { backoff, left: self.total }
    }
}

impl Pauses {
    /// Returns the next pause, at least as long as the provider asked for, or nothing when patience is at its end.
    pub(crate) fn next(&mut self, asked_for: Option<Duration>) -> Option<Duration> {
        let pause = self.backoff.next()?.max(asked_for.unwrap_or_default());
        self.left = self.left.checked_sub(pause)?;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut pauses = Patience::default().pauses(1);
        let waits: Vec<Duration> = std::iter::from_fn(|| pauses.next(None)).collect();
        assert!(waits.len() >= 4, "{waits:?}");
        assert!(waits[0] >= Duration::from_millis(500) && waits[3] >= Duration::from_secs(4), "{waits:?}");
        assert!(waits.iter().sum::<Duration>() <= Patience::default().total, "{waits:?}");
    }

    #[test]
    fn a_provider_may_ask_for_longer_but_not_for_ever() {
        let mut pauses = Patience::default().pauses(1);
        assert_eq!(pauses.next(Some(Duration::from_secs(20))), Some(Duration::from_secs(20)));
        assert_eq!(pauses.next(Some(Duration::from_secs(20))), None);
    }
}
