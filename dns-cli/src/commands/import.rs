//! `dns-cli import`

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use dnsmgmt_core::by_hand::ByHand;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Capabilities, DnsProvider as _, TtlSupport};
use dnsmgmt_core::record::{Record, RecordType};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_providers::zonefile::{Zonefile, ZonefileConfig};

use crate::args::{Attributes, Import};
use crate::commands::add;
use crate::commands::change::{self, same_place};
use crate::input::{self, Entry};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::output::printable;

pub(crate) async fn run(context: &Context, args: Import) -> Result<Exit> {
    let entries = read(context, &args.file).await?;
    let (machinery, entries): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_machinery);
    say_machinery(&machinery);
    let wanted = add::from_input(&Attributes::default(), &entries)?;
    let names: BTreeSet<Name> = wanted.iter().map(|record| record.name().clone()).collect();
    let names: Vec<Name> = names.into_iter().collect();
    let decide = |by_hand: &mut ByHand<'_>, can: &Capabilities, names: &[Name]| {
        let here: BTreeSet<&Name> = names.iter().collect();
        for entry in entries.iter().filter(|entry| here.contains(&entry.name)) {
            same_place(context, entry, by_hand.provider())?;
        }
        for record in wanted.iter().filter(|record| here.contains(record.name())) {
            if record.rtype() == RecordType::Ns && *record.name() == by_hand.provider().zone {
                eprintln!("left out, because it is the zone's own: {} NS {}", record.name(), record.key.data);
            } else if by_hand.before().records.contains(&record.key) {
                // What is there stays as it is, whatever the file says of its TTL.
                by_hand.add(Record::new(record.name().clone(), record.key.data.clone()));
            } else {
                by_hand.add(with_ttl_if_possible(add::switched_on(record, can), can));
            }
        }
        Ok(())
    };
    change::run(context, &names, &args.change, decide).await
}

/// Every record of a zone file has a TTL, which nobody misses where all records have the same.
fn with_ttl_if_possible(record: Record, can: &Capabilities) -> Record {
    let ttl = record.ttl.filter(|_| can.ttl != TtlSupport::Fixed);
    Record { ttl, ..record }
}

/// Reads a zone file, or what `add -` reads.
async fn read(context: &Context, path: &Path) -> Result<Vec<Entry>> {
    let shown = path.display().to_string();
    let octets = fs::read(path).with_context(|| format!("read {shown}"))?;
    let text = String::from_utf8_lossy(&octets);
    if is_zone_file(&text) {
        return zone_file(context, path).await;
    }
    let text = std::str::from_utf8(&octets).map_err(|_| UsageError(format!("{shown} is not UTF-8")))?;
    input::read(text, &shown)
}

/// Returns whether a text has what only zone files have: a directive, or an SOA in its place behind name, TTL and class.
fn is_zone_file(text: &str) -> bool {
    let is_soa = |word: &str| word.eq_ignore_ascii_case("SOA");
    text.lines().any(|line| line.starts_with('$') || line.split_whitespace().take(4).any(is_soa))
}

/// Reads a zone file (RFC 1035 section 5): the zone is the one that the file says, else `--zone`.
async fn zone_file(context: &Context, path: &Path) -> Result<Vec<Entry>> {
    let config = |origin| ZonefileConfig { name: "import".into(), path: path.to_owned(), origin, make_missing: false };
    let zone = match (Zonefile::open(config(None)), &context.zone) {
        (Err(_), Some(zone)) => Zonefile::open(config(Some(zone.clone())))?,
        (opened, _) => opened?,
    };
    let listing = zone.list(&Scope::Zone).await?;
    for entry in &listing.opaque {
        eprintln!("left out: {} ({})", printable(&entry.text), entry.why);
    }
    Ok(listing.records.into_iter().map(entry).collect())
}

fn entry(record: Record) -> Entry {
    Entry {
        listed_at: None,
        name: record.key.name,
        rtype: None,
        data: Some(record.key.data),
        ttl: record.ttl,
        proxied: record.proxied,
        enabled: record.enabled,
        comment: record.comment,
    }
}

fn is_machinery(entry: &Entry) -> bool {
    entry.data.as_ref().is_some_and(|data| data.rtype().is_zone_machinery())
}

fn say_machinery(entries: &[Entry]) {
    let types: BTreeSet<String> =
        entries.iter().filter_map(|entry| Some(entry.data.as_ref()?.rtype().to_string())).collect();
    if !types.is_empty() {
        let types: Vec<String> = types.into_iter().collect();
        eprintln!(
            "left out, because the zone's own server makes them: {} records of {}",
            entries.len(),
            types.join(", ")
        );
    }
}
