//! What a synchronisation came to, for people and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use dnsmgmt_core::brake::Held;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::reconcile::{End, Reconciled};
use dnsmgmt_core::record::{Record, RecordKey};
use dnsmgmt_core::report::{Action, Fate, Outcome};
use dnsmgmt_core::sync::Idle;
use jiff::Timestamp;
use serde::Serialize;

use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::output::{
    JsonChange, JsonHeld, JsonNotJudged, JsonRecord, JsonWaiting, duration, json_change, style, subject, witnesses,
    write_outcome,
};
use dnsmgmt_program::output::{print, print_json, print_json_line, printable};

/// What a synchronisation of one zone came to.
#[derive(Debug)]
pub(crate) struct Synced {
    provider: ProviderId,
    /// What became of the changes, or of a preview would be done.
    outcomes: Vec<Outcome>,
    /// How many wanted records were there as wanted, and have no outcome of their own.
    in_sync: usize,
    shared: BTreeSet<RecordKey>,
    covered: Vec<(Record, Name)>,
    waiting: Vec<(Record, Duration)>,
    held: Option<Box<Held>>,
    /// What an earlier run had left open.
    left_open: usize,
    is_preview: bool,
    /// Why the outcome was not written down, if so.
    not_written: Option<String>,
    /// When the provider was listed, if it was not asked by this run.
    cached_at: Option<Timestamp>,
}

impl Synced {
    pub(crate) fn of(provider: ProviderId, done: Reconciled) -> Self {
        let Reconciled { decision, settled, end } = done;
        let preview = decision.plan.preview();
        let (outcomes, held, is_preview, not_written) = match end {
            End::Previewed(held) => (preview, held, true, None),
            End::Held(held) => (preview, Some(held), false, None),
            End::CarriedOut(done) => (done.report.outcomes, None, false, done.written.err()),
        };
        Self {
            provider,
            outcomes,
            in_sync: decision.already_synced,
            shared: decision.shared.into_iter().collect(),
            covered: decision.covered,
            waiting: decision.waiting,
            held,
            left_open: settled.len(),
            is_preview,
            not_written: not_written.map(|error| error.to_string()),
            cached_at: None,
        }
    }

    /// Returns what a zone came to that was as wanted at `cached_at`, and was not asked since.
    pub(crate) fn cached(provider: ProviderId, idle: Idle, cached_at: Timestamp) -> Self {
        Self {
            provider,
            outcomes: Vec::new(),
            in_sync: idle.already_synced,
            shared: idle.shared.into_iter().collect(),
            covered: idle.covered,
            waiting: Vec::new(),
            held: None,
            left_open: 0,
            is_preview: false,
            not_written: None,
            cached_at: Some(cached_at),
        }
    }

    /// Returns the exit status of this zone; `to_be_done` where a preview has changes.
    pub(crate) fn exit(&self, to_be_done: Exit) -> Exit {
        let is_open = |outcome: &Outcome| !outcome.fate.is_settled() && outcome.fate != Fate::NotTried;
        let is_waiting = self.outcomes.iter().any(|outcome| outcome.fate == Fate::NotTried);
        if self.held.is_some() && !self.is_preview {
            Exit::Held
        } else if self.not_written.is_some() || self.outcomes.iter().any(is_open) || (is_waiting && !self.is_preview) {
            Exit::Unsettled
        } else if is_waiting {
            to_be_done
        } else {
            Exit::Done
        }
    }

    fn is_idle(&self) -> bool {
        let is_there = |outcome: &Outcome| outcome.fate == Fate::AlreadyPresent;
        self.outcomes.iter().all(is_there) && self.left_open == 0 && self.exit(Exit::No) == Exit::Done
    }

    fn counts(&self) -> Counts {
        let count = |is: &dyn Fn(&Outcome) -> bool| self.outcomes.iter().filter(|outcome| is(outcome)).count();
        let made = |action: Action, fates: &'static [Fate]| {
            count(&|outcome| outcome.action == action && fates.contains(&outcome.fate))
        };
        let is_done = |fate: Fate| fate == Fate::NotTried && (self.is_preview || self.held.is_some());
        Counts {
            created: made(Action::Create, &[Fate::Present]),
            updated: made(Action::Replace, &[Fate::Present]),
            deleted: made(Action::Delete, &[Fate::Gone, Fate::AlreadyGone]),
            already_synced: self.in_sync + count(&|outcome| outcome.fate == Fate::AlreadyPresent),
            unconfirmed: count(&|outcome| {
                !outcome.fate.is_settled() && outcome.fate != Fate::Refused && !is_done(outcome.fate)
            }),
            skipped: count(&|outcome| outcome.fate == Fate::Refused),
            shared: self.shared.len(),
            to_be_done: count(&|outcome| is_done(outcome.fate)),
        }
    }
}

/// How many records came to what.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Counts {
    created: usize,
    updated: usize,
    deleted: usize,
    already_synced: usize,
    unconfirmed: usize,
    skipped: usize,
    shared: usize,
    to_be_done: usize,
}

impl Counts {
    fn sum(zones: &[Synced]) -> Self {
        zones.iter().map(Synced::counts).fold(Self::default(), |sum, zone| Self {
            created: sum.created + zone.created,
            updated: sum.updated + zone.updated,
            deleted: sum.deleted + zone.deleted,
            already_synced: sum.already_synced + zone.already_synced,
            unconfirmed: sum.unconfirmed + zone.unconfirmed,
            skipped: sum.skipped + zone.skipped,
            shared: sum.shared + zone.shared,
            to_be_done: sum.to_be_done + zone.to_be_done,
        })
    }
}

/// What a synchronisation of all zones came to.
pub(crate) struct SyncReport<'a> {
    pub(crate) zones: &'a [Synced],
    pub(crate) dry_run: bool,
    /// What could not be done at all, in words.
    pub(crate) failures: Vec<String>,
    /// The origins of which nothing was judged, each with the reason.
    pub(crate) not_judged: Vec<JsonNotJudged<'a>>,
}

impl SyncReport<'_> {
    /// Returns whether nothing was done and all is as wanted, as far as it was judged.
    fn is_idle(&self) -> bool {
        self.failures.is_empty() && self.zones.iter().all(Synced::is_idle)
    }
}

/// Prints what became of the changes; of a dry run, what would be done.
pub(crate) fn print_synced(report: &SyncReport<'_>, format: ReportFormat) -> Result<()> {
    match format {
        ReportFormat::Table => text(report),
        ReportFormat::Json => print_json(&json(report)),
    }
}

/// Prints the report of one run among many, as JSON in one line; nothing where nothing was done and nothing is open.
pub(crate) fn print_synced_again(report: &SyncReport<'_>, format: ReportFormat) -> Result<()> {
    if report.is_idle() {
        return Ok(());
    }
    match format {
        ReportFormat::Table => text(report),
        ReportFormat::Json => print_json_line(&json(report)),
    }
}

/// What went wrong is said on standard error.
fn text(report: &SyncReport<'_>) -> Result<()> {
    let SyncReport { zones, dry_run, .. } = *report;
    let mut out = String::new();
    for zone in zones {
        if zone.left_open > 0 {
            writeln!(out, "{}: settled {} that an earlier run had left open", zone.provider, changes(zone.left_open))?;
        }
        for outcome in &zone.outcomes {
            write_outcome(&mut out, outcome, dry_run || zone.held.is_some())?;
        }
        rest(&mut out, zone)?;
    }
    writeln!(out, "{}", summary(report))?;
    out.push_str(&witnesses(zones.iter().flat_map(|zone| &zone.outcomes)));
    print(&out)
}

/// Prints a plan as a diff.
pub(crate) fn print_plan(report: &SyncReport<'_>) -> Result<()> {
    let mut out = String::new();
    for zone in report.zones {
        let title = Style::new().bold();
        writeln!(out, "{title}{}{title:#}", zone.provider)?;
        for outcome in &zone.outcomes {
            diff(&mut out, outcome)?;
        }
        rest(&mut out, zone)?;
    }
    writeln!(out, "{}", summary(report))?;
    print(&out)
}

fn diff(out: &mut String, outcome: &Outcome) -> Result<()> {
    let (sign, colour) = match (outcome.fate, outcome.action) {
        (Fate::NotTried, Action::Create) => ('+', AnsiColor::Green),
        (Fate::NotTried, Action::Replace) => ('~', AnsiColor::Yellow),
        (Fate::NotTried, Action::Delete) => ('-', AnsiColor::Red),
        (Fate::Refused, _) => ('!', AnsiColor::Red),
        _ => (' ', AnsiColor::White),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    writeln!(out, "{style}{sign} {}{style:#}  {}", printable(&subject(outcome)), outcome.reason)?;
    for note in &outcome.notes {
        writeln!(out, "    {}", printable(note))?;
    }
    Ok(())
}

/// What is neither changed nor simply in sync.
fn rest(out: &mut String, zone: &Synced) -> Result<()> {
    let waits = style(Fate::NotTried, true);
    for (record, left) in &zone.waiting {
        let when = match left.is_zero() {
            true => "its grace is over".into(),
            false => format!("goes in {}, at the first look after that", duration(*left)),
        };
        writeln!(out, "{waits}orphan{waits:#} {}: no source wants it, {when}", printable(&record.to_string()))?;
    }
    let mut by_wildcard: BTreeMap<&Name, Vec<&str>> = BTreeMap::new();
    for (record, wildcard) in &zone.covered {
        by_wildcard.entry(wildcard).or_default().push(record.name().as_str());
    }
    for (wildcard, mut names) in by_wildcard {
        names.dedup();
        writeln!(out, "covered by {wildcard}: {}", names.join(", "))?;
    }
    if let Some(held) = &zone.held {
        let held_style = Style::new().fg_color(Some(AnsiColor::Red.into()));
        writeln!(
            out,
            "{held_style}held{held_style:#} {}: it would delete {} of our {} records there, more than {} %",
            zone.provider, held.deletions, held.claims, held.max_delete
        )?;
        writeln!(out, "  if that is meant: `dns-cli sync --approve {}`; --force lifts the brake for one run", held.id)?;
    }
    if let Some(why) = &zone.not_written {
        writeln!(out, "{}: what became of it was not written down, the next run looks: {why}", zone.provider)?;
    }
    Ok(())
}

fn summary(report: &SyncReport<'_>) -> String {
    let zones = report.zones;
    let counts = Counts::sum(zones);
    let covered: usize = zones.iter().map(|zone| zone.covered.len()).sum();
    let waiting: usize = zones.iter().map(|zone| zone.waiting.len()).sum();
    let is_quiet = counts.to_be_done + counts.created + counts.updated + counts.deleted == 0
        && counts.unconfirmed + counts.skipped == 0;
    let parts = [
        (counts.to_be_done, "to be done"),
        (counts.created, "created"),
        (counts.updated, "updated"),
        (counts.deleted, "deleted"),
        (counts.unconfirmed, "unconfirmed"),
        (counts.skipped, "skipped"),
        (counts.already_synced, if is_quiet { "as wanted" } else { "already in sync" }),
        (covered, "covered by a wildcard"),
        (counts.shared, "beside values of others"),
        (waiting, "waiting for the grace to end"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let is_all = report.failures.is_empty() && report.not_judged.is_empty();
    let text = match (is_quiet, said.is_empty(), is_all) {
        (true, true, true) => "all in sync: nothing is wanted".into(),
        (true, true, false) if report.dry_run => return "dry run, nothing was done".into(),
        (true, true, false) => "nothing was done".into(),
        (true, false, true) => format!("all in sync: {}", said.join(", ")),
        (true, false, false) => format!("in sync as far as it could be told: {}", said.join(", ")),
        (false, ..) => said.join(", "),
    };
    if report.dry_run { format!("dry run, nothing was done: {text}") } else { text }
}

fn changes(count: usize) -> String {
    if count == 1 { "1 change".into() } else { format!("{count} changes") }
}

#[derive(Debug, Serialize)]
struct JsonSynced<'a> {
    dry_run: bool,
    settled: bool,
    #[serde(flatten)]
    counts: Counts,
    zones: Vec<JsonZone<'a>>,
    failures: &'a [String],
    not_judged: &'a [JsonNotJudged<'a>],
}

#[derive(Debug, Serialize)]
struct JsonZone<'a> {
    provider: &'a str,
    zone: &'a str,
    cached_at: Option<String>,
    #[serde(flatten)]
    counts: Counts,
    changes: Vec<JsonChange<'a>>,
    shared_records: Vec<JsonRecord<'a>>,
    covered: Vec<JsonCovered<'a>>,
    waiting: Vec<JsonWaiting<'a>>,
    held: Option<JsonHeld>,
}

#[derive(Debug, Serialize)]
struct JsonCovered<'a> {
    #[serde(flatten)]
    record: JsonRecord<'a>,
    by: &'a str,
}

fn json<'a>(report: &'a SyncReport<'_>) -> JsonSynced<'a> {
    let is_all = report.failures.is_empty() && report.not_judged.is_empty();
    JsonSynced {
        dry_run: report.dry_run,
        settled: is_all && report.zones.iter().all(|zone| zone.exit(Exit::No) == Exit::Done),
        counts: Counts::sum(report.zones),
        zones: report.zones.iter().map(json_zone).collect(),
        failures: &report.failures,
        not_judged: &report.not_judged,
    }
}

fn json_zone(zone: &Synced) -> JsonZone<'_> {
    JsonZone {
        provider: &zone.provider.name,
        zone: zone.provider.zone.as_str(),
        cached_at: zone.cached_at.map(|cached_at| cached_at.to_string()),
        counts: zone.counts(),
        changes: zone.outcomes.iter().map(|outcome| json_change(&zone.provider, outcome)).collect(),
        shared_records: zone.shared.iter().map(JsonRecord::from).collect(),
        covered: zone
            .covered
            .iter()
            .map(|(record, by)| JsonCovered { record: record.into(), by: by.as_str() })
            .collect(),
        waiting: zone.waiting.iter().map(JsonWaiting::from).collect(),
        held: zone.held.as_deref().map(JsonHeld::from),
    }
}
