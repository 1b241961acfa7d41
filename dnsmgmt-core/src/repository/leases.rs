//! What was seen of leases: in a zone by who cleans it up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::error::{Failure, RepositoryError};
use super::{DnsRepositoryManager, row};
use crate::heartbeat::Member;
use crate::lease::{Memory, Remembered};
use crate::name::Name;
use crate::provider::ProviderId;
use crate::record::{RecordData, RecordType};

const TABLE: &str = "dns_leases";
const COLUMNS: &str = "name, address, type, heartbeat, observed_ms, was_kept, first_seen";

impl DnsRepositoryManager {
    /// Returns what was seen of the leases of a zone, by who looked at them last.
    pub fn leases(&self, provider: &ProviderId) -> Result<Memory, RepositoryError> {
        let read = || {
            let sql = format!("SELECT {COLUMNS} FROM {TABLE} WHERE provider = ?1 AND zone = ?2");
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([&provider.name, provider.zone.as_str()])?;
            let mut memory = BTreeMap::new();
            while let Some(row) = rows.next()? {
                take(row, &mut memory)?;
            }
            Ok(memory)
        };
        read().map_err(|error: Failure| error.at(&self.path, "read what was seen of leases"))
    }

    /// Puts what was seen of the leases of a zone in the place of what was seen `before`. Only what differs is written.
    pub fn remember_leases(
        &mut self,
        provider: &ProviderId,
        before: &Memory,
        after: &Memory,
    ) -> Result<(), RepositoryError> {
        if before == after {
            return Ok(());
        }
        self.write("remember what was seen of leases", |on| {
            let zone = provider.zone.as_str();
            let sql = "DELETE FROM dns_leases WHERE provider = ?1 AND zone = ?2 AND name = ?3 AND address = ?4";
            let mut delete = on.connection.prepare_cached(sql)?;
            for (member, _) in before.iter().filter(|(member, remembered)| after.get(member) != Some(remembered)) {
                delete.execute(params![provider.name, zone, member.domain.as_str(), member.address.to_string()])?;
            }
            let sql = format!(
                "INSERT OR REPLACE INTO dns_leases (provider, zone, {COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
            );
            let mut insert = on.connection.prepare_cached(&sql)?;
            for (member, remembered) in after.iter().filter(|(member, new)| before.get(member) != Some(new)) {
                let of_values = remembered
                    .values
                    .iter()
                    .map(|(value, observed)| (value.rtype().as_str().to_owned(), value.to_string(), *observed));
                let of_none = remembered.missing.map(|observed| (String::new(), String::new(), observed));
                for (rtype, value, observed) in of_values.chain(of_none) {
                    insert.execute(params![
                        provider.name,
                        zone,
                        member.domain.as_str(),
                        member.address.to_string(),
                        rtype,
                        value,
                        row::milliseconds(observed),
                        remembered.was_kept,
                        row::time(remembered.first_seen),
                    ])?;
                }
            }
            Ok(())
        })
    }
}

/// Adds a row of [`COLUMNS`].
fn take(row: &Row<'_>, memory: &mut Memory) -> Result<(), Failure> {
    let wrong = |problem: String| Failure::Row { table: TABLE, id: 0, problem };
    let domain = Name::parse(row::text(row, 0)?).map_err(|error| wrong(error.to_string()))?;
    let address = row::text(row, 1)?.parse().map_err(|_| wrong("its address is none".into()))?;
    let observed = row::duration(row.get(4)?);
    let first_seen: Timestamp = row::parse_time(row::text(row, 6)?).map_err(wrong)?;
    let was_kept = row.get(5)?;
    let remembered = memory.entry(Member { domain, address }).or_insert_with(|| Remembered {
        first_seen,
        values: BTreeMap::new(),
        missing: None,
        was_kept,
    });
    match row::text(row, 2)? {
        "" => remembered.missing = Some(observed),
        rtype => {
            let rtype = RecordType::parse(rtype).map_err(|error| wrong(error.to_string()))?;
            let value = RecordData::parse(&rtype, row::text(row, 3)?).map_err(|error| wrong(error.to_string()))?;
            remembered.values.insert(value, observed);
        }
    }
    Ok(())
}
