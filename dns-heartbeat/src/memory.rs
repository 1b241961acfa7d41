//! What is remembered from run to run: on disk, or where that cannot be in this process alone.

use anyhow::{Error, Result};
use dnsmgmt_core::repository::{DnsRepositoryManager, RepositoryError};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::database;
use dnsmgmt_providers::config::NamedBy;

/// The memory of this process, once there is one.
#[derive(Debug, Default)]
pub(crate) struct Memory(Option<DnsRepositoryManager>);

/// What a run remembers with.
pub(crate) enum Opened<'a> {
    /// A database on disk.
    OnDisk(DnsRepositoryManager),
    /// The memory of this process.
    InProcess(&'a mut DnsRepositoryManager),
}

impl Opened<'_> {
    pub(crate) fn repository(&mut self) -> &mut DnsRepositoryManager {
        match self {
            Self::OnDisk(repository) => repository,
            Self::InProcess(repository) => repository,
        }
    }

    pub(crate) fn is_on_disk(&self) -> bool {
        matches!(self, Self::OnDisk(_))
    }
}

impl Memory {
    /// Opens the database; where there is no place for one, this process remembers.
    ///
    /// # Errors
    /// If there is a place, and the database there cannot be used.
    pub(crate) fn open(&mut self, context: &Context) -> Result<Opened<'_>> {
        let Some(database) = context.settings.database_if_any()? else { return self.in_process() };
        match DnsRepositoryManager::open(&database.path) {
            Ok(repository) => Ok(Opened::OnDisk(repository)),
            Err(_) if database.named_by == NamedBy::User && !database.path.exists() => self.in_process(),
            Err(error) => Err(database::explain(error, &database)),
        }
    }

    /// Returns the memory of this process.
    pub(crate) fn in_process(&mut self) -> Result<Opened<'_>> {
        let repository = match self.0.take() {
            Some(repository) => repository,
            None => DnsRepositoryManager::in_memory()?,
        };
        Ok(Opened::InProcess(self.0.insert(repository)))
    }
}

/// Returns whether it is the database that failed.
pub(crate) fn is_of_the_database(error: &Error) -> bool {
    error.chain().any(|cause| cause.is::<RepositoryError>())
}
