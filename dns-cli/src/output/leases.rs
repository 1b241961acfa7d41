//! Who lives where, as a table and as JSON.

use std::time::Duration;

use anyhow::Result;
use dnsmgmt_core::brake::Waiting;
use dnsmgmt_core::lease::{Judgement, Lease, Seen, Term};
use dnsmgmt_core::plan::PlanId;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::Record;
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::output::{age, duration, print_json, print_table};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// The leases of a zone.
pub(crate) struct LeasesOf {
    pub(crate) provider: ProviderId,
    pub(crate) leases: Vec<Lease>,
    /// Since when each is known, where a clean-up of this database saw it.
    pub(crate) since: Vec<Option<Timestamp>>,
    pub(crate) term: Term,
    /// Whether a clean-up of this database looks at the zone.
    pub(crate) is_observed: bool,
    /// What the brake holds there.
    pub(crate) waiting: Vec<Waiting>,
}

pub(crate) fn print_leases(zones: &[LeasesOf], format: ReportFormat) -> Result<()> {
    match format {
        ReportFormat::Table => {
            let header = ["NAME", "ADDRESS", "INSTANCE", "LAST HEARTBEAT", "EXPIRES", "KNOWN SINCE", "REMARKS"];
            print_table(header, zones.iter().flat_map(LeasesOf::rows))
        }
        ReportFormat::Json => print_json(&Json { leases: zones.iter().flat_map(LeasesOf::json).collect::<Vec<_>>() }),
    }
}

impl LeasesOf {
    fn each(&self) -> impl Iterator<Item = (&Lease, Option<Timestamp>)> {
        self.leases.iter().zip(self.since.iter().copied())
    }

    /// Returns a row for each heartbeat, and one for an address without any.
    fn rows(&self) -> Vec<[String; 7]> {
        let row = |lease: &Lease, since: Option<Timestamp>, seen: Option<&Seen>| {
            let heartbeat = seen.map(|seen| &seen.heartbeat);
            let time = heartbeat.and_then(|heartbeat| heartbeat.time);
            [
                lease.member.domain.to_string(),
                lease.member.address.to_string(),
                heartbeat.and_then(|heartbeat| heartbeat.instance.clone()).unwrap_or_default(),
                time.map(|time| self.ago(time)).unwrap_or_default(),
                self.expires(lease, seen),
                since.map(|since| format!("{since:.0}")).unwrap_or_default(),
                self.remarks(lease, seen).join("; "),
            ]
        };
        let of_lease = |(lease, since): (&Lease, Option<Timestamp>)| match &lease.heartbeats[..] {
            [] => vec![row(lease, since, None)],
            heartbeats => heartbeats.iter().map(|seen| row(lease, since, Some(seen))).collect(),
        };
        self.each().flat_map(of_lease).collect()
    }

    fn ago(&self, time: Timestamp) -> String {
        match self.left(time) > SignedDuration::try_from(self.term.threshold).unwrap_or(SignedDuration::MAX) {
            true => "in the future".into(),
            false => format!("{} ago", age(self.term.now, time)),
        }
    }

    /// Says when it is over for a clean-up of this database; where none looks, by the heartbeat's own time, as far as that says anything.
    fn expires(&self, lease: &Lease, seen: Option<&Seen>) -> String {
        let left = match seen {
            Some(seen) => self.left_of(seen),
            None => lease.missing.and_then(|missing| self.term.judge_missing(missing).left()),
        };
        let over = || seen?.heartbeat.time.map(|time| self.left(time)).filter(|left| left.is_negative());
        match (left, over()) {
            (Some(left), _) => format!("in {}", duration(left)),
            (None, Some(over)) => format!("{} ago", duration(over.unsigned_abs())),
            (None, None) => String::new(),
        }
    }

    /// Returns for how long a heartbeat counts still, if it does.
    fn left_of(&self, seen: &Seen) -> Option<Duration> {
        match (self.term.judge(seen), seen.heartbeat.time) {
            (Judgement::Counts(_), Some(time)) if !self.is_observed => Duration::try_from(self.left(time)).ok(),
            (judged, _) => judged.left(),
        }
    }

    /// Returns the plan that is held and would remove a lease.
    fn held(&self, lease: &Lease) -> Option<PlanId> {
        let heartbeats = lease.heartbeats.iter().map(|seen| &seen.record);
        let mut records = lease.address.iter().chain(heartbeats);
        let holds = |record: &Record| self.waiting.iter().find(|waiting| waiting.deletions.contains(&record.key));
        records.find_map(holds).map(|waiting| waiting.id)
    }

    /// Returns how long the heartbeat counts by its own time.
    fn left(&self, time: Timestamp) -> SignedDuration {
        let threshold = SignedDuration::try_from(self.term.threshold).unwrap_or(SignedDuration::MAX);
        threshold.saturating_sub(self.term.now.duration_since(time))
    }

    fn remarks(&self, lease: &Lease, seen: Option<&Seen>) -> Vec<String> {
        let mut remarks = Vec::new();
        if lease.address.is_none() {
            remarks.push("its address is not there".to_owned());
        }
        match seen.map(|seen| self.term.judge(seen)) {
            None if lease.missing.is_some() => remarks.push("its heartbeat is gone".into()),
            None => remarks.push("it never had a heartbeat, so it stays".into()),
            Some(Judgement::Malformed(_)) => remarks.push("its heartbeat makes no sense".into()),
            Some(Judgement::FromTheFuture(_)) => remarks.push("its heartbeat is ahead of this clock".into()),
            Some(Judgement::Counts(_) | Judgement::Expired) => {}
        }
        let is_old = |seen: &Seen| seen.heartbeat.time.is_some_and(|time| self.left(time).is_negative());
        match (lease.is_expired(self.term), self.held(lease), seen.filter(|seen| is_old(seen))) {
            (true, Some(plan), _) => {
                let how = format!("`dns-cleanup heartbeats --approve {plan}`");
                remarks.push(format!("it is over, and the brake holds it: {how}"));
            }
            (true, None, _) => remarks.push("the next clean-up removes it".into()),
            (false, _, Some(seen)) if self.is_observed => {
                remarks.push(format!("seen unchanged for {}", duration(seen.unchanged)));
            }
            (false, _, Some(_)) => remarks.push("no clean-up of this database watches it".into()),
            (false, _, None) => {}
        }
        remarks
    }

    fn json(&self) -> Vec<JsonLease<'_>> {
        let heartbeat = |seen: &Seen| JsonHeartbeat {
            instance: seen.heartbeat.instance.clone(),
            time: seen.heartbeat.time.map(|time| time.to_string()),
            expires_in_seconds: seen.heartbeat.time.map(|time| self.left(time).as_secs()),
            unchanged_seconds: self.seconds(seen.unchanged),
            left_seconds: self.term.judge(seen).left().and_then(|left| self.seconds(left)),
        };
        let lease = |(lease, since): (&Lease, Option<Timestamp>)| JsonLease {
            provider: &self.provider.name,
            zone: self.provider.zone.as_str(),
            name: lease.member.domain.to_string(),
            address: lease.member.address.to_string(),
            there: lease.address.is_some(),
            heartbeats: lease.heartbeats.iter().map(heartbeat).collect(),
            missing_seconds: lease.missing.and_then(|missing| self.seconds(missing)),
            known_since: since.map(|since| since.to_string()),
            expired: lease.is_expired(self.term),
        };
        self.each().map(lease).collect()
    }

    /// Returns what a clean-up saw; nothing where none looks.
    fn seconds(&self, seen: Duration) -> Option<u64> {
        self.is_observed.then_some(seen.as_secs())
    }
}

#[derive(Serialize)]
struct Json<T> {
    leases: T,
}

#[derive(Serialize)]
struct JsonLease<'a> {
    provider: &'a str,
    zone: &'a str,
    name: String,
    address: String,
    there: bool,
    heartbeats: Vec<JsonHeartbeat>,
    missing_seconds: Option<u64>,
    known_since: Option<String>,
    expired: bool,
}

#[derive(Serialize)]
struct JsonHeartbeat {
    instance: Option<String>,
    time: Option<String>,
    expires_in_seconds: Option<i64>,
    unchanged_seconds: Option<u64>,
    left_seconds: Option<u64>,
}
