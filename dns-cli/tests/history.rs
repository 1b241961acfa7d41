//! `dns-cli history`, as a person and a program see it.

mod program;

use std::path::Path;
use std::process::Output;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::plan::{Claim, Reason, Step};
use dnsmgmt_core::provider::{Change, ProviderId, RunId};
use dnsmgmt_core::record::{Record, RecordData, Ttl};
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::repository::DnsRepositoryManager;
use serde_json::{Value, json};
use tempfile::TempDir;

fn run(folder: &Path, line: &str) -> Output {
    program::dns_cli(folder).args(line.split(' ')).output().unwrap()
}

fn shown(folder: &Path, line: &str) -> String {
    let output = run(folder, line);
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn record(name: &str, value: &str, ttl: u32) -> Record {
    let record = Record::new(Name::parse(name).unwrap(), RecordData::infer(value).unwrap());
    Record { ttl: Some(Ttl::Seconds(ttl)), ..record }
}

/// Two runs: one that ended well, and one that was killed.
fn two_runs(folder: &Path) {
    let home = ProviderId { name: "home".into(), zone: Name::parse("example").unwrap() };
    let (one, two) = (record("web.example", "10.0.0.1", 300), record("web.example", "10.0.0.2", 300));
    let alias = record("bücher.example", "web.example", 60);
    let slower = Record { ttl: Some(Ttl::Seconds(600)), ..alias.clone() };
    let runs = [
        (RunId(0xa), vec![Change::Create(one.clone()), Change::Replace { old: alias, new: slower }]),
        (RunId(0xb), vec![Change::Replace { old: one, new: two.clone() }, Change::Delete(two)]),
    ];
    let mut repository = DnsRepositoryManager::open(&folder.join("dnsmgmt.db")).unwrap();
    for (run, changes) in runs {
        let steps = changes.into_iter().map(|change| Step {
            change,
            claim: Claim::ByHand,
            reason: Reason::Requested,
            origins: [].into(),
            notes: vec![],
        });
        let steps: Vec<Step> = steps.collect();
        let now = "2026-01-01T12:00:00.250Z".parse().unwrap();
        let ids = repository.intend(run, &home, &steps, now).unwrap();
        if run == RunId(0xa) {
            let fates = ids.into_iter().map(|id| (id, Fate::Present));
            repository.conclude(&home, fates, None, now).unwrap();
        }
    }
}

#[test]
fn a_history_is_a_table_with_the_newest_last() {
    let folder = TempDir::new().unwrap();
    assert_eq!(shown(folder.path(), "history"), "", "nothing was changed yet");
    two_runs(folder.path());
    insta::assert_snapshot!("history_table", shown(folder.path(), "history"));
}

#[test]
fn a_history_is_of_a_name_or_a_run_and_ends_with_the_last() {
    let folder = TempDir::new().unwrap();
    two_runs(folder.path());
    let ids = |line: &str| -> Vec<i64> {
        let history: Value = serde_json::from_str(&shown(folder.path(), line)).unwrap();
        history["changes"].as_array().unwrap().iter().map(|change| change["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids("history -o json"), [1, 2, 3, 4]);
    assert_eq!(ids("history -o json --limit 1"), [4]);
    assert_eq!(ids("history WEB.example. -o json"), [1, 3, 4]);
    assert_eq!(ids("history web.example -o json --limit 2"), [3, 4]);
    assert_eq!(ids("history bücher.example -o json"), [2]);
    assert_eq!(ids("history -o json --run a"), [1, 2]);
    assert_eq!(ids("history web.example -o json --run 000000000000000A"), [1]);
    assert_eq!(ids("history absent.example -o json"), [0; 0]);
    assert_eq!(run(folder.path(), "history --run nonsense").status.code(), Some(2));
}

#[test]
fn json_has_both_sides_and_null_for_what_is_open() {
    let folder = TempDir::new().unwrap();
    two_runs(folder.path());
    let history: Value = serde_json::from_str(&shown(folder.path(), "history -o json")).unwrap();
    let [created, .., deleted] = &history["changes"].as_array().unwrap()[..] else { panic!("{history}") };
    assert_eq!((&created["before"], &created["after"]["value"]), (&Value::Null, &json!("10.0.0.1")));
    assert_eq!((&created["fate"], &created["settled_at"]), (&json!("present"), &json!("2026-01-01T12:00:00.25Z")));
    assert_eq!((&deleted["before"]["ttl"], &deleted["after"]), (&json!(300), &Value::Null));
    assert_eq!((&deleted["fate"], &deleted["settled_at"]), (&Value::Null, &Value::Null));
}
