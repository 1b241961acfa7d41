//! What commands remember of what they listed, and answer from it.

mod program;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::repository::{Cached, DnsRepositoryManager};
use serde_json::{Value, json};
use tempfile::TempDir;

const ZONE: &str = "$TTL 1h\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\nweb A 10.0.0.2\nweb A 10.0.0.3\n";

/// A zone file and the program that works on it.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(TempDir::new().unwrap());
        lab.write(ZONE);
        lab
    }

    fn write(&self, zone: &str) {
        fs::write(self.0.path().join("lab.zone"), zone).unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = program::dns_cli(self.0.path());
        command.env("ZONEFILE_PATH", self.0.path().join("lab.zone")).env("ZONEFILE_ORIGIN", "lab.example");
        command.args(line.split(' '));
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Returns what the cache holds of the zone.
    fn cached(&self) -> Option<Cached> {
        let zone = ProviderId { name: "zonefile".into(), zone: "lab.example".parse().unwrap() };
        let repository = DnsRepositoryManager::open(&self.0.path().join("dnsmgmt.db")).unwrap();
        repository.provider_cache().get_records(&zone).unwrap()
    }
}

/// Returns standard output and standard error.
fn said(output: &Output) -> (String, String) {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_is_listed_is_remembered_and_a_part_replaces_only_itself() {
    let lab = Lab::new();
    assert!(lab.run("get web.lab.example").status.success());
    let part = lab.cached().expect("it was listed");
    assert_eq!((part.listing.records.len(), part.refreshed_at), (2, None), "one name is not the zone");
    assert!(lab.run("list ns.*").status.success());
    let whole = lab.cached().unwrap();
    assert_eq!(whole.listing.records.len(), 4, "a filter is for what is shown");
    lab.write(&ZONE.replace("web A 10.0.0.3\n", "").replace("ns A 10.0.0.1", "ns A 10.0.0.9"));
    assert!(lab.run("get web.lab.example").status.success());
    let part = lab.cached().unwrap();
    assert_eq!((part.listing.records.len(), part.refreshed_at), (3, whole.refreshed_at));
    assert!(part.listing.records.iter().any(|record| record.key.data.to_string() == "10.0.0.1"));
}

#[test]
fn without_a_place_for_a_database_a_listing_works_in_silence() {
    if Path::new("/var/lib/dnsmgmt").exists() {
        eprintln!("skipped: this machine has a database of its own");
        return;
    }
    let lab = Lab::new();
    let file = lab.0.path().join("lab.zone");
    let under_a_file = file.join("below");
    for home in [None, Some(&file), Some(&under_a_file)] {
        let mut command = lab.command("list");
        command.env_remove("DNSMGMT_DB").envs(home.map(|home| ("HOME", home)));
        let (out, error) = said(&command.output().unwrap());
        assert!(out.contains("10.0.0.2") && error.is_empty(), "{home:?}: {error}");
    }
}

#[test]
fn a_database_that_cannot_be_used_is_said_and_does_not_keep_a_listing_from_working() {
    let lab = Lab::new();
    let file = lab.0.path().join("lab.zone");
    fs::write(lab.0.path().join("dnsmgmt.db"), "no database at all, but long enough to be looked at".repeat(20))
        .unwrap();
    for (place, problem) in
        [(None, "is damaged"), (Some(file.join("below.db")), "name another place with `DNSMGMT_DB`")]
    {
        for line in ["list", "get web.lab.example", "list --max-age 1h"] {
            let mut command = lab.command(line);
            command.envs(place.iter().map(|place| ("DNSMGMT_DB", place)));
            let output = command.output().unwrap();
            let (out, error) = said(&output);
            assert!(output.status.success() && out.contains("10.0.0.2"), "{line}: {output:?}");
            assert_eq!(error.matches("going on without the database").count(), 1, "{line}: {error}");
            assert!(error.contains(problem), "{line}: {error}");
        }
    }
}

#[test]
fn a_young_cache_answers_and_says_how_old_it_is() {
    let lab = Lab::new();
    let (out, error) = said(&lab.run("list --max-age 1h"));
    assert!(out.contains("10.0.0.3") && error.is_empty(), "nothing is known, so it is asked: {error}");
    lab.write(&ZONE.replace("10.0.0.3", "10.0.0.4"));
    for line in [
        "list --max-age 1h",
        "list -max-age 1h -t A",
        "get web.lab.example --max-age 1h",
        "get web.lab.example 10.0.0.3 --max-age 1h",
    ] {
        let (out, error) = said(&lab.run(line));
        assert!(out.contains("10.0.0.3") && !out.contains("10.0.0.4"), "{line}: {out}");
        assert!(error.starts_with("from the cache, ") && error.ends_with(" old\n"), "{line}: {error}");
    }
    let absent = lab.run("get web.lab.example 10.0.0.4 --max-age 1h");
    assert_eq!(absent.status.code(), Some(5), "{absent:?}");
    let (out, error) = said(&lab.run("list --max-age 0s"));
    assert!(out.contains("10.0.0.4") && error.is_empty(), "nothing is younger than that: {error}");
}

#[test]
fn json_says_what_is_from_the_cache_and_since_when() {
    let lab = Lab::new();
    let cached_at = |line: &str| {
        let listed: Value = serde_json::from_slice(&lab.run(line).stdout).unwrap();
        assert_eq!(listed["listings"][0]["zone"], "lab.example");
        listed["listings"][0]["cached_at"].clone()
    };
    assert_eq!(cached_at("list -o json"), Value::Null);
    let refreshed_at = lab.cached().unwrap().refreshed_at.unwrap();
    assert_eq!(cached_at("list -o json --max-age 1h"), refreshed_at.to_string());
    assert_eq!(cached_at("get ns.lab.example -o json --max-age 1h"), refreshed_at.to_string());
}

#[test]
fn the_status_tells_what_is_held_and_a_refresh_asks_again() {
    let lab = Lab::new();
    let zones = |line: &str| -> Vec<Value> {
        let output: Value = serde_json::from_slice(&lab.run(line).stdout).unwrap();
        output["zones"].as_array().unwrap().clone()
    };
    assert!(zones("cache status -o json").is_empty());
    assert!(lab.run("get ns.lab.example").status.success());
    let part = &zones("cache status -o json")[0];
    assert_eq!((&part["records"], &part["refreshed_at"], &part["fresh"]), (&json!(1), &Value::Null, &json!(false)));
    assert!(said(&lab.run("cache status")).0.contains("never listed as a whole"));
    let refreshed = &zones("cache refresh -o json")[0];
    assert_eq!((&refreshed["records"], &refreshed["fresh"]), (&json!(4), &json!(true)));
    lab.write(&ZONE.replace("web A 10.0.0.3\n", ""));
    assert_eq!(zones("cache status -o json")[0]["records"], 4);
    assert_eq!(zones("cache refresh -o json --zone lab.example")[0]["records"], 3);
    assert_eq!(lab.cached().unwrap().listing.records.len(), 3);
    assert!(zones("cache status -o json --zone other.example").is_empty());
    let long_ago = "UPDATE dns_freshness SET refreshed_at = '2026-01-01T00:00:00.000Z'";
    rusqlite::Connection::open(lab.0.path().join("dnsmgmt.db")).unwrap().execute(long_ago, []).unwrap();
    let (status, _) = said(&lab.run("cache status"));
    assert!(status.contains("zonefile  lab.example  3") && status.contains("days  stale"), "{status}");
}

#[test]
fn a_refresh_without_a_database_is_an_error() {
    let lab = Lab::new();
    let mut command = lab.command("cache refresh");
    command.env("DNSMGMT_DB", lab.0.path().join("lab.zone/below.db"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said(&output).1.contains("name another place with `DNSMGMT_DB`"), "{output:?}");
}

#[test]
fn what_a_change_made_is_in_the_cache_when_it_ends() {
    let lab = Lab::new();
    assert!(lab.run("list").status.success());
    assert!(lab.run("add new.lab.example 10.0.0.7").status.success());
    assert!(lab.run("delete web.lab.example 10.0.0.2").status.success());
    lab.write("");
    let (out, error) = said(&lab.run("list --max-age 1h"));
    assert!(out.contains("10.0.0.7") && !out.contains("10.0.0.2") && out.contains("10.0.0.3"), "{out}");
    assert!(error.starts_with("from the cache"), "{error}");
}
