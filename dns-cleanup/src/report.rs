//! What a run came to, in the log and as JSON.

mod summary;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use dnsmgmt_core::brake::Held;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::reconcile::{End, Reconciled};
use dnsmgmt_core::record::Record;
use dnsmgmt_core::report::{Fate, Outcome};
use dnsmgmt_core::stale::leases::{Finding, LeaseDecision, What};
use dnsmgmt_core::stale::{Decision, Job};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::failed;
use dnsmgmt_program::log::{Level, NOTHING_MORE, is_kept, say};
use dnsmgmt_program::output::{
    JsonChange, JsonHeld, JsonNotJudged, JsonRecord, JsonWaiting, duration, json_change, print_json, sentence,
};
use dnsmgmt_program::summary::Ended;
use serde::Serialize;

use crate::args::{Options, Output};
use crate::heartbeats::{Ages, JsonAges};

/// How many addresses are named in a line that counts them.
const SHOWN: usize = 3;

/// What one zone came to.
#[derive(Debug)]
pub(crate) struct Cleaned {
    job: Job,
    provider: ProviderId,
    outcomes: Vec<Outcome>,
    forgotten: Vec<Record>,
    waiting: Vec<(Record, Duration)>,
    held: Option<Box<Held>>,
    findings: Vec<Finding>,
    /// How old heartbeats are, where it is about these.
    ages: Option<Ages>,
    is_preview: bool,
    not_written: Option<String>,
}

impl Cleaned {
    pub(crate) fn of(job: Job, provider: ProviderId, done: Reconciled<Decision>) -> Self {
        let Reconciled { decision, end, .. } = done;
        let preview = decision.plan.preview();
        let (outcomes, held, is_preview, not_written) = match end {
            End::Previewed(held) => (preview, held, true, None),
            End::Held(held) => (preview, Some(held), false, None),
            End::CarriedOut(done) => (done.report.outcomes, None, false, done.written.err()),
        };
        let not_written = not_written.map(|error| error.to_string());
        let Decision { forgotten, waiting, .. } = decision;
        let (findings, ages) = (Vec::new(), None);
        Self { job, provider, outcomes, forgotten, waiting, held, findings, ages, is_preview, not_written }
    }

    /// What the leases of a zone came to.
    pub(crate) fn of_leases(provider: ProviderId, done: Reconciled<LeaseDecision>, ages: Ages) -> Self {
        let Reconciled { decision, settled, end } = done;
        let LeaseDecision { plan, findings, claims } = decision;
        let decision = Decision { plan, claims, bookkeeping: Vec::new(), forgotten: Vec::new(), waiting: Vec::new() };
        let cleaned = Self::of(Job::Leases, provider, Reconciled { decision, settled, end });
        Self { findings, ages: Some(ages), ..cleaned }
    }

    pub(crate) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    pub(crate) fn was_carried_out(&self) -> bool {
        !self.is_preview && self.held.is_none()
    }

    fn exit(&self) -> Exit {
        let is_open = |outcome: &Outcome| {
            !outcome.fate.is_settled() && (outcome.fate != Fate::NotTried || self.was_carried_out())
        };
        if self.held.is_some() && !self.is_preview {
            Exit::Held
        } else if self.not_written.is_some()
            || self.outcomes.iter().any(is_open)
            || self.findings.iter().any(|found| is_odd(&found.what))
        {
            Exit::Unsettled
        } else {
            Exit::Done
        }
    }

    fn is_quiet(&self) -> bool {
        self.outcomes.is_empty()
            && self.forgotten.is_empty()
            && self.held.is_none()
            && self.not_written.is_none()
            && !self.findings.iter().any(|found| is_odd(&found.what))
    }

    fn log(&self, is_seen: bool) {
        let is_future = !self.was_carried_out();
        // What waits was said by the run that held it first.
        let is_known = !is_seen && self.held.as_ref().is_some_and(|held| held.is_known);
        for outcome in self.outcomes.iter().filter(|outcome| !(is_known && outcome.fate == Fate::NotTried)) {
            let level = if outcome.fate.is_settled() || is_future { Level::Info } else { Level::Warning };
            say(level, &sentence(&self.provider, outcome, is_future), &json_change(&self.provider, outcome));
        }
        for record in &self.forgotten {
            say(Level::Info, &self.forgot(record), &NOTHING_MORE);
        }
        for (record, left) in self.waiting.iter().filter(|_| is_seen) {
            let text = format!(
                "orphan {record} at {}: goes in {} s, at the first look after that",
                self.provider,
                seconds(*left)
            );
            say(Level::Info, &text, &NOTHING_MORE);
        }
        for found in self.findings.iter().filter(|found| is_seen || is_odd(&found.what)) {
            let level = if is_odd(&found.what) { Level::Warning } else { Level::Info };
            say(level, &self.found(found), &NOTHING_MORE);
        }
        if let Some(held) = &self.held {
            say(Level::Warning, &self.held(held), &NOTHING_MORE);
        }
        if let Some(why) = &self.not_written {
            say(Level::Error, &self.not_written(why), &NOTHING_MORE);
        }
    }

    /// Says in one line which addresses never had a heartbeat.
    fn log_nobodys(&self) {
        let nobodys = self.findings.iter().filter(|found| found.what == What::NoHeartbeat);
        let names: Vec<String> = nobodys.map(|found| found.member.to_string()).collect();
        let count = match names.len() {
            0 => return,
            1 => "1 address".to_owned(),
            count => format!("{count} addresses"),
        };
        let more = if names.len() > SHOWN { ", ..." } else { "" };
        let shown = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        let all = "`dns-cli leases DOMAIN` shows all";
        let text = format!(
            "{}: {count} without any heartbeat, so nobody's, and left alone: {shown}{more}; {all}",
            self.provider
        );
        say(Level::Info, &text, &NOTHING_MORE);
    }

    fn forgot(&self, record: &Record) -> String {
        let would = if self.is_preview { "would forget" } else { "forgot" };
        format!("{would} {record} at {}: it is gone", self.provider)
    }

    fn found(&self, found: &Finding) -> String {
        format!("{} ({}): {}", found.member, self.provider, told(&found.what))
    }

    fn held(&self, held: &Held) -> String {
        format!(
            "held at {}: it would {}; if that is meant: `dns-cleanup {} --approve {}`; --force lifts the brake for one run",
            self.provider,
            too_much(self.job, held),
            self.job.as_str(),
            held.id
        )
    }

    fn not_written(&self, why: &str) -> String {
        format!("{}: what became of it was not written down, the next run looks: {why}", self.provider)
    }
}

/// Returns whether somebody should look after it.
fn is_odd(what: &What) -> bool {
    match what {
        What::Malformed(..) | What::FromTheFuture(..) => true,
        What::NoHeartbeat | What::Missing(_) | What::LastMember | What::Preserved => false,
    }
}

fn told(what: &What) -> String {
    match what {
        What::NoHeartbeat => "it never had a heartbeat, so it stays".into(),
        What::Malformed(value, left) => {
            format!("its heartbeat {value} makes no sense; it is kept for {} more", duration(*left))
        }
        What::FromTheFuture(value, left) => format!(
            "its heartbeat {value} is ahead of this machine's clock by more than a minute; it is kept for {} more",
            duration(*left)
        ),
        What::Missing(left) => format!("its heartbeat is gone; it is kept for {} more", duration(*left)),
        What::LastMember => "it is expired, and stays because it is the last address of its name".into(),
        What::Preserved => "it is expired, and stays because its name is preserved".into(),
    }
}

/// What a plan that is held would do, of what the brake of its job is measured on.
fn too_much(job: Job, held: &Held) -> String {
    let Held { deletions, claims, .. } = held;
    match job {
        Job::Orphans => format!("delete {deletions} of the {claims} records there that the same sources wanted"),
        Job::Containers => format!("delete {deletions} of the {claims} records there that are containers'"),
        Job::Leases => format!("end leases of {deletions} of the {claims} machines that have some there"),
    }
}

/// Rounded up: a grace that is not over is never shown as none.
fn seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    context: &'a Context,
    options: &'a Options,
    /// The jobs, each with when it began, by the machine's running time.
    jobs: Vec<(Job, Duration)>,
    zones: Vec<Cleaned>,
    failures: Vec<Failed>,
    not_judged: Vec<NotJudged>,
    notes: Vec<String>,
}

/// What failed, and in which jobs.
#[derive(Debug)]
struct Failed {
    error: Error,
    jobs: BTreeSet<Job>,
}

/// What nothing was concluded about.
#[derive(Debug)]
struct NotJudged {
    job: Option<Job>,
    what: String,
    why: String,
    exit: Exit,
}

impl<'a> Run<'a> {
    pub(crate) fn new(context: &'a Context, options: &'a Options) -> Self {
        Self {
            context,
            options,
            jobs: Vec::new(),
            zones: Vec::new(),
            failures: Vec::new(),
            not_judged: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Begins a job: what is taken in from now on is its own.
    pub(crate) fn begin(&mut self, job: Job) {
        self.jobs.push((job, self.context.clock.moment().running));
    }

    /// Takes in what a zone came to, and says it.
    pub(crate) fn add(&mut self, zone: Cleaned) {
        if self.options.output == Output::Log || zone.exit() != Exit::Done {
            zone.log(self.is_seen());
        }
        // Who gets a mail of each line is not to get one at each run; where they are shown each by itself nothing is left to say.
        if !self.is_seen() && (is_kept() || self.options.interval.is_some()) {
            zone.log_nobodys();
        }
        self.zones.push(zone);
    }

    /// Takes in what failed, and says it, once.
    pub(crate) fn fail(&mut self, error: Error) {
        let (text, job) = (format!("{error:#}"), self.job());
        match self.failures.iter_mut().find(|known| format!("{:#}", known.error) == text) {
            Some(known) => known.jobs.extend(job),
            None => {
                failed(&error);
                self.failures.push(Failed { error, jobs: job.into_iter().collect() });
            }
        }
    }

    /// Returns the job that is being done.
    fn job(&self) -> Option<Job> {
        self.jobs.last().map(|(job, _)| *job)
    }

    /// Takes in what nothing is concluded about, and says it, each reason once; `exit` is how grave that is.
    pub(crate) fn not_judged(&mut self, what: &str, why: &str, exit: Exit) {
        if self
            .not_judged
            .iter()
            .any(|known| known.what == what && known.why == why && known.exit.or(exit) == known.exit)
        {
            return;
        }
        let is_wrong = exit != Exit::Done;
        if is_wrong || self.options.output == Output::Log {
            let level = if is_wrong { Level::Warning } else { Level::Notice };
            say(level, &format!("{what}: {why}"), &NOTHING_MORE);
        }
        self.not_judged.retain(|known| known.what != what || known.why != why);
        self.not_judged.push(NotJudged { job: self.job(), what: what.into(), why: why.into(), exit });
    }

    /// Takes in something that a person should know.
    pub(crate) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Says what it came to, and returns it with the exit status. Nobody is told of nothing, unless somebody watches.
    pub(crate) fn end(self) -> Result<Ended> {
        let exit = self.exit();
        match self.options.output {
            Output::Json => self.json().context("the report was not shown, but what it says was done")?,
            Output::Log if self.is_seen() || self.zones.iter().any(|zone| !zone.is_quiet()) => {
                self.notes.iter().for_each(|note| say(Level::Info, note, &NOTHING_MORE));
                let level = if exit == Exit::Done { Level::Info } else { Level::Warning };
                say(level, &self.summary(), &Summed { run: self.context.run.to_string(), counts: self.counts() });
            }
            Output::Log => {}
        }
        Ok(Ended { exit, jobs: self.summaries() })
    }

    /// Returns whether a person watches.
    fn is_seen(&self) -> bool {
        self.options.dry_run || io::stderr().is_terminal()
    }

    fn exit(&self) -> Exit {
        let of_failures = if self.failures.is_empty() { Exit::Done } else { Exit::CouldNotRun };
        let of_failures = self.not_judged.iter().map(|left_out| left_out.exit).fold(of_failures, Exit::or);
        self.zones.iter().map(Cleaned::exit).fold(of_failures, Exit::or)
    }

    fn counts(&self) -> Counts {
        let outcomes = || self.zones.iter().flat_map(|zone| zone.outcomes.iter().map(move |outcome| (zone, outcome)));
        let count =
            |is: &dyn Fn(&Cleaned, Fate) -> bool| outcomes().filter(|(zone, outcome)| is(zone, outcome.fate)).count();
        let is_to_be_done = |zone: &Cleaned, fate| fate == Fate::NotTried && !zone.was_carried_out();
        Counts {
            deleted: count(&|_, fate| fate == Fate::Gone),
            already_gone: count(&|_, fate| fate == Fate::AlreadyGone),
            refused: count(&|_, fate| fate == Fate::Refused),
            unconfirmed: count(&|zone, fate| !fate.is_settled() && fate != Fate::Refused && !is_to_be_done(zone, fate)),
            to_be_done: count(&|zone, fate| is_to_be_done(zone, fate)),
            forgotten: self.zones.iter().map(|zone| zone.forgotten.len()).sum(),
            waiting: self.zones.iter().map(|zone| zone.waiting.len()).sum(),
        }
    }

    fn summary(&self) -> String {
        let counts = self.counts();
        let parts = [
            (counts.to_be_done, "to be done"),
            (counts.deleted, "deleted"),
            (counts.already_gone, "already gone"),
            (counts.forgotten, "forgotten"),
            (counts.unconfirmed, "unconfirmed"),
            (counts.refused, "refused"),
            (counts.waiting, "waiting for the grace to end"),
        ];
        let said: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let text = match (said.is_empty(), self.failures.is_empty()) {
            (true, true) => "nothing to do".into(),
            (true, false) if self.options.dry_run => return "dry run, nothing was done".into(),
            (true, false) => "nothing was done".into(),
            (false, _) => said.join(", "),
        };
        if self.options.dry_run { format!("dry run, nothing was done: {text}") } else { text }
    }

    fn json(&self) -> Result<()> {
        let zones = self.zones.iter().map(json_zone).collect();
        print_json(&JsonRun {
            run: self.context.run.to_string(),
            dry_run: self.options.dry_run,
            settled: self.exit() == Exit::Done,
            counts: self.counts(),
            zones,
            failures: self.failures.iter().map(|failure| format!("{:#}", failure.error)).collect(),
            not_judged: self
                .not_judged
                .iter()
                .map(|NotJudged { what, why, .. }| JsonNotJudged { origin: what, why })
                .collect(),
        })
    }
}

#[derive(Debug, Serialize)]
struct Counts {
    deleted: usize,
    already_gone: usize,
    forgotten: usize,
    unconfirmed: usize,
    refused: usize,
    waiting: usize,
    to_be_done: usize,
}

/// The fields of the last line of a run.
#[derive(Debug, Serialize)]
struct Summed {
    run: String,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Debug, Serialize)]
struct JsonRun<'a> {
    run: String,
    dry_run: bool,
    settled: bool,
    #[serde(flatten)]
    counts: Counts,
    zones: Vec<JsonZone<'a>>,
    failures: Vec<String>,
    not_judged: Vec<JsonNotJudged<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonZone<'a> {
    job: &'static str,
    provider: &'a str,
    zone: &'a str,
    changes: Vec<JsonChange<'a>>,
    forgotten: Vec<JsonRecord<'a>>,
    waiting: Vec<JsonWaiting<'a>>,
    held: Option<JsonHeld>,
    findings: Vec<JsonFinding>,
    leases: Option<JsonAges>,
}

#[derive(Debug, Serialize)]
struct JsonFinding {
    name: String,
    address: String,
    what: &'static str,
    heartbeat: Option<String>,
    left_seconds: Option<u64>,
}

fn json_finding(Finding { member, what }: &Finding) -> JsonFinding {
    let (word, heartbeat, left) = match what {
        What::NoHeartbeat => ("no heartbeat", None, None),
        What::Malformed(value, left) => ("malformed", Some(value.to_string()), Some(left)),
        What::FromTheFuture(value, left) => ("from the future", Some(value.to_string()), Some(left)),
        What::Missing(left) => ("missing", None, Some(left)),
        What::LastMember => ("last member", None, None),
        What::Preserved => ("preserved", None, None),
    };
    let (name, address) = (member.domain.to_string(), member.address.to_string());
    JsonFinding { name, address, what: word, heartbeat, left_seconds: left.map(|left| seconds(*left)) }
}

fn json_zone(zone: &Cleaned) -> JsonZone<'_> {
    JsonZone {
        job: zone.job.as_str(),
        provider: &zone.provider.name,
        zone: zone.provider.zone.as_str(),
        changes: zone.outcomes.iter().map(|outcome| json_change(&zone.provider, outcome)).collect(),
        forgotten: zone.forgotten.iter().map(JsonRecord::from).collect(),
        waiting: zone.waiting.iter().map(JsonWaiting::from).collect(),
        held: zone.held.as_deref().map(JsonHeld::from),
        findings: zone.findings.iter().map(json_finding).collect(),
        leases: zone.ages.as_ref().map(JsonAges::from),
    }
}
