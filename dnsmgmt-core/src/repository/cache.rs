//! The provider cache: all that the providers hold, as it was last listed.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params, params_from_iter};

use super::error::{Failure, RepositoryError};
use super::row::{self, Columns};
use crate::name::Name;
use crate::provider::ProviderId;
use crate::record::{Record, RecordType};
use crate::record_set::{Listing, Opaque, RecordSet, Scope};

const OF_ZONE: &str =
    "SELECT id, name, type, content, ttl, proxied, enabled, comment, record_id, other_ids FROM dns_records
     WHERE provider = ?1 AND zone = ?2";
const AT_NAME: &str =
    "SELECT id, name, type, content, ttl, proxied, enabled, comment, record_id, other_ids FROM dns_records
     WHERE provider = ?1 AND zone = ?2 AND name = ?3";

/// A listing as the cache holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// The listing. The provider's clock is not kept: it was the answer's, not the records'.
    pub listing: Listing,
    /// When the zone was last listed completely; nothing if only parts of it were. Parts may have been listed since.
    pub refreshed_at: Option<Timestamp>,
}

/// What the cache knows of a zone beside its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedZone {
    /// Where.
    pub provider: ProviderId,
    /// How many records it holds there.
    pub records: u64,
    /// When the zone was last listed completely; nothing if only parts of it were.
    pub refreshed_at: Option<Timestamp>,
}

/// The table `dns_records`: a copy of all that the providers hold, ours or not.
///
/// It is replaced by each listing and never edited. [`DnsRepositoryManager`](super::DnsRepositoryManager) writes it.
#[derive(Debug, Clone, Copy)]
pub struct ProviderCacheRepository<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) path: &'a Path,
}

impl ProviderCacheRepository<'_> {
    /// Returns what the cache holds of a zone, however old; nothing if the zone was never listed.
    pub fn get_records(&self, provider: &ProviderId) -> Result<Option<Cached>, RepositoryError> {
        self.read(|snapshot| {
            let Some(refreshed_at) = snapshot.freshness(provider)? else { return Ok(None) };
            let (records, opaque) = (snapshot.records(provider)?, snapshot.opaque(provider)?);
            Ok(Some(Cached { listing: Listing { records, opaque, provider_time: None }, refreshed_at }))
        })
    }

    /// Returns what the cache holds at a name, however old.
    pub fn get_records_at(&self, provider: &ProviderId, name: &Name) -> Result<RecordSet, RepositoryError> {
        self.read(|snapshot| snapshot.select(AT_NAME, params![provider.name, provider.zone.as_str(), name.as_str()]))
    }

    /// Returns what the cache holds at a name, however old, with what cannot be modelled.
    pub fn get_listing_at(&self, provider: &ProviderId, name: &Name) -> Result<Listing, RepositoryError> {
        let at = params![provider.name, provider.zone.as_str(), name.as_str()];
        self.read(|snapshot| {
            let opaque = snapshot.select_opaque("provider = ?1 AND zone = ?2 AND name = ?3", at)?;
            Ok(Listing { records: snapshot.select(AT_NAME, at)?, opaque, provider_time: None })
        })
    }

    /// Returns every zone that was ever listed, in the order of providers and zones.
    pub fn zones(&self) -> Result<Vec<CachedZone>, RepositoryError> {
        self.read(|snapshot| {
            let sql = "SELECT provider, zone, refreshed_at, (SELECT count(*) FROM dns_records r
                           WHERE r.provider = f.provider AND r.zone = f.zone)
                       FROM dns_freshness f ORDER BY provider, zone";
            let mut statement = snapshot.connection.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut zones = Vec::new();
            while let Some(row) = rows.next()? {
                zones.push(cached_zone(row)?);
            }
            Ok(zones)
        })
    }

    /// Returns when the zone was last listed completely; nothing if it never was.
    pub fn refreshed_at(&self, provider: &ProviderId) -> Result<Option<Timestamp>, RepositoryError> {
        Ok(self.read(|snapshot| snapshot.freshness(provider))?.flatten())
    }

    /// Returns whether the zone was listed completely less than `ttl` before `now`. What was listed after `now` is not fresh: a
    /// clock has been set.
    pub fn is_fresh(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<bool, RepositoryError> {
        let refreshed_at = self.read(|snapshot| snapshot.freshness(provider))?.flatten();
        let age = refreshed_at.map(|refreshed_at| now.duration_since(refreshed_at));
        Ok(age.is_some_and(|age| age >= SignedDuration::ZERO && age < ttl))
    }

    /// Puts the listing in the place of what the cache held in its scope. To be called within a transaction.
    pub(crate) fn replace(
        &self,
        provider: &ProviderId,
        scope: &Scope,
        listing: &Listing,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let now = row::time(now);
        let generation = self.next_generation(provider)?;
        self.put(provider, listing.records.iter().filter(|record| scope.covers(record.name())), generation, &now)?;
        self.put_opaque(provider, scope, &listing.opaque, generation)?;
        self.remove_older("dns_records", provider, scope, generation)?;
        self.remove_older("dns_opaque_entries", provider, scope, generation)?;
        self.take_over_tracked(provider)?;
        if *scope == Scope::Zone {
            self.set_freshness(provider, &now)?;
        }
        Ok(())
    }

    /// Forgets a zone: what it held stands elsewhere. To be called within a transaction.
    pub(crate) fn forget(&self, provider: &ProviderId) -> Result<(), Failure> {
        for table in ["dns_records", "dns_opaque_entries", "dns_freshness"] {
            let sql = format!("DELETE FROM {table} WHERE provider = ?1 AND zone = ?2");
            self.connection.execute(&sql, params![provider.name, provider.zone.as_str()])?;
        }
        Ok(())
    }

    /// Reads at one moment, whatever others write meanwhile.
    fn read<T>(&self, work: impl FnOnce(&Self) -> Result<T, Failure>) -> Result<T, RepositoryError> {
        let snapshot = self.connection.unchecked_transaction().map_err(Failure::from);
        snapshot.and_then(|_snapshot| work(self)).map_err(|error| error.at(self.path, "read the provider cache"))
    }

    fn records(&self, provider: &ProviderId) -> Result<RecordSet, Failure> {
        self.select(OF_ZONE, params![provider.name, provider.zone.as_str()])
    }

    fn select(&self, sql: &str, params: impl Params) -> Result<RecordSet, Failure> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.push(row::record(row, "dns_records")?);
        }
        Ok(records.into_iter().collect())
    }

    fn opaque(&self, provider: &ProviderId) -> Result<Vec<Opaque>, Failure> {
        self.select_opaque("provider = ?1 AND zone = ?2", params![provider.name, provider.zone.as_str()])
    }

    fn select_opaque(&self, which: &str, params: impl Params) -> Result<Vec<Opaque>, Failure> {
        let sql = format!("SELECT id, name, type, text, why FROM dns_opaque_entries WHERE {which} ORDER BY id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params)?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(opaque(row)?);
        }
        Ok(entries)
    }

    /// A listing's rows are told from what was there before by its number, never by its time: clocks stand still and go back.
    fn next_generation(&self, provider: &ProviderId) -> Result<i64, Failure> {
        let sql = "INSERT INTO dns_freshness (provider, zone, generation) VALUES (?1, ?2, 1)
                   ON CONFLICT DO UPDATE SET generation = generation + 1 RETURNING generation";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![provider.name, provider.zone.as_str()], |row| row.get(0))?)
    }

    fn put<'r>(
        &self,
        provider: &ProviderId,
        records: impl Iterator<Item = &'r Record>,
        generation: i64,
        now: &str,
    ) -> Result<(), Failure> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO dns_records (provider, zone, name, type, content, ttl, proxied, enabled, comment, record_id, other_ids,
                 fingerprint, updated_at, last_refreshed, generation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14)
             ON CONFLICT DO UPDATE SET ttl = excluded.ttl, proxied = excluded.proxied, enabled = excluded.enabled,
                 comment = excluded.comment, record_id = excluded.record_id, other_ids = excluded.other_ids,
                 updated_at = iif(fingerprint = excluded.fingerprint, updated_at, excluded.updated_at),
                 fingerprint = excluded.fingerprint, last_refreshed = excluded.last_refreshed,
                 generation = excluded.generation, missing_run = NULL",
        )?;
        let zone = provider.zone.as_str();
        for record in records {
            let row = Columns::from(record);
            statement.execute(params![
                provider.name,
                zone,
                row.name,
                row.rtype.as_str(),
                row.content,
                row.ttl,
                row.proxied,
                row.enabled,
                row.comment,
                row.record_id,
                row.other_ids,
                row.fingerprint(),
                now,
                generation,
            ])?;
        }
        Ok(())
    }

    fn put_opaque(
        &self,
        provider: &ProviderId,
        scope: &Scope,
        entries: &[Opaque],
        generation: i64,
    ) -> Result<(), Failure> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO dns_opaque_entries (provider, zone, name, type, text, why, generation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        let zone = provider.zone.as_str();
        // An entry without a name is in no scope but the whole.
        let within = |entry: &&Opaque| entry.name.as_ref().map_or(*scope == Scope::Zone, |name| scope.covers(name));
        for entry in entries.iter().filter(within) {
            let (name, rtype) = (entry.name.as_ref().map(Name::as_str), entry.rtype.as_ref().map(RecordType::as_str));
            statement.execute(params![provider.name, zone, name, rtype, entry.text, entry.why, generation])?;
        }
        Ok(())
    }

    /// Removes what stood in the scope and was not put there by this listing.
    fn remove_older(&self, table: &str, provider: &ProviderId, scope: &Scope, generation: i64) -> Result<(), Failure> {
        let (which, bounds) = within(scope);
        let sql =
            format!("DELETE FROM {table} WHERE provider = ?1 AND zone = ?2 {which} AND generation <> {generation}");
        let mut statement = self.connection.prepare(&sql)?;
        for bound in bounds {
            let params = [provider.name.as_str(), provider.zone.as_str()].into_iter();
            statement.execute(params_from_iter(params.chain(bound.iter().map(String::as_str))))?;
        }
        Ok(())
    }

    /// Writes beside new rows what is tracked about them; triggers do it for rows that were there. The plus keeps SQLite from
    /// looking for a tracked row for every cached one: there are fewer tracked ones.
    fn take_over_tracked(&self, provider: &ProviderId) -> Result<(), Failure> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE dns_records AS r
             SET is_orphaned = t.is_orphaned, orphaned_at = t.orphaned_at, tracked_at = t.tracked_at
             FROM dns_tracked_records AS t
             WHERE t.provider = ?1 AND t.zone = ?2 AND r.provider = ?1 AND r.zone = ?2
                 AND r.name = +t.name AND r.type = +t.type AND r.content = +t.content AND r.tracked_at IS NULL",
        )?;
        statement.execute(params![provider.name, provider.zone.as_str()])?;
        Ok(())
    }

    fn set_freshness(&self, provider: &ProviderId, now: &str) -> Result<(), Failure> {
        let sql = "UPDATE dns_freshness SET refreshed_at = ?3,
                       change_id = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'dns_changes'), 0)
                   WHERE provider = ?1 AND zone = ?2";
        self.connection.prepare_cached(sql)?.execute(params![provider.name, provider.zone.as_str(), now])?;
        Ok(())
    }

    /// Returns when the zone was last listed completely, within whether it was listed at all.
    pub(crate) fn freshness(&self, provider: &ProviderId) -> Result<Option<Option<Timestamp>>, Failure> {
        let sql = "SELECT refreshed_at FROM dns_freshness WHERE provider = ?1 AND zone = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let text: Option<Option<String>> =
            statement.query_row(params![provider.name, provider.zone.as_str()], |row| row.get(0)).optional()?;
        let wrong = |problem| Failure::Row { table: "dns_freshness", id: 0, problem };
        text.map(|text| text.map(|text| row::parse_time(&text).map_err(wrong)).transpose()).transpose()
    }
}

fn cached_zone(row: &Row<'_>) -> Result<CachedZone, Failure> {
    let wrong = |problem: String| Failure::Row { table: "dns_freshness", id: 0, problem };
    let (zone, refreshed_at): (String, Option<String>) = (row.get(1)?, row.get(2)?);
    let zone = Name::parse(&zone).map_err(|error| wrong(error.to_string()))?;
    let refreshed_at = refreshed_at.map(|text| row::parse_time(&text)).transpose().map_err(wrong)?;
    // A count is never negative.
    let records = row.get::<_, i64>(3)?.unsigned_abs();
    Ok(CachedZone { provider: ProviderId { name: row.get(0)?, zone }, records, refreshed_at })
}

/// Returns the condition that a scope is in SQL, and what to bind from `?3` on, once for each query to make.
pub(crate) fn within(scope: &Scope) -> (&'static str, Vec<Vec<String>>) {
    match scope {
        Scope::Zone => ("", vec![Vec::new()]),
        // A dot in a stored name always separates labels. Without a name, an entry is below nothing.
        Scope::Under(ancestor) => {
            let below = if ancestor.is_root() { String::new() } else { format!(".{ancestor}") };
            let which = "AND (name = ?3 OR substr(name, length(name) - length(?4) + 1) = ?4)";
            (which, vec![vec![ancestor.to_string(), below]])
        }
        Scope::Names(names) => ("AND name = ?3", names.iter().map(|name| vec![name.to_string()]).collect()),
    }
}

fn opaque(row: &Row<'_>) -> Result<Opaque, Failure> {
    let id = row.get(0)?;
    let wrong = |problem: String| Failure::Row { table: "dns_opaque_entries", id, problem };
    let (name, rtype): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
    Ok(Opaque {
        name: name.map(|name| Name::parse(&name)).transpose().map_err(|error| wrong(error.to_string()))?,
        rtype: rtype.map(|rtype| RecordType::parse(&rtype)).transpose().map_err(|error| wrong(error.to_string()))?,
        text: row.get(3)?,
        why: row.get::<_, String>(4)?.into(),
    })
}
