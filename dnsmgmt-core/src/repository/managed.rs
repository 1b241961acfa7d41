//! The managed records: what is ours, and what we only know.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, Params, Row, params};
use serde_json::{Map, Value};

use super::error::{Failure, RepositoryError};
use super::row::{self, Columns};
use crate::name::Name;
use crate::provider::ProviderId;
use crate::record::{Record, RecordKey};

/// Which piece of a source wants a record, as a text that only its source reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(pub Arc<str>);

/// Why a managed record is an orphan. The two are not each other's undoing: a record that nobody wants is still an orphan when
/// the provider turns out to hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrphanReason {
    /// No origin wants it any more.
    Unwanted,
    /// The provider does not hold it any more.
    Gone,
}

impl OrphanReason {
    /// Returns the word that stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unwanted => "unwanted",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for OrphanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a record is to be tracked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracking {
    /// Whether it is ours because we created it or a person adopted it. Tracking a record that is ours already never takes that
    /// away.
    pub app_managed: bool,
    /// Who wants it, beside those who do already.
    pub origin: Option<Origin>,
    /// What else there is to know. Keys that stand there already and not here stay.
    pub metadata: Map<String, Value>,
}

/// A row of the table of managed records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedRecord {
    /// The record as it was last tracked.
    pub record: Record,
    /// Whether it is ours: we created it, or a person adopted it. What is not is only known, and never changed.
    pub app_managed: bool,
    /// Why it is an orphan and since when, if it is.
    pub orphaned: Option<(OrphanReason, Timestamp)>,
    /// Everyone who wants it.
    pub origins: BTreeSet<Origin>,
    /// When it was first seen.
    pub first_seen: Option<Timestamp>,
    /// When it was first tracked.
    pub tracked_at: Option<Timestamp>,
    /// When this row was last tracked anew.
    pub updated_at: Option<Timestamp>,
    /// What else there is to know.
    pub metadata: Map<String, Value>,
}

/// The table `dns_tracked_records`, with `dns_origins`: rows come and go only when records are tracked and untracked.
///
/// [`DnsRepositoryManager`](super::DnsRepositoryManager) writes it.
#[derive(Debug, Clone, Copy)]
pub struct ManagedRecordsRepository<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) path: &'a Path,
}

impl ManagedRecordsRepository<'_> {
    /// Returns the records of a zone that are ours, in the order of their names.
    pub fn get_managed_records(&self, provider: &ProviderId) -> Result<Vec<TrackedRecord>, RepositoryError> {
        self.select("AND app_managed = 1 ORDER BY name, type, content", params![provider.name, provider.zone.as_str()])
    }

    /// Returns all tracked records of a zone, ours and those that are only known, in the order of their names.
    pub fn get_tracked_records(&self, provider: &ProviderId) -> Result<Vec<TrackedRecord>, RepositoryError> {
        self.select("ORDER BY name, type, content", params![provider.name, provider.zone.as_str()])
    }

    /// Returns the tracked records at a name.
    pub fn get_tracked_records_at(
        &self,
        provider: &ProviderId,
        name: &Name,
    ) -> Result<Vec<TrackedRecord>, RepositoryError> {
        let params = params![provider.name, provider.zone.as_str(), name.as_str()];
        self.select("AND name = ?3 ORDER BY type, content", params)
    }

    /// Returns the orphans of a zone, the oldest mark first.
    pub fn get_orphaned_records(&self, provider: &ProviderId) -> Result<Vec<TrackedRecord>, RepositoryError> {
        self.select("AND is_orphaned = 1 ORDER BY orphaned_at", params![provider.name, provider.zone.as_str()])
    }

    /// Returns the records of a zone that an origin wants.
    pub fn get_records_of(
        &self,
        provider: &ProviderId,
        origin: &Origin,
    ) -> Result<Vec<TrackedRecord>, RepositoryError> {
        let params = params![provider.name, provider.zone.as_str(), &*origin.0];
        self.select("AND id IN (SELECT tracked_id FROM dns_origins WHERE origin = ?3)", params)
    }

    pub(crate) fn track(
        &self,
        provider: &ProviderId,
        record: &Record,
        tracking: &Tracking,
        now: Timestamp,
    ) -> Result<(), Failure> {
        // Wanted by somebody, it is no orphan. A mark must not go for less: every start tracks what is already known.
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO dns_tracked_records (provider, zone, name, type, content, ttl, proxied, enabled, comment, record_id,
                 other_ids, app_managed, first_seen, tracked_at, updated_at, metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?13, ?14)
             ON CONFLICT DO UPDATE SET ttl = excluded.ttl, proxied = excluded.proxied, enabled = excluded.enabled,
                 comment = excluded.comment, record_id = excluded.record_id, other_ids = excluded.other_ids,
                 app_managed = max(app_managed, excluded.app_managed), updated_at = excluded.updated_at,
                 metadata = json_patch(metadata, excluded.metadata),
                 is_orphaned = iif(?15, 0, is_orphaned), orphaned_at = iif(?15, NULL, orphaned_at),
                 orphan_reason = iif(?15, NULL, orphan_reason)
             RETURNING id",
        )?;
        let row = Columns::from(record);
        let params = params![
            provider.name,
            provider.zone.as_str(),
            row.name,
            row.rtype.as_str(),
            row.content,
            row.ttl,
            row.proxied,
            row.enabled,
            row.comment,
            row.record_id,
            row.other_ids,
            tracking.app_managed,
            row::time(now),
            Value::from(tracking.metadata.clone()).to_string(),
            tracking.origin.is_some(),
        ];
        let id: i64 = statement.query_row(params, |row| row.get(0))?;
        if let Some(origin) = &tracking.origin {
            let sql = "INSERT INTO dns_origins (tracked_id, origin) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            self.connection.prepare_cached(sql)?.execute(params![id, &*origin.0])?;
        }
        Ok(())
    }

    pub(crate) fn untrack(&self, provider: &ProviderId, key: &RecordKey) -> Result<bool, Failure> {
        self.change(provider, key, "DELETE FROM dns_tracked_records", "", &[])
    }

    pub(crate) fn mark(
        &self,
        provider: &ProviderId,
        key: &RecordKey,
        reason: OrphanReason,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let set = "UPDATE dns_tracked_records SET is_orphaned = 1, orphan_reason = ?6, orphaned_at = ?7";
        // A mark keeps its time however often it is made.
        let only = "AND (is_orphaned = 0 OR orphan_reason IS NOT ?6)";
        self.change_tracked(provider, key, set, only, &[reason.as_str(), &row::time(now)])
    }

    pub(crate) fn unmark(&self, provider: &ProviderId, key: &RecordKey, reason: OrphanReason) -> Result<bool, Failure> {
        let set = "UPDATE dns_tracked_records SET is_orphaned = 0, orphan_reason = NULL, orphaned_at = NULL";
        self.change_tracked(provider, key, set, "AND is_orphaned = 1 AND orphan_reason = ?6", &[reason.as_str()])
    }

    /// Takes an origin away from a record and returns how many are left.
    pub(crate) fn remove_origin(
        &self,
        provider: &ProviderId,
        key: &RecordKey,
        origin: &Origin,
    ) -> Result<usize, Failure> {
        let id = self.id(provider, key)?.ok_or_else(|| absent(provider, key))?;
        let sql = "DELETE FROM dns_origins WHERE tracked_id = ?1 AND origin = ?2";
        self.connection.prepare_cached(sql)?.execute(params![id, &*origin.0])?;
        let sql = "SELECT count(*) FROM dns_origins WHERE tracked_id = ?1";
        let left: i64 = self.connection.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        Ok(usize::try_from(left).expect("a count"))
    }

    /// Tracks what the cache holds and is not tracked, as known and not ours. Returns how many records that were.
    pub(crate) fn know_cached(&self, provider: &ProviderId, now: Timestamp) -> Result<usize, Failure> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO dns_tracked_records (provider, zone, name, type, content, ttl, proxied, enabled, comment, record_id,
                 other_ids, app_managed, first_seen, tracked_at, updated_at)
             SELECT provider, zone, name, type, content, ttl, proxied, enabled, comment, record_id, other_ids, 0, ?3, ?3, ?3
             FROM dns_records WHERE provider = ?1 AND zone = ?2 AND tracked_at IS NULL
             ON CONFLICT DO NOTHING",
        )?;
        Ok(statement.execute(params![provider.name, provider.zone.as_str(), row::time(now)])?)
    }

    /// Marks what the cache lacks as gone, and unmarks what was gone and is back. Returns how many of each.
    pub(crate) fn compare_with_cache(&self, provider: &ProviderId, now: Timestamp) -> Result<(usize, usize), Failure> {
        let held = "EXISTS (SELECT 1 FROM dns_records AS r WHERE r.provider = t.provider AND r.zone = t.zone AND r.name = t.name
                        AND r.type = t.type AND r.content = t.content)";
        let gone = format!(
            "UPDATE dns_tracked_records AS t SET is_orphaned = 1, orphan_reason = 'gone', orphaned_at = ?3
             WHERE provider = ?1 AND zone = ?2 AND (is_orphaned = 0 OR orphan_reason IS NOT 'gone') AND NOT {held}"
        );
        let back = format!(
            "UPDATE dns_tracked_records AS t SET is_orphaned = 0, orphan_reason = NULL, orphaned_at = NULL
             WHERE provider = ?1 AND zone = ?2 AND is_orphaned = 1 AND orphan_reason = 'gone' AND {held}"
        );
        let zone = provider.zone.as_str();
        let gone = self.connection.prepare_cached(&gone)?.execute(params![provider.name, zone, row::time(now)])?;
        let back = self.connection.prepare_cached(&back)?.execute(params![provider.name, zone])?;
        Ok((gone, back))
    }

    fn select(&self, which: &str, params: impl Params) -> Result<Vec<TrackedRecord>, RepositoryError> {
        let sql = format!(
            "SELECT id, name, type, content, ttl, proxied, enabled, comment, record_id, other_ids, app_managed, is_orphaned,
                 orphan_reason, orphaned_at, first_seen, tracked_at, updated_at, metadata,
                 (SELECT json_group_array(origin) FROM dns_origins WHERE tracked_id = id)
             FROM dns_tracked_records WHERE provider = ?1 AND zone = ?2 {which}"
        );
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params)?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                records.push(tracked(row)?);
            }
            Ok(records)
        };
        read().map_err(|error: Failure| error.at(self.path, "read the managed records"))
    }

    /// Changes a record that must be tracked, and returns whether that changed anything.
    fn change_tracked(
        &self,
        provider: &ProviderId,
        key: &RecordKey,
        change: &str,
        only: &str,
        more: &[&str],
    ) -> Result<bool, Failure> {
        if self.change(provider, key, change, only, more)? {
            return Ok(true);
        }
        self.id(provider, key)?.map(|_| false).ok_or_else(|| absent(provider, key))
    }

    /// Runs a change on the row of a key; `more` are its parameters from `?6` on.
    fn change(
        &self,
        provider: &ProviderId,
        key: &RecordKey,
        change: &str,
        only: &str,
        more: &[&str],
    ) -> Result<bool, Failure> {
        let mut statement = self.connection.prepare_cached(&format!("{change} WHERE {KEY} {only}"))?;
        let key = key_columns(provider, key);
        let params = key.iter().map(String::as_str).chain(more.iter().copied());
        Ok(statement.execute(rusqlite::params_from_iter(params))? > 0)
    }

    fn id(&self, provider: &ProviderId, key: &RecordKey) -> Result<Option<i64>, Failure> {
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT id FROM dns_tracked_records WHERE {KEY}"))?;
        let mut rows = statement.query(rusqlite::params_from_iter(key_columns(provider, key)))?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }
}

/// What identifies a row.
const KEY: &str = "provider = ?1 AND zone = ?2 AND name = ?3 AND type = ?4 AND content = ?5";

fn key_columns(provider: &ProviderId, key: &RecordKey) -> [String; 5] {
    let (zone, name) = (provider.zone.to_string(), key.name.to_string());
    [provider.name.clone(), zone, name, key.rtype().to_string(), key.data.to_string()]
}

fn tracked(row: &Row<'_>) -> Result<TrackedRecord, Failure> {
    const TABLE: &str = "dns_tracked_records";
    let id = row.get(0)?;
    let wrong = |problem: String| Failure::Row { table: TABLE, id, problem };
    let time = |column: usize| {
        let text: Option<String> = row.get(column)?;
        text.map(|text| row::parse_time(&text).map_err(wrong)).transpose()
    };
    let is_orphaned: bool = row.get(11)?;
    let reason: Option<String> = row.get(12)?;
    let orphaned = match (is_orphaned, reason.as_deref(), time(13)?) {
        (false, ..) => None,
        (true, Some("unwanted"), Some(since)) => Some((OrphanReason::Unwanted, since)),
        (true, Some("gone"), Some(since)) => Some((OrphanReason::Gone, since)),
        (true, reason, since) => {
            return Err(wrong(format!("it is an orphan for the reason {reason:?} since {since:?}")));
        }
    };
    let (metadata, origins): (String, String) = (row.get(17)?, row.get(18)?);
    let origins: Vec<String> = serde_json::from_str(&origins).map_err(|error| wrong(error.to_string()))?;
    Ok(TrackedRecord {
        record: row::record(row, TABLE)?,
        app_managed: row.get(10)?,
        orphaned,
        origins: origins.into_iter().map(|origin| Origin(origin.into())).collect(),
        first_seen: time(14)?,
        tracked_at: time(15)?,
        updated_at: time(16)?,
        metadata: serde_json::from_str(&metadata).map_err(|error| wrong(format!("`metadata`: {error}")))?,
    })
}

fn absent(provider: &ProviderId, key: &RecordKey) -> Failure {
    Failure::Absent(format!("a tracked record {key} at {provider}"))
}
