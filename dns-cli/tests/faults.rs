//! What goes wrong at a provider, and what a person is told: every fault, over every command, against both fakes.

mod program;

use std::process::Output;
use std::time::Duration;

use fixtures::adguard::{AdGuardOptions, FakeAdGuard};
use fixtures::cloudflare::FakeCloudflare;
use fixtures::faults::Fault::{
    self, CutJson, Duplicates, Empty, ErrorAfter, ErrorBefore, HalfListing, Html, LaggingListing, LyingDelete,
    ResetInBody, ShiftingPage, SlowBody, TooManyRequests, Unauthorized,
};
use fixtures::faults::On::{self, Change, Listing};
use fixtures::server::Server;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// How often a fault strikes.
#[derive(Debug, Clone, Copy)]
enum When {
    Once,
    Always,
    /// The verifying listing, once.
    OnceAfterwards,
    /// Every listing but the first.
    AlwaysAfterwards,
}
use When::{Always, AlwaysAfterwards, Once, OnceAfterwards};

/// A fate and an exit status.
type Told = (&'static str, i32);

const NOT_RUN: Told = ("could not run", 1);
const PRESENT: Told = ("present", 0);
const GONE: Told = ("gone", 0);
const MISSING: Told = ("still missing", 3);
const THERE: Told = ("still there", 3);
const REFUSED: Told = ("refused", 3);
const UNTRIED: Told = ("not tried", 3);
const UNSURE: Told = ("unconfirmed", 3);

const SECOND: Fault = SlowBody(Duration::from_secs(1));
const WAIT: Fault = TooManyRequests(Some(1));
const WAIT_LONG: Fault = TooManyRequests(Some(300));

/// What strikes, which calls, when; the exit status of `list`; what `add`, `update` and `delete` tell.
type Row = (Fault, On, When, i32, Told, Told, Told);

/// What always lies is in its own table: AdGuard Home's fake lies in the second way of asking, too, which is an update.
#[rustfmt::skip]
const ADGUARD: &[Row] = &[
    (LyingDelete,           Change,  Always,           0, PRESENT, MISSING, THERE),
];
#[rustfmt::skip]
const CLOUDFLARE: &[Row] = &[
    (LyingDelete,           Change,  Always,           0, PRESENT, PRESENT, THERE),
];

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // the change                                   list  add      update   delete
    (LyingDelete,           Change,  Once,             0, PRESENT, PRESENT, GONE),
    (WAIT,                  Change,  Once,             0, PRESENT, PRESENT, GONE),
    (WAIT_LONG,             Change,  Once,             0, UNTRIED, UNTRIED, UNTRIED),
    (TooManyRequests(None), Change,  Always,           0, UNTRIED, UNTRIED, UNTRIED),
    (Unauthorized,          Change,  Always,           0, REFUSED, REFUSED, REFUSED),
    (ErrorBefore,           Change,  Once,             0, PRESENT, PRESENT, GONE),
    (ErrorBefore,           Change,  Always,           0, MISSING, MISSING, THERE),
    (ErrorAfter,            Change,  Once,             0, PRESENT, PRESENT, GONE),
    (ErrorAfter,            Change,  Always,           0, PRESENT, PRESENT, GONE),
    (ResetInBody,           Change,  Once,             0, PRESENT, PRESENT, GONE),
    (ResetInBody,           Change,  Always,           0, PRESENT, PRESENT, GONE),
    (CutJson,               Change,  Always,           0, PRESENT, PRESENT, GONE),
    (Html,                  Change,  Once,             0, PRESENT, PRESENT, GONE),
    (Html,                  Change,  Always,           0, MISSING, MISSING, THERE),
    (Empty,                 Change,  Once,             0, PRESENT, PRESENT, GONE),
    (Empty,                 Change,  Always,           0, MISSING, MISSING, THERE),
    (SECOND,                Change,  Always,           0, PRESENT, PRESENT, GONE),
    // the first listing
    (WAIT,                  Listing, Once,             0, PRESENT, PRESENT, GONE),
    (WAIT_LONG,             Listing, Always,           1, NOT_RUN, NOT_RUN, NOT_RUN),
    (Unauthorized,          Listing, Always,           1, NOT_RUN, NOT_RUN, NOT_RUN),
    (ErrorBefore,           Listing, Once,             0, PRESENT, PRESENT, GONE),
    (ErrorBefore,           Listing, Always,           1, NOT_RUN, NOT_RUN, NOT_RUN),
    (ResetInBody,           Listing, Once,             0, PRESENT, PRESENT, GONE),
    (ResetInBody,           Listing, Always,           1, NOT_RUN, NOT_RUN, NOT_RUN),
    (CutJson,               Listing, Once,             0, PRESENT, PRESENT, GONE),
    (CutJson,               Listing, Always,           1, NOT_RUN, NOT_RUN, NOT_RUN),
    (Html,                  Listing, Once,             0, PRESENT, PRESENT, GONE),
    (Html,                  Listing, Always,           1, NOT_RUN, NOT_RUN, NOT_RUN),
    (Empty,                 Listing, Once,             0, PRESENT, PRESENT, GONE),
    (Empty,                 Listing, Always,           1, NOT_RUN, NOT_RUN, NOT_RUN),
    (SECOND,                Listing, Always,           0, PRESENT, PRESENT, GONE),
    (ShiftingPage,          Listing, Once,             0, PRESENT, PRESENT, GONE),
    // the verifying listing
    (ErrorBefore,           Listing, OnceAfterwards,   0, PRESENT, PRESENT, GONE),
    (ErrorBefore,           Listing, AlwaysAfterwards, 0, UNSURE,  UNSURE,  UNSURE),
    (ResetInBody,           Listing, AlwaysAfterwards, 0, UNSURE,  UNSURE,  UNSURE),
    (CutJson,               Listing, AlwaysAfterwards, 0, UNSURE,  UNSURE,  UNSURE),
    (Html,                  Listing, AlwaysAfterwards, 0, UNSURE,  UNSURE,  UNSURE),
    (Empty,                 Listing, AlwaysAfterwards, 0, UNSURE,  UNSURE,  UNSURE),
    (Unauthorized,          Listing, AlwaysAfterwards, 0, UNSURE,  UNSURE,  UNSURE),
    (WAIT_LONG,             Listing, AlwaysAfterwards, 0, UNSURE,  UNSURE,  UNSURE),
    (HalfListing,           Listing, OnceAfterwards,   0, PRESENT, PRESENT, GONE),
    (HalfListing,           Listing, AlwaysAfterwards, 0, UNSURE,  UNSURE,  UNSURE),
    (LaggingListing,        Listing, OnceAfterwards,   0, PRESENT, PRESENT, GONE),
    // two copies of everything
    (Duplicates,            Listing, Always,           0, PRESENT, PRESENT, GONE),
];

/// What every zone holds: somebody else's record, the one that is changed, and its siblings.
const HELD: [(&str, &str); 4] = [
    ("other.example.com", "10.0.0.9"),
    ("web.example.com", "10.0.0.1"),
    ("web.example.com", "10.0.0.2"),
    ("web.example.com", "10.0.0.5"),
];
const FOREIGN: [&str; 3] = ["other.example.com 10.0.0.9", "web.example.com 10.0.0.2", "web.example.com 10.0.0.5"];

const LIST: &[&str] = &["list"];
const ADD: &[&str] = &["add", "web.example.com", "10.0.0.3", "--output", "json"];
const UPDATE: &[&str] = &["update", "web.example.com", "10.0.0.4", "--old", "10.0.0.1", "--output", "json"];
const DELETE: &[&str] = &["delete", "web.example.com", "10.0.0.1", "--output", "json"];

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_over_every_command_at_adguard_home() {
    check(ADGUARD, || async {
        let options = AdGuardOptions { update_lies_too: true, ..AdGuardOptions::default() };
        Fake::AdGuard(FakeAdGuard::start(options).await)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_over_every_command_at_cloudflare() {
    check(CLOUDFLARE, || async {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("example.com");
        Fake::Cloudflare(fake, zone)
    })
    .await;
}

/// Runs all rows, several at a time, since most of them wait.
async fn check<F: Future<Output = Fake> + Send + 'static>(own: &'static [Row], start: impl Fn() -> F) {
    let mut rows = tokio::task::JoinSet::new();
    let mut broken: Vec<String> = Vec::new();
    for row in TABLE.iter().chain(own) {
        for command in [LIST, ADD, UPDATE, DELETE] {
            let fake = start();
            rows.spawn(async move { run(fake.await, row, command).await });
            if rows.len() > 8 {
                broken.extend(rows.join_next().await.and_then(|row| row.expect("a row runs").err()));
            }
        }
    }
    while let Some(row) = rows.join_next().await {
        broken.extend(row.expect("a row runs").err());
    }
    assert!(broken.is_empty(), "{} of {} rows:\n{}", broken.len(), TABLE.len() * 4, broken.join("\n"));
}

async fn run(fake: Fake, row: &'static Row, command: &'static [&'static str]) -> Result<(), String> {
    let (fault, on, when, list, add, update, delete) = *row;
    let expected = match command[0] {
        "list" if list == 0 => ("", 0),
        "list" => NOT_RUN,
        "add" => add,
        "update" => update,
        _ => delete,
    };
    for (name, answer) in HELD {
        fake.put(name, answer);
    }
    let (skip, times) = match when {
        Once => (0, 1),
        Always => (0, u32::MAX),
        OnceAfterwards => (1, 1),
        AlwaysAfterwards => (1, u32::MAX),
    };
    fake.server().faults.after(skip, times, on, fault);
    let output = fake.dns_cli(command).await;
    let told = told(command[0], &output);
    let say =
        |what: String| Err(format!("{} {fault:?} {on:?} {when:?}, {}: {what}\n{output:?}", fake.kind(), command[0]));
    if told != (expected.0.to_owned(), expected.1) {
        return say(format!("expected {expected:?}, was told {told:?}"));
    }
    let held = fake.held();
    if let Some(lost) = FOREIGN.iter().find(|foreign| !held.contains(&(**foreign).to_owned())) {
        return say(format!("{lost} was nobody's wish, and it is gone: {held:?}"));
    }
    if expected.1 != 0 && !says_what_to_do(&output) {
        return say("the message does not say what was being done and what came back".into());
    }
    match claims_too_much(command[0], &told.0, &held) {
        Some(wrong) => say(wrong),
        None => Ok(()),
    }
}

fn told(command: &str, output: &Output) -> (String, i32) {
    let status = output.status.code().unwrap_or(-1);
    let fate = match serde_json::from_slice::<Value>(&output.stdout) {
        Ok(report) if command != "list" => report["changes"][0]["fate"].as_str().unwrap_or("no fate").to_owned(),
        _ if status == 1 => NOT_RUN.0.to_owned(),
        _ => String::new(),
    };
    (fate, status)
}

/// An error names what was being done and what came back; a fate that is no success has one, or says how often was asked.
fn says_what_to_do(output: &Output) -> bool {
    if output.status.code() == Some(1) {
        let text = String::from_utf8_lossy(&output.stderr);
        return text.contains("could not ") && text.contains("so nothing was done");
    }
    let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else { return false };
    let change = &report["changes"][0];
    let explained = change["error"]["doing"].is_string() && change["error"]["answered"].is_string();
    explained || change["asked"].as_u64() > Some(1)
}

/// Compares what was told with what the fake really holds.
fn claims_too_much(command: &str, fate: &str, held: &[String]) -> Option<String> {
    let holds = |answer: &str| held.contains(&format!("web.example.com {answer}"));
    let wrong = match (command, fate) {
        ("add", "present") => !holds("10.0.0.3"),
        ("update", "present") => !holds("10.0.0.4") || holds("10.0.0.1"),
        ("delete", "gone") => holds("10.0.0.1"),
        ("list", _) | (_, "not tried" | "refused") => holds("10.0.0.3") || holds("10.0.0.4") || !holds("10.0.0.1"),
        _ => false,
    };
    wrong.then(|| format!("told {fate:?}, and held is {held:?}"))
}

enum Fake {
    AdGuard(FakeAdGuard),
    Cloudflare(FakeCloudflare, String),
}

impl Fake {
    fn kind(&self) -> &'static str {
        match self {
            Self::AdGuard(_) => "adguard",
            Self::Cloudflare(..) => "cloudflare",
        }
    }

    fn server(&self) -> &Server {
        match self {
            Self::AdGuard(fake) => &fake.server,
            Self::Cloudflare(fake, _) => &fake.server,
        }
    }

    fn put(&self, name: &str, answer: &str) {
        match self {
            Self::AdGuard(fake) => fake.put(name, answer),
            Self::Cloudflare(fake, zone) => drop(fake.put(zone, name, "A", answer)),
        }
    }

    /// Returns what it really holds, each as `name value`.
    fn held(&self) -> Vec<String> {
        match self {
            Self::AdGuard(fake) => {
                fake.entries().iter().map(|entry| format!("{} {}", entry.domain, entry.answer)).collect()
            }
            Self::Cloudflare(fake, zone) => {
                fake.records(zone).iter().map(|record| format!("{} {}", record.name, record.content)).collect()
            }
        }
    }

    async fn dns_cli(&self, arguments: &[&str]) -> Output {
        let folder = TempDir::new().unwrap();
        let mut command = Command::from(program::dns_cli(folder.path()));
        command.args(arguments).args(["--retry-for", "3s"]);
        match self {
            Self::AdGuard(fake) => command.env("ADGUARD_URL", fake.url()),
            Self::Cloudflare(fake, zone) => {
                command.env("CF_API_URL", fake.url()).env("CF_ZONE_ID", zone).env("CF_API_TOKEN", &fake.token)
            }
        };
        command.output().await.expect("dns-cli starts")
    }
}
