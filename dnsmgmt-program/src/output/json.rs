//! What the JSON of several programs has in common.

use std::time::Duration;

use dnsmgmt_core::brake::Held;
use dnsmgmt_core::record::{Record, RecordKey};
use serde::Serialize;

/// A record by its key.
#[derive(Debug, Serialize)]
pub struct JsonRecord<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    rtype: String,
    value: String,
}

impl<'a> From<&'a RecordKey> for JsonRecord<'a> {
    fn from(key: &'a RecordKey) -> Self {
        Self { name: key.name.as_str(), rtype: key.rtype().to_string(), value: key.data.to_string() }
    }
}

impl<'a> From<&'a Record> for JsonRecord<'a> {
    fn from(record: &'a Record) -> Self {
        (&record.key).into()
    }
}

/// An orphan whose grace is not over.
#[derive(Debug, Serialize)]
pub struct JsonWaiting<'a> {
    #[serde(flatten)]
    record: JsonRecord<'a>,
    grace_left_seconds: u64,
}

impl<'a> From<&'a (Record, Duration)> for JsonWaiting<'a> {
    /// A grace that is not over is never shown as none.
    fn from((record, left): &'a (Record, Duration)) -> Self {
        let grace_left_seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        Self { record: record.into(), grace_left_seconds }
    }
}

/// An origin of which nothing was judged.
#[derive(Debug, Serialize)]
pub struct JsonNotJudged<'a> {
    /// The origin.
    pub origin: &'a str,
    /// Why.
    pub why: &'a str,
}

/// A plan that the brake holds.
#[derive(Debug, Serialize)]
pub struct JsonHeld {
    plan: String,
    deletions: usize,
    claims: usize,
    max_delete: u8,
}

impl From<&Held> for JsonHeld {
    fn from(held: &Held) -> Self {
        let Held { deletions, claims, max_delete, .. } = *held;
        Self { plan: held.id.to_string(), deletions, claims, max_delete }
    }
}
