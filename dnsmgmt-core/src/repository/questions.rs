//! Questions over all providers.

use jiff::Timestamp;
use rusqlite::{Params, Row};

use super::error::{Failure, RepositoryError};
use super::managed::{COLUMNS, tracked};
use super::{DnsRepositoryManager, looks, row};
use crate::name::Name;
use crate::origin::Origin;
use crate::provider::ProviderId;
use crate::tracked::TrackedRecord;

/// What a source and its pieces want.
const OF_SOURCE: &str = "SELECT tracked_id FROM dns_origins WHERE origin = ?1
     UNION SELECT tracked_id FROM dns_origins WHERE origin >= ?2 AND origin < ?3";

impl DnsRepositoryManager {
    /// Returns the zones in which a source, or a piece of it, wants tracked records.
    pub fn providers_of(&self, source: &Origin) -> Result<Vec<ProviderId>, RepositoryError> {
        let sql = format!(
            "SELECT DISTINCT provider, zone FROM dns_tracked_records WHERE id IN ({OF_SOURCE}) ORDER BY provider, zone"
        );
        self.ask(&sql, params_of(source), |row| provider(row, 0))
    }

    /// Returns the zones in which a provider holds records that are ours.
    pub fn zones_of(&self, provider_name: &str) -> Result<Vec<ProviderId>, RepositoryError> {
        let sql = "SELECT DISTINCT provider, zone FROM dns_tracked_records
                   WHERE provider = ?1 AND app_managed = 1 ORDER BY zone";
        self.ask(sql, [provider_name], |row| provider(row, 0))
    }

    /// Returns how many tracked records a source, or a piece of it, wants.
    pub fn wants_records(&self, source: &Origin) -> Result<usize, RepositoryError> {
        let counts = self.ask(&format!("SELECT count(*) FROM ({OF_SOURCE})"), params_of(source), count)?;
        Ok(counts.into_iter().sum())
    }

    /// Returns the tracked records at a name, ours and those that are only known, at every provider; their age by the last look.
    pub fn tracked_at(&self, name: &Name) -> Result<Vec<(ProviderId, TrackedRecord)>, RepositoryError> {
        // The zones are few and each is found by one step in the index, so that names need no index of their own.
        let sql = format!(
            "WITH RECURSIVE zones (p, z) AS (
                 SELECT * FROM (SELECT provider, zone FROM dns_tracked_records ORDER BY provider, zone LIMIT 1)
                 UNION ALL
                 SELECT n.provider, n.zone FROM zones CROSS JOIN dns_tracked_records AS n ON n.id = coalesce(
                     (SELECT id FROM dns_tracked_records WHERE provider = p AND zone > z ORDER BY zone LIMIT 1),
                     (SELECT id FROM dns_tracked_records WHERE provider > p ORDER BY provider, zone LIMIT 1))
             )
             SELECT {COLUMNS}, provider, zone FROM zones CROSS JOIN dns_tracked_records
             WHERE provider = p AND zone = z AND name = ?1"
        );
        self.ask_tracked(&sql, [name.as_str()])
    }

    /// Returns every orphan at every provider, in each zone the oldest mark first; their age by the last look.
    pub fn all_orphans(&self) -> Result<Vec<(ProviderId, TrackedRecord)>, RepositoryError> {
        let sql = format!(
            "SELECT {COLUMNS}, provider, zone FROM dns_tracked_records WHERE is_orphaned = 1
             ORDER BY provider, zone, orphaned_at"
        );
        self.ask_tracked(&sql, [])
    }

    /// Returns every zone of the cache, when it was last listed completely, and how many records it holds.
    pub fn freshness_of_all(&self) -> Result<Vec<(ProviderId, Option<Timestamp>, usize)>, RepositoryError> {
        let sql = "SELECT (SELECT count(*) FROM dns_records AS r WHERE r.provider = f.provider AND r.zone = f.zone), refreshed_at,
                       provider, zone
                   FROM dns_freshness AS f ORDER BY provider, zone";
        self.ask(sql, [], |row| {
            let wrong = |problem| Failure::Row { table: "dns_freshness", id: 0, problem };
            let refreshed_at: Option<String> = row.get(1)?;
            let refreshed_at = refreshed_at.map(|text| row::parse_time(&text).map_err(wrong)).transpose()?;
            Ok((provider(row, 2)?, refreshed_at, count(row)?))
        })
    }

    fn ask_tracked(&self, sql: &str, params: impl Params) -> Result<Vec<(ProviderId, TrackedRecord)>, RepositoryError> {
        self.ask(sql, params, |row| {
            let provider = provider(row, 21)?;
            let observed = looks::observed(&self.connection, &provider)?;
            Ok((provider, tracked(row, observed)?))
        })
    }

    fn ask<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, RepositoryError> {
        let ask = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params)?;
            let mut answers = Vec::new();
            while let Some(row) = rows.next()? {
                answers.push(read(row)?);
            }
            Ok(answers)
        };
        ask().map_err(|error: Failure| error.at(&self.path, "read the managed records"))
    }
}

/// Returns the source, and between what its pieces stand: `$` comes after `#`. A piece has no pieces.
fn params_of(source: &Origin) -> [String; 3] {
    let text = source.as_str();
    let pieces =
        if text.contains('#') { [String::new(), String::new()] } else { [format!("{text}#"), format!("{text}$")] };
    let [from, to] = pieces;
    [text.to_owned(), from, to]
}

fn provider(row: &Row<'_>, column: usize) -> Result<ProviderId, Failure> {
    let wrong = |problem| Failure::Row { table: "dns_tracked_records", id: 0, problem };
    let zone = Name::parse(row::text(row, column + 1)?).map_err(|error| wrong(error.to_string()))?;
    Ok(ProviderId { name: row.get(column)?, zone })
}

fn count(row: &Row<'_>) -> Result<usize, Failure> {
    Ok(usize::try_from(row.get::<_, i64>(0)?).expect("a count"))
}
