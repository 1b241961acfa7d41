//! Plans that the brake held back, until somebody approves them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::params;

use super::error::{Failure, RepositoryError};
use super::{DnsRepositoryManager, row};
use crate::brake::Waiting;
use crate::name::Name;
use crate::plan::{PlanId, Reason};
use crate::provider::ProviderId;
use crate::record::RecordKey;

impl DnsRepositoryManager {
    /// Remembers the deletions of a plan that was held back, with their reasons, in the place of what was held for the zone
    /// for any of these reasons before: another job's plan waits on.
    pub fn hold<'k>(
        &mut self,
        plan_id: PlanId,
        provider: &ProviderId,
        deletions: impl IntoIterator<Item = (&'k RecordKey, Reason)>,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let deletions: Vec<_> = deletions.into_iter().map(|(key, reason)| (key, reason.to_string())).collect();
        let reasons: BTreeSet<String> = deletions.iter().map(|(_, reason)| reason.clone()).collect();
        self.write("remember a plan that was held back", |on| {
            for held in on.waiting_at(provider)?.iter().filter(|held| !held.reasons.is_disjoint(&reasons)) {
                on.forget_held(provider, held.id)?;
            }
            let mut statement = on.connection.prepare_cached(
                "INSERT INTO dns_held_plans (plan_id, provider, zone, name, type, content, reason, held_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?;
            let (id, zone, now) = (plan_id.to_string(), provider.zone.as_str(), row::time(now));
            for (key, reason) in &deletions {
                let (rtype, content) = (key.rtype(), key.data.to_string());
                let key = params![id, provider.name, zone, key.name.as_str(), rtype.as_str(), content, reason, now];
                statement.execute(key)?;
            }
            Ok(())
        })
    }

    /// Returns the deletions of a plan that was held back; nothing if no such plan is held any more.
    pub fn held(&self, plan_id: PlanId) -> Result<Option<BTreeSet<(ProviderId, RecordKey)>>, RepositoryError> {
        let read = || {
            let sql = "SELECT 0, name, type, content, provider, zone FROM dns_held_plans WHERE plan_id = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([plan_id.to_string()])?;
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

    /// Returns what is held for a zone: a plan for each job whose brake held one.
    pub fn held_at(&self, provider: &ProviderId) -> Result<Vec<Waiting>, RepositoryError> {
        self.waiting_at(provider).map_err(|error| error.at(&self.path, "read the plans that were held back"))
    }

    /// Forgets a plan that was held for a zone.
    pub fn release_held(&mut self, provider: &ProviderId, plan_id: PlanId) -> Result<(), RepositoryError> {
        self.write("forget a plan that was held back", |on| on.forget_held(provider, plan_id))
    }

    fn waiting_at(&self, provider: &ProviderId) -> Result<Vec<Waiting>, Failure> {
        let sql =
            "SELECT 0, name, type, content, plan_id, reason FROM dns_held_plans WHERE provider = ?1 AND zone = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![provider.name, provider.zone.as_str()])?;
        let mut held: BTreeMap<PlanId, Waiting> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let wrong = |problem| Failure::Row { table: "dns_held_plans", id: 0, problem };
            let id = row::text(row, 4)?.parse().map_err(|error| wrong(format!("{error}")))?;
            let none = || Waiting { id, deletions: BTreeSet::new(), reasons: BTreeSet::new() };
            let waiting = held.entry(id).or_insert_with(none);
            waiting.deletions.insert(row::key(row, "dns_held_plans")?);
            waiting.reasons.insert(row.get(5)?);
        }
        Ok(held.into_values().collect())
    }

    fn forget_held(&self, provider: &ProviderId, plan_id: PlanId) -> Result<(), Failure> {
        let sql = "DELETE FROM dns_held_plans WHERE provider = ?1 AND zone = ?2 AND plan_id = ?3";
        let params = params![provider.name, provider.zone.as_str(), plan_id.to_string()];
        self.connection.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }
}
