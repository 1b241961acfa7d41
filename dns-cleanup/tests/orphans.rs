//! `dns-cleanup orphans`: what goes, what stays, what it costs, and what stops it.

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use dnsmgmt_core::plan::{PlanId, Reason};
use dnsmgmt_core::tracked::{Bookkeeping, OrphanReason};
use fixtures::faults::{Fault, On};
use program::{Place, dns_cleanup, end, moment, record};
use serde_json::Value;

#[tokio::test]
async fn what_nobody_wants_goes_and_what_is_wanted_known_or_preserved_stays() {
    let place = Place::new().await;
    place.unwanted(&["stale", "vpn"]);
    place.ours(&["kept"], "/etc/lab.toml");
    let config = fs::read_to_string(place.file("dnsmgmt.toml")).unwrap();
    fs::write(place.file("dnsmgmt.toml"), format!("preserved = [\"vpn.example.com\"]\n{config}")).unwrap();
    let said = place.says("orphans --grace 0s").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("deleted stale.example.com A 10.0.0.1 at cloud (example.com): unwanted"), "{said:?}");
    assert!(said.err.contains("info dns-cleanup: 1 deleted"), "{said:?}");
    assert_eq!(said.out, "");
    assert_eq!(place.held(), ["foreign", "kept", "vpn"]);
    let claimed: Vec<String> = place.claimed().iter().map(|ours| ours.record.name().to_string()).collect();
    assert_eq!(claimed, ["kept.example.com", "vpn.example.com"]);
}

#[tokio::test]
async fn the_grace_is_waited_for_without_a_call_and_without_a_word() {
    let place = Place::new().await;
    place.unwanted(&["young"]);
    for _ in 0..2 {
        let said = place.says("").await;
        assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (0, "", ""), "{said:?}");
    }
    assert_eq!(place.calls(), [""; 0], "nobody is asked");
    assert_eq!(place.held(), ["foreign", "young"]);
    let observed = place.repository().observed(&place.id()).unwrap();
    assert!(!observed.is_zero(), "the looks count");
    let (json, status) = place.json("orphans").await;
    assert_eq!((json["settled"].as_bool(), json["deleted"].as_u64(), status), (Some(true), Some(0), 0));
}

#[tokio::test]
async fn a_mark_that_no_later_look_at_the_sources_confirmed_is_not_enough() {
    let place = Place::new().await;
    place.unwanted(&["restarted"]);
    place.let_pass(Duration::from_secs(7200));
    let said = place.says("orphans --grace 1h").await;
    assert_eq!((said.status, said.err.as_str()), (0, ""), "it may have come back since: {said:?}");
    assert_eq!(place.calls(), [""; 0]);
    place.mark(&["restarted"], OrphanReason::Unwanted);
    assert_eq!(place.says("orphans --grace 1h").await.status, 0);
    assert_eq!(place.held(), ["foreign"]);
}

#[tokio::test]
async fn what_a_source_wants_again_stays() {
    let place = Place::new().await;
    place.unwanted(&["again"]);
    let mut repository = place.repository();
    let look = repository.look_beside(&place.id(), "orphans", &moment(), None, true).unwrap();
    let unmark = Bookkeeping::Unmark(record("again.example.com").key);
    repository.bookkeep(&place.id(), &[unmark], moment().now, &look).unwrap();
    assert_eq!(place.says("orphans --grace 0s").await.status, 0);
    assert_eq!(place.held(), ["again", "foreign"]);
    assert_eq!(place.calls(), [""; 0]);
}

#[tokio::test]
async fn what_is_gone_is_forgotten_and_what_came_back_is_no_orphan() {
    let place = Place::new().await;
    place.ours(&["gone", "back"], "/etc/lab.toml");
    place.mark(&["gone", "back"], OrphanReason::Gone);
    let gone = place.fake.records(&place.zone).into_iter().find(|held| held.name == "gone.example.com").unwrap();
    place.fake.remove(&place.zone, &gone.id);
    let said = place.says("orphans --grace 0s").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("forgot gone.example.com"), "{said:?}");
    let claimed = place.claimed();
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].record.name().as_str(), claimed[0].orphaned), ("back.example.com", None));
    assert_eq!(place.held(), ["back", "foreign"]);
}

#[tokio::test]
async fn stale_among_many_costs_a_listing_a_batch_and_a_listing() {
    let place = Place::new().await;
    let names: Vec<String> = (0..150).map(|n| format!("keep{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    place.ours(&names, "/etc/lab.toml");
    place.unwanted(&["s0", "s1", "s2", "s3", "s4", "s5", "s6"]);
    // 158 records in pages of 100.
    place.fake.set_largest_page(100);
    place.fake.server.forget_calls();
    let said = place.says("orphans --grace 0s").await;
    assert_eq!(said.status, 0, "{said:?}");
    let calls = place.calls();
    assert_eq!(calls.len(), 2 + 1 + 2, "{calls:#?}");
    assert!(calls[2].starts_with("POST") && calls[2].ends_with("/dns_records/batch"), "{calls:#?}");
    place.fake.server.forget_calls();
    assert_eq!(place.says("orphans --grace 0s").await.status, 0);
    assert_eq!(place.calls(), [""; 0], "nothing is left");
}

#[tokio::test]
async fn a_listing_that_fails_deletes_nothing() {
    for fault in [Fault::CutJson, Fault::ErrorBefore, Fault::Empty, Fault::ResetInBody, Fault::Html] {
        let place = Place::new().await;
        place.unwanted(&["stale"]);
        place.fake.server.faults.always(On::Listing, fault);
        let said = place.says("orphans --grace 0s --retry-for 0s").await;
        assert_eq!(said.status, 1, "{fault:?}: {said:?}");
        assert!(said.err.contains("was not listed, so nothing was done"), "{fault:?}: {said:?}");
        assert!(place.calls().iter().all(|call| call.starts_with("GET")), "{fault:?}");
        place.fake.server.faults.clear();
        assert_eq!(place.held(), ["foreign", "stale"]);
        assert_eq!(place.says("orphans --grace 0s").await.status, 0, "the next run goes on");
        assert_eq!(place.held(), ["foreign"]);
    }
}

#[tokio::test]
async fn half_a_listing_is_not_believed() {
    let place = Place::new().await;
    let names: Vec<String> = (0..20).map(|n| format!("keep{n}")).collect();
    place.ours(&names.iter().map(String::as_str).collect::<Vec<_>>(), "/etc/lab.toml");
    place.unwanted(&["stale"]);
    assert_eq!(place.says("orphans --grace 0s --dry-run").await.status, 0, "it goes into the cache");
    place.fake.server.faults.always(On::Listing, Fault::HalfListing);
    let said = place.says("orphans --grace 0s").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("nothing is concluded from it"), "{said:?}");
    assert_eq!(place.held().len(), 22);
}

#[tokio::test]
async fn a_deletion_that_was_only_promised_is_said_and_stays_ours() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    place.fake.server.faults.always(On::Change, Fault::LyingDelete);
    let said = place.says("orphans --grace 0s --retry-for 1s").await;
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains("still there"), "{said:?}");
    assert_eq!(place.claimed().len(), 1);
}

#[tokio::test]
async fn the_brake_holds_until_a_person_approves() {
    let place = Place::new().await;
    place.unwanted(&["s0", "s1", "s2", "s3", "s4", "s5"]);
    place.ours(&["other"], "/etc/other.toml");
    let said = place.says("--grace 0s").await;
    assert_eq!(said.status, 4, "{said:?}");
    let (json, status) = place.json("orphans --grace 0s").await;
    assert_eq!(status, 4, "held again");
    let id = json["zones"][0]["held"]["plan"].as_str().unwrap().to_owned();
    assert!(said.err.contains(&format!("--approve {id}")), "{said:?}");
    assert_eq!(place.held().len(), 8);
    place.unwanted(&["later"]);
    let said = place.says(&format!("orphans --grace 0s --approve {id}")).await;
    assert_eq!(said.status, 3, "what was not in the held plan is not tried: {said:?}");
    assert_eq!(place.held(), ["foreign", "later", "other"]);
    assert_eq!(place.says("orphans --grace 0s").await.status, 0, "one is never too much");
    assert_eq!(place.held(), ["foreign", "other"]);
}

#[tokio::test]
async fn force_lifts_the_brake() {
    let place = Place::new().await;
    place.unwanted(&["s0", "s1", "s2", "s3", "s4", "s5"]);
    assert_eq!(place.says("orphans --grace 0s --force").await.status, 0);
    assert_eq!(place.held(), ["foreign"]);
}

#[tokio::test]
async fn what_a_synchronisation_holds_back_is_not_deleted_here() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    let keys = [record("stale.example.com").key, record("more.example.com").key];
    let deletions = keys.iter().map(|key| (key, Reason::Unwanted));
    place.repository().hold(PlanId(0xaa), &place.id(), deletions, moment().now).unwrap();
    let said = place.says("orphans --grace 0s").await;
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("--approve 00000000000000aa"), "{said:?}");
    assert_eq!(place.held(), ["foreign", "stale"]);
    assert!(place.repository().held(PlanId(0xaa)).unwrap().is_some(), "it waits on");
    assert_eq!(place.says("orphans --grace 0s --approve 00000000000000aa").await.status, 0);
    assert_eq!(place.held(), ["foreign"]);
}

#[tokio::test]
async fn a_dry_run_writes_nothing_but_the_cache() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    let before = place.claimed();
    let observed = place.repository().observed(&place.id()).unwrap();
    let said = place.says("--grace 0s --dry-run --audit audit.log").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("would delete stale.example.com"), "{said:?}");
    assert!(said.err.contains("dry run, nothing was done: 1 to be done"), "{said:?}");
    assert_eq!((place.held().len(), place.claimed()), (2, before));
    assert_eq!(place.repository().observed(&place.id()).unwrap(), observed);
    assert!(!place.file("audit.log").exists());
    assert!(place.calls().iter().all(|call| call.starts_with("GET")));
}

#[tokio::test]
async fn the_second_of_two_says_who_is_at_work_or_waits() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    place.fake.server.faults.always(On::Change, Fault::Held);
    let first = place.start("orphans --grace 0s");
    while !place.calls().iter().any(|call| !call.starts_with("GET")) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let calls = place.calls().len();
    let said = place.says("orphans --grace 0s").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains(&format!("dns-cleanup (process {})", first.id().unwrap())), "{said:?}");
    assert_eq!(place.calls().len(), calls, "who cannot work asks for nothing");
    let waiting = place.start("orphans --grace 0s --wait");
    tokio::time::sleep(Duration::from_millis(200)).await;
    place.fake.server.faults.clear();
    assert_eq!(end(first).await.status, 0);
    assert_eq!(end(waiting).await.status, 0);
    assert_eq!(place.held(), ["foreign"]);
}

#[tokio::test]
async fn each_change_is_a_line_of_the_audit_log() {
    let place = Place::new().await;
    place.unwanted(&["a", "b"]);
    let said = place.says("orphans --grace 0s --audit audit.log --log json").await;
    assert_eq!(said.status, 0, "{said:?}");
    let lines: Vec<Value> = fs::read_to_string(place.file("audit.log"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    for key in ["time", "run", "program", "provider", "zone", "type", "value"] {
        assert!(lines[0][key].is_string(), "{key}: {lines:?}");
    }
    let told = |key: &str| lines[0][key].as_str().unwrap();
    assert_eq!((told("action"), told("name"), told("fate")), ("delete", "a.example.com", "gone"));
    assert_eq!((told("claim"), told("reason"), told("program")), ("created", "unwanted", "dns-cleanup"));
    let mode = fs::metadata(place.file("audit.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
    // Renamed, as logrotate does it.
    fs::rename(place.file("audit.log"), place.file("audit.log.1")).unwrap();
    place.unwanted(&["c"]);
    assert_eq!(place.says("orphans --grace 0s --audit audit.log").await.status, 0);
    assert_eq!(fs::read_to_string(place.file("audit.log")).unwrap().lines().count(), 1);
    let log: Vec<Value> = said.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(log.len(), 3, "two changes and a sum: {said:?}");
    assert_eq!((log[0]["level"].as_str(), log[0]["fate"].as_str()), (Some("info"), Some("gone")));
    assert_eq!(log[2]["deleted"], 2);
}

#[tokio::test]
async fn an_audit_log_that_cannot_be_written_ends_with_1_after_the_work() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    let said = place.says("orphans --grace 0s --audit nowhere/audit.log").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("could not write to the audit log nowhere/audit.log"), "{said:?}");
    assert_eq!(place.held(), ["foreign"], "the work was done");
    assert!(place.repository().journal().unsettled(&place.id()).unwrap().is_empty());
}

#[tokio::test]
async fn a_database_that_somebody_names_and_that_is_not_there_is_an_error_and_none_is_made() {
    let place = Place::new().await;
    for line in ["", "orphans"] {
        let said = place.says(line).await;
        assert_eq!(said.status, 1, "{line}: {said:?}");
        assert!(said.err.contains("there is no database at") && said.err.contains("mounted"), "{line}: {said:?}");
    }
    assert!(!place.file("dnsmgmt.db").exists());
}

#[tokio::test]
async fn before_there_is_a_database_where_it_would_be_there_is_nothing_to_do() {
    let place = Place::new().await;
    let mut command = dns_cleanup(place.folder.path());
    command.env_remove("DNSMGMT_DB").env("HOME", place.folder.path());
    let output = command.arg("--config").arg(place.file("dnsmgmt.toml")).output().await.unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(!place.file(".local").exists(), "and none is made");
}

#[tokio::test]
async fn completions_and_the_manual_are_there() {
    let place = Place::new().await;
    for arguments in [["completions", "bash"], ["man", "--color=auto"]] {
        let output = dns_cleanup(place.folder.path()).args(arguments).output().await.unwrap();
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("dns-cleanup"));
    }
}
