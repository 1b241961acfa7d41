//! `dns-cli leases`, and what `dns-cli why` knows of leases.

mod program;

use std::fs;
use std::process::Output;
use std::time::Duration;

use dnsmgmt_core::heartbeat::Member;
use dnsmgmt_core::lease::{Memory, Remembered};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::plan::{PlanId, Reason};
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{RecordData, RecordType};
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_program::clock::Clock;
use jiff::SignedDuration;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

const HEAD: &str = "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\nother A 10.0.0.99\n";

/// A zone file with heartbeats of these ages, in seconds.
struct Lab(TempDir, Moment);

impl Lab {
    fn with(beats: &[(&str, &str, i64)], more: &str) -> Self {
        let lab = Self(TempDir::new().unwrap(), Clock::of_this_boot().moment());
        let now = lab.1.now.as_second();
        let mut zone = HEAD.to_owned();
        for (address, instance, age) in beats {
            let label = address.replace(['.', ':'], "-");
            zone += &format!("_heartbeat-{label}.all TXT \"{},{instance}\"\n", now - age);
        }
        fs::write(lab.0.path().join("lab.zone"), zone + more).unwrap();
        lab
    }

    async fn run(&self, line: &str) -> Output {
        let mut command = Command::from(program::dns_cli(self.0.path()));
        command.env("ZONEFILE_PATH", self.0.path().join("lab.zone")).env("ZONEFILE_ORIGIN", "lab.example");
        command.env("CLEANUP_INTERVAL_SECONDS", "600");
        command.args(line.split(' ')).output().await.expect("dns-cli starts")
    }

    async fn says(&self, line: &str) -> String {
        let output = self.run(line).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.says(&format!("{line} --output json")).await).unwrap()
    }

    /// Lets a clean-up have seen a heartbeat unchanged for so long.
    fn seen(&self, address: &str, age: i64, seconds: u64) {
        let mut repository = DnsRepositoryManager::open(&self.0.path().join("dnsmgmt.db")).unwrap();
        let id = ProviderId { name: "zonefile".into(), zone: Name::parse("lab.example").unwrap() };
        let now = &self.1;
        let earlier = Moment { running: now.running.saturating_sub(Duration::from_secs(seconds)), ..now.clone() };
        repository.look_at_leases(&id, &earlier, Some(Duration::from_secs(9000)), true).unwrap();
        let text = format!("{},web-01", now.now.as_second() - age);
        let value = RecordData::parse(&RecordType::Txt, &text).unwrap();
        let seen = Remembered {
            first_seen: now.now - SignedDuration::from_hours(2),
            values: [(value, Duration::ZERO)].into(),
            missing: None,
            was_kept: true,
        };
        let member = Member { domain: Name::parse("all.lab.example").unwrap(), address: address.parse().unwrap() };
        repository.remember_leases(&id, &Memory::new(), &[(member, seen)].into()).unwrap();
    }

    /// Lets the brake of a clean-up hold the deletion of an address, and returns the id of its plan.
    fn holds(&self, address: &str) -> PlanId {
        let mut repository = DnsRepositoryManager::open(&self.0.path().join("dnsmgmt.db")).unwrap();
        let id = ProviderId { name: "zonefile".into(), zone: Name::parse("lab.example").unwrap() };
        let member = Member { domain: Name::parse("all.lab.example").unwrap(), address: address.parse().unwrap() };
        let plan: PlanId = "a1b2".parse().unwrap();
        repository.hold(plan, &id, [(&member.key(), Reason::Expired)], self.1.now).unwrap();
        plan
    }
}

#[tokio::test]
async fn leases_show_who_lives_where_and_how_long_still() {
    let beats =
        [("10.0.0.1", "web-01", 130), ("10.0.0.1", "web-02", 65), ("fd00::2", "db", 1000), ("10.0.0.3", "gone", -300)];
    let lab = Lab::with(&beats, "all A 10.0.0.1\nall A 10.0.0.4\nall AAAA fd00::2\n");
    let shown = lab.says("leases all.lab.example").await;
    let row = |words: &[&str]| {
        let found = shown.lines().find(|line| words.iter().all(|word| line.contains(word)));
        assert!(found.is_some(), "{words:?}: {shown}");
    };
    row(&["NAME", "ADDRESS", "INSTANCE", "LAST HEARTBEAT", "EXPIRES"]);
    row(&["10.0.0.1", "web-01", "2 minutes ago", "in 13 min"]);
    row(&["10.0.0.1", "web-02", "1 minute ago", "in 14 min"]);
    row(&["fd00::2", "db", "16 minutes ago", "s ago", "no clean-up of this database watches it"]);
    row(&["10.0.0.3", "gone", "in the future", "in 60 min", "its address is not there", "ahead of this clock"]);
    row(&["10.0.0.4", "it never had a heartbeat, so it stays"]);
    assert_eq!(shown.lines().count(), 6, "{shown}");
    let everywhere = lab.says("leases").await;
    assert_eq!(everywhere.lines().count(), 5, "what has no heartbeat is no lease where no name is meant: {everywhere}");
    assert_eq!(lab.says("leases none.lab.example").await.lines().count(), 1);
}

#[tokio::test]
async fn what_a_clean_up_saw_is_told() {
    let lab = Lab::with(&[("10.0.0.1", "web-01", 2000)], "all A 10.0.0.1\n");
    let fresh = lab.json("leases").await;
    let lease = &fresh["leases"][0];
    assert_eq!((&lease["expired"], &lease["known_since"]), (&false.into(), &Value::Null));
    assert!(lease["heartbeats"][0]["expires_in_seconds"].as_i64().unwrap() < -1000, "{fresh}");
    lab.seen("10.0.0.1", 2000, 600);
    let shown = lab.says("leases").await;
    assert!(shown.contains("seen unchanged for 1"), "{shown}");
    assert!(shown.contains("in 5 min") && !shown.contains("watches it"), "{shown}");
    let watched = lab.json("leases").await;
    let left = watched["leases"][0]["heartbeats"][0]["left_seconds"].as_u64().unwrap();
    assert!((1..=300).contains(&left) && fresh["leases"][0]["heartbeats"][0]["left_seconds"].is_null(), "{watched}");
    let lab = Lab::with(&[("10.0.0.1", "web-01", 2000)], "all A 10.0.0.1\n");
    lab.seen("10.0.0.1", 2000, 950);
    let judged = lab.json("leases").await;
    let lease = &judged["leases"][0];
    assert_eq!(lease["expired"], true, "{judged}");
    assert!(lease["heartbeats"][0]["unchanged_seconds"].as_u64().unwrap() >= 900 && lease["known_since"].is_string());
    assert!(lab.says("leases").await.contains("the next clean-up removes it"));
    let cached = lab.says("leases --max-age 1h").await;
    assert!(cached.contains("web-01"), "{cached}");
    let held = lab.holds("10.0.0.1");
    let shown = lab.says("leases").await;
    let how = format!("it is over, and the brake holds it: `dns-cleanup heartbeats --approve {held}`");
    assert!(shown.contains(&how) && !shown.contains("the next clean-up removes it"), "{shown}");
}

#[tokio::test]
async fn why_knows_who_keeps_an_address_alive() {
    let lab = Lab::with(&[("10.0.0.1", "web-01", 130)], "all A 10.0.0.1\nall A 10.0.0.2\n");
    let told = lab.says("why all.lab.example").await;
    assert!(
        told.contains("web-01 keeps it alive: the last heartbeat was 2 minutes ago, and a lease lasts 15 min."),
        "{told}"
    );
    assert_eq!(told.matches("keeps it alive").count(), 1, "{told}");
    let told = lab.says("why _heartbeat-10-0-0-1.all.lab.example").await;
    assert!(told.contains("It is a heartbeat: web-01 keeps 10.0.0.1 at all.lab.example alive"), "{told}");
    let odd = Lab::with(&[("10.0.0.1", "dead", 2000), ("10.0.0.1", "fast", -7000)], "all A 10.0.0.1\n");
    let told = odd.says("why all.lab.example").await;
    let over = "dead kept it alive: the last heartbeat was 33 minutes ago, and a lease lasts 15 min. It is over once a clean-up";
    let ahead = "fast keeps it alive, with a heartbeat that is 117 min ahead of this machine's clock.";
    assert!(told.contains(over) && told.contains(ahead), "{told}");
    lab.says("cache refresh").await;
    let cached = lab.json("why all.lab.example --max-age 1h").await;
    let records = cached["zones"][0]["records"].as_array().unwrap();
    assert_eq!((records[0]["heartbeats"][0]["instance"].as_str(), records.len()), (Some("web-01"), 2), "{cached}");
}
