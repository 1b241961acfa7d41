//! The lock that keeps programs from losing each other's changes.
//!
//! It is the operating system's, on the folder: nothing is left behind by a program that is killed, the file may be replaced or
//! not be there yet, and whoever reaches the file through a link meets the same lock. The price: zone files in one folder are
//! changed one after the other, and file systems that cannot lock a folder (NFS version 3 and older, some FUSE ones) are an error.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use dnsmgmt_core::provider::{ProviderError, Reaction};
use tokio::time::{Instant, sleep};

use super::trouble::Trouble;

/// How long another program may keep us waiting: a change takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often we look whether it is our turn.
const LOOK: Duration = Duration::from_millis(5);

/// Waits for the lock, which is held until the returned file is dropped.
pub(super) async fn acquire(folder: &Path) -> Result<File, ProviderError> {
    let doing = || format!("lock the folder {}", folder.display());
    let file = File::open(folder).map_err(|error| Trouble::from(error).while_doing(doing()))?;
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(Trouble::from(error).while_doing(doing())),
            Err(TryLockError::WouldBlock) if Instant::now() >= end => {
                let waited = format!("another program has held the lock for {} seconds", PATIENCE.as_secs());
                return Err(ProviderError::new(Reaction::Busy { retry_after: None }, doing(), waited)
                    .hint("see which program has the folder open, with `fuser` or `lsof`"));
            }
            Err(TryLockError::WouldBlock) => sleep(LOOK).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_holds_it_and_the_next_waits() {
        let folder = tempfile::tempdir().unwrap();
        let held = acquire(folder.path()).await.unwrap();
        let path = folder.path().to_owned();
        let waiting = tokio::spawn(async move { acquire(&path).await.map(drop) });
        sleep(LOOK * 4).await;
        assert!(!waiting.is_finished());
        drop(held);
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let folder = tempfile::tempdir().unwrap();
        let _held = acquire(folder.path()).await.unwrap();
        let error = acquire(folder.path()).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Busy { retry_after: None });
        assert!(error.to_string().contains(&*folder.path().to_string_lossy()), "{error}");
    }
}
