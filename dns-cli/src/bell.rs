//! What wakes a loop: rung as often as one likes, heard once.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// How long it must have been silent before it is heard: what happens together is one matter.
const QUIET: Duration = Duration::from_secs(2);
/// How long it is listened to at most, however often it is rung.
const LONGEST: Duration = Duration::from_secs(10);

/// A bell. What is rung while nobody listens is heard at once by who listens next.
#[derive(Debug, Default)]
pub(crate) struct Bell(Notify);

impl Bell {
    /// Rings it. It carries nothing but that it was rung.
    pub(crate) fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits until it has been rung and is silent again, or until nobody rang it for `every`.
    pub(crate) async fn heard(&self, every: Duration) {
        if timeout(every, self.0.notified()).await.is_err() {
            return;
        }
        let end = Instant::now() + LONGEST;
        while Instant::now() < end {
            let silent_at = (Instant::now() + QUIET).min(end);
            if timeout_at(silent_at, self.0.notified()).await.is_err() {
                return;
            }
        }
        sleep_until(end).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::sleep;

    use super::*;

    const EVERY: Duration = Duration::from_secs(300);

    async fn takes(bell: &Bell) -> Duration {
        let start = Instant::now();
        bell.heard(EVERY).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_heard_when_it_is_silent_again() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        assert_eq!(takes(&bell).await.as_secs(), 2, "rung before, and not waited for");
        assert_eq!(takes(&bell).await.as_secs(), 300, "heard once, however often it was rung");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_is_silent_is_heard_all_the_same() {
        let bell = Arc::new(Bell::default());
        let ringing = bell.clone();
        let ringer = tokio::spawn(async move {
            loop {
                ringing.ring();
                sleep(Duration::from_millis(500)).await;
            }
        });
        assert_eq!(takes(&bell).await.as_secs(), 10);
        ringer.abort();
    }
}
