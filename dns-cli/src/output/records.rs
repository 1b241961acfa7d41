//! Records as a table, JSON, CSV or zone text.

use std::fmt::Write;

use anyhow::Result;
use dnsmgmt_core::mark::{Mark, Marks};
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Record, Ttl};
use dnsmgmt_core::record_set::Opaque;
use jiff::Timestamp;
use serde::Serialize;

use crate::args::ListFormat;
use dnsmgmt_program::output::{JsonTtl, print, print_table, printable, to_json};

/// What was found at one provider.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) provider: ProviderId,
    pub(crate) records: Vec<Record>,
    pub(crate) opaque: Vec<Opaque>,
    /// When it was listed, if it is what the cache holds.
    pub(crate) cached_at: Option<Timestamp>,
    /// The marks of other tools in the whole listing, of which the records may be a part.
    pub(crate) marks: Marks,
}

/// Prints what was found.
pub(crate) fn print_listed(found: &[Listed], format: ListFormat) -> Result<()> {
    match format {
        ListFormat::Table => table(found),
        ListFormat::Json => print(&listed_as_json(found)?),
        ListFormat::Csv => csv(found),
        ListFormat::Zone => zone(found),
    }
}

/// One record: a row of the CSV, and most of an element of the JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    provider: &'a str,
    zone: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    rtype: String,
    value: String,
    ttl: Option<JsonTtl>,
    proxied: Option<bool>,
    enabled: Option<bool>,
    comment: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    mark: Option<JsonMark>,
}

#[derive(Debug, Serialize)]
struct JsonMark {
    tool: &'static str,
    owner: Option<String>,
}

impl From<Mark> for JsonMark {
    fn from(Mark { tool, owner }: Mark) -> Self {
        Self { tool, owner }
    }
}

#[derive(Debug, Serialize)]
struct OpaqueRow<'a> {
    provider: &'a str,
    zone: &'a str,
    name: Option<&'a str>,
    #[serde(rename = "type")]
    rtype: Option<String>,
    text: &'a str,
    why: &'a str,
}

#[derive(Debug, Serialize)]
struct ListingRow<'a> {
    provider: &'a str,
    zone: &'a str,
    cached_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listing<'a> {
    listings: Vec<ListingRow<'a>>,
    records: Vec<JsonRow<'a>>,
    opaque: Vec<OpaqueRow<'a>>,
}

fn records(found: &[Listed]) -> impl Iterator<Item = (&Listed, &Record)> {
    found.iter().flat_map(|listed| listed.records.iter().map(move |record| (listed, record)))
}

fn row<'a>(provider: &'a ProviderId, record: &'a Record) -> Row<'a> {
    Row {
        provider: &provider.name,
        zone: provider.zone.as_str(),
        name: record.name().as_str(),
        rtype: record.rtype().to_string(),
        value: record.key.data.to_string(),
        ttl: record.ttl.map(JsonTtl::from),
        proxied: record.proxied,
        enabled: record.enabled,
        comment: record.comment.as_deref(),
    }
}

fn table(found: &[Listed]) -> Result<()> {
    let rows = records(found).map(|(listed, record)| {
        let ttl = record.ttl.map(|ttl| ttl.to_string()).unwrap_or_default();
        let remarks = remarks(record, listed.marks.mark_of(record));
        [record.name().to_string(), record.rtype().to_string(), record.key.data.to_string(), ttl, remarks]
    });
    let opaque = found.iter().flat_map(|listed| &listed.opaque).map(|entry| {
        let name = entry.name.as_ref().map(ToString::to_string).unwrap_or_default();
        let rtype = entry.rtype.as_ref().map(ToString::to_string).unwrap_or_default();
        [name, rtype, entry.text.clone(), String::new(), format!("left alone: {}", entry.why)]
    });
    let rows: Vec<_> = rows.chain(opaque).collect();
    if rows.is_empty() {
        return Ok(());
    }
    print_table(["NAME", "TYPE", "VALUE", "TTL", "REMARKS"], rows)
}

/// What is out of the ordinary about a record.
fn remarks(record: &Record, mark: Option<Mark>) -> String {
    let mut remarks: Vec<String> = mark.iter().map(ToString::to_string).collect();
    if record.proxied == Some(true) {
        remarks.push("proxied".to_owned());
    }
    if record.enabled == Some(false) {
        remarks.push("switched off".to_owned());
    }
    if record.handles.len() > 1 {
        remarks.push(format!("stored {} times", record.handles.len()));
    }
    if record.name().is_tombstone() {
        remarks.push("on its way out".to_owned());
    }
    remarks.extend(record.comment.iter().map(|comment| format!("# {comment}")));
    remarks.join(", ")
}

/// Returns what was found as JSON.
pub(crate) fn listed_as_json(found: &[Listed]) -> Result<String> {
    let opaque = found.iter().flat_map(|listed| {
        listed.opaque.iter().map(|entry| OpaqueRow {
            provider: &listed.provider.name,
            zone: listed.provider.zone.as_str(),
            name: entry.name.as_ref().map(|name| name.as_str()),
            rtype: entry.rtype.as_ref().map(ToString::to_string),
            text: &entry.text,
            why: &entry.why,
        })
    });
    let listings = found.iter().map(|listed| ListingRow {
        provider: &listed.provider.name,
        zone: listed.provider.zone.as_str(),
        cached_at: listed.cached_at.map(|cached_at| cached_at.to_string()),
    });
    let records = records(found).map(|(listed, record)| JsonRow {
        row: row(&listed.provider, record),
        mark: listed.marks.mark_of(record).map(JsonMark::from),
    });
    to_json(&Listing { listings: listings.collect(), records: records.collect(), opaque: opaque.collect() })
}

fn csv(found: &[Listed]) -> Result<()> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(["provider", "zone", "name", "type", "value", "ttl", "proxied", "enabled", "comment"])?;
    for (listed, record) in records(found) {
        writer.serialize(row(&listed.provider, record))?;
    }
    print(&String::from_utf8(writer.into_inner()?)?)
}

/// Absolute names, one line a record; what is no record, and what a zone file cannot say, stands in comments.
fn zone(found: &[Listed]) -> Result<()> {
    let mut out = String::new();
    for listed in found {
        for record in &listed.records {
            let ttl = match record.ttl {
                Some(Ttl::Seconds(seconds)) => format!("{seconds}\t"),
                Some(Ttl::Automatic) | None => String::new(),
            };
            let switched_off = if record.enabled == Some(false) { "; " } else { "" };
            let (name, rtype, value) = (record.name().with_dot(), record.rtype(), record.key.data.to_zone_text());
            writeln!(out, "{switched_off}{name}\t{ttl}IN\t{rtype}\t{value}")?;
        }
        for entry in &listed.opaque {
            writeln!(out, "; left alone: {} ({})", printable(&entry.text), entry.why)?;
        }
    }
    print(&out)
}
