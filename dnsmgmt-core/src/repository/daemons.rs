//! Which daemon answered where.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::error::{Failure, RepositoryError};
use super::{DnsRepositoryManager, row};
use crate::origin::Origin;

impl DnsRepositoryManager {
    /// Returns the daemon that answered last at an address.
    pub fn daemon_at(&self, address: &str) -> Result<Option<Origin>, RepositoryError> {
        self.last_at(address).map_err(|error| error.at(&self.path, "read which daemon answered where"))
    }

    /// Remembers which daemon answered at each address. Where each is the one that answered last, nothing is written.
    pub fn see_daemons(&mut self, daemons: &[(String, Origin)], now: Timestamp) -> Result<(), RepositoryError> {
        let mut others = Vec::new();
        for (address, daemon) in daemons {
            if self.daemon_at(address)?.as_ref() != Some(daemon) {
                others.push((address, daemon));
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        self.write("remember which daemon answered where", |on| {
            for (address, daemon) in others {
                let sql = "INSERT OR REPLACE INTO dns_daemons (address, origin, seen_at) VALUES (?1, ?2, ?3)";
                on.connection.prepare_cached(sql)?.execute(params![address, daemon.as_str(), row::time(now)])?;
                // An earlier one of which nothing is remembered needs no address either.
                let sql = "DELETE FROM dns_daemons AS d WHERE address = ?1 AND origin <> ?2 AND NOT EXISTS (
                               SELECT 1 FROM dns_origins WHERE origin >= d.origin || '#' AND origin < d.origin || '$')";
                on.connection.prepare_cached(sql)?.execute(params![address, daemon.as_str()])?;
            }
            Ok(())
        })
    }

    /// The row that was written last has the largest number: clocks may be set.
    fn last_at(&self, address: &str) -> Result<Option<Origin>, Failure> {
        let sql = "SELECT origin FROM dns_daemons WHERE address = ?1 ORDER BY id DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let origin = statement.query_row([address], |row| row.get::<_, String>(0)).optional()?;
        Ok(origin.map(|origin| Origin::from_text(&origin)))
    }
}
