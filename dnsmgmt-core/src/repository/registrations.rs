//! What the instances of this database registered, and when they last said that they live.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::error::{Failure, RepositoryError};
use super::{DnsRepositoryManager, row};
use crate::heartbeat::{InstanceId, Member};
use crate::moment::{Look, Moment};
use crate::name::Name;
use crate::provider::ProviderId;
use crate::register::Last;

/// The runs of an instance, as looks at itself.
const JOB: &str = "heartbeat";

impl DnsRepositoryManager {
    /// Returns what an instance keeps alive, or was about to, by the zones.
    pub fn registrations(
        &self,
        instance: &InstanceId,
    ) -> Result<BTreeMap<ProviderId, BTreeSet<Member>>, RepositoryError> {
        let read = || {
            let sql = "SELECT provider, zone, name, address FROM dns_registrations WHERE instance = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([key(instance)])?;
            let mut registrations: BTreeMap<_, BTreeSet<Member>> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let wrong = |problem: String| Failure::Row { table: "dns_registrations", id: 0, problem };
                let name = |text: &str| Name::parse(text).map_err(|error| wrong(error.to_string()));
                let provider = ProviderId { name: row.get(0)?, zone: name(row::text(row, 1)?)? };
                let address = row::text(row, 3)?.parse().map_err(|_| wrong("its address is none".into()))?;
                let member = Member { domain: name(row::text(row, 2)?)?, address };
                registrations.entry(provider).or_default().insert(member);
            }
            Ok(registrations)
        };
        read().map_err(|error: Failure| error.at(&self.path, "read what was registered"))
    }

    /// Remembers that an instance is about to keep these alive.
    pub fn add_registrations<'m>(
        &mut self,
        instance: &InstanceId,
        provider: &ProviderId,
        members: impl IntoIterator<Item = &'m Member>,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        self.write("remember what is registered", |on| {
            let sql = "INSERT INTO dns_registrations (instance, provider, zone, name, address, registered_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
            let mut statement = on.connection.prepare_cached(sql)?;
            for Member { domain, address } in members {
                let (zone, address) = (provider.zone.as_str(), address.to_string());
                let row = params![key(instance), provider.name, zone, domain.as_str(), address, row::time(now)];
                statement.execute(row)?;
            }
            Ok(())
        })
    }

    /// Forgets what an instance does not keep alive any more.
    pub fn remove_registrations<'m>(
        &mut self,
        instance: &InstanceId,
        provider: &ProviderId,
        members: impl IntoIterator<Item = &'m Member>,
    ) -> Result<(), RepositoryError> {
        self.write("forget what was registered", |on| {
            let sql = "DELETE FROM dns_registrations
                       WHERE instance = ?1 AND provider = ?2 AND zone = ?3 AND name = ?4 AND address = ?5";
            let mut statement = on.connection.prepare_cached(sql)?;
            for Member { domain, address } in members {
                let (zone, address) = (provider.zone.as_str(), address.to_string());
                statement.execute(params![key(instance), provider.name, zone, domain.as_str(), address])?;
            }
            Ok(())
        })
    }

    /// Writes down that an instance runs, and returns how far apart its runs are, where two of them in one boot say it.
    pub fn look_at_instance(
        &mut self,
        instance: &InstanceId,
        moment: &Moment,
    ) -> Result<Option<Duration>, RepositoryError> {
        let Look { gap, .. } = self.look(&of_runs(instance), JOB, moment, None, true)?;
        Ok(gap)
    }

    /// Returns whether the runs of an instance are written down.
    pub fn is_looking_at_instance(&self, instance: &InstanceId) -> Result<bool, RepositoryError> {
        self.has_looks(&of_runs(instance), JOB)
    }

    /// Forgets how far apart the runs of an instance are: it is known otherwise.
    pub fn forget_looks_at_instance(&mut self, instance: &InstanceId) -> Result<(), RepositoryError> {
        self.forget_looks(&of_runs(instance), JOB)
    }

    /// Returns when an instance last wrote its heartbeats, and what it wanted then.
    pub fn last_refresh(&self, instance: &InstanceId) -> Result<Option<Last>, RepositoryError> {
        let read = || {
            let sql = "SELECT wanted, is_verified, is_well, boot_id, running_ms, refreshed_at FROM dns_refreshes WHERE instance = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            let row = statement.query_row([key(instance)], |row| {
                let boot: String = row.get(3)?;
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, boot, row.get(4)?, row.get::<_, String>(5)?))
            });
            let Some((wanted, is_verified, is_well, boot, running, refreshed_at)) = row.optional()? else {
                return Ok(None);
            };
            let wrong = |problem| Failure::Row { table: "dns_refreshes", id: 0, problem };
            let now = row::parse_time(&refreshed_at).map_err(wrong)?;
            Ok(Some(Last { wanted, is_verified, is_well, now, boot: boot.into(), running: row::duration(running) }))
        };
        read().map_err(|error: Failure| error.at(&self.path, "read when heartbeats were written last"))
    }

    /// Remembers that an instance wrote its heartbeats, or is about to.
    pub fn set_refresh(&mut self, instance: &InstanceId, last: &Last) -> Result<(), RepositoryError> {
        self.write("remember when heartbeats were written", |on| {
            let sql = "INSERT INTO dns_refreshes (instance, wanted, is_verified, is_well, boot_id, running_ms, refreshed_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                       ON CONFLICT DO UPDATE SET wanted = excluded.wanted, is_verified = excluded.is_verified,
                           is_well = excluded.is_well, boot_id = excluded.boot_id, running_ms = excluded.running_ms, refreshed_at = excluded.refreshed_at";
            on.connection.prepare_cached(sql)?.execute(params![
                key(instance),
                last.wanted,
                last.is_verified,
                last.is_well,
                &*last.boot,
                row::milliseconds(last.running),
                row::time(last.now),
            ])?;
            Ok(())
        })
    }

    /// Forgets when an instance wrote its heartbeats: it keeps nothing alive any more.
    pub fn forget_refresh(&mut self, instance: &InstanceId) -> Result<(), RepositoryError> {
        self.write("forget when heartbeats were written", |on| {
            on.connection.prepare_cached("DELETE FROM dns_refreshes WHERE instance = ?1")?.execute([key(instance)])?;
            Ok(())
        })
    }
}

/// The runs of an instance are looked at as a zone is.
fn of_runs(instance: &InstanceId) -> ProviderId {
    ProviderId { name: key(instance), zone: Name::root() }
}

/// Instances are compared without case.
fn key(instance: &InstanceId) -> String {
    instance.as_str().to_ascii_lowercase()
}
