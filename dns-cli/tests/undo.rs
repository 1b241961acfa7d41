//! `dns-cli undo`: what was made is taken back, verified, unless somebody changed it since.

mod program;

use std::fs;
use std::process::Output;

use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::{Claim, Reason, Step};
use dnsmgmt_core::provider::{Change, ProviderId, RunId};
use dnsmgmt_core::record::{Record, RecordData};
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::repository::DnsRepositoryManager;
use fixtures::adguard::{AdGuardOptions, FakeAdGuard};
use fixtures::cloudflare::FakeCloudflare;
use serde_json::{Value, json};
use tempfile::TempDir;

const ZONE: &str =
    "$TTL 1h\n@ SOA localhost. hostmaster 1 1h 15m 1w 5m\n@ NS localhost.\nweb A 10.0.0.1\nalias CNAME web\n";

/// A zone file and the program that works on it.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(TempDir::new().unwrap());
        lab.write("lab.zone", ZONE);
        lab
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.path().join(file), text).unwrap();
    }

    fn run(&self, line: &str) -> Output {
        let mut command = program::dns_cli(self.0.path());
        command.current_dir(self.0.path()).env("ZONEFILE_PATH", "lab.zone").env("ZONEFILE_ORIGIN", "lab.example");
        command.args(line.split(' ')).output().unwrap()
    }

    /// Returns standard output, standard error and the exit status.
    fn says(&self, line: &str) -> (String, String, i32) {
        let output = self.run(line);
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
    }

    fn succeeds(&self, line: &str) -> String {
        let (out, errors, status) = self.says(line);
        assert_eq!(status, 0, "{line}: {out}{errors}");
        out
    }

    /// Returns the records, without those of the zone itself.
    fn held(&self) -> Vec<String> {
        let listing: Value = serde_json::from_slice(&self.run("list -o json").stdout).unwrap();
        let text = |record: &Value, field: &str| record[field].as_str().unwrap().to_owned();
        let records = listing["records"].as_array().unwrap().iter();
        let line = |record: &Value| format!("{} {}", text(record, "name"), text(record, "value"));
        records.map(line).filter(|line| !line.starts_with("lab.example")).collect()
    }

    /// Returns the number and the run of the last change.
    fn last(&self) -> (i64, String) {
        let history: Value = serde_json::from_slice(&self.run("history --limit 1 -o json").stdout).unwrap();
        let change = &history["changes"][0];
        (change["id"].as_i64().unwrap(), change["run"].as_str().unwrap().to_owned())
    }

    fn repository(&self) -> DnsRepositoryManager {
        DnsRepositoryManager::open(&self.0.path().join("dnsmgmt.db")).unwrap()
    }

    fn origins(&self, name: &str) -> Vec<Origin> {
        let tracked = self.repository().tracked_at(&name.parse().unwrap()).unwrap();
        tracked.into_iter().flat_map(|(_, tracked)| tracked.origins).collect()
    }
}

const BEFORE: [&str; 2] = ["alias.lab.example web.lab.example", "web.lab.example 10.0.0.1"];

#[test]
fn every_kind_of_change_is_taken_back_and_that_too() {
    let lab = Lab::new();
    for line in ["add new.lab.example 10.0.0.2", "delete web.lab.example", "update alias.lab.example 10.0.0.3"] {
        lab.succeeds(line);
        let after = lab.held();
        assert_ne!(after, BEFORE);
        let (change, run) = lab.last();
        lab.succeeds(&format!("undo {change} --yes"));
        assert_eq!(lab.held(), BEFORE, "{line}");
        lab.succeeds(&format!("undo {} --yes", lab.last().1));
        assert_eq!(lab.held(), after, "{line}");
        lab.succeeds(&format!("undo {run} --yes"));
        assert_eq!(lab.held(), BEFORE, "{line}");
    }
    assert_eq!(lab.origins("alias.lab.example"), [Origin::by_hand()]);
}

#[test]
fn it_is_shown_first_and_done_only_with_a_yes() {
    let lab = Lab::new();
    lab.succeeds("delete web.lab.example");
    let (change, _) = lab.last();
    let dry = lab.succeeds(&format!("undo {change} --dry-run"));
    assert!(dry.starts_with("would create web.lab.example A 10.0.0.1"), "{dry}");
    let (out, errors, status) = lab.says(&format!("undo {change}"));
    assert_eq!((out.as_str(), status), ("", 2));
    assert!(errors.starts_with("would create web") && errors.contains("nothing was taken back"), "{errors}");
    assert_eq!(lab.held().len(), 1);
    let report = lab.run(&format!("undo {change} -y -o json"));
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!((&report["changes"][0]["reason"], &report["changes"][0]["fate"]), (&json!("undone"), &json!("present")));
    assert!(
        lab.succeeds(&format!("undo {change}")).contains("already there"),
        "nothing is asked where nothing is to be done"
    );
}

#[test]
fn what_somebody_changed_since_is_left() {
    let lab = Lab::new();
    lab.succeeds("update web.lab.example 10.0.0.2");
    let (change, _) = lab.last();
    lab.write("lab.zone", &ZONE.replace("10.0.0.1", "10.0.0.9"));
    let (out, _, status) = lab.says(&format!("undo {change} -y"));
    assert!(status == 3 && out.contains("refused"), "{out}");
    assert!(lab.held().contains(&"web.lab.example 10.0.0.9".to_owned()));
}

#[test]
fn it_is_said_what_a_source_will_do_about_it() {
    let lab = Lab::new();
    let head = "$ORIGIN lab.example.\n$TTL 1h\n@ SOA ns host 1 1h 15m 1w 5m\n";
    lab.write("wanted.zone", &format!("{head}new A 10.0.0.2\n"));
    lab.succeeds("sync --source wanted.zone");
    let (created, _) = lab.last();
    let shown = lab.succeeds(&format!("undo {created} -n"));
    assert!(shown.contains("wanted.zone") && shown.contains("its next synchronisation makes that again"), "{shown}");
    lab.write("wanted.zone", &format!("{head}other A 10.0.0.3\n"));
    lab.succeeds("sync --source wanted.zone --grace 0s");
    lab.succeeds("sync --source wanted.zone --grace 0s");
    assert!(!lab.held().contains(&"new.lab.example 10.0.0.2".to_owned()));
    let (deleted, _) = lab.last();
    let out = lab.succeeds(&format!("undo {deleted} -y"));
    assert!(out.contains("so no source takes it away"), "{out}");
    lab.succeeds("sync --source wanted.zone --grace 0s");
    lab.succeeds("sync --source wanted.zone --grace 0s");
    assert!(lab.held().contains(&"new.lab.example 10.0.0.2".to_owned()));
}

/// Runs dns-cli on a zone at Cloudflare, and returns its standard output and its calls.
fn at_cloudflare(fake: &FakeCloudflare, zone: (&str, &str), folder: &TempDir, line: &str) -> (String, Vec<String>) {
    fake.server.forget_calls();
    let mut command = program::dns_cli(folder.path());
    command.env("CF_API_URL", fake.url()).env("CF_API_TOKEN", &fake.token).env(zone.0, zone.1);
    let output = command.args(line.split(' ')).output().unwrap();
    assert!(output.status.success(), "{zone:?} {line}: {output:?}");
    (String::from_utf8(output.stdout).unwrap(), fake.server.calls())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_is_found_again_however_it_is_configured() {
    let fake = FakeCloudflare::start().await;
    let zone = fake.add_zone("example.com");
    fake.add_zone("example.net");
    for (variable, look_ups) in [(("CF_ZONE_ID", &*zone), 0), (("CF_ZONE", "example.com"), 1), (("CF_ZONE", ""), 1)] {
        let folder = TempDir::new().unwrap();
        at_cloudflare(&fake, variable, &folder, "add web.example.com 10.0.0.1");
        let (_, calls) = at_cloudflare(&fake, variable, &folder, "undo 1 -y");
        assert_eq!(calls.len(), look_ups + 3, "{variable:?}: {calls:?}");
        assert!(fake.records(&zone).is_empty(), "{variable:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_no_zones_a_change_is_taken_back_too() {
    let (fake, folder) = (FakeAdGuard::start(AdGuardOptions::default()).await, TempDir::new().unwrap());
    fake.put("web.example.com", "10.0.0.1");
    for line in ["delete web.example.com", "undo 1 --yes"] {
        let mut command = program::dns_cli(folder.path());
        let output = command.env("ADGUARD_URL", fake.url()).args(line.split(' ')).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    }
    assert_eq!(fake.entries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_that_was_written_is_taken_out_again() {
    let fake = FakeCloudflare::start().await;
    let zone = fake.add_zone("example.com");
    fake.put(&zone, "web.example.com", "A", "10.0.0.1");
    let (variable, folder) = (("CF_ZONE", "example.com"), TempDir::new().unwrap());
    at_cloudflare(&fake, variable, &folder, "update web.example.com --comment mine");
    assert_eq!(fake.records(&zone)[0].comment.as_deref(), Some("mine"));
    at_cloudflare(&fake, variable, &folder, "undo 1 -y");
    assert_eq!(fake.records(&zone)[0].comment, None);
    at_cloudflare(&fake, variable, &folder, "undo 2 -y");
    assert_eq!(fake.records(&zone)[0].comment.as_deref(), Some("mine"));
}

#[test]
fn what_was_never_made_or_is_open_is_named() {
    let lab = Lab::new();
    let id = ProviderId { name: "zonefile".into(), zone: "lab.example".parse().unwrap() };
    let change = |value: &str| {
        Change::Create(Record::new("new.lab.example".parse().unwrap(), RecordData::infer(value).unwrap()))
    };
    let step =
        |change| Step { change, claim: Claim::ByHand, reason: Reason::Requested, origins: [].into(), notes: vec![] };
    let steps = ["10.0.0.7", "10.0.0.8"].map(|value| step(change(value)));
    let mut repository = lab.repository();
    let now = "2026-01-01T12:00:00Z".parse().unwrap();
    let ids = repository.intend(RunId(7), &id, &steps, now).unwrap();
    repository.conclude(&id, [(ids[0], Fate::Refused)], None, now).unwrap();
    let (out, errors, status) = lab.says("undo 0000000000000007 -y");
    assert_eq!((out.as_str(), status), ("nothing to do\n", 3));
    assert!(
        errors.contains("change 1 (create new.lab.example A 10.0.0.7) was refused, so there is nothing to undo"),
        "{errors}"
    );
    assert!(errors.contains("change 2 (create new.lab.example A 10.0.0.8) is open"), "{errors}");
    assert_eq!(lab.says("undo 1 -y").2, 0);
    let (_, errors, status) = lab.says("undo 99 -y");
    assert!(status == 1 && errors.contains("the journal holds no change 99"), "{errors}");
    assert_eq!(lab.says("undo nonsense").2, 2);
}
