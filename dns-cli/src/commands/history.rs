//! `dns-cli history`

use anyhow::Result;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::Record;
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::repository::{Journal, JournalEntry, RepositoryError};
use jiff::{Timestamp, Unit};
use serde::Serialize;

use crate::args::History;
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::output::{JsonTtl, print_json, print_table};

/// What stands in the place of a fate until a listing said one.
const OPEN: &str = "open";

pub(crate) fn run(context: &Context, args: &History) -> Result<Exit> {
    let name = args.name.as_deref().map(Name::parse).transpose()?;
    let repository = context.repository()?;
    let entries = select(&repository.journal(), args, name.as_ref())?;
    match args.output {
        ReportFormat::Json => print_json(&Changes { changes: entries.iter().map(change).collect() })?,
        ReportFormat::Table if entries.is_empty() => {}
        ReportFormat::Table => {
            print_table(["TIME", "RUN", "CHANGE", "WHAT", "CLAIM", "REASON", "FATE"], entries.iter().map(row))?;
        }
    }
    Ok(Exit::Done)
}

/// Returns the last changes that are meant, newest last.
fn select(journal: &Journal<'_>, args: &History, name: Option<&Name>) -> Result<Vec<JournalEntry>, RepositoryError> {
    let mut entries = match (args.run, name) {
        (Some(run), _) => journal.of_run(run)?,
        (None, Some(name)) => journal.of_name(name)?,
        (None, None) => return journal.recent(args.limit),
    };
    entries.retain(|entry| name.is_none_or(|name| record(entry).name() == name));
    let superfluous = entries.len().saturating_sub(args.limit);
    Ok(entries.split_off(superfluous))
}

/// Returns the record that a change is about: what it was to become, else what it was.
fn record(entry: &JournalEntry) -> &Record {
    entry.change().record()
}

fn row(entry: &JournalEntry) -> [String; 7] {
    let fate = match (entry.fate, entry.settled_at) {
        (Some(fate), Some(_)) => fate.to_string(),
        (Some(fate), None) => format!("{OPEN}, last {fate}"),
        (None, _) => OPEN.to_owned(),
    };
    [
        time(entry.intended_at),
        entry.run.to_string(),
        entry.id.0.to_string(),
        what(entry),
        entry.claim.clone(),
        entry.reason.clone(),
        fate,
    ]
}

/// Returns a time as people read it.
pub(super) fn time(time: Timestamp) -> String {
    // No time that a database holds is so far away that a second is beyond it.
    time.round(Unit::Second).unwrap_or(time).to_string()
}

/// `create web.example A 10.0.0.1 (TTL 300)`, `replace web.example A 10.0.0.1 -> 10.0.0.2`
fn what(entry: &JournalEntry) -> String {
    let record = record(entry);
    let value = |record: &Record| record.key.data.to_string();
    let values = match (entry.before(), entry.after()) {
        (Some(old), Some(new)) if old.rtype() != new.rtype() => {
            format!("{} {} -> {} {}", old.rtype(), value(old), new.rtype(), value(new))
        }
        (Some(old), Some(new)) if old.key != new.key => format!("{} {} -> {}", new.rtype(), value(old), value(new)),
        _ => format!("{} {}", record.rtype(), value(record)),
    };
    format!("{} {} {values}{}", entry.action(), record.name(), ttl(entry))
}

fn ttl(entry: &JournalEntry) -> String {
    let ttl_of = |record: Option<&Record>| record.and_then(|record| record.ttl);
    match (ttl_of(entry.before()), ttl_of(entry.after())) {
        (Some(old), Some(new)) if old != new => format!(" (TTL {old} -> {new})"),
        (_, Some(ttl)) | (Some(ttl), None) => format!(" (TTL {ttl})"),
        (None, None) => String::new(),
    }
}

#[derive(Serialize)]
struct Changes<'a> {
    changes: Vec<Change<'a>>,
}

/// A change of the journal in JSON.
#[derive(Serialize)]
pub(super) struct Change<'a> {
    id: i64,
    run: String,
    provider: &'a str,
    zone: &'a str,
    action: &'static str,
    before: Option<Side<'a>>,
    after: Option<Side<'a>>,
    claim: &'a str,
    reason: &'a str,
    intended_at: String,
    fate: Option<&'static str>,
    settled_at: Option<String>,
}

/// A record before or after a change.
#[derive(Serialize)]
struct Side<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    rtype: String,
    value: String,
    ttl: Option<JsonTtl>,
    proxied: Option<bool>,
    enabled: Option<bool>,
    comment: Option<&'a str>,
}

pub(super) fn change(entry: &JournalEntry) -> Change<'_> {
    Change {
        id: entry.id.0,
        run: entry.run.to_string(),
        provider: &entry.provider.name,
        zone: entry.provider.zone.as_str(),
        action: entry.action().as_str(),
        before: entry.before().map(side),
        after: entry.after().map(side),
        claim: &entry.claim,
        reason: &entry.reason,
        intended_at: entry.intended_at.to_string(),
        fate: entry.fate.map(Fate::as_str),
        settled_at: entry.settled_at.map(|at| at.to_string()),
    }
}

fn side(record: &Record) -> Side<'_> {
    Side {
        name: record.name().as_str(),
        rtype: record.rtype().to_string(),
        value: record.key.data.to_string(),
        ttl: record.ttl.map(JsonTtl::from),
        proxied: record.proxied,
        enabled: record.enabled,
        comment: record.comment.as_deref(),
    }
}
