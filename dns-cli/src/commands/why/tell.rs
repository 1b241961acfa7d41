//! Tells about a name: in sentences, and as JSON.

use std::time::Duration;

use anyhow::Result;
use dnsmgmt_core::heartbeat::Heartbeat;
use dnsmgmt_core::lease::TOLERANCE;
use dnsmgmt_core::mark::Mark;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Record, RecordKey};
use dnsmgmt_core::record_set::Opaque;
use dnsmgmt_core::report::Action;
use dnsmgmt_core::repository::JournalEntry;
use dnsmgmt_core::source::Wanted;
use dnsmgmt_core::tracked::{OrphanReason, Orphaned, TrackedRecord};
use jiff::Timestamp;
use serde::Serialize;

use crate::commands::history::{self, Change, change};
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::output::{JsonTtl, age, duration, print_json, print_lines};

/// All that there is to tell about a name.
pub(super) struct Explained {
    pub(super) name: Name,
    pub(super) is_preserved: bool,
    /// How long an orphan is kept.
    pub(super) grace: Duration,
    /// How long an address is kept after its last heartbeat.
    pub(super) threshold: Duration,
    /// How far back the journal goes.
    pub(super) journal_keep: Duration,
    pub(super) now: Timestamp,
    pub(super) wanted: Vec<Wanted>,
    /// The sources that could not be read, each with why.
    pub(super) unreadable: Vec<(String, String)>,
    pub(super) unasked: Vec<Unasked>,
    pub(super) zones: Vec<AtZone>,
}

/// A provider that could not be asked.
#[derive(Serialize)]
pub(super) struct Unasked {
    pub(super) provider: String,
    pub(super) zone: Option<String>,
    pub(super) problem: String,
}

/// What there is to tell about the name in one zone.
pub(super) struct AtZone {
    pub(super) id: ProviderId,
    /// Whether it is known what the provider holds: it was asked, or the cache was.
    pub(super) was_asked: bool,
    pub(super) cached_at: Option<Timestamp>,
    pub(super) covered_by: Option<Name>,
    /// Records that are there, are remembered, are wanted or were changed.
    pub(super) records: Vec<OfRecord>,
    pub(super) opaque: Vec<Opaque>,
}

/// What there is to tell about one record.
pub(super) struct OfRecord {
    pub(super) key: RecordKey,
    pub(super) there: Option<Record>,
    /// The heartbeats that keep it alive; of a heartbeat itself, what it says.
    pub(super) heartbeats: Vec<Heartbeat>,
    pub(super) mark: Option<Mark>,
    /// The suffix that makes it ours, although it has no claim.
    pub(super) whole: Option<Name>,
    pub(super) tracked: Option<TrackedRecord>,
    /// Who wants it, as the sources say now.
    pub(super) wanted_by: Vec<String>,
    pub(super) last_change: Option<JournalEntry>,
    pub(super) open_changes: Vec<JournalEntry>,
}

pub(super) fn tell(explained: &Explained, format: ReportFormat) -> Result<()> {
    match format {
        ReportFormat::Table => print_lines(explained.sentences()),
        ReportFormat::Json => print_json(&explained.json()),
    }
}

impl Explained {
    fn sentences(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.is_preserved {
            lines.push(format!("{} is preserved: its records are never deleted because nobody wants them.", self.name));
        }
        lines.extend(self.zones.iter().flat_map(|zone| zone.sentences(self)));
        lines.extend(self.wanted_elsewhere());
        for Unasked { provider, zone, problem } in &self.unasked {
            let zone = zone.as_ref().filter(|zone| *zone != ".").map(|zone| format!(" ({zone})")).unwrap_or_default();
            lines.push(format!("{provider}{zone} could not be asked: {problem}."));
        }
        for (source, problem) in &self.unreadable {
            lines.push(format!("{source} could not be read, so what it wants now is not known: {problem}."));
        }
        if self.zones.iter().all(AtZone::is_unknown) && self.wanted.is_empty() {
            lines.push(self.unknown());
        }
        lines
    }

    /// What is wanted at a place that is not among the zones.
    fn wanted_elsewhere(&self) -> Vec<String> {
        let told = |wanted: &Wanted| {
            let records = self.zones.iter().flat_map(|zone| &zone.records);
            records.filter(|of| of.key == wanted.record.key).any(|of| of.wanted_by.contains(&wanted.origin.to_string()))
        };
        let elsewhere = self.wanted.iter().filter(|wanted| !told(wanted));
        elsewhere
            .map(|wanted| {
                format!("{} is wanted by {}, where no zone is known.", value(&wanted.record.key), wanted.origin)
            })
            .collect()
    }

    fn unknown(&self) -> String {
        let name = &self.name;
        let places = match self.zones.iter().any(|zone| zone.was_asked) {
            true => "no provider that was asked holds it",
            false => "no provider was asked that could hold it",
        };
        let journal = duration(self.journal_keep);
        format!(
            "Nobody ever knew {name}: {places}, no source wants it, and no change of it was made as far as the journal goes back ({journal})."
        )
    }
}

impl AtZone {
    fn is_unknown(&self) -> bool {
        self.records.is_empty() && self.opaque.is_empty() && self.covered_by.is_none()
    }

    fn sentences(&self, all: &Explained) -> Vec<String> {
        let mut lines = vec![format!("{}{}", self.id, self.how_it_was_asked(all))];
        if self.was_asked && self.opaque.is_empty() && self.records.iter().all(|of| of.there.is_none()) {
            lines.push(format!("  There is nothing at {}.", all.name));
        }
        if let Some(wildcard) = &self.covered_by {
            lines.push(format!("  {wildcard} answers for it."));
        }
        for entry in &self.opaque {
            lines.push(format!("  {} is there and is left alone: {}.", entry.text, entry.why));
        }
        for of in &self.records {
            lines.push(format!("  {}{}", value(&of.key), of.presence(self.was_asked)));
            lines.extend(of.sentences(all).into_iter().map(|sentence| format!("    {sentence}")));
        }
        lines
    }

    fn how_it_was_asked(&self, all: &Explained) -> String {
        match self.cached_at {
            Some(cached_at) => format!(", from the cache, {} old:", age(all.now, cached_at)),
            None if self.was_asked => ", asked now:".into(),
            None => ", not asked, as we remember it:".into(),
        }
    }
}

impl OfRecord {
    fn presence(&self, was_asked: bool) -> String {
        match &self.there {
            Some(there) => {
                let ttl = there.ttl.map(|ttl| format!(" (TTL {ttl})")).unwrap_or_default();
                let proxied = if there.proxied == Some(true) { ", proxied" } else { "" };
                let off = if there.enabled == Some(false) { ", switched off" } else { "" };
                format!("{ttl} is there{proxied}{off}.")
            }
            None if was_asked => " is not there.".into(),
            None => ".".into(),
        }
    }

    /// In this order: whose it is, who wants it, what waits, what was changed, what is open.
    fn sentences(&self, all: &Explained) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.owner());
        if let Some(tracked) = &self.tracked
            && !tracked.origins.is_empty()
        {
            lines.push(format!("As we remember it, it is wanted by {}.", list(&tracked.origins)));
        }
        match &self.wanted_by[..] {
            [] if all.unreadable.is_empty() => lines.push("No configured source wants it now.".into()),
            [] => lines.push("No configured source that could be read wants it now.".into()),
            wanted_by => lines.push(format!("It is wanted now by {}.", list(wanted_by))),
        }
        lines.extend(self.tracked.as_ref().and_then(|tracked| tracked.orphaned).map(|mark| orphan(mark, all)));
        lines.extend(self.heartbeats.iter().map(|heartbeat| self.beat(heartbeat, all)));
        lines.extend(self.last_change.as_ref().map(|entry| format!("Last change: {}", told(entry))));
        let is_last = |entry: &&JournalEntry| self.last_change.as_ref().is_some_and(|last| last.id == entry.id);
        let others = self.open_changes.iter().filter(|entry| !is_last(entry));
        lines.extend(others.map(|entry| format!("Still open: {}", told(entry))));
        lines
    }

    fn beat(&self, heartbeat: &Heartbeat, all: &Explained) -> String {
        let who = heartbeat.instance.as_deref().unwrap_or("Somebody who does not say who it is");
        let what = |keeps: &str| match self.key.data.address() {
            Some(_) => format!("{who} {keeps} it alive"),
            None => format!("It is a heartbeat: {who} {keeps} {} alive", heartbeat.member),
        };
        let (lasts, Some(time)) = (duration(all.threshold), heartbeat.time) else {
            return format!("{}, with a heartbeat that makes no sense.", what("keeps"));
        };
        let since = all.now.duration_since(time);
        let ago = format!("the last heartbeat was {} ago, and a lease lasts {lasts}", age(all.now, time));
        match Duration::try_from(since) {
            Ok(since) if since > all.threshold => format!(
                "{}: {ago}. It is over once a clean-up has seen this heartbeat unchanged for as long.",
                what("kept")
            ),
            Err(_) if since.unsigned_abs() > TOLERANCE => format!(
                "{}, with a heartbeat that is {} ahead of this machine's clock.",
                what("keeps"),
                duration(since.unsigned_abs())
            ),
            Ok(_) | Err(_) => format!("{}: {ago}.", what("keeps")),
        }
    }

    fn owner(&self) -> Option<String> {
        let claim = self.tracked.as_ref().and_then(|tracked| tracked.claim.zip(Some(tracked.tracked_at)));
        let ours = claim.map(|(claim, since)| {
            let since = since.map(|since| format!(", since {}", history::time(since))).unwrap_or_default();
            format!("It is ours: {claim}{since}.")
        });
        match (ours, &self.mark) {
            (Some(ours), Some(mark)) => Some(format!("{ours} It carries the mark of {mark}.")),
            (Some(ours), None) => Some(ours),
            (None, Some(mark)) => Some(format!("It is not ours: it carries the mark of {mark}.")),
            (None, None) if self.there.is_some() && self.heartbeats.is_empty() => Some(self.nobodys()),
            (None, None) => None,
        }
    }

    fn nobodys(&self) -> String {
        match &self.whole {
            Some(suffix) => format!(
                "It has no claim, but the configuration gives us all below {suffix}: `dns-cleanup containers` deletes it when no source \
                 wants it."
            ),
            None => "It is not ours, so it is never changed.".into(),
        }
    }
}

fn orphan(mark: Orphaned, all: &Explained) -> String {
    let (since, seen) = (history::time(mark.since), duration(mark.age));
    match mark.reason {
        OrphanReason::Gone => format!("It has been gone from the provider since {since}, {seen} of observed time."),
        OrphanReason::Unwanted if all.is_preserved => {
            format!("Nobody has wanted it since {since}, {seen} of observed time; its name is preserved, so it stays.")
        }
        OrphanReason::Unwanted => {
            let left = all.grace.saturating_sub(mark.age);
            let end = match left.is_zero() {
                true => "its grace is over, so the next synchronisation deletes it".into(),
                false => format!("{} of its grace are left", duration(left)),
            };
            format!("Nobody has wanted it since {since}, {seen} of observed time; {end}.")
        }
    }
}

/// `deleted on 2026-01-01T12:00:00Z by run 00c0ffee00c0ffee, unwanted: gone, verified on 2026-01-01T12:00:01Z.`
fn told(entry: &JournalEntry) -> String {
    let what = match (entry.action(), entry.before(), entry.after()) {
        (Action::Replace, Some(old), Some(new)) if old.key != new.key => {
            format!("{} replaced by {}", value(&old.key), value(&new.key))
        }
        (Action::Replace, ..) => "changed".into(),
        (Action::Create, ..) => "created".into(),
        (Action::Delete, ..) => "deleted".into(),
    };
    let end = match (entry.fate, entry.settled_at) {
        (Some(fate), Some(settled_at)) => format!("{fate}, verified at {}", history::time(settled_at)),
        (Some(fate), None) => format!("open, last {fate}"),
        (None, _) => "open, the program ended before a listing could tell".into(),
    };
    let (at, run) = (history::time(entry.intended_at), entry.run);
    format!("{what} at {at} by run {run}, {}: {end}.", entry.reason)
}

fn value(key: &RecordKey) -> String {
    format!("{} {}", key.rtype(), key.data)
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

#[derive(Serialize)]
struct Json<'a> {
    name: &'a str,
    preserved: bool,
    grace_seconds: u64,
    wanted: Vec<JsonWanted<'a>>,
    unreadable: Vec<JsonUnreadable<'a>>,
    unasked: &'a [Unasked],
    zones: Vec<JsonZone<'a>>,
}

#[derive(Serialize)]
struct JsonWanted<'a> {
    origin: &'a str,
    provider: Option<&'a str>,
    zone: Option<&'a str>,
    #[serde(rename = "type")]
    rtype: String,
    value: String,
}

#[derive(Serialize)]
struct JsonUnreadable<'a> {
    source: &'a str,
    problem: &'a str,
}

#[derive(Serialize)]
struct JsonZone<'a> {
    provider: &'a str,
    zone: &'a str,
    asked: bool,
    cached_at: Option<String>,
    covered_by: Option<&'a str>,
    records: Vec<JsonOf<'a>>,
    opaque: Vec<JsonOpaque<'a>>,
}

#[derive(Serialize)]
struct JsonOf<'a> {
    #[serde(rename = "type")]
    rtype: String,
    value: String,
    there: Option<bool>,
    ttl: Option<JsonTtl>,
    proxied: Option<bool>,
    enabled: Option<bool>,
    comment: Option<&'a str>,
    claim: Option<String>,
    claimed_at: Option<String>,
    mark: Option<JsonMark<'a>>,
    whole: Option<&'a str>,
    origins: Vec<String>,
    wanted_by: &'a [String],
    orphan: Option<JsonOrphan>,
    heartbeats: Vec<JsonHeartbeat<'a>>,
    last_change: Option<Change<'a>>,
    open_changes: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct JsonMark<'a> {
    tool: &'a str,
    owner: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonOrphan {
    reason: &'static str,
    since: String,
    age_seconds: u64,
    grace_left_seconds: Option<u64>,
}

#[derive(Serialize)]
struct JsonHeartbeat<'a> {
    instance: Option<&'a str>,
    time: Option<String>,
}

#[derive(Serialize)]
struct JsonOpaque<'a> {
    #[serde(rename = "type")]
    rtype: Option<String>,
    text: &'a str,
    why: &'a str,
}

impl Explained {
    fn json(&self) -> Json<'_> {
        let wanted = self.wanted.iter().map(|wanted| JsonWanted {
            origin: wanted.origin.as_str(),
            provider: wanted.place.provider.as_deref(),
            zone: wanted.place.zone.as_ref().map(Name::as_str),
            rtype: wanted.record.rtype().to_string(),
            value: wanted.record.key.data.to_string(),
        });
        Json {
            name: self.name.as_str(),
            preserved: self.is_preserved,
            grace_seconds: self.grace.as_secs(),
            wanted: wanted.collect(),
            unreadable: self.unreadable.iter().map(|(source, problem)| JsonUnreadable { source, problem }).collect(),
            unasked: &self.unasked,
            zones: self.zones.iter().map(|zone| zone.json(self)).collect(),
        }
    }
}

impl AtZone {
    fn json(&self, all: &Explained) -> JsonZone<'_> {
        let opaque = self.opaque.iter().map(|entry| JsonOpaque {
            rtype: entry.rtype.as_ref().map(ToString::to_string),
            text: &entry.text,
            why: &entry.why,
        });
        JsonZone {
            provider: &self.id.name,
            zone: self.id.zone.as_str(),
            asked: self.was_asked,
            cached_at: self.cached_at.map(|cached_at| cached_at.to_string()),
            covered_by: self.covered_by.as_ref().map(Name::as_str),
            records: self.records.iter().map(|of| of.json(self.was_asked, all)).collect(),
            opaque: opaque.collect(),
        }
    }
}

impl OfRecord {
    fn json(&self, was_asked: bool, all: &Explained) -> JsonOf<'_> {
        let (there, tracked) = (self.there.as_ref(), self.tracked.as_ref());
        let claim = tracked.and_then(|tracked| tracked.claim);
        let claimed_at = tracked.filter(|_| claim.is_some()).and_then(|tracked| tracked.tracked_at);
        JsonOf {
            rtype: self.key.rtype().to_string(),
            value: self.key.data.to_string(),
            there: was_asked.then_some(there.is_some()),
            ttl: there.and_then(|there| there.ttl).map(JsonTtl::from),
            proxied: there.and_then(|there| there.proxied),
            enabled: there.and_then(|there| there.enabled),
            comment: there.and_then(|there| there.comment.as_deref()),
            claim: claim.map(|claim| claim.to_string()),
            claimed_at: claimed_at.map(|since| since.to_string()),
            mark: self.mark.as_ref().map(|mark| JsonMark { tool: mark.tool, owner: mark.owner.as_deref() }),
            whole: self.whole.as_ref().map(Name::as_str),
            origins: tracked.iter().flat_map(|tracked| &tracked.origins).map(ToString::to_string).collect(),
            wanted_by: &self.wanted_by,
            orphan: tracked.and_then(|tracked| tracked.orphaned).map(|mark| JsonOrphan {
                reason: mark.reason.as_str(),
                since: mark.since.to_string(),
                age_seconds: mark.age.as_secs(),
                grace_left_seconds: (mark.reason == OrphanReason::Unwanted && !all.is_preserved)
                    .then(|| all.grace.saturating_sub(mark.age).as_secs()),
            }),
            heartbeats: self
                .heartbeats
                .iter()
                .map(|heartbeat| JsonHeartbeat {
                    instance: heartbeat.instance.as_deref(),
                    time: heartbeat.time.map(|time| time.to_string()),
                })
                .collect(),
            last_change: self.last_change.as_ref().map(change),
            open_changes: self.open_changes.iter().map(change).collect(),
        }
    }
}
