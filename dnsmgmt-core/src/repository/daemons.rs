//! Which daemon answered where, and which ones are gone for good.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::error::{Failure, RepositoryError};
use super::{DnsRepositoryManager, row};
use crate::name::Name;
use crate::origin::Origin;
use crate::provider::ProviderId;

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

    /// Returns the address at which a daemon answered last, if that is remembered.
    pub fn address_of(&self, daemon: &Origin) -> Result<Option<String>, RepositoryError> {
        let read = || {
            let sql = "SELECT address FROM dns_daemons WHERE origin = ?1 ORDER BY id DESC LIMIT 1";
            let mut statement = self.connection.prepare_cached(sql)?;
            Ok(statement.query_row([daemon.as_str()], |row| row.get(0)).optional()?)
        };
        read().map_err(|error: Failure| error.at(&self.path, "read which daemon answered where"))
    }

    /// Returns how many records of ours the pieces of each source of a kind want, in each zone.
    pub fn claims_of_kind(&self, kind: &str) -> Result<BTreeMap<Origin, BTreeMap<ProviderId, usize>>, RepositoryError> {
        let read = || {
            // A colon stands behind the kind, and a semicolon comes after it.
            let sql = "SELECT DISTINCT t.id, t.provider, t.zone, substr(o.origin, 1, instr(o.origin || '#', '#') - 1)
                       FROM dns_origins AS o JOIN dns_tracked_records AS t ON t.id = o.tracked_id
                       WHERE t.app_managed = 1 AND o.origin >= ?1 || ':' AND o.origin < ?1 || ';'";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([kind])?;
            let mut claims: BTreeMap<Origin, BTreeMap<ProviderId, usize>> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let wrong = |problem: String| Failure::Row { table: "dns_tracked_records", id: 0, problem };
                let zone = Name::parse(row::text(row, 2)?).map_err(|error| wrong(error.to_string()))?;
                let source = Origin::from_text(row::text(row, 3)?);
                *claims.entry(source).or_default().entry(ProviderId { name: row.get(1)?, zone }).or_default() += 1;
            }
            Ok(claims)
        };
        read().map_err(|error: Failure| error.at(&self.path, "read the managed records"))
    }

    /// Remembers that a person said that a daemon is gone for good.
    pub fn disown(&mut self, daemon: &Origin, now: Timestamp) -> Result<(), RepositoryError> {
        self.write("remember that a daemon is gone for good", |on| {
            let sql = "INSERT INTO dns_disowned (origin, said_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            on.connection.prepare_cached(sql)?.execute(params![daemon.as_str(), row::time(now)])?;
            Ok(())
        })
    }

    /// Returns the daemons that are gone for good.
    pub fn disowned(&self) -> Result<Vec<Origin>, RepositoryError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("SELECT origin FROM dns_disowned ORDER BY origin")?;
            let daemons = statement.query_map([], |row| Ok(Origin::from_text(&row.get::<_, String>(0)?)))?;
            Ok(daemons.collect::<Result<_, _>>()?)
        };
        read().map_err(|error: Failure| error.at(&self.path, "read which daemons are gone for good"))
    }

    /// Forgets that a daemon is gone for good: it answers, or nothing is left of it.
    pub fn forget_disowned(&mut self, daemon: &Origin) -> Result<(), RepositoryError> {
        self.write("forget that a daemon is gone for good", |on| {
            on.connection.prepare_cached("DELETE FROM dns_disowned WHERE origin = ?1")?.execute([daemon.as_str()])?;
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
