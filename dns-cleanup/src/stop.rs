//! Being told to stop.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears SIGTERM and SIGINT. From then on neither ends the program by itself: what is being done is done to its end.
#[derive(Debug)]
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    was_told: bool,
}

impl Stop {
    pub(crate) fn listen() -> io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, was_told: false })
    }

    /// Returns whether the program was told to stop by now.
    pub(crate) async fn was_told(&mut self) -> bool {
        // Signals are noticed where a program waits.
        self.unless_told(tokio::task::yield_now()).await.is_none()
    }

    /// Does work that can be given up at any point; nothing if the program is told to stop before it is done.
    pub(crate) async fn unless_told<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        if self.was_told {
            return None;
        }
        let mut work = pin!(work);
        let done = poll_fn(|context| {
            let told = self.terminate.poll_recv(context).is_ready() || self.interrupt.poll_recv(context).is_ready();
            match work.as_mut().poll(context) {
                _ if told => Poll::Ready(None),
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending => Poll::Pending,
            }
        });
        let done = done.await;
        self.was_told |= done.is_none();
        done
    }
}
