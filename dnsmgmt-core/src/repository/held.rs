//! Plans that the brake held back, until somebody approves them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::params;

use super::error::{Failure, RepositoryError};
use super::{DnsRepositoryManager, row};
use crate::brake::Waiting;
use crate::name::Name;
use crate::provider::ProviderId;
use crate::record::RecordKey;

impl DnsRepositoryManager {
    /// Remembers the deletions of a plan that was held back, with their reasons, in the place of what was held for the zone
    /// before.
    pub fn hold<'k>(
        &mut self,
        plan_id: &str,
        provider: &ProviderId,
        deletions: impl IntoIterator<Item = (&'k RecordKey, &'k str)>,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        self.write("remember a plan that was held back", |on| {
            on.forget_held(provider)?;
            let mut statement = on.connection.prepare_cached(
                "INSERT INTO dns_held_plans (plan_id, provider, zone, name, type, content, reason, held_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?;
            let (zone, now) = (provider.zone.as_str(), row::time(now));
            for (key, reason) in deletions {
                let (rtype, content) = (key.rtype(), key.data.to_string());
                let key =
                    params![plan_id, provider.name, zone, key.name.as_str(), rtype.as_str(), content, reason, now];
                statement.execute(key)?;
            }
            Ok(())
        })
    }

    /// Returns the deletions of a plan that was held back; nothing if no such plan is held any more.
    pub fn held(&self, plan_id: &str) -> Result<Option<BTreeSet<(ProviderId, RecordKey)>>, RepositoryError> {
        let read = || {
            let sql = "SELECT 0, name, type, content, provider, zone FROM dns_held_plans WHERE plan_id = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([plan_id])?;
            let mut keys = BTreeSet::new();
            while let Some(row) = rows.next()? {
                let wrong = |problem| Failure::Row { table: "dns_held_plans", id: 0, problem };
                let zone = Name::parse(row::text(row, 5)?).map_err(|error| wrong(error.to_string()))?;
                let provider = ProviderId { name: row.get(4)?, zone };
                keys.insert((provider, row::key(row, "dns_held_plans")?));
            }
            Ok((!keys.is_empty()).then_some(keys))
        };
        read().map_err(|error: Failure| error.at(&self.path, "read the plans that were held back"))
    }

    /// Returns what is held for a zone, if anything is.
    pub fn held_at(&self, provider: &ProviderId) -> Result<Option<Waiting>, RepositoryError> {
        let read = || {
            let sql = "SELECT 0, name, type, content, plan_id FROM dns_held_plans WHERE provider = ?1 AND zone = ?2";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![provider.name, provider.zone.as_str()])?;
            let mut held: Option<Waiting> = None;
            while let Some(row) = rows.next()? {
                let wrong = |problem| Failure::Row { table: "dns_held_plans", id: 0, problem };
                let id = row::text(row, 4)?.parse().map_err(|error| wrong(format!("{error}")))?;
                let waiting = held.get_or_insert_with(|| Waiting { id, deletions: BTreeSet::new() });
                waiting.deletions.insert(row::key(row, "dns_held_plans")?);
            }
            Ok(held)
        };
        read().map_err(|error: Failure| error.at(&self.path, "read the plans that were held back"))
    }

    /// Forgets what was held for a zone.
    pub fn release_held(&mut self, provider: &ProviderId) -> Result<(), RepositoryError> {
        self.write("forget a plan that was held back", |on| on.forget_held(provider))
    }

    fn forget_held(&self, provider: &ProviderId) -> Result<(), Failure> {
        let sql = "DELETE FROM dns_held_plans WHERE provider = ?1 AND zone = ?2";
        self.connection.prepare_cached(sql)?.execute(params![provider.name, provider.zone.as_str()])?;
        Ok(())
    }
}
