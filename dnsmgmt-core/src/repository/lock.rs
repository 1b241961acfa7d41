//! One program at a time changes what one provider holds.
//!
//! The lock is the operating system's, on a file beside the database: a program that is killed leaves none. The file stays, and
//! says who held the lock last.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often a waiting program looks whether it is its turn.
const LOOK: Duration = Duration::from_millis(50);

/// The lock on one provider, held until it is dropped.
#[derive(Debug)]
pub struct ProviderLock {
    _file: File,
}

impl ProviderLock {
    /// Takes the lock on a provider, by its configured name, in the database at that path; `program` is what others are told.
    pub fn try_acquire(database: &Path, provider: &str, program: &str) -> Result<Self, LockError> {
        let path = lock_path(database, provider);
        let failed = |answer| LockError::File { path: path.clone(), answer };
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { provider: provider.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        sign(&mut file, program).map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// Takes the lock, waiting for it as long as `patience`.
    pub async fn acquire(
        database: &Path,
        provider: &str,
        program: &str,
        patience: Duration,
    ) -> Result<Self, LockError> {
        let end = Instant::now() + patience;
        loop {
            match Self::try_acquire(database, provider, program) {
                Err(LockError::Held { .. }) if Instant::now() < end => sleep(LOOK).await,
                taken => return taken,
            }
        }
    }
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another program has it.
    #[error("{holder} is changing records at {provider}; nothing was changed, try again when it is done")]
    Held {
        /// The provider's configured name.
        provider: String,
        /// Who: the program and its process id.
        holder: String,
    },
    /// The file of the lock could not be used.
    #[error("could not lock {}: {answer}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system answered.
        answer: io::Error,
    },
}

/// The file is never removed: whoever removed it would take the lock from under one who has just opened it.
fn lock_path(database: &Path, provider: &str) -> PathBuf {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let provider: String = provider
        .chars()
        .map(|character| if plain(character) { character.to_string() } else { format!("%{:x}", u32::from(character)) })
        .collect();
    let mut name = database.as_os_str().to_owned();
    name.push(format!(".{provider}.lock"));
    name.into()
}

fn sign(file: &mut File, program: &str) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{program} (process {})", std::process::id())
}

/// Reads who holds the lock; the one that took it this very moment may not have signed yet.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.rewind().and_then(|()| file.read_to_string(&mut text)) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another program".to_owned(),
    }
}
