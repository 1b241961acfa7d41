//! Why the database could not be used.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

/// Why the database could not be used: what was being done, to which file, what came back, what to do next.
///
/// An error is never an empty answer: a caller that gets one knows nothing about the records.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The file is not a sound database any more. It was not written to.
    #[error(
        "the database {} is damaged ({problem}); nothing was written to it: keep a copy of it and of its -wal file, then put \
         a backup in its place, or move it away to start anew without the memory of what is ours",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        problem: String,
    },
    /// A newer version of dnsmgmt made it.
    #[error(
        "the database {} has schema version {found}, and this program knows versions up to {known}; update this program, or \
         use the backup that was made before the newer one ran",
        path.display()
    )]
    Future {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Another program's database.
    #[error("{} is a database without any table of dnsmgmt: it belongs to another program, so it was left alone", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A part of the schema is missing and cannot be added.
    #[error(
        "the database {} lacks {part}, which cannot be added to what is there ({problem}); rename that table and start again, \
         then copy over the rows that you want to keep",
        path.display()
    )]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// The missing part.
        part: String,
        /// What SQLite answered.
        problem: String,
    },
    /// Another program was writing all the time.
    #[error("could not {doing} in the database {}: another program has been writing to it for {waited} s; try again", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// What was being done, to be read behind "could not".
        doing: &'static str,
        /// How long this one waited, in seconds.
        waited: u64,
    },
    /// There is no room for what was to be written.
    #[error("could not {doing} in the database {}: there is no room left where it lies; make some and try again", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What was being done, to be read behind "could not".
        doing: &'static str,
    },
    /// A stored row that is not what was stored.
    #[error("row {id} of {table} in the database {} cannot be read: {problem}; `dns-cli db check` looks at the whole file", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// The row's `id`.
        id: i64,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such row.
    #[error("{what} is not in the database {}", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
        /// What was to be changed.
        what: String,
    },
    /// A value that cannot be stored.
    #[error("`{value}` cannot be {what}: {expected}")]
    Unfit {
        /// What it was given as.
        what: &'static str,
        /// The value.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// The operating system said no.
    #[error("could not {doing} {}: {answer}", path.display())]
    File {
        /// What was being done, to be read behind "could not".
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the operating system answered.
        answer: io::Error,
    },
    /// Anything else that SQLite answered.
    #[error("could not {doing} in the database {}: {answer}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was being done, to be read behind "could not".
        doing: &'static str,
        /// What SQLite answered.
        answer: rusqlite::Error,
    },
}

/// What a statement failed with, before it is known in which file.
#[derive(Debug)]
pub(crate) enum Failure {
    Sqlite(rusqlite::Error),
    Row { table: &'static str, id: i64, problem: String },
    Absent(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// How long a program waits for another that writes, in seconds. Replacing a cache of a million records takes two or three.
pub(crate) const PATIENCE: u64 = 30;

impl Failure {
    /// Says in which file it was and what was being done.
    pub(crate) fn at(self, path: &std::path::Path, doing: &'static str) -> RepositoryError {
        let path = path.to_owned();
        match self {
            Self::Row { table, id, problem } => RepositoryError::Row { path, table, id, problem },
            Self::Absent(what) => RepositoryError::Absent { path, what },
            Self::Sqlite(answer) => match answer.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    RepositoryError::Damaged { path, problem: problem(&answer) }
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    RepositoryError::Busy { path, doing, waited: PATIENCE }
                }
                Some(ErrorCode::DiskFull) => RepositoryError::Full { path, doing },
                // The memory that programs share is a file too, and SQLite does not say why that could not grow.
                _ if answer.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE) => {
                    RepositoryError::Full { path, doing }
                }
                _ => RepositoryError::Sqlite { path, doing, answer },
            },
        }
    }
}

/// Returns what SQLite said, without the statement that it said it to.
pub(crate) fn problem(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::*;

    fn said(error: rusqlite::Error) -> String {
        Failure::from(error).at(Path::new("/d.db"), "write").to_string()
    }

    #[test]
    fn a_full_disk_is_called_one() {
        let full = Connection::open_in_memory().unwrap();
        full.execute_batch("CREATE TABLE t (x)").unwrap();
        full.pragma_update(None, "max_page_count", 2).unwrap();
        let error = full.execute("INSERT INTO t VALUES (zeroblob(1000000))", []).unwrap_err();
        let shared = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(SQLITE_IOERR_SHMSIZE), None);
        for error in [error, shared] {
            let said = said(error);
            assert!(said.starts_with("could not write in the database /d.db: there is no room left"), "{said}");
        }
    }

    #[test]
    fn what_was_answered_is_not_a_cause_beside_the_error_that_says_it() {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(10), Some("disk I/O error".into()));
        let error = Failure::from(error).at(Path::new("/d.db"), "write");
        assert!(error.to_string().contains("disk I/O error"), "{error}");
        assert!(std::error::Error::source(&error).is_none());
    }
}
