//! Records as rows, and back.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row;
use serde_json::{Map, Value, json};

use super::error::Failure;
use crate::fnv::Fnv;
use crate::name::Name;
use crate::origin::Origin;
use crate::record::{Handle, Record, RecordData, RecordKey, RecordType, Ttl};

/// What stands in `ttl` where the provider chooses. No TTL is negative (RFC 2181 section 8).
const AUTOMATIC: i64 = -1;

/// A record's attributes as they stand in a row.
pub(crate) struct Columns<'a> {
    pub(crate) name: &'a str,
    pub(crate) rtype: RecordType,
    pub(crate) content: String,
    pub(crate) ttl: Option<i64>,
    pub(crate) proxied: Option<bool>,
    pub(crate) enabled: Option<bool>,
    pub(crate) comment: Option<&'a str>,
    pub(crate) record_id: Option<&'a str>,
    pub(crate) other_ids: Option<String>,
}

impl<'a> From<&'a Record> for Columns<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            name: record.key.name.as_str(),
            rtype: record.rtype(),
            content: record.key.data.to_string(),
            ttl: record.ttl.map(ttl_column),
            proxied: record.proxied,
            enabled: record.enabled,
            comment: record.comment.as_deref(),
            record_id: record.handles.first().map(|handle| &*handle.0),
            other_ids: other_ids(&record.handles),
        }
    }
}

impl Columns<'_> {
    /// Returns a hash of everything about the record but its ids: 64-bit FNV-1a, the same in every version and on every machine.
    pub(crate) fn fingerprint(&self) -> String {
        let flag = |flag: Option<bool>| flag.map_or(b'-', |set| if set { b'1' } else { b'0' });
        let ttl = self.ttl.unwrap_or(i64::MIN).to_le_bytes();
        let mut hash = Fnv::new();
        // No text here holds a zero octet, so that two records never have one sequence.
        for part in [self.name, self.rtype.as_str(), &self.content, self.comment.map_or("\0", |comment| comment)] {
            hash.add(part.as_bytes());
            hash.add(&[0]);
        }
        hash.add(&ttl);
        hash.add(&[flag(self.proxied), flag(self.enabled)]);
        format!("{:016x}", hash.finish())
    }
}

/// Reads a record from a row of `table` whose first columns are id, name, type, content, ttl, proxied, enabled, comment, record_id,
/// other_ids.
pub(crate) fn record(row: &Row<'_>, table: &'static str) -> Result<Record, Failure> {
    let id: i64 = row.get(0)?;
    let wrong = |problem: String| Failure::Row { table, id, problem };
    let RecordKey { name, data } = key(row, table)?;
    let mut record = Record::new(name, data);
    record.ttl = row.get::<_, Option<i64>>(4)?.map(ttl).transpose().map_err(wrong)?;
    record.proxied = row.get(5)?;
    record.enabled = row.get(6)?;
    record.comment = row.get(7)?;
    record.handles = handles(row.get(8)?, row.get(9)?).map_err(wrong)?;
    Ok(record)
}

/// Reads a key from a row of `table` whose first columns are id, name, type, content.
pub(crate) fn key(row: &Row<'_>, table: &'static str) -> Result<RecordKey, Failure> {
    let id: i64 = row.get(0)?;
    let wrong = |problem: String| Failure::Row { table, id, problem };
    let name = Name::parse(text(row, 1)?).map_err(|error| wrong(error.to_string()))?;
    let rtype = RecordType::parse(text(row, 2)?).map_err(|error| wrong(error.to_string()))?;
    let data = RecordData::parse(&rtype, text(row, 3)?).map_err(|error| wrong(error.to_string()))?;
    Ok(RecordKey { name, data })
}

/// Returns a text of a row without copying it.
pub(crate) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Failure> {
    let value = row.get_ref(column)?;
    Ok(value
        .as_str()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, value.data_type(), error.into()))?)
}

/// Returns a record as JSON, as it stands in the journal.
pub(crate) fn to_json(record: &Record) -> String {
    let ids: Vec<&str> = record.handles.iter().map(|handle| &*handle.0).collect();
    json!({
        "name": record.name().as_str(),
        "type": record.rtype().as_str(),
        "content": record.key.data.to_string(),
        "ttl": record.ttl.map(ttl_column),
        "proxied": record.proxied,
        "enabled": record.enabled,
        "comment": record.comment,
        "record_ids": ids,
    })
    .to_string()
}

/// Reads a record as it stands in the journal.
pub(crate) fn from_json(text: &str) -> Result<Record, String> {
    let fields: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let field = |name: &str| fields.get(name).filter(|value| !value.is_null());
    let text = |name: &str| field(name).and_then(Value::as_str).ok_or_else(|| format!("`{name}` is missing"));
    let name = Name::parse(text("name")?).map_err(|error| error.to_string())?;
    let rtype = RecordType::parse(text("type")?).map_err(|error| error.to_string())?;
    let data = RecordData::parse(&rtype, text("content")?).map_err(|error| error.to_string())?;
    let mut record = Record::new(name, data);
    record.ttl = field("ttl").and_then(Value::as_i64).map(ttl).transpose()?;
    record.proxied = field("proxied").and_then(Value::as_bool);
    record.enabled = field("enabled").and_then(Value::as_bool);
    record.comment = field("comment").and_then(Value::as_str).map(Into::into);
    let ids = field("record_ids").and_then(Value::as_array);
    record.handles = ids.into_iter().flatten().filter_map(Value::as_str).map(|id| Handle(id.into())).collect();
    Ok(record)
}

/// Returns a time as it stands in a column: RFC 3339 in UTC with milliseconds, so that the order of the texts is that of the
/// times.
pub(crate) fn time(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Reads a time.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("`{text}` is not a time"))
}

/// Returns a duration as it stands in a column.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Reads a duration.
pub(crate) fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

/// Returns origins as JSON.
pub(crate) fn origins_to_json(origins: &BTreeSet<Origin>) -> String {
    json!(origins.iter().map(Origin::as_str).collect::<Vec<_>>()).to_string()
}

/// Reads origins as JSON.
pub(crate) fn origins(text: &str) -> Result<BTreeSet<Origin>, String> {
    let origins: Vec<String> = serde_json::from_str(text).map_err(|error| format!("the origins: {error}"))?;
    Ok(origins.iter().map(|origin| Origin::from_text(origin)).collect())
}

fn ttl_column(ttl: Ttl) -> i64 {
    match ttl {
        Ttl::Automatic => AUTOMATIC,
        Ttl::Seconds(seconds) => seconds.into(),
    }
}

fn ttl(column: i64) -> Result<Ttl, String> {
    match u32::try_from(column) {
        Ok(seconds) => Ok(Ttl::Seconds(seconds)),
        Err(_) if column == AUTOMATIC => Ok(Ttl::Automatic),
        Err(_) => Err(format!("{column} is not a TTL")),
    }
}

/// All but the first: a provider that holds copies of one record has an id for each.
fn other_ids(handles: &[Handle]) -> Option<String> {
    let others: Vec<&str> = handles.iter().skip(1).map(|handle| &*handle.0).collect();
    (!others.is_empty()).then(|| json!(others).to_string())
}

fn handles(record_id: Option<String>, other_ids: Option<String>) -> Result<Vec<Handle>, String> {
    let others: Vec<String> = match other_ids {
        Some(text) => serde_json::from_str(&text).map_err(|error| format!("`other_ids`: {error}"))?,
        None => Vec::new(),
    };
    Ok(record_id.into_iter().chain(others).map(|id| Handle(id.into())).collect())
}
