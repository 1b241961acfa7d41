//! What a run came to, in the log and as JSON.

mod summary;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use dnsmgmt_core::brake::Held;
use dnsmgmt_core::heartbeat::InstanceId;
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::plan::Reason;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::reconcile::Registered;
use dnsmgmt_core::report::{Fate, Outcome};
use dnsmgmt_core::repository::RepositoryError;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::{complain, failed};
use dnsmgmt_program::log::{Level, NOTHING_MORE, say};
use dnsmgmt_program::output::{JsonChange, JsonHeld, json_change, print_json, sentence};
use dnsmgmt_program::summary::{Ended, Zone};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{Options, Output};
use crate::wish::{Registrations, Wish};

/// What a run came to.
pub(crate) struct Report<'a> {
    context: &'a Context,
    options: &'a Options,
    instance: &'a InstanceId,
    /// How long what it writes is counted on to last.
    lease: Duration,
    wish: &'a Wish,
    /// When it began.
    begun: &'a Moment,
    zones: Vec<(ProviderId, Registered)>,
    failures: Vec<Error>,
    /// What could not be found out, or is not as it should be.
    problems: Vec<String>,
}

impl<'a> Report<'a> {
    /// Begins a report with what could not be found out.
    pub(crate) fn new(
        context: &'a Context,
        options: &'a Options,
        instance: &'a InstanceId,
        lease: Duration,
        wish: &'a Wish,
        begun: &'a Moment,
        not_found: Vec<Error>,
    ) -> Self {
        let mut report = Self {
            context,
            options,
            instance,
            lease,
            wish,
            begun,
            zones: Vec::new(),
            failures: Vec::new(),
            problems: Vec::new(),
        };
        for error in not_found {
            report.problem(format!("{error:#}; what was registered of them stays, and is kept alive"));
        }
        for name in &wish.bare {
            report.problem(format!("no address was found for {name}; what was registered there is left to expire"));
        }
        report
    }

    /// Takes in what a zone came to, and says it.
    pub(crate) fn add(&mut self, zone: ProviderId, registered: Registered) {
        if let Some(time) = &registered.clock {
            self.problem(format!(
                "this machine's clock differs from that of {zone} by more than a minute; heartbeats have the time of {zone}, {time:.0}; set the clock"
            ));
        }
        if let Some(doubt) = &registered.doubt {
            self.problem(format!("{doubt}; heartbeats were written, and nothing was withdrawn"));
        }
        registered.outcomes.iter().filter(|outcome| self.is_said(outcome)).for_each(|outcome| self.say(&zone, outcome));
        if let Some(held) = &registered.held {
            say(Level::Warning, &told_of_held(&zone, held), &NOTHING_MORE);
        }
        if let Err(error) = &registered.written {
            say(Level::Error, &not_written(&zone, error), &NOTHING_MORE);
        }
        self.zones.push((zone, registered));
    }

    /// Takes in what failed, and says it.
    pub(crate) fn fail(&mut self, error: Error) {
        failed(&error);
        self.failures.push(error);
    }

    /// Returns whether listings show everything that is wanted.
    pub(crate) fn is_verified(&self) -> bool {
        self.failures.is_empty() && self.zones.iter().all(|(_, registered)| registered.is_verified)
    }

    /// Returns whether nothing is in trouble that only a look at the provider shows. The rest is found out at every run.
    pub(crate) fn is_well(&self) -> bool {
        let is_well = |registered: &Registered| {
            registered.clock.is_none() && registered.doubt.is_none() && self.exit_of(registered) == Exit::Done
        };
        self.failures.is_empty() && self.zones.iter().all(|(_, registered)| is_well(registered))
    }

    /// Says that heartbeats are not due, and returns what the run came to: `registered` is kept alive since its last heartbeats.
    pub(crate) fn not_due(self, registered: &Registrations, last: Option<Timestamp>) -> Result<Ended> {
        if self.is_seen() && self.options.output == Output::Log {
            let text = format!("not due: {} is kept alive at {} names", self.instance, self.wish.names().len());
            say(Level::Info, &text, &NOTHING_MORE);
        }
        let zones = registered.iter().map(|(zone, members)| Zone {
            leases: Some(self.leases(members.len(), last)),
            ..Zone::new(zone, [], None)
        });
        let zones = zones.collect();
        self.finish(false, zones)
    }

    /// Says what it came to, and returns that with the exit status. Nobody is told of what happens every few minutes, unless somebody watches.
    /// `beat` is when all heartbeats were written, where all were.
    pub(crate) fn end(self, beat: Option<Timestamp>) -> Result<Ended> {
        if self.is_seen() && self.options.output == Output::Log {
            let kept: usize = self.zones.iter().map(|(_, registered)| registered.leased.len()).sum();
            let text = match (self.options.dry_run, self.options.deregister) {
                (true, _) => "dry run, nothing was done".into(),
                (false, true) => format!("{} keeps nothing alive any more", self.instance),
                (false, false) => {
                    format!("{} keeps {kept} address{} alive", self.instance, if kept == 1 { "" } else { "es" })
                }
            };
            say(Level::Info, &text, &NOTHING_MORE);
        }
        let zones = self.summed(beat);
        self.finish(true, zones)
    }

    fn finish(self, is_due: bool, zones: Vec<Zone>) -> Result<Ended> {
        let exit = self.exit();
        if self.options.output == Output::Json {
            self.json(is_due, exit).context("the report was not shown, but what it says was done")?;
        }
        Ok(Ended { exit, jobs: vec![self.summary(exit, zones)] })
    }

    fn exit(&self) -> Exit {
        let of_failures = if self.failures.is_empty() { Exit::Done } else { Exit::CouldNotRun };
        let of_problems = if self.problems.is_empty() { Exit::Done } else { Exit::Unsettled };
        let zones = self.zones.iter().map(|(_, registered)| self.exit_of(registered));
        zones.fold(of_failures.or(of_problems), Exit::or)
    }

    fn exit_of(&self, registered: &Registered) -> Exit {
        let is_to_be_done = |fate| fate == Fate::NotTried && self.options.dry_run;
        let is_open = |outcome: &Outcome| !outcome.fate.is_settled() && !is_to_be_done(outcome.fate);
        match () {
            () if registered.held.is_some() && !self.options.dry_run => Exit::Held,
            () if registered.written.is_err() || registered.outcomes.iter().any(is_open) => Exit::Unsettled,
            () => Exit::Done,
        }
    }

    fn problem(&mut self, text: String) {
        complain(&text);
        self.problems.push(text);
    }

    /// Returns whether a person watches.
    fn is_seen(&self) -> bool {
        self.options.dry_run || io::stderr().is_terminal()
    }

    /// A heartbeat that was written anew is nothing to be told of.
    fn is_said(&self, outcome: &Outcome) -> bool {
        let is_to_be_seen = self.options.output == Output::Log || !outcome.fate.is_settled();
        is_to_be_seen && (self.is_seen() || !is_usual(outcome))
    }

    fn say(&self, zone: &ProviderId, outcome: &Outcome) {
        let is_future = self.options.dry_run;
        let level = if outcome.fate.is_settled() || is_future { Level::Info } else { Level::Warning };
        say(level, &sentence(zone, outcome, is_future), &json_change(zone, outcome));
    }

    fn json(&self, is_due: bool, exit: Exit) -> Result<()> {
        let changes = self
            .zones
            .iter()
            .flat_map(|(zone, registered)| registered.outcomes.iter().map(move |outcome| json_change(zone, outcome)));
        let leased = self.zones.iter().flat_map(|(zone, registered)| {
            registered.leased.iter().map(move |member| JsonMember {
                provider: &zone.name,
                zone: zone.zone.as_str(),
                name: member.domain.as_str(),
                address: member.address.to_string(),
            })
        });
        print_json(&JsonRun {
            run: self.context.run.to_string(),
            instance: self.instance.as_str(),
            dry_run: self.options.dry_run,
            due: is_due,
            settled: exit == Exit::Done,
            changes: changes.collect(),
            leased: leased.collect(),
            held: self
                .zones
                .iter()
                .filter_map(|(_, registered)| registered.held.as_deref().map(JsonHeld::from))
                .collect(),
            problems: &self.problems,
            failures: self.failures.iter().map(|failure| format!("{failure:#}")).collect(),
        })
    }
}

/// Returns whether it is a heartbeat that was written anew and seen.
fn is_usual(outcome: &Outcome) -> bool {
    outcome.reason == Reason::Refreshed && outcome.fate.is_settled()
}

fn told_of_held(zone: &ProviderId, held: &Held) -> String {
    format!(
        "held at {zone}: it would withdraw {} of the {} addresses there; if that is meant: `dns-heartbeat --approve {}`; --force lifts the brake \
         for one run; what is not withdrawn expires",
        held.deletions, held.claims, held.id
    )
}

fn not_written(zone: &ProviderId, error: &RepositoryError) -> String {
    format!("{zone}: what became of it was not written down, the next run looks: {error}")
}

#[derive(Debug, Serialize)]
struct JsonRun<'a> {
    run: String,
    instance: &'a str,
    dry_run: bool,
    due: bool,
    settled: bool,
    changes: Vec<JsonChange<'a>>,
    leased: Vec<JsonMember<'a>>,
    held: Vec<JsonHeld>,
    problems: &'a [String],
    failures: Vec<String>,
}

#[derive(Debug, Serialize)]
struct JsonMember<'a> {
    provider: &'a str,
    zone: &'a str,
    name: &'a str,
    address: String,
}
