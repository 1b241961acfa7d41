//! What became of our claims on records, for people and as JSON.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Record, RecordType};
use dnsmgmt_core::record_set::Opaque;
use dnsmgmt_core::report::Fate;
use serde::Serialize;

use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::output::{print, print_json, printable};

/// What became of our claims on the records of one zone.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) provider: ProviderId,
    pub(crate) rows: Vec<Row>,
}

/// What became of the claim on one record.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    name: Option<Name>,
    rtype: Option<RecordType>,
    /// The value; of what is no record the text at the provider.
    text: String,
    is_record: bool,
    pub(crate) became: Became,
    /// What a listing said of the change of its comment, if there was one.
    pub(crate) comment: Option<Fate>,
    /// What a person should know about it, a sentence each.
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Became {
    Adopted,
    AlreadyOurs,
    Released,
    /// The daemon that wants it is gone for good.
    Disowned,
    /// It was to be released, and could not.
    StillOurs,
    Refused,
}

impl Row {
    pub(crate) fn of(record: &Record, became: Became) -> Self {
        Self {
            name: Some(record.name().clone()),
            rtype: Some(record.rtype()),
            text: record.key.data.to_string(),
            is_record: true,
            became,
            comment: None,
            notes: Vec::new(),
        }
    }

    /// Returns the row of what is no record, and so is refused.
    pub(crate) fn of_opaque(entry: &Opaque) -> Self {
        Self {
            name: entry.name.clone(),
            rtype: entry.rtype.clone(),
            text: entry.text.clone(),
            is_record: false,
            became: Became::Refused,
            comment: None,
            notes: vec![format!("dnsmgmt cannot judge it: {}", entry.why)],
        }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    fn is_settled(&self) -> bool {
        !matches!(self.became, Became::Refused | Became::StillOurs) && self.comment.is_none_or(Fate::is_settled)
    }

    fn subject(&self) -> String {
        let name = self.name.as_ref().filter(|_| self.is_record).map(|name| format!("{name} "));
        let rtype = self.rtype.as_ref().filter(|_| self.is_record).map(|rtype| format!("{rtype} "));
        format!("{}{}{}", name.unwrap_or_default(), rtype.unwrap_or_default(), self.text)
    }
}

impl Became {
    const ALL: [Self; 6] =
        [Self::Adopted, Self::Released, Self::Disowned, Self::AlreadyOurs, Self::StillOurs, Self::Refused];

    fn as_str(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::AlreadyOurs => "already ours",
            Self::Released => "released",
            Self::Disowned => "disowned",
            Self::StillOurs => "still ours",
            Self::Refused => "refused",
        }
    }

    fn verb(self, dry_run: bool) -> &'static str {
        match self {
            Self::Adopted if dry_run => "would adopt",
            Self::Released if dry_run => "would release",
            Self::Disowned if dry_run => "would disown",
            Self::Refused => "refused to adopt",
            other => other.as_str(),
        }
    }

    fn style(self, dry_run: bool) -> Style {
        let colour = match self {
            Self::AlreadyOurs => return Style::new().dimmed(),
            Self::Adopted | Self::Released | Self::Disowned if dry_run => AnsiColor::Cyan,
            Self::Adopted | Self::Released | Self::Disowned => AnsiColor::Green,
            Self::StillOurs | Self::Refused => AnsiColor::Red,
        };
        Style::new().fg_color(Some(colour.into()))
    }
}

/// Prints what became of claims, `unless_any` where there are none, and returns the exit status.
pub(crate) fn print_claims(claims: &[Claims], dry_run: bool, format: ReportFormat, unless_any: &str) -> Result<Exit> {
    let rows = || claims.iter().flat_map(|zone| &zone.rows);
    let is_settled = rows().all(Row::is_settled);
    match format {
        ReportFormat::Json => print_json(&json(claims, dry_run, is_settled))?,
        ReportFormat::Table => {
            let counted = Became::ALL.map(|became| (rows().filter(|row| row.became == became).count(), became));
            let said: Vec<String> = counted
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, became)| format!("{count} {}", became.as_str()))
                .collect();
            let summary = if said.is_empty() { unless_any.to_owned() } else { said.join(", ") };
            let dry = if dry_run { "dry run, nothing was done: " } else { "" };
            print(&format!("{}{dry}{summary}\n", lines(claims, dry_run)?))?;
        }
    }
    Ok(match (rows().next().is_some(), is_settled) {
        (false, _) => Exit::No,
        (true, true) => Exit::Done,
        (true, false) => Exit::Unsettled,
    })
}

/// Returns what would be done, for a person who is asked about it.
pub(crate) fn preview_claims(claims: &[Claims]) -> Result<String> {
    lines(claims, true)
}

fn lines(claims: &[Claims], dry_run: bool) -> Result<String> {
    let mut out = String::new();
    for row in claims.iter().flat_map(|zone| &zone.rows) {
        let (style, verb) = (row.became.style(dry_run), row.became.verb(dry_run));
        writeln!(out, "{style}{verb}{style:#} {}", printable(&row.subject()))?;
        for note in &row.notes {
            writeln!(out, "  {}", printable(note))?;
        }
    }
    Ok(out)
}

#[derive(Debug, Serialize)]
struct JsonClaims<'a> {
    dry_run: bool,
    settled: bool,
    records: Vec<JsonRow<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    provider: &'a str,
    zone: &'a str,
    name: Option<&'a str>,
    #[serde(rename = "type")]
    rtype: Option<String>,
    value: Option<&'a str>,
    outcome: &'static str,
    comment: Option<&'static str>,
    notes: &'a [String],
}

fn json(claims: &[Claims], dry_run: bool, settled: bool) -> JsonClaims<'_> {
    let records = claims.iter().flat_map(|zone| zone.rows.iter().map(|row| json_row(&zone.provider, row))).collect();
    JsonClaims { dry_run, settled, records }
}

fn json_row<'a>(provider: &'a ProviderId, row: &'a Row) -> JsonRow<'a> {
    JsonRow {
        provider: &provider.name,
        zone: provider.zone.as_str(),
        name: row.name.as_ref().map(Name::as_str),
        rtype: row.rtype.as_ref().map(ToString::to_string),
        value: row.is_record.then_some(&*row.text),
        outcome: row.became.as_str(),
        comment: row.comment.map(Fate::as_str),
        notes: &row.notes,
    }
}
