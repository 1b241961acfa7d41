//! The journal: every change is written down before it is asked for, and settled after it was verified.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::error::{Failure, RepositoryError};
use super::managed::{KEY, key_columns};
use super::row;
use crate::name::Name;
use crate::origin::Origin;
use crate::plan::Step;
use crate::provider::{Change, ProviderId, RunId};
use crate::record::Record;
use crate::report::{Action, Fate};

/// Which change of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(pub i64);

/// A change as the journal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Which change.
    pub id: ChangeId,
    /// The run that it was part of.
    pub run: RunId,
    /// Where.
    pub provider: ProviderId,
    /// Why the record was ours to change, as it was printed.
    pub claim: String,
    /// Why it was changed, as it was printed.
    pub reason: String,
    /// Who wanted the record that the change makes; of a deletion, the record that went.
    pub origins: BTreeSet<Origin>,
    /// When it was about to be asked for.
    pub intended_at: Timestamp,
    /// What a listing said last; nothing if the program ended before there was one.
    pub fate: Option<Fate>,
    /// When that became final; nothing while another look may say more.
    pub settled_at: Option<Timestamp>,
    change: Change,
}

impl JournalEntry {
    /// Returns the change as it was intended.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// Returns what was to be done.
    pub fn action(&self) -> Action {
        sides(&self.change).0
    }

    /// Returns the record before; nothing for a creation.
    pub fn before(&self) -> Option<&Record> {
        sides(&self.change).1
    }

    /// Returns the record after; nothing for a deletion.
    pub fn after(&self) -> Option<&Record> {
        sides(&self.change).2
    }
}

/// The table `dns_changes`. [`DnsRepositoryManager`](super::DnsRepositoryManager) writes it.
#[derive(Debug, Clone, Copy)]
pub struct Journal<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) path: &'a Path,
}

impl Journal<'_> {
    /// Returns the changes of a run, in order.
    pub fn of_run(&self, run: RunId) -> Result<Vec<JournalEntry>, RepositoryError> {
        self.select("run_id = ?1", [run.to_string()])
    }

    /// Returns the changes at a name, in order.
    pub fn of_name(&self, name: &Name) -> Result<Vec<JournalEntry>, RepositoryError> {
        self.select("name = ?1", [name.as_str()])
    }

    /// Returns the last changes, at most `limit`, in order.
    pub fn recent(&self, limit: usize) -> Result<Vec<JournalEntry>, RepositoryError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut entries = self.select_by("TRUE ORDER BY id DESC LIMIT ?1", [limit])?;
        entries.reverse();
        Ok(entries)
    }

    /// Returns a change, if it is there.
    pub fn of_change(&self, id: ChangeId) -> Result<Option<JournalEntry>, RepositoryError> {
        Ok(self.select("id = ?1", [id.0])?.pop())
    }

    /// Returns the changes in a zone that were intended and are not settled, in order: the program ended before, or what a listing
    /// said was not final.
    pub fn unsettled(&self, provider: &ProviderId) -> Result<Vec<JournalEntry>, RepositoryError> {
        self.open(provider).map_err(|error| error.at(self.path, "read the journal"))
    }

    pub(crate) fn intend<'s>(
        &self,
        run: RunId,
        provider: &ProviderId,
        steps: impl IntoIterator<Item = &'s Step>,
        now: Timestamp,
    ) -> Result<Vec<ChangeId>, Failure> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO dns_changes (run_id, provider, zone, action, name, type, content, claim, reason, before, after,
                 intended_at, origins)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        let (run, now) = (run.to_string(), row::time(now));
        let mut ids = Vec::new();
        for step in steps {
            let (action, before, after) = sides(&step.change);
            let record = step.change.record();
            // Of what goes, those who wanted it: whoever brings it back brings them back too.
            let origins = match action {
                Action::Delete => self.tracked_origins(provider, record)?,
                Action::Create | Action::Replace => row::origins_to_json(&step.origins),
            };
            statement.execute(params![
                run,
                provider.name,
                provider.zone.as_str(),
                action.as_str(),
                record.name().as_str(),
                record.rtype().as_str(),
                record.key.data.to_string(),
                step.claim.to_string(),
                step.reason.to_string(),
                before.map(row::to_json),
                after.map(row::to_json),
                now,
                origins,
            ])?;
            ids.push(ChangeId(self.connection.last_insert_rowid()));
        }
        Ok(ids)
    }

    pub(crate) fn open(&self, provider: &ProviderId) -> Result<Vec<JournalEntry>, Failure> {
        let params = params![provider.name, provider.zone.as_str()];
        self.read("provider = ?1 AND zone = ?2 AND settled_at IS NULL ORDER BY id", params)
    }

    /// Writes down a fate; `settled_at` where it is final.
    pub(crate) fn note(&self, id: ChangeId, fate: Fate, settled_at: Option<Timestamp>) -> Result<(), Failure> {
        let sql = "UPDATE dns_changes SET fate = ?2, settled_at = ?3 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute(params![id.0, fate.as_str(), settled_at.map(row::time)])?;
        Ok(())
    }

    /// Removes a change.
    pub(crate) fn remove(&self, id: ChangeId) -> Result<(), Failure> {
        self.connection.prepare_cached("DELETE FROM dns_changes WHERE id = ?1")?.execute([id.0])?;
        Ok(())
    }

    /// Returns a change of this zone.
    pub(crate) fn entry(&self, provider: &ProviderId, id: ChangeId) -> Result<JournalEntry, Failure> {
        let found =
            self.read("id = ?1 AND provider = ?2 AND zone = ?3", params![id.0, provider.name, provider.zone.as_str()]);
        found?.pop().ok_or_else(|| Failure::Absent(format!("change {} of the journal, at {provider},", id.0)))
    }

    /// Removes changes that were settled before a time, and returns how many.
    pub(crate) fn remove_settled(&self, before: Timestamp) -> Result<usize, Failure> {
        let sql = "DELETE FROM dns_changes WHERE settled_at < ?1";
        Ok(self.connection.prepare_cached(sql)?.execute([row::time(before)])?)
    }

    fn tracked_origins(&self, provider: &ProviderId, record: &Record) -> Result<String, Failure> {
        let sql = format!(
            "SELECT (SELECT json_group_array(origin) FROM dns_origins WHERE tracked_id = dns_tracked_records.id)
             FROM dns_tracked_records WHERE {KEY}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let key = rusqlite::params_from_iter(key_columns(provider, &record.key));
        Ok(statement.query_row(key, |row| row.get(0)).optional()?.unwrap_or_else(|| "[]".into()))
    }

    fn select(&self, which: &str, params: impl Params) -> Result<Vec<JournalEntry>, RepositoryError> {
        self.select_by(&format!("{which} ORDER BY id"), params)
    }

    fn select_by(&self, which: &str, params: impl Params) -> Result<Vec<JournalEntry>, RepositoryError> {
        self.read(which, params).map_err(|error| error.at(self.path, "read the journal"))
    }

    fn read(&self, which: &str, params: impl Params) -> Result<Vec<JournalEntry>, Failure> {
        let sql = format!(
            "SELECT id, run_id, provider, zone, action, claim, reason, before, after, intended_at, settled_at, fate, origins
             FROM dns_changes WHERE {which}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params)?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(entry(row)?);
        }
        Ok(entries)
    }
}

/// Returns what a change does, and the record before and after it.
fn sides(change: &Change) -> (Action, Option<&Record>, Option<&Record>) {
    match change {
        Change::Create(record) => (Action::Create, None, Some(record)),
        Change::Replace { old, new } => (Action::Replace, Some(old), Some(new)),
        Change::Delete(record) => (Action::Delete, Some(record), None),
    }
}

fn entry(row: &Row<'_>) -> Result<JournalEntry, Failure> {
    let id = row.get(0)?;
    let wrong = |problem: String| Failure::Row { table: "dns_changes", id, problem };
    let text = |column: usize| row.get::<_, String>(column);
    let time = |text: String| row::parse_time(&text).map_err(wrong);
    let record = |column: usize| {
        let text: Option<String> = row.get(column)?;
        text.map(|text| row::from_json(&text).map_err(wrong)).transpose()
    };
    let (run, zone, action) = (text(1)?, text(3)?, text(4)?);
    let change = match (action.as_str(), record(7)?, record(8)?) {
        ("create", _, Some(record)) => Change::Create(record),
        ("replace", Some(old), Some(new)) => Change::Replace { old, new },
        ("delete", Some(record), _) => Change::Delete(record),
        _ => return Err(wrong(format!("`{action}` is not an action, or its records are missing"))),
    };
    let fate: Option<String> = row.get(11)?;
    let known = |fate: String| {
        let known = Fate::ALL.into_iter().find(|known| known.as_str() == fate);
        known.ok_or_else(|| wrong(format!("`{fate}` is not a fate")))
    };
    Ok(JournalEntry {
        id: ChangeId(id),
        run: RunId(u64::from_str_radix(&run, 16).map_err(|_| wrong(format!("`{run}` is not a run")))?),
        provider: ProviderId { name: text(2)?, zone: Name::parse(&zone).map_err(|error| wrong(error.to_string()))? },
        claim: text(5)?,
        reason: text(6)?,
        origins: row::origins(&text(12)?).map_err(wrong)?,
        intended_at: time(text(9)?)?,
        fate: fate.map(known).transpose()?,
        settled_at: row.get::<_, Option<String>>(10)?.map(time).transpose()?,
        change,
    })
}
