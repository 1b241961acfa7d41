//! Whether a listing is one to believe.

use std::collections::HashSet;
use std::fmt::Write as _;

use rusqlite::{Row, params, params_from_iter};

use super::error::{Failure, RepositoryError};
use super::row;
use super::{DnsRepositoryManager, cache};
use crate::brake::is_too_much;
use crate::fnv::Fnv;
use crate::heartbeat::is_heartbeat;
use crate::provider::{ProviderId, RunId};
use crate::record::RecordKey;
use crate::record_set::{Listing, Scope};

/// A change after which the old record is not there: not one of attributes alone.
const TAKEN_AWAY: &str = "before IS NOT NULL AND (after IS NULL OR after ->> '$.name' <> before ->> '$.name'
                 OR after ->> '$.type' <> before ->> '$.type' OR after ->> '$.content' <> before ->> '$.content')";

/// How many missing records are named.
const EXAMPLES: usize = 3;

/// Whether a listing is one to believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belief {
    /// It is.
    Believed,
    /// Too much of what was listed before is missing, and nobody here asked for that. Nothing follows from such a listing, until
    /// a later run sees the same.
    Implausible {
        /// How many records are missing.
        missing: usize,
        /// How many there were before.
        held: usize,
        /// Some that are missing.
        examples: Vec<RecordKey>,
    },
}

impl DnsRepositoryManager {
    /// Returns whether a listing of `scope` is to be believed after what the cache holds of it.
    ///
    /// It is not if it lacks at least five records and more than `share_percent` of a hundred of them, other than what the journal
    /// says was to go, and other than what an earlier run's listing lacked too. The cache remembers what was missing and is
    /// otherwise left alone: whoever believes the listing [refreshes](Self::refresh) it next.
    pub fn believe(
        &mut self,
        provider: &ProviderId,
        scope: &Scope,
        listing: &Listing,
        run: RunId,
        share_percent: u8,
    ) -> Result<Belief, RepositoryError> {
        self.write("compare a listing with the last one", |on| {
            let run = run.to_string();
            let comparison = on.compare(provider, scope, listing, &run)?;
            on.set_missing_run(&comparison.back, None)?;
            if !is_too_much(comparison.new.len(), comparison.held, share_percent) {
                return Ok(Belief::Believed);
            }
            on.set_missing_run(&comparison.new, Some(&run))?;
            let Comparison { missing, held, examples, .. } = comparison;
            Ok(Belief::Implausible { missing, held, examples })
        })
    }

    fn compare(
        &self,
        provider: &ProviderId,
        scope: &Scope,
        listing: &Listing,
        run: &str,
    ) -> Result<Comparison, Failure> {
        let listed: HashSet<u64> = listing.records.iter().map(|record| hash_of(&record.key)).collect();
        let asked_to_go = self.asked_to_go(provider)?;
        let mut comparison = Comparison::default();
        let zone = provider.zone.as_str();
        let (which, bounds) = cache::within(scope);
        let sql = format!(
            "SELECT id, name, type, content, missing_run FROM dns_records WHERE provider = ?1 AND zone = ?2 {which}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        for bound in bounds {
            let params = [provider.name.as_str(), zone].into_iter().chain(bound.iter().map(String::as_str));
            let mut rows = statement.query(params_from_iter(params))?;
            while let Some(row) = rows.next()? {
                comparison.add(row, &listed, &asked_to_go, run)?;
            }
        }
        Ok(comparison)
    }

    /// Returns what was asked to go since the zone was last listed completely, and what may still be on its way.
    fn asked_to_go(&self, provider: &ProviderId) -> Result<HashSet<u64>, Failure> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT before ->> '$.name', before ->> '$.type', before ->> '$.content' FROM dns_changes
             WHERE provider = ?1 AND zone = ?2 AND {TAKEN_AWAY} AND fate IS NOT 'refused' AND fate IS NOT 'not tried' AND id > coalesce(
                 (SELECT change_id FROM dns_freshness WHERE provider = ?1 AND zone = ?2), 0)
             UNION ALL
             SELECT before ->> '$.name', before ->> '$.type', before ->> '$.content' FROM dns_changes
             WHERE provider = ?1 AND zone = ?2 AND {TAKEN_AWAY} AND settled_at IS NULL",
        ))?;
        let mut rows = statement.query(params![provider.name, provider.zone.as_str()])?;
        let mut keys = HashSet::new();
        while let Some(row) = rows.next()? {
            keys.insert(hash(row::text(row, 0)?, row::text(row, 1)?, row::text(row, 2)?));
        }
        Ok(keys)
    }

    fn set_missing_run(&self, ids: &[i64], run: Option<&str>) -> Result<(), Failure> {
        let mut statement = self.connection.prepare_cached("UPDATE dns_records SET missing_run = ?2 WHERE id = ?1")?;
        for id in ids {
            statement.execute(params![id, run])?;
        }
        Ok(())
    }
}

/// What the cache holds, beside a listing.
#[derive(Default)]
struct Comparison {
    held: usize,
    missing: usize,
    examples: Vec<RecordKey>,
    /// Rows that are missing and were not in an earlier run.
    new: Vec<i64>,
    /// Rows that were missing and are listed.
    back: Vec<i64>,
}

impl Comparison {
    /// Compares a row as it stands; only what is missing is read as a record.
    fn add(
        &mut self,
        row: &Row<'_>,
        listed: &HashSet<u64>,
        asked_to_go: &HashSet<u64>,
        run: &str,
    ) -> Result<(), Failure> {
        self.held += 1;
        let key = hash(row::text(row, 1)?, row::text(row, 2)?, row::text(row, 3)?);
        let missed_by =
            row.get_ref(4)?.as_str_or_null().map_err(|error| Failure::from(rusqlite::Error::from(error)))?;
        if listed.contains(&key) {
            if missed_by.is_some() {
                self.back.push(row.get(0)?);
            }
        } else if !asked_to_go.contains(&key) {
            self.missing += 1;
            if self.examples.len() < EXAMPLES {
                self.examples.push(row::key(row, "dns_records")?);
            }
            if missed_by.is_none_or(|missed_by| missed_by == run) {
                self.new.push(row.get(0)?);
            }
        }
        Ok(())
    }
}

fn hash_of(key: &RecordKey) -> u64 {
    hash(key.name.as_str(), key.rtype().as_str(), &key.data.to_string())
}

/// Of heartbeats the value does not count: it is another one every few minutes, and somebody else's.
fn hash(name: &str, rtype: &str, content: &str) -> u64 {
    let content = if is_heartbeat(name, rtype) { "" } else { content };
    let mut hash = Fnv::new();
    write!(hash, "{name}\0{rtype}\0{content}").expect("a hash takes every text");
    hash.finish()
}
