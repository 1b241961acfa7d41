//! The managed records: what is ours, and what we only know.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, Params, Row, ToSql, params};
use serde_json::{Map, Value};

use super::error::{Failure, RepositoryError};
use super::looks::OBSERVED;
use super::row::{self, Columns};
use crate::heartbeat;
use crate::name::Name;
use crate::origin::Origin;
use crate::plan::Claim;
use crate::provider::ProviderId;
use crate::record::{Record, RecordKey};
use crate::tracked::{Bookkeeping, OrphanReason, Orphaned, TrackedRecord};

/// How a record is to be tracked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracking {
    /// Why it is ours, if it is. The first claim of a record stays.
    pub claim: Option<Claim>,
    /// Who wants it, beside those who do already.
    pub origins: BTreeSet<Origin>,
    /// What else there is to know. Keys that stand there already and not here stay.
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
    /// Returns the records of a zone that are ours, in the order of their names. `observed` is for how long the job that marks
    /// orphans has observed the zone, from which their [age](Orphaned::age) follows.
    pub fn get_managed_records(
        &self,
        provider: &ProviderId,
        observed: Duration,
    ) -> Result<Vec<TrackedRecord>, RepositoryError> {
        let params = params![provider.name, provider.zone.as_str()];
        self.of_zone("AND app_managed = 1 ORDER BY name, type, content", params, observed)
    }

    /// Returns all tracked records of a zone, ours and those that are only known, in the order of their names.
    pub fn get_tracked_records(
        &self,
        provider: &ProviderId,
        observed: Duration,
    ) -> Result<Vec<TrackedRecord>, RepositoryError> {
        self.of_zone("ORDER BY name, type, content", params![provider.name, provider.zone.as_str()], observed)
    }

    /// Returns the tracked records at a name.
    pub fn get_tracked_records_at(
        &self,
        provider: &ProviderId,
        name: &Name,
        observed: Duration,
    ) -> Result<Vec<TrackedRecord>, RepositoryError> {
        let params = params![provider.name, provider.zone.as_str(), name.as_str()];
        self.of_zone("AND name = ?3 ORDER BY type, content", params, observed)
    }

    /// Returns the orphans of a zone, the oldest mark first.
    pub fn get_orphaned_records(
        &self,
        provider: &ProviderId,
        observed: Duration,
    ) -> Result<Vec<TrackedRecord>, RepositoryError> {
        let params = params![provider.name, provider.zone.as_str()];
        self.of_zone("AND is_orphaned = 1 ORDER BY orphaned_at", params, observed)
    }

    /// Returns the records of a zone that this very origin wants.
    pub fn get_records_of(
        &self,
        provider: &ProviderId,
        origin: &Origin,
        observed: Duration,
    ) -> Result<Vec<TrackedRecord>, RepositoryError> {
        let params = params![provider.name, provider.zone.as_str(), origin.as_str()];
        self.of_zone("AND id IN (SELECT tracked_id FROM dns_origins WHERE origin = ?3)", params, observed)
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
                 other_ids, claim, app_managed, first_seen, tracked_at, updated_at, metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12 IS NOT NULL, ?13, ?13, ?13, ?14)
             ON CONFLICT DO UPDATE SET ttl = excluded.ttl, proxied = excluded.proxied, enabled = excluded.enabled,
                 comment = excluded.comment, record_id = excluded.record_id, other_ids = excluded.other_ids,
                 claim = coalesce(claim, iif(app_managed, 'created', excluded.claim)),
                 app_managed = max(app_managed, excluded.app_managed), updated_at = excluded.updated_at,
                 metadata = json_patch(metadata, excluded.metadata),
                 is_orphaned = iif(?15, 0, is_orphaned), orphaned_at = iif(?15, NULL, orphaned_at),
                 orphan_reason = iif(?15, NULL, orphan_reason),
                 orphaned_observed_ms = iif(?15, NULL, orphaned_observed_ms),
                 orphan_confirmed_ms = iif(?15, NULL, orphan_confirmed_ms)
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
            tracking.claim.and_then(claim_column),
            row::time(now),
            Value::from(tracking.metadata.clone()).to_string(),
            !tracking.origins.is_empty(),
        ];
        let id: i64 = statement.query_row(params, |row| row.get(0))?;
        tracking.origins.iter().try_for_each(|origin| self.join(id, origin))
    }

    /// Makes a record ours, unless it is, and returns whether it was not.
    pub(crate) fn adopt(&self, provider: &ProviderId, record: &Record, now: Timestamp) -> Result<bool, Failure> {
        if self.id(provider, &record.key, "AND app_managed = 1")?.is_some() {
            return Ok(false);
        }
        let (claim, origins) = (Some(Claim::Adopted), BTreeSet::from([Origin::adopted()]));
        self.track(provider, record, &Tracking { claim, origins, ..Tracking::default() }, now)?;
        Ok(true)
    }

    /// Lets a person alone want a record that is marked as unwanted, and returns whether it was.
    pub(crate) fn keep_unwanted(&self, provider: &ProviderId, key: &RecordKey) -> Result<bool, Failure> {
        let only = "AND app_managed = 1 AND is_orphaned = 1 AND orphan_reason = 'unwanted'";
        let Some(id) = self.id(provider, key, only)? else { return Ok(false) };
        self.connection.prepare_cached("DELETE FROM dns_origins WHERE tracked_id = ?1")?.execute([id])?;
        self.join(id, &Origin::by_hand())?;
        self.unmark_tracked(provider, key, OrphanReason::Unwanted)
    }

    /// Writes anew what may vary about a record, if it is tracked.
    pub(crate) fn update(&self, provider: &ProviderId, record: &Record, now: Timestamp) -> Result<bool, Failure> {
        let row = Columns::from(record);
        let set = "UPDATE dns_tracked_records SET ttl = ?6, proxied = ?7, enabled = ?8, comment = ?9, record_id = ?10,
                       other_ids = ?11, updated_at = ?12";
        let more =
            params![row.ttl, row.proxied, row.enabled, row.comment, row.record_id, row.other_ids, row::time(now)];
        self.change(provider, &record.key, set, "", more)
    }

    /// Does what a decision asked for, all of it about records that are still ours: what another program released or untracked
    /// meanwhile is passed over.
    pub(crate) fn bookkeep(
        &self,
        provider: &ProviderId,
        entry: &Bookkeeping,
        now: Timestamp,
        observed: Duration,
    ) -> Result<(), Failure> {
        let ours = |key| self.id(provider, key, "AND app_managed = 1");
        match entry {
            Bookkeeping::Join(key, origin) => {
                if let Some(id) = ours(key)? {
                    self.join(id, origin)?;
                    self.unmark_tracked(provider, key, OrphanReason::Unwanted)?;
                }
            }
            Bookkeeping::Leave(key, origin) => {
                if let Some(id) = ours(key)? {
                    self.leave(id, origin)?;
                }
            }
            Bookkeeping::Mark(key) => {
                if ours(key)?.is_some() {
                    self.mark(provider, key, OrphanReason::Unwanted, now, Some(observed))?;
                }
            }
            Bookkeeping::Unmark(key) => {
                self.unmark_tracked(provider, key, OrphanReason::Unwanted)?;
            }
            Bookkeeping::Untrack(key) => {
                self.untrack(provider, key)?;
            }
        }
        Ok(())
    }

    pub(crate) fn untrack(&self, provider: &ProviderId, key: &RecordKey) -> Result<bool, Failure> {
        self.change(provider, key, "DELETE FROM dns_tracked_records", "", &[])
    }

    /// Marks a record that must be tracked, or confirms the mark that it has, and returns whether it had none. Where it is not said for how
    /// long the zone was observed, the last look says it.
    pub(crate) fn mark(
        &self,
        provider: &ProviderId,
        key: &RecordKey,
        reason: OrphanReason,
        now: Timestamp,
        observed: Option<Duration>,
    ) -> Result<bool, Failure> {
        let set = format!(
            "UPDATE dns_tracked_records SET is_orphaned = 1, orphan_reason = ?6, orphaned_at = ?7,
                 orphaned_observed_ms = coalesce(?8, {OBSERVED})"
        );
        // A mark keeps its time however often it is made.
        let only = "AND (is_orphaned = 0 OR orphan_reason IS NOT ?6)";
        let observed = observed.map(row::milliseconds);
        let marked =
            self.change_tracked(provider, key, &set, only, params![reason.as_str(), row::time(now), observed])?;
        let confirm = format!("UPDATE dns_tracked_records SET orphan_confirmed_ms = coalesce(?6, {OBSERVED})");
        self.change(provider, key, &confirm, "", params![observed])?;
        Ok(marked)
    }

    /// Makes a record one that is only known, without claim, origins and mark. Returns whether it was ours.
    pub(crate) fn release(&self, provider: &ProviderId, key: &RecordKey) -> Result<bool, Failure> {
        let Some(id) = self.id(provider, key, "AND app_managed = 1")? else { return Ok(false) };
        let sql = format!("UPDATE dns_tracked_records SET claim = NULL, app_managed = 0, {NO_MARK} WHERE id = ?1");
        self.connection.prepare_cached(&sql)?.execute([id])?;
        self.connection.prepare_cached("DELETE FROM dns_origins WHERE tracked_id = ?1")?.execute([id])?;
        Ok(true)
    }

    /// Takes the mark from a record that must be tracked.
    pub(crate) fn unmark(&self, provider: &ProviderId, key: &RecordKey, reason: OrphanReason) -> Result<bool, Failure> {
        let unmarked = self.unmark_tracked(provider, key, reason)?;
        if !unmarked && self.id(provider, key, "")?.is_none() {
            return Err(absent(provider, key));
        }
        Ok(unmarked)
    }

    fn unmark_tracked(&self, provider: &ProviderId, key: &RecordKey, reason: OrphanReason) -> Result<bool, Failure> {
        let set = format!("UPDATE dns_tracked_records SET {NO_MARK}");
        let only = "AND is_orphaned = 1 AND orphan_reason = ?6";
        self.change(provider, key, &set, only, params![reason.as_str()])
    }

    /// Lets an origin want a record. A source takes the place of an adoption.
    fn join(&self, id: i64, origin: &Origin) -> Result<(), Failure> {
        let sql = "INSERT INTO dns_origins (tracked_id, origin) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.connection.prepare_cached(sql)?.execute(params![id, origin.as_str()])?;
        if origin.is_a_person() { Ok(()) } else { self.leave(id, &Origin::adopted()) }
    }

    fn leave(&self, id: i64, origin: &Origin) -> Result<(), Failure> {
        let sql = "DELETE FROM dns_origins WHERE tracked_id = ?1 AND origin = ?2";
        self.connection.prepare_cached(sql)?.execute(params![id, origin.as_str()])?;
        Ok(())
    }

    /// Takes an origin away from a record and returns how many are left.
    pub(crate) fn remove_origin(
        &self,
        provider: &ProviderId,
        key: &RecordKey,
        origin: &Origin,
    ) -> Result<usize, Failure> {
        let id = self.id(provider, key, "")?.ok_or_else(|| absent(provider, key))?;
        self.leave(id, origin)?;
        let sql = "SELECT count(*) FROM dns_origins WHERE tracked_id = ?1";
        let left: i64 = self.connection.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        Ok(usize::try_from(left).expect("a count"))
    }

    /// Tracks what the cache holds and is not tracked, as known and not ours; but no heartbeats, of which there are others every few
    /// minutes. Returns how many records that were.
    pub(crate) fn know_cached(&self, provider: &ProviderId, now: Timestamp) -> Result<usize, Failure> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO dns_tracked_records (provider, zone, name, type, content, ttl, proxied, enabled, comment, record_id,
                 other_ids, app_managed, first_seen, tracked_at, updated_at)
             SELECT provider, zone, name, type, content, ttl, proxied, enabled, comment, record_id, other_ids, 0, ?3, ?3, ?3
             FROM dns_records WHERE provider = ?1 AND zone = ?2 AND tracked_at IS NULL
                 AND (type NOT IN ('TXT', 'CNAME') OR substr(name, 1, length(?4)) <> ?4)
             ON CONFLICT DO NOTHING",
        )?;
        let zone = provider.zone.as_str();
        Ok(statement.execute(params![provider.name, zone, row::time(now), heartbeat::PREFIX])?)
    }

    /// Marks what the cache lacks as gone, and unmarks what was gone and is back. Returns how many of each.
    pub(crate) fn compare_with_cache(&self, provider: &ProviderId, now: Timestamp) -> Result<(usize, usize), Failure> {
        let held = "EXISTS (SELECT 1 FROM dns_records AS r WHERE r.provider = t.provider AND r.zone = t.zone AND r.name = t.name
                        AND r.type = t.type AND r.content = t.content)";
        // What nobody wants stays marked as that, with its time, wherever it is.
        let gone = format!(
            "UPDATE dns_tracked_records AS t SET is_orphaned = 1, orphan_reason = 'gone', orphaned_at = ?3,
                 orphaned_observed_ms = {OBSERVED}
             WHERE provider = ?1 AND zone = ?2 AND is_orphaned = 0 AND NOT {held}"
        );
        let back = format!(
            "UPDATE dns_tracked_records AS t SET {NO_MARK}
             WHERE provider = ?1 AND zone = ?2 AND is_orphaned = 1 AND orphan_reason = 'gone' AND {held}"
        );
        let zone = provider.zone.as_str();
        let gone = self.connection.prepare_cached(&gone)?.execute(params![provider.name, zone, row::time(now)])?;
        let back = self.connection.prepare_cached(&back)?.execute(params![provider.name, zone])?;
        Ok((gone, back))
    }

    /// Removes what was only known and is marked as gone since before a time. Returns how many records that were.
    pub(crate) fn remove_known_and_gone(&self, before: Timestamp) -> Result<usize, Failure> {
        let sql = "DELETE FROM dns_tracked_records
                   WHERE is_orphaned = 1 AND orphan_reason = 'gone' AND app_managed = 0 AND orphaned_at < ?1";
        Ok(self.connection.prepare_cached(sql)?.execute([row::time(before)])?)
    }

    fn of_zone(
        &self,
        which: &str,
        params: impl Params,
        observed: Duration,
    ) -> Result<Vec<TrackedRecord>, RepositoryError> {
        let sql = format!("SELECT {COLUMNS} FROM dns_tracked_records WHERE provider = ?1 AND zone = ?2 {which}");
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params)?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                records.push(tracked(row, observed)?);
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
        more: &[&dyn ToSql],
    ) -> Result<bool, Failure> {
        if self.change(provider, key, change, only, more)? {
            return Ok(true);
        }
        self.id(provider, key, "")?.map(|_| false).ok_or_else(|| absent(provider, key))
    }

    /// Runs a change on the row of a key; `more` are its parameters from `?6` on.
    fn change(
        &self,
        provider: &ProviderId,
        key: &RecordKey,
        change: &str,
        only: &str,
        more: &[&dyn ToSql],
    ) -> Result<bool, Failure> {
        let mut statement = self.connection.prepare_cached(&format!("{change} WHERE {KEY} {only}"))?;
        let key = key_columns(provider, key);
        let params = key.iter().map(|column| column as &dyn ToSql).chain(more.iter().copied());
        Ok(statement.execute(rusqlite::params_from_iter(params))? > 0)
    }

    fn id(&self, provider: &ProviderId, key: &RecordKey, only: &str) -> Result<Option<i64>, Failure> {
        let sql = format!("SELECT id FROM dns_tracked_records WHERE {KEY} {only}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(key_columns(provider, key)))?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }
}

/// What is read of a row.
pub(crate) const COLUMNS: &str =
    "id, name, type, content, ttl, proxied, enabled, comment, record_id, other_ids, app_managed, claim, is_orphaned, orphan_reason,
     orphaned_at, orphaned_observed_ms, orphan_confirmed_ms, first_seen, tracked_at, updated_at,
     (SELECT json_group_array(origin) FROM dns_origins WHERE tracked_id = dns_tracked_records.id)";

/// How a mark is taken away.
const NO_MARK: &str = "is_orphaned = 0, orphan_reason = NULL, orphaned_at = NULL, orphaned_observed_ms = NULL,
     orphan_confirmed_ms = NULL";

/// What identifies a row.
pub(crate) const KEY: &str = "provider = ?1 AND zone = ?2 AND name = ?3 AND type = ?4 AND content = ?5";

pub(crate) fn key_columns(provider: &ProviderId, key: &RecordKey) -> [String; 5] {
    let (zone, name) = (provider.zone.to_string(), key.name.to_string());
    [provider.name.clone(), zone, name, key.rtype().to_string(), key.data.to_string()]
}

/// Reads a row of [`COLUMNS`], for those who have observed its zone for so long.
pub(crate) fn tracked(row: &Row<'_>, observed: Duration) -> Result<TrackedRecord, Failure> {
    const TABLE: &str = "dns_tracked_records";
    let id = row.get(0)?;
    let wrong = |problem: String| Failure::Row { table: TABLE, id, problem };
    let time = |column: usize| {
        let text: Option<String> = row.get(column)?;
        text.map(|text| row::parse_time(&text).map_err(wrong)).transpose()
    };
    let (app_managed, claim): (bool, Option<String>) = (row.get(10)?, row.get(11)?);
    let claim = match claim {
        _ if !app_managed => None,
        // The column was lost, and came back empty.
        None => Some(Claim::Created),
        Some(text) => Some(parse_claim(&text).ok_or_else(|| wrong(format!("`{text}` is not a claim")))?),
    };
    let is_orphaned: bool = row.get(12)?;
    let reason: Option<String> = row.get(13)?;
    let marked: Option<i64> = row.get(15)?;
    let marked = marked.map_or(observed, row::duration);
    let age = observed.saturating_sub(marked);
    let seen: Option<i64> = row.get(16)?;
    let confirmed = seen.map_or(Duration::ZERO, row::duration).saturating_sub(marked).min(age);
    let mark = |reason, since| Orphaned { reason, since, age, confirmed };
    let orphaned = match (is_orphaned, reason.as_deref(), time(14)?) {
        (false, ..) => None,
        (true, Some("unwanted"), Some(since)) => Some(mark(OrphanReason::Unwanted, since)),
        (true, Some("gone"), Some(since)) => Some(mark(OrphanReason::Gone, since)),
        (true, reason, since) => {
            return Err(wrong(format!("it is an orphan for the reason {reason:?} since {since:?}")));
        }
    };
    Ok(TrackedRecord {
        record: row::record(row, TABLE)?,
        claim,
        orphaned,
        origins: row::origins(&row.get::<_, String>(20)?).map_err(wrong)?,
        first_seen: time(17)?,
        tracked_at: time(18)?,
        updated_at: time(19)?,
    })
}

/// Returns a claim as it stands in a row. A tombstone is ours by its form and needs none.
fn claim_column(claim: Claim) -> Option<String> {
    parse_claim(&claim.to_string()).map(|claim| claim.to_string())
}

/// Reads a claim that a tracked record can have.
pub(crate) fn parse_claim(text: &str) -> Option<Claim> {
    [Claim::Created, Claim::Adopted, Claim::ByHand].into_iter().find(|claim| claim.to_string() == text)
}

fn absent(provider: &ProviderId, key: &RecordKey) -> Failure {
    Failure::Absent(format!("a tracked record {key} at {provider}"))
}
