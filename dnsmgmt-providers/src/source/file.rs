//! A declarative file: zones and their records as TOML.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::record::{Record, RecordData, RecordKey, RecordType, Ttl};
use dnsmgmt_core::source::{Desired, Place, SourceError, Wanted, ZoneRules};
use toml::Spanned;
use toml::de::DeValue;

use super::{failed, unreadable};
use crate::config::Diagnostic;
use crate::config::check;
use crate::config::diagnostic::Source;
use crate::config::table::{self, Table, Text, with_article};
use crate::duration;

/// The keys of the file, of a zone, and of a record that is a table. `docs/records.schema.json` has the same.
pub(super) const TOP_LEVEL: [&str; 1] = ["zones"];
pub(super) const ZONE: [&str; 6] = ["name", "provider", "ttl", "wildcard_dns", "proxied", "records"];
pub(super) const RECORD: [&str; 6] = ["type", "value", "values", "ttl", "proxied", "comment"];

/// Reads the file; one without zones wants nothing.
pub(super) fn read(path: &Path, origin: &Origin) -> Result<Desired, SourceError> {
    let shown = path.to_string_lossy();
    let text = fs::read_to_string(path).map_err(|error| unreadable(&shown, &error))?;
    let source = Source { path: path.to_owned(), text, secretive: false };
    parse(&source, origin).map_err(|error| failed(&shown, error))
}

fn parse(source: &Source, origin: &Origin) -> Result<Desired, Diagnostic> {
    let root = table::parse(source)?;
    let top = Table::of_file(source, &root);
    top.only(&TOP_LEVEL)?;
    let mut desired = Desired { read: vec![origin.clone()], ..Desired::default() };
    let mut seen = BTreeSet::new();
    for entry in top.array("zones")?.unwrap_or_default() {
        let block = Block::read(&top.child("an entry of `zones`".into(), entry.span(), entry)?, origin)?;
        if !seen.insert(block.place.clone()) {
            let message = format!("the zone `{}` is there twice with the same provider", block.zone);
            return Err(source.wrong(entry.span(), message).help("put its records into one block"));
        }
        if block.wanted.is_empty() {
            desired.empty.push(origin.piece(block.zone.as_str()));
        }
        desired.zones.push(ZoneRules { place: block.place, wildcard_dns: block.wildcard_dns });
        desired.wanted.extend(block.wanted);
    }
    Ok(desired)
}

/// A zone of the file.
struct Block {
    zone: Name,
    place: Place,
    wildcard_dns: bool,
    wanted: Vec<Wanted>,
}

impl Block {
    fn read(table: &Table<'_>, origin: &Origin) -> Result<Self, Diagnostic> {
        table.only(&ZONE)?;
        let zone = table.required("name")?;
        let zone = zone_name(zone.text).map_err(|why| table.source.wrong(zone.at, why))?;
        let provider = table.text("provider")?.map(|text| provider(table, &text)).transpose()?;
        let place = Place { provider, zone: Some(zone.clone()) };
        let default = Attributes { ttl: ttl(table)?, proxied: table.flag("proxied")?, comment: None };
        let mut records =
            Records { source: table.source, zone: &zone, default, found: Vec::new(), seen: BTreeSet::new() };
        if let Some(names) = table.table("records")? {
            for (key, at, value) in names.entries() {
                records.name(key, at, value)?;
            }
        }
        let piece = origin.piece(zone.as_str());
        let wanted = |record| Wanted { origin: piece.clone(), place: place.clone(), record };
        let wanted = records.found.into_iter().map(wanted).collect();
        Ok(Self { wildcard_dns: table.flag("wildcard_dns")?.unwrap_or(true), place, wanted, zone })
    }
}

fn zone_name(text: &str) -> Result<Name, String> {
    if text == "." { Ok(Name::root()) } else { check::zone(text) }
}

fn provider(table: &Table<'_>, text: &Text<'_>) -> Result<String, Diagnostic> {
    check::provider_name(text.text).map_err(|why| table.source.wrong(text.at.clone(), why))?;
    Ok(text.text.into())
}

fn ttl(table: &Table<'_>) -> Result<Option<Ttl>, Diagnostic> {
    let Some((_, at, value)) = table.entry("ttl") else { return Ok(None) };
    let wrong = |why| table.source.wrong(value.span(), why);
    match value.get_ref() {
        DeValue::String(text) => duration::ttl(text).map(Some).map_err(wrong),
        DeValue::Integer(number) => {
            let seconds = u64::from_str_radix(number.as_str(), number.radix());
            let seconds = seconds.map_err(|_| wrong("a TTL cannot be negative, or larger than 2147483647".into()))?;
            duration::seconds(seconds).map(Some).map_err(wrong)
        }
        other => Err(table.mistyped("ttl", at, "seconds, or a string such as \"5m\" or \"auto\"", other)),
    }
}

/// What may vary about a record.
#[derive(Clone)]
struct Attributes {
    ttl: Option<Ttl>,
    proxied: Option<bool>,
    comment: Option<String>,
}

/// The records of a zone, as they are read.
struct Records<'a> {
    source: &'a Source,
    zone: &'a Name,
    default: Attributes,
    found: Vec<Record>,
    seen: BTreeSet<RecordKey>,
}

impl<'a> Records<'a> {
    /// Reads what stands at a name: a value, a table, or an array of both.
    fn name(&mut self, key: &str, at: Range<usize>, value: &'a Spanned<DeValue<'a>>) -> Result<(), Diagnostic> {
        let name = owner(key, self.zone).map_err(|error| error.diagnostic(self.source, at.clone()))?;
        let DeValue::Array(entries) = value.get_ref() else { return self.one(key, &name, at, value) };
        if entries.is_empty() {
            return Err(self.without_value(key, at));
        }
        entries.iter().try_for_each(|entry| self.one(key, &name, entry.span(), entry))
    }

    fn one(
        &mut self,
        key: &str,
        name: &Name,
        at: Range<usize>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Result<(), Diagnostic> {
        match value.get_ref() {
            DeValue::String(text) if text.is_empty() => Err(self.without_value(key, at)),
            DeValue::String(text) => {
                let text = Text { text, at: value.span(), key: at };
                self.add(name, None, &text, self.default.clone())
            }
            DeValue::Table(table) => {
                let title = format!("the record of `{key}`");
                self.table(name, &Table { source: self.source, title, at, table })
            }
            other => {
                let message = format!("a record of `{key}` must be a string or a table, not {}", with_article(other));
                Err(self.source.wrong(value.span(), message))
            }
        }
    }

    fn table(&mut self, name: &Name, table: &Table<'a>) -> Result<(), Diagnostic> {
        table.only(&RECORD).map_err(|error| error.help("a name with dots is written in quotes: \"a.b\" = ..."))?;
        let rtype = table.text("type")?.map(|text| self.rtype(name, &text)).transpose()?;
        let attributes = Attributes {
            ttl: ttl(table)?.or(self.default.ttl),
            proxied: table.flag("proxied")?.or(self.default.proxied),
            comment: table.text("comment")?.map(|text| text.text.into()),
        };
        let values = match (table.text("value")?, table.array("values")?.is_some()) {
            (Some(value), false) => vec![value],
            (None, true) => table.texts("values")?,
            (None, false) => return Err(table.missing("value")),
            (Some(value), true) => {
                let message = format!("both `value` and `values` are given in {}", table.title);
                return Err(self.source.wrong(value.key, message).help("keep one of them"));
            }
        };
        values.iter().try_for_each(|value| self.add(name, rtype.as_ref(), value, attributes.clone()))
    }

    fn rtype(&self, name: &Name, text: &Text<'_>) -> Result<RecordType, Diagnostic> {
        let wrong = |message: String| self.source.wrong(text.at.clone(), message);
        let rtype = RecordType::parse(text.text).map_err(|why| wrong(why.to_string()))?;
        if rtype.is_zone_machinery() {
            return Err(wrong(format!("{rtype} belongs to the zone itself, which is left alone")));
        }
        if rtype == RecordType::Ns && name == self.zone {
            return Err(wrong(format!("the name servers of `{name}` belong to the zone itself, which is left alone")));
        }
        Ok(rtype)
    }

    fn add(
        &mut self,
        name: &Name,
        rtype: Option<&RecordType>,
        text: &Text<'_>,
        attributes: Attributes,
    ) -> Result<(), Diagnostic> {
        let wrong = |message: String| self.source.wrong(text.at.clone(), message);
        let data = rtype.map_or_else(|| RecordData::infer(text.text), |rtype| RecordData::parse(rtype, text.text));
        let data = data.map_err(|why| {
            let cause = std::error::Error::source(&why).map_or_else(String::new, |cause| format!(": {cause}"));
            wrong(format!("{why}{cause}"))
        })?;
        if let Some(target) = target(&data).filter(|target| self.looks_relative(target, text.text)) {
            let reading = format!("`{target}.{}`", self.zone);
            let wrong = wrong(format!("`{target}` is a name of one label, and values are absolute"));
            return Err(wrong.help(format!("write {reading}, or `{target}.` if that is meant")));
        }
        let record = Record {
            ttl: attributes.ttl,
            proxied: attributes.proxied,
            comment: attributes.comment,
            ..Record::new(name.clone(), data)
        };
        if !self.seen.insert(record.key.clone()) {
            return Err(wrong(format!("the record `{record}` is there twice")));
        }
        self.found.push(record);
        Ok(())
    }

    fn without_value(&self, key: &str, at: Range<usize>) -> Diagnostic {
        let wrong = self.source.wrong(at, format!("`{key}` has no value"));
        wrong.help("leave the name out if it is to have no records")
    }

    /// A dot at its end says that it is not.
    fn looks_relative(&self, target: &Name, text: &str) -> bool {
        !self.zone.is_root() && target.labels().count() == 1 && !text.trim_end().ends_with('.')
    }
}

/// Returns the name that a value points to.
fn target(data: &RecordData) -> Option<&Name> {
    match data {
        RecordData::Cname(name) | RecordData::Ns(name) | RecordData::Ptr(name) => Some(name),
        RecordData::Mx { exchange, .. } => Some(exchange),
        RecordData::Srv { target, .. } => Some(target),
        _ => None,
    }
}

/// Reads an owner as it stands in a zone's block: relative to the zone, `@` for its apex, absolute with a dot at its end.
fn owner(key: &str, zone: &Name) -> Result<Name, OwnerError> {
    if key == "@" {
        return if zone.is_root() { Err(OwnerError::NoApex) } else { Ok(zone.clone()) };
    }
    let name = Name::parse(key)?;
    if name.is_root() {
        return Err(OwnerError::NoApex);
    }
    if is_absolute(key) {
        return if name.is_within(zone) { Ok(name) } else { Err(OwnerError::Outside { zone: zone.clone() }) };
    }
    if zone.is_root() {
        return Ok(name);
    }
    let below = Name::parse(&format!("{name}.{zone}"))?;
    if let Some(relative) = name.relative_to(zone) {
        return Err(OwnerError::RepeatsZone { relative: relative.into(), name, below });
    }
    Ok(below)
}

/// Returns whether the text of a name ends with a dot, any of those that IDNA knows, which is not escaped.
fn is_absolute(key: &str) -> bool {
    let backslashes = |head: &str| head.bytes().rev().take_while(|octet| *octet == b'\\').count();
    key.strip_suffix(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).is_some_and(|head| backslashes(head) % 2 == 0)
}

/// Why a key is not an owner in its zone.
#[derive(Debug, thiserror::Error)]
enum OwnerError {
    #[error(transparent)]
    Name(#[from] dnsmgmt_core::name::NameError),
    #[error("the root has no records here; write a name")]
    NoApex,
    #[error("with a dot at its end the name is absolute, and it does not lie in the zone `{zone}`")]
    Outside { zone: Name },
    #[error("`{name}` repeats the zone, and names are relative to it")]
    RepeatsZone { relative: String, name: Name, below: Name },
}

impl OwnerError {
    fn diagnostic(&self, source: &Source, at: Range<usize>) -> Diagnostic {
        let wrong = source.wrong(at, self.to_string());
        match self {
            Self::RepeatsZone { relative, name, below } => {
                wrong.help(format!("write \"{relative}\" for `{name}`, or \"{}\" for `{below}`", below.with_dot()))
            }
            Self::Outside { .. } => wrong.help("put it into a block of its own zone"),
            Self::Name(_) | Self::NoApex => wrong,
        }
    }
}
