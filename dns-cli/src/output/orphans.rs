//! Orphans, for people and as JSON.

use std::time::Duration;

use anyhow::Result;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::tracked::{OrphanReason, Orphaned, TrackedRecord};
use jiff::Unit;
use serde::Serialize;

use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::output::{JsonTtl, duration, print_json, print_table};

/// What is ours, and an orphan.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) provider: ProviderId,
    pub(crate) tracked: TrackedRecord,
    pub(crate) orphaned: Orphaned,
}

impl Orphan {
    /// Returns what is left of the grace. What is gone is never deleted.
    fn left(&self, grace: Duration) -> Option<Duration> {
        (self.orphaned.reason == OrphanReason::Unwanted).then(|| grace.saturating_sub(self.orphaned.age))
    }
}

/// Prints orphans; of each unwanted one what is left of that grace.
pub(crate) fn print_orphans(orphans: &[Orphan], grace: Duration, format: ReportFormat) -> Result<()> {
    match format {
        ReportFormat::Json => {
            print_json(&JsonOrphans { orphans: orphans.iter().map(|one| json(one, grace)).collect() })
        }
        ReportFormat::Table if orphans.is_empty() => Ok(()),
        ReportFormat::Table => print_table(
            ["PROVIDER", "NAME", "TYPE", "VALUE", "REASON", "SINCE", "OBSERVED", "GRACE LEFT", "WANTED BY"],
            orphans.iter().map(|one| row(one, grace)),
        ),
    }
}

fn row(orphan: &Orphan, grace: Duration) -> [String; 9] {
    let (record, since) = (&orphan.tracked.record, orphan.orphaned.since);
    let left = match orphan.left(grace) {
        None => String::new(),
        Some(left) if left.is_zero() => "over".into(),
        Some(left) => duration(left),
    };
    let origins: Vec<&str> = orphan.tracked.origins.iter().map(Origin::as_str).collect();
    [
        orphan.provider.to_string(),
        record.name().to_string(),
        record.rtype().to_string(),
        record.key.data.to_string(),
        orphan.orphaned.reason.to_string(),
        since.round(Unit::Second).unwrap_or(since).to_string(),
        duration(orphan.orphaned.age),
        left,
        origins.join(", "),
    ]
}

#[derive(Debug, Serialize)]
struct JsonOrphans<'a> {
    orphans: Vec<JsonOrphan<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonOrphan<'a> {
    provider: &'a str,
    zone: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    rtype: String,
    value: String,
    ttl: Option<JsonTtl>,
    reason: &'static str,
    since: String,
    observed_seconds: u64,
    grace_left_seconds: Option<u64>,
    origins: Vec<&'a str>,
}

fn json(orphan: &Orphan, grace: Duration) -> JsonOrphan<'_> {
    let record = &orphan.tracked.record;
    JsonOrphan {
        provider: &orphan.provider.name,
        zone: orphan.provider.zone.as_str(),
        name: record.name().as_str(),
        rtype: record.rtype().to_string(),
        value: record.key.data.to_string(),
        ttl: record.ttl.map(JsonTtl::from),
        reason: orphan.orphaned.reason.as_str(),
        since: orphan.orphaned.since.to_string(),
        observed_seconds: orphan.orphaned.age.as_secs(),
        grace_left_seconds: orphan.left(grace).map(|left| left.as_secs()),
        origins: orphan.tracked.origins.iter().map(Origin::as_str).collect(),
    }
}
