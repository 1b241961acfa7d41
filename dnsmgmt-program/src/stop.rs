//! Being told to end, for programs that go on until then.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether the program was told to end, by SIGTERM or SIGINT; never, for one that ends by itself and leaves signals to the system.
#[derive(Debug, Clone, Default)]
pub struct Stop(Option<watch::Receiver<bool>>);

impl Stop {
    /// Takes SIGTERM and SIGINT from now on: they end nothing any more but what waits for [`Stop::asked`].
    pub fn on_signals() -> io::Result<Self> {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tell.send_replace(true);
            // A channel whose sender is gone would tell nothing to those who ask later.
            tell.closed().await;
        });
        Ok(Self(Some(told)))
    }

    /// Waits until it is told to end.
    pub async fn asked(&self) {
        match self.0.clone() {
            // Its sender lives until nobody asks any more.
            Some(mut told) => drop(told.wait_for(|told| *told).await),
            None => std::future::pending().await,
        }
    }

    /// Does work that can be given up at any point; nothing if the program is told to end before it is done.
    pub async fn unless_asked<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.asked() => None,
            done = work => Some(done),
        }
    }
}
