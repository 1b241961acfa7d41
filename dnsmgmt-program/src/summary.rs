//! What a run came to, for those who watch it from elsewhere.

use std::time::Duration;

use anyhow::Error;
use dnsmgmt_core::brake::Held;
use dnsmgmt_core::notice::mark;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::report::{Action, Fate, Outcome};
use jiff::Timestamp;

use crate::exit::Exit;
use crate::failure::{explained, failed};
use crate::machine::host_name;
use crate::name::name;
use crate::output::{printable_lines, sentence};

/// How many octets of text are told at most: what self-hosted healthchecks keep of a ping.
const MOST: usize = 10_000;

/// What a run ended with.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub exit: Exit,
    /// What each job came to.
    pub jobs: Vec<Summary>,
}

/// What a job came to.
#[derive(Debug)]
pub struct Summary {
    /// The job; none where the program has only one.
    pub job: Option<&'static str>,
    /// What the run would have ended with, had it been the only one.
    pub exit: Exit,
    /// How long it took.
    pub took: Duration,
    /// How many things could not be done at all.
    pub failures: usize,
    /// What it came to in each zone that was looked at.
    pub zones: Vec<Zone>,
    /// What there is to say of it.
    pub lines: Vec<Line>,
}

/// What a job came to in one zone.
#[derive(Debug)]
pub struct Zone {
    /// The provider and the zone.
    pub provider: ProviderId,
    /// What became of changes.
    pub changes: Changes,
    /// What is known of leases there, where it is about these.
    pub leases: Option<Leases>,
}

/// How many changes became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Created, as a listing shows.
    pub created: usize,
    /// Changed, as a listing shows.
    pub changed: usize,
    /// Deleted, as a listing shows.
    pub deleted: usize,
    /// Asked for, and no listing shows it.
    pub unconfirmed: usize,
    /// Refused.
    pub refused: usize,
    /// Deletions that the brake holds.
    pub held: usize,
}

/// What is known of the leases in a zone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leases {
    /// How many addresses are kept alive.
    pub alive: usize,
    /// How many addresses there are that nobody keeps alive, nor ever did; where it is known.
    pub without_heartbeat: Option<usize>,
    /// The last heartbeat of the one that was not heard of for the longest time.
    pub oldest: Option<Timestamp>,
    /// The last heartbeat of the one that was heard of last.
    pub youngest: Option<Timestamp>,
    /// When the first of them is over, if it is not heard of again.
    pub next_expiry: Option<Timestamp>,
}

/// Something to be said.
#[derive(Debug)]
pub struct Line {
    text: String,
    /// What is in trouble, where something is: the same from run to run, as long as it is.
    trouble: Option<String>,
}

impl Ended {
    /// Says why a run of these jobs could not be made, and returns what it came to.
    pub fn failed(error: &Error, jobs: &[Option<&'static str>]) -> Self {
        let mut ended = Self { exit: Exit::Done, jobs: jobs.iter().copied().map(Summary::new).collect() };
        ended.fail(error);
        ended
    }

    /// Says what failed beside the jobs, and takes it in.
    pub fn fail(&mut self, error: &Error) {
        let exit = failed(error);
        self.take_in(error, exit);
    }

    /// Takes in what failed and was said, with what that ends a run with.
    pub fn take_in(&mut self, error: &Error, exit: Exit) {
        self.exit = self.exit.or(exit);
        for summary in &mut self.jobs {
            summary.exit = summary.exit.or(exit);
            summary.failures += 1;
            summary.lines.push(Line::of_failure(error));
        }
    }

    /// Returns what it came to as a text for people, without control characters and not too long.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} on {} ended with exit status {}\n", name(), host_name(), self.exit as u8);
        for summary in &self.jobs {
            let job = summary.job.map(|job| format!("{job}: ")).unwrap_or_default();
            text.push_str(&format!("{job}{}\n", summary.changes()));
            summary.lines.iter().for_each(|line| text.push_str(&format!("{}\n", line.text)));
        }
        shortened(&printable_lines(&text))
    }
}

impl Summary {
    /// Begins the summary of a job.
    pub fn new(job: Option<&'static str>) -> Self {
        let (took, zones, lines) = (Duration::ZERO, Vec::new(), Vec::new());
        Self { job, exit: Exit::Done, took, failures: 0, zones, lines }
    }

    /// Returns what tells its trouble from others, if it is in trouble.
    pub(crate) fn trouble(&self) -> Option<String> {
        (self.exit != Exit::Done).then(|| mark(self.lines.iter().filter_map(|line| line.trouble.as_deref())))
    }

    /// Counts the changes in all zones.
    fn changes(&self) -> String {
        let count = |of: fn(&Changes) -> usize| self.zones.iter().map(|zone| of(&zone.changes)).sum::<usize>();
        let parts = [
            (count(|changes| changes.created), "created"),
            (count(|changes| changes.changed), "changed"),
            (count(|changes| changes.deleted), "deleted"),
            (count(|changes| changes.unconfirmed), "unconfirmed"),
            (count(|changes| changes.refused), "refused"),
            (count(|changes| changes.held), "held"),
        ];
        let said = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let text = said.collect::<Vec<_>>().join(", ");
        if text.is_empty() { "nothing was changed".into() } else { text }
    }
}

impl Zone {
    /// Counts what became of changes, and what the brake holds of them.
    pub fn new<'o>(
        provider: &ProviderId,
        outcomes: impl IntoIterator<Item = &'o Outcome>,
        held: Option<&Held>,
    ) -> Self {
        let held = held.map_or(0, |held| held.deletions);
        let mut changes = Changes { held, ..Changes::default() };
        let is_anothers = |fate: Fate| matches!(fate, Fate::AlreadyGone | Fate::AlreadyPresent);
        for outcome in outcomes.into_iter().filter(|outcome| !is_anothers(outcome.fate)) {
            let count = match (outcome.fate, outcome.action) {
                (Fate::Refused, _) => &mut changes.refused,
                (fate, _) if !fate.is_settled() => &mut changes.unconfirmed,
                (_, Action::Create) => &mut changes.created,
                (_, Action::Replace) => &mut changes.changed,
                (_, Action::Delete) => &mut changes.deleted,
            };
            *count += 1;
        }
        Self { provider: provider.clone(), changes, leases: None }
    }
}

impl Line {
    /// Returns a line that says what is as it should be.
    pub fn new(text: String) -> Self {
        Self { text, trouble: None }
    }

    /// Returns a line about something in trouble. `what` is the same from run to run, as long as it is.
    pub fn of_trouble(what: String, text: String) -> Self {
        Self { text, trouble: Some(what) }
    }

    /// Returns a line about a change. A heartbeat has another value at each run, so that name and type say which one it is.
    pub fn of_change(zone: &ProviderId, outcome: &Outcome) -> Self {
        let Outcome { action, name, rtype, fate, .. } = outcome;
        let rtype = rtype.as_ref().map(ToString::to_string).unwrap_or_default();
        let trouble = (!fate.is_settled()).then(|| format!("{zone} {action} {name} {rtype}"));
        Self { text: sentence(zone, outcome, false), trouble }
    }

    /// Returns a line about something that failed.
    pub fn of_failure(error: &Error) -> Self {
        Self::of_trouble(matter(&format!("{error:#}")), explained(error))
    }

    /// Returns a line about something that is not as it should be, in a sentence.
    pub fn of_problem(text: &str) -> Self {
        Self::of_trouble(matter(text), text.to_owned())
    }
}

/// Returns what a sentence is about: what stands before its reasons, without numbers and times, which are others at every run. A number within a
/// word is part of a name.
fn matter(text: &str) -> String {
    let before = text.split(": ").next().unwrap_or_default().lines().next().unwrap_or_default();
    before.split_whitespace().filter(|word| !is_number(word) && !is_time(word)).collect::<Vec<_>>().join(" ")
}

fn is_number(word: &str) -> bool {
    let word = word.trim_matches(|character: char| !character.is_alphanumeric());
    !word.is_empty() && word.chars().all(|character| character.is_ascii_digit())
}

fn is_time(word: &str) -> bool {
    word.trim_matches(|character: char| !character.is_alphanumeric()).parse::<Timestamp>().is_ok()
}

/// Returns as many whole lines of a text as may be told.
fn shortened(text: &str) -> String {
    const REST: &str = "...\n";
    if text.len() <= MOST {
        return text.to_owned();
    }
    let end = (0..=MOST - REST.len()).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let end = text[..end].rfind('\n').map_or(end, |newline| newline + 1);
    format!("{}{REST}", &text[..end])
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_text_has_whole_lines_and_is_not_too_long() {
        assert_eq!(shortened("short\n"), "short\n");
        let long = shortened(&"a line that is told\n".repeat(1000));
        assert!(long.len() <= MOST && long.ends_with("told\n...\n"), "{long}");
        let one = shortened(&"ü".repeat(MOST));
        assert!(one.len() <= MOST && one.ends_with("ü...\n"), "{one}");
    }

    #[test]
    fn trouble_is_the_same_whatever_the_reason_is_this_time() {
        let mark = |reason: &str| {
            let error = anyhow!("could not list: {reason}").context("cloud (example.com)");
            Summary { exit: Exit::CouldNotRun, lines: vec![Line::of_failure(&error)], ..Summary::new(None) }.trouble()
        };
        assert_eq!(mark("503: Ray ID 98a7"), mark("429: try again in 7 s"));
        let problem = |text: &str| Line::of_problem(text).trouble;
        assert_eq!(problem("dns-cli (process 17) is at work"), problem("dns-cli (process 4711) is at work"));
        let clock = |time: &str| problem(&format!("heartbeats have the time of cloud, {time}; set the clock"));
        assert_eq!(clock("2026-11-28T19:31:51Z"), clock("2026-11-28T19:36:52Z"));
        assert_ne!(problem("the public IPv4 address is not known"), problem("the public IPv6 address is not known"));
        assert_ne!(problem("ns1 (example.com): no answer"), problem("ns2 (example.com): no answer"));
        assert_ne!(mark("x"), Summary { exit: Exit::CouldNotRun, ..Summary::new(None) }.trouble());
        assert_eq!(Summary::new(None).trouble(), None);
    }
}
