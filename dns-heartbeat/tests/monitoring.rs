//! What `dns-heartbeat` tells those who watch it: metrics, pings, and a notification command.

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use fixtures::checks::Checks;
use fixtures::faults::{Fault, On};
use fixtures::prometheus::samples;
use jiff::SignedDuration;
use program::{Host, Zone, end, next_second};
use rustix::process::{Pid, Signal, kill_process};

/// Returns a machine that writes metrics.
async fn place() -> (Zone, Host) {
    let zone = Zone::new().await;
    let host = Host::new(&zone, "web-01", "203.0.113.7").await;
    fs::create_dir(host.file("metrics")).unwrap();
    let folder = host.file("metrics").display().to_string();
    (zone, host.with("DNSMGMT_METRICS", &folder))
}

/// Returns the metrics without what all of them begin with.
fn metrics(host: &Host) -> BTreeMap<String, f64> {
    let samples = samples(&host.file("metrics/dns-heartbeat.prom")).into_iter();
    let short = |name: String| {
        name.replace("dnsmgmt_", "").replace("program=\"dns-heartbeat\"", "").replace("{}", "").replace("{,", "{")
    };
    samples.map(|(name, value)| (short(name), value)).collect()
}

const ZONE: &str = "{provider=\"cloud\",zone=\"example.com\"}";

/// Returns how many changes were created, changed, deleted, unconfirmed and refused.
fn changes(metrics: &BTreeMap<String, f64>) -> [Option<f64>; 5] {
    ["created", "changed", "deleted", "unconfirmed", "refused"].map(|outcome| {
        let labels = ZONE.replace('}', &format!(",outcome=\"{outcome}\"}}"));
        metrics.get(&format!("last_run_changes{labels}")).copied()
    })
}

fn leases(metrics: &BTreeMap<String, f64>) -> [Option<f64>; 3] {
    ["alive", "youngest_heartbeat_timestamp_seconds", "next_expiry_timestamp_seconds"]
        .map(|name| metrics.get(&format!("leases_{name}{ZONE}")).copied())
}

#[tokio::test]
async fn a_run_that_is_due_and_one_that_is_not_say_what_is_kept_alive_and_since_when() {
    let (zone, host) = place().await;
    host.beats("").await;
    let due = metrics(&host);
    assert_eq!(changes(&due), [2.0, 0.0, 0.0, 0.0, 0.0].map(Some));
    let [alive, beat, expiry] = leases(&due).map(Option::unwrap);
    let written = due["last_run_timestamp_seconds"];
    assert!(alive == 1.0 && (written - beat).abs() < 30.0 && (expiry - beat - 900.0).abs() < 0.01, "{due:?}");
    assert_eq!((due["last_run_exit_status"], due["last_success_timestamp_seconds"]), (0.0, written));

    host.let_pass(300);
    zone.calls();
    host.beats("").await;
    assert_eq!(zone.calls().len(), 0);
    let not_due = metrics(&host);
    assert_eq!(changes(&not_due), [0.0; 5].map(Some));
    let [alive, since, _] = leases(&not_due).map(Option::unwrap);
    assert!(alive == 1.0 && (beat - since - 300.0).abs() < 0.01, "the heartbeat is that of the last time: {not_due:?}");
    assert!(not_due["last_success_timestamp_seconds"] > written);

    host.let_pass(300);
    next_second().await;
    host.beats("").await;
    assert_eq!(changes(&metrics(&host)), [0.0, 1.0, 0.0, 0.0, 0.0].map(Some), "its heartbeat is another value now");
}

#[tokio::test]
async fn what_fails_is_counted_and_the_last_good_run_remembered() {
    let (zone, host) = place().await;
    host.beats("").await;
    let good = metrics(&host)["last_success_timestamp_seconds"];
    zone.fake.server.faults.always(On::Listing, Fault::ErrorBefore);
    assert_eq!(host.says("--now --retry-for 0s").await.status, 1);
    let failed = metrics(&host);
    assert_eq!((failed["last_run_exit_status"], failed["last_run_failures"]), (1.0, 1.0));
    assert_eq!((failed["last_success_timestamp_seconds"], leases(&failed)), (good, [None; 3]));
    zone.fake.server.faults.clear();
    zone.fake.server.faults.after(1, 9, On::Listing, Fault::ErrorBefore);
    next_second().await;
    assert_eq!(host.says("--now --retry-for 0s").await.status, 3);
    let unseen = metrics(&host);
    assert_eq!(changes(&unseen), [0.0, 0.0, 0.0, 1.0, 0.0].map(Some));
    assert_eq!(leases(&unseen)[1..], [None; 2], "nobody saw that heartbeat");
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_one_more_failure() {
    let (zone, host) = place().await;
    fs::write(host.file("dnsmgmt.db"), "this is no database at all, and it is long enough to be looked at").unwrap();
    assert_eq!(host.says("").await.status, 1);
    let failed = metrics(&host);
    assert_eq!((failed["last_run_exit_status"], failed["last_run_failures"], zone.held().len()), (1.0, 1.0, 3));
    assert_eq!(changes(&failed)[0], Some(2.0), "and heartbeats were written");
}

#[tokio::test]
async fn every_run_pings_and_calls_nobody_else_where_it_is_not_due() {
    let ((zone, host), checks) = (place().await, Checks::start().await);
    let host = host.with("DNSMGMT_PING_URL", &format!("{}/s3cret/", checks.server.url()));
    host.beats("").await;
    host.let_pass(300);
    zone.calls();
    let said = host.beats("").await;
    assert_eq!((zone.calls().len(), said.err.as_str()), (0, ""));
    let (start, good) = ("POST /s3cret/start", "POST /s3cret/0");
    assert_eq!(checks.server.calls(), [start, good, start, good]);
    host.service.says(503, "");
    assert_eq!(host.says("--now").await.status, 3);
    assert_eq!(checks.server.calls()[4..], [start, "POST /s3cret/3"]);
    host.says("--dry-run").await;
    assert_eq!(checks.server.calls().len(), 6);
}

#[tokio::test]
async fn a_loop_says_its_last_word_when_it_is_told_to_end() {
    let ((zone, host), checks) = (place().await, Checks::start().await);
    let host = host.with("DNSMGMT_PING_URL", &checks.server.url());
    let child = host.start("--interval 1h");
    while checks.texts().len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    kill_process(Pid::from_raw(child.id().unwrap().cast_signed()).unwrap(), Signal::TERM).unwrap();
    let said = end(child).await;
    assert_eq!((said.status, zone.held().len()), (0, 1), "{said:?}");
    assert_eq!(checks.server.calls(), ["POST /start", "POST /0", "POST /start", "POST /0"]);
    let last = metrics(&host);
    assert_eq!((changes(&last)[2], leases(&last)[0]), (Some(2.0), Some(0.0)));
}

/// Lets a program write down what it is told, and returns what that is.
fn told(host: Host) -> (Host, impl Fn() -> String) {
    let (told, script) = (host.file("told"), host.file("tell"));
    let line = format!("#!/bin/sh\necho \"$DNSMGMT_PROGRAM $DNSMGMT_NEWS $DNSMGMT_EXIT\" >> {}\n", told.display());
    fs::write(&script, line).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let host = host.with("DNSMGMT_NOTIFY", script.to_str().unwrap());
    (host, move || fs::read_to_string(&told).unwrap_or_default())
}

/// Lets runs be a minute apart, most of them not due, and returns the exit status of each.
async fn minutes(host: &Host, runs: usize) -> Vec<i32> {
    let mut exits = Vec::new();
    for _ in 0..runs {
        host.let_pass(60);
        exits.push(host.says("").await.status);
    }
    exits
}

const TROUBLE: &str = "dns-heartbeat trouble 3\n";
const TROUBLE_AND_WELL: &str = "dns-heartbeat trouble 3\ndns-heartbeat well 0\n";

#[tokio::test]
async fn trouble_that_goes_on_is_told_once_though_most_runs_are_not_due() {
    let (zone, host) = place().await;
    let (host, told) = told(host.with("UPDATE_INTERVAL", "60").with("STALE_THRESHOLD_SECONDS", "900"));
    let host = host.with("TOP_LEVEL_DOMAIN", "top.example.com").with("COMBINED_DOMAIN", "both.example.com");
    let foreign = zone.fake.put(&zone.id, "top.example.com", "A", "192.0.2.9");
    assert_eq!(host.says("").await.status, 3);
    let held = zone.fake.records(&zone.id);
    zone.calls();
    next_second().await;
    assert_eq!((minutes(&host, 3).await, told().as_str()), (vec![3; 3], TROUBLE));
    let calls = zone.calls();
    assert!(calls.len() == 3 && calls.iter().all(|call| call.starts_with("GET ")), "a listing each: {calls:?}");
    assert_eq!(zone.fake.records(&zone.id), held, "no heartbeat is written that is not due");
    zone.fake.remove(&zone.id, &foreign);
    assert_eq!((minutes(&host, 2).await, told().as_str()), (vec![0; 2], TROUBLE_AND_WELL));
    zone.calls();
    assert_eq!((minutes(&host, 1).await, zone.calls().len()), (vec![0], 0));
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_once_though_it_says_another_time_at_each_run() {
    let (zone, host) = place().await;
    let (host, told) = told(host.with("UPDATE_INTERVAL", "60"));
    zone.fake.server.set_clock_off(SignedDuration::from_hours(-1));
    assert_eq!(host.says("").await.status, 3);
    next_second().await;
    assert_eq!((minutes(&host, 3).await, told().as_str()), (vec![3; 3], TROUBLE));
    next_second().await;
    assert_eq!((host.says("--now").await.status, told().as_str()), (3, TROUBLE));
    zone.fake.server.set_clock_off(SignedDuration::ZERO);
    assert_eq!((minutes(&host, 2).await, told().as_str()), (vec![0; 2], TROUBLE_AND_WELL));
}

#[tokio::test]
async fn somebody_is_told_when_the_machine_is_not_kept_alive_and_when_it_is_again() {
    let (zone, host) = place().await;
    let (host, told) = told(host);
    host.beats("").await;
    assert_eq!(told(), "");
    zone.fake.server.faults.always(On::Change, Fault::ErrorBefore);
    for _ in 0..3 {
        // Each time its heartbeat is another value.
        next_second().await;
        assert_eq!(host.says("--now --retry-for 0s").await.status, 3);
    }
    assert_eq!(told(), "dns-heartbeat trouble 3\n");
    zone.fake.server.faults.clear();
    host.beats("").await;
    host.beats("").await;
    assert_eq!(told(), "dns-heartbeat trouble 3\ndns-heartbeat well 0\n");
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_is_visible_once_and_in_a_loop() {
    let (_zone, host) = place().await;
    let host = host.with("UPDATE_INTERVAL", "soon");
    for line in ["", "--interval"] {
        let said = host.says(line).await;
        assert!(said.status == 1 && said.err.contains("`soon` is not a number of seconds"), "{line}: {said:?}");
        assert_eq!(metrics(&host)["last_run_exit_status"], 1.0);
        fs::remove_file(host.file("metrics/dns-heartbeat.prom")).unwrap();
    }
}
