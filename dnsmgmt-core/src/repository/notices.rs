//! Of which trouble somebody was told, until it is over.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::error::{Failure, RepositoryError};
use super::{DnsRepositoryManager, row};
use crate::moment::{Look, Moment};
use crate::name::Name;
use crate::notice::Told;
use crate::provider::ProviderId;

/// Runs that end in trouble, as looks at it.
const JOB: &str = "notices";

impl DnsRepositoryManager {
    /// Returns of which trouble somebody was told last, unless it was over since. `about` is the program, with its job.
    pub fn told(&self, about: &str) -> Result<Option<Told>, RepositoryError> {
        let read = || {
            let sql = "SELECT trouble, observed_ms FROM dns_notices WHERE about = ?1";
            let told = self
                .connection
                .prepare_cached(sql)?
                .query_row([about], |row| Ok(Told { trouble: row.get(0)?, observed: row::duration(row.get(1)?) }));
            Ok(told.optional()?)
        };
        read().map_err(|error: Failure| error.at(&self.path, "read what somebody was told of"))
    }

    /// Writes down that a run ended in trouble, and returns for how long trouble has been observed by now.
    pub fn look_at_trouble(&mut self, about: &str, moment: &Moment) -> Result<Duration, RepositoryError> {
        let id = ProviderId { name: about.into(), zone: Name::root() };
        let Look { observed, .. } = self.look(&id, JOB, moment, None, true)?;
        Ok(observed)
    }

    /// Remembers that somebody was told.
    pub fn set_told(&mut self, about: &str, told: &Told, now: Timestamp) -> Result<(), RepositoryError> {
        self.write("remember what somebody was told of", |on| {
            let sql = "INSERT INTO dns_notices (about, trouble, observed_ms, told_at) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT DO UPDATE SET trouble = excluded.trouble, observed_ms = excluded.observed_ms,
                           told_at = excluded.told_at";
            let row = params![about, told.trouble, row::milliseconds(told.observed), row::time(now)];
            on.connection.prepare_cached(sql)?.execute(row)?;
            Ok(())
        })
    }

    /// Forgets that somebody was told: all is well.
    pub fn forget_told(&mut self, about: &str) -> Result<(), RepositoryError> {
        self.write("forget what somebody was told of", |on| {
            on.connection.prepare_cached("DELETE FROM dns_notices WHERE about = ?1")?.execute([about])?;
            Ok(())
        })
    }
}
