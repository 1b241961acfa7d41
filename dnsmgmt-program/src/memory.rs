//! What a program remembers from run to run: on disk, or where that cannot be in its process alone.

use anyhow::{Error, Result};
use dnsmgmt_core::repository::{DnsRepositoryManager, RepositoryError};
use dnsmgmt_providers::config::{NamedBy, Settings};

use crate::database;

/// What a program remembers with.
#[derive(Debug, Default)]
pub struct Memory {
    on_disk: Option<DnsRepositoryManager>,
    in_process: Option<DnsRepositoryManager>,
}

impl Memory {
    /// Opens the database anew, and makes it where there is a place for it. Returns whether there is one.
    ///
    /// # Errors
    /// If there is a place, and the database there cannot be used.
    pub fn open(&mut self, settings: &Settings) -> Result<bool> {
        self.on_disk = None;
        let Some(database) = settings.database_if_any()? else { return Ok(false) };
        match DnsRepositoryManager::open(&database.path) {
            Ok(repository) => self.on_disk = Some(repository),
            Err(_) if database.named_by == NamedBy::User && !database.path.exists() => {}
            Err(error) => return Err(database::explain(error, &database)),
        }
        Ok(self.on_disk.is_some())
    }

    /// Opens the database if there is one and it is not open. That it cannot be used was said by the work that needs it.
    pub(crate) fn open_if_there(&mut self, settings: &Settings) {
        let is_there = || settings.database_if_any().is_ok_and(|database| database.is_some_and(|it| it.path.exists()));
        if self.on_disk.is_none() && is_there() {
            self.open(settings).ok();
        }
    }

    /// Returns the database that was opened last.
    pub fn on_disk(&mut self) -> Option<&mut DnsRepositoryManager> {
        self.on_disk.as_mut()
    }

    /// Returns the database that was opened last and the memory of this process, where there are both.
    pub(crate) fn both(&mut self) -> Option<(&mut DnsRepositoryManager, &mut DnsRepositoryManager)> {
        self.on_disk.as_mut().zip(self.in_process.as_mut())
    }

    /// Returns whether this process remembers already.
    pub fn has_begun(&self) -> bool {
        self.in_process.is_some()
    }

    /// Returns the memory of this process.
    ///
    /// # Errors
    /// If there is none yet, and SQLite cannot make it.
    pub fn in_process(&mut self) -> Result<&mut DnsRepositoryManager> {
        let repository = match self.in_process.take() {
            Some(repository) => repository,
            None => DnsRepositoryManager::in_memory()?,
        };
        Ok(self.in_process.insert(repository))
    }
}

/// Returns whether it is the database that failed.
pub fn is_of_the_database(error: &Error) -> bool {
    error.chain().any(|cause| cause.is::<RepositoryError>())
}
