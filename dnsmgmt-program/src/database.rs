//! The database, as commands use it: some need it, some only keep its cache up to date.

use std::cell::RefCell;
use std::io;

use anyhow::{Error, Result};
use dnsmgmt_core::repository::{DnsRepositoryManager, RepositoryError};
use dnsmgmt_providers::config::{Database, NamedBy, Settings};

use crate::failure::complain;

/// Opens the database, for commands that need it.
pub fn open(settings: &Settings) -> Result<DnsRepositoryManager> {
    let database = settings.database()?;
    DnsRepositoryManager::open(&database.path).map_err(|error| explain(error, &database))
}

/// The database, for commands that can do without it.
#[derive(Debug)]
pub struct IfAny(RefCell<Option<DnsRepositoryManager>>);

impl IfAny {
    /// Opens the database. Where it is somebody's own and there is no place for it there is none; what else goes wrong is said.
    pub fn open(settings: &Settings) -> Self {
        let opened = settings.database_if_any().map_err(Error::from).and_then(|database| {
            let Some(database) = database else { return Ok(None) };
            match DnsRepositoryManager::open(&database.path) {
                Err(error) if database.named_by == NamedBy::User && has_no_folder(&error, &database) => Ok(None),
                opened => opened.map(Some).map_err(|error| explain(error, &database)),
            }
        });
        Self(RefCell::new(opened.unwrap_or_else(|error| {
            warn(&error);
            None
        })))
    }

    /// Does something with the database; nothing where there is none. After an error the command goes on without it.
    pub fn ask<T>(&self, work: impl FnOnce(&mut DnsRepositoryManager) -> Result<T, RepositoryError>) -> Option<T> {
        let mut repository = self.0.borrow_mut();
        match work(repository.as_mut()?) {
            Ok(done) => Some(done),
            Err(error) => {
                warn(&error.into());
                *repository = None;
                None
            }
        }
    }
}

/// Says beside what the operating system answered what that means for the place of the database.
pub fn explain(error: RepositoryError, database: &Database) -> Error {
    let (kind, in_its_place) = match &error {
        RepositoryError::File { answer, path, .. } => (answer.kind(), *path == database.path),
        _ => return error.into(),
    };
    let named_by = &database.named_by;
    let explained = match kind {
        io::ErrorKind::NotFound if in_its_place => format!(
            "there is no database yet where {named_by} says; the first command that remembers something makes it"
        ),
        io::ErrorKind::PermissionDenied if in_its_place => format!(
            "the database is where {named_by} says and you may not use it; become its owner, or name another with `DNSMGMT_DB`"
        ),
        io::ErrorKind::ReadOnlyFilesystem if in_its_place => format!(
            "the database is where {named_by} says, on a file system that is read-only; mount that for writing, or name another place with \
             `DNSMGMT_DB`"
        ),
        _ => format!("the database cannot be where {named_by} says; name another place with `DNSMGMT_DB`"),
    };
    Error::from(error).context(explained)
}

/// Returns whether there was none, and its folder could not be made.
fn has_no_folder(error: &RepositoryError, database: &Database) -> bool {
    let RepositoryError::File { path, answer, .. } = error else { return false };
    *path != database.path || answer.kind() == io::ErrorKind::NotADirectory
}

fn warn(error: &Error) {
    complain(&format!("going on without the database: {error:#}"));
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::failure::explained;

    fn said(kind: io::ErrorKind) -> String {
        let database = Database { path: "/d.db".into(), named_by: NamedBy::Variable("`DNSMGMT_DB`".into()) };
        let path = PathBuf::from("/d.db");
        explained(&explain(
            RepositoryError::File { doing: "write to the database", path, answer: kind.into() },
            &database,
        ))
    }

    #[test]
    fn what_keeps_a_database_from_being_written_is_said_once_with_what_to_do() {
        let denied = said(io::ErrorKind::PermissionDenied);
        assert!(denied.contains("become its owner"), "{denied}");
        assert_eq!(denied.matches("permission denied").count(), 1, "{denied}");
        let fixed = said(io::ErrorKind::ReadOnlyFilesystem);
        assert!(fixed.contains("mount that for writing") && !fixed.contains("owner"), "{fixed}");
    }
}
