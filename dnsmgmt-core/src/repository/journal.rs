//! The journal: every change is written down before it is asked for, and settled after it was verified.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, Params, Row, params};

use super::error::{Failure, RepositoryError};
use super::row;
use crate::name::Name;
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
    /// What was to be done.
    pub action: Action,
    /// Why the record was ours to change, as it was printed.
    pub claim: String,
    /// Why it was changed, as it was printed.
    pub reason: String,
    /// The record before; nothing for a creation.
    pub before: Option<Record>,
    /// The record after; nothing for a deletion.
    pub after: Option<Record>,
    /// When it was about to be asked for.
    pub intended_at: Timestamp,
    /// What a listing said and when; nothing if the program ended before, so that only a look can tell.
    pub settled: Option<(Fate, Timestamp)>,
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

    /// Returns the changes in a zone that were intended and never settled, in order.
    pub fn unsettled(&self, provider: &ProviderId) -> Result<Vec<JournalEntry>, RepositoryError> {
        self.select(
            "provider = ?1 AND zone = ?2 AND settled_at IS NULL",
            params![provider.name, provider.zone.as_str()],
        )
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
                 intended_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        let (run, now) = (run.to_string(), row::time(now));
        let mut ids = Vec::new();
        for step in steps {
            let (action, before, after) = sides(&step.change);
            let record = step.change.record();
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
            ])?;
            ids.push(ChangeId(self.connection.last_insert_rowid()));
        }
        Ok(ids)
    }

    pub(crate) fn settle(&self, id: ChangeId, fate: Fate, now: Timestamp) -> Result<(), Failure> {
        let sql = "UPDATE dns_changes SET fate = ?2, settled_at = ?3 WHERE id = ?1";
        match self.connection.prepare_cached(sql)?.execute(params![id.0, fate.as_str(), row::time(now)])? {
            0 => Err(Failure::Absent(format!("change {} of the journal", id.0))),
            _ => Ok(()),
        }
    }

    fn select(&self, which: &str, params: impl Params) -> Result<Vec<JournalEntry>, RepositoryError> {
        let sql = format!(
            "SELECT id, run_id, provider, zone, action, claim, reason, before, after, intended_at, settled_at, fate
             FROM dns_changes WHERE {which} ORDER BY id"
        );
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params)?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                entries.push(entry(row)?);
            }
            Ok(entries)
        };
        read().map_err(|error: Failure| error.at(self.path, "read the journal"))
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
    let settled = match (row.get::<_, Option<String>>(10)?, row.get::<_, Option<String>>(11)?) {
        (Some(at), Some(fate)) => {
            let known = Fate::ALL.into_iter().find(|known| known.as_str() == fate);
            Some((known.ok_or_else(|| wrong(format!("`{fate}` is not a fate")))?, time(at)?))
        }
        _ => None,
    };
    Ok(JournalEntry {
        id: ChangeId(id),
        run: RunId(u64::from_str_radix(&run, 16).map_err(|_| wrong(format!("`{run}` is not a run")))?),
        provider: ProviderId { name: text(2)?, zone: Name::parse(&zone).map_err(|error| wrong(error.to_string()))? },
        action: Action::ALL
            .into_iter()
            .find(|known| known.as_str() == action)
            .ok_or_else(|| wrong(format!("`{action}` is not an action")))?,
        claim: text(5)?,
        reason: text(6)?,
        before: record(7)?,
        after: record(8)?,
        intended_at: time(text(9)?)?,
        settled,
    })
}
