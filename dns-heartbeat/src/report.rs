//! What a run came to, in the log and as JSON.

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, Error, Result};
use dnsmgmt_core::heartbeat::InstanceId;
use dnsmgmt_core::plan::Reason;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::reconcile::Registered;
use dnsmgmt_core::report::{Fate, Outcome};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::{complain, failed};
use dnsmgmt_program::log::{Level, NOTHING_MORE, say};
use dnsmgmt_program::output::{JsonChange, JsonHeld, json_change, print_json, subject, verb};
use serde::Serialize;

use crate::args::{Options, Output};
use crate::wish::Wish;

/// What a run came to.
pub(crate) struct Report<'a> {
    context: &'a Context,
    options: &'a Options,
    instance: &'a InstanceId,
    wish: &'a Wish,
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
        wish: &'a Wish,
        not_found: Vec<Error>,
    ) -> Self {
        let mut report =
            Self { context, options, instance, wish, zones: Vec::new(), failures: Vec::new(), problems: Vec::new() };
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
            let text = format!(
                "held at {zone}: it would withdraw {} of the {} addresses there; if that is meant: `dns-heartbeat --approve {}`; --force lifts the brake \
                 for one run; what is not withdrawn expires",
                held.deletions, held.claims, held.id
            );
            say(Level::Warning, &text, &NOTHING_MORE);
        }
        if let Err(error) = &registered.written {
            let text = format!("{zone}: what became of it was not written down, the next run looks: {error}");
            say(Level::Error, &text, &NOTHING_MORE);
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

    /// Says that heartbeats are not due, and returns the exit status.
    pub(crate) fn not_due(self) -> Result<Exit> {
        if self.is_seen() && self.options.output == Output::Log {
            let text = format!("not due: {} is kept alive at {} names", self.instance, self.wish.names().len());
            say(Level::Info, &text, &NOTHING_MORE);
        }
        self.finish(false)
    }

    /// Says what it came to, and returns the exit status. Nobody is told of what happens every few minutes, unless somebody watches.
    pub(crate) fn end(self) -> Result<Exit> {
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
        self.finish(true)
    }

    fn finish(self, is_due: bool) -> Result<Exit> {
        let exit = self.exit();
        if self.options.output == Output::Json {
            self.json(is_due, exit).context("the report was not shown, but what it says was done")?;
        }
        Ok(exit)
    }

    fn exit(&self) -> Exit {
        let of_failures = if self.failures.is_empty() { Exit::Done } else { Exit::CouldNotRun };
        let of_problems = if self.problems.is_empty() { Exit::Done } else { Exit::Unsettled };
        let of_zone = |registered: &Registered| {
            let is_to_be_done = |fate| fate == Fate::NotTried && self.options.dry_run;
            let is_open = |outcome: &Outcome| !outcome.fate.is_settled() && !is_to_be_done(outcome.fate);
            match () {
                () if registered.held.is_some() && !self.options.dry_run => Exit::Held,
                () if registered.written.is_err() || registered.outcomes.iter().any(is_open) => Exit::Unsettled,
                () => Exit::Done,
            }
        };
        let zones = self.zones.iter().map(|(_, registered)| of_zone(registered));
        zones.fold(of_failures.or(of_problems), Exit::or)
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
        let is_usual = outcome.reason == Reason::Refreshed && outcome.fate.is_settled();
        let is_to_be_seen = self.options.output == Output::Log || !outcome.fate.is_settled();
        is_to_be_seen && (self.is_seen() || !is_usual)
    }

    fn say(&self, zone: &ProviderId, outcome: &Outcome) {
        let is_future = self.options.dry_run;
        let level = if outcome.fate.is_settled() || is_future { Level::Info } else { Level::Warning };
        let mut text = format!("{} {} at {zone}: {}", verb(outcome, is_future), subject(outcome), outcome.reason);
        let error = outcome.error.as_ref();
        let hint = error.and_then(|error| error.hint.clone());
        for more in outcome.notes.iter().cloned().chain(error.map(ToString::to_string)).chain(hint) {
            text.push_str(&format!("; {more}"));
        }
        say(level, &text, &json_change(zone, outcome));
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
