//! The work of a program from its beginning to its end.

use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Builder;

use crate::exit::Exit;

/// How long a file that is being written has, once all else has ended. Looking up a name may take far longer, and nobody wants it any more.
const REST: Duration = Duration::from_millis(250);

/// Does the work of a program on this thread.
pub fn run(work: impl Future<Output = Result<Exit>>) -> Result<Exit> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(REST);
    done
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn what_nobody_waits_for_any_more_holds_up_no_end() {
        let has_ended = Arc::new(AtomicBool::new(false));
        let ended = has_ended.clone();
        let work = async {
            tokio::task::spawn_blocking(move || {
                std::thread::sleep(Duration::from_secs(20));
                ended.store(true, Ordering::Relaxed);
            });
            Ok(Exit::Done)
        };
        assert_eq!(run(work).unwrap(), Exit::Done);
        assert!(!has_ended.load(Ordering::Relaxed), "it was waited for");
    }
}
