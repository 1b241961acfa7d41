//! What a change costs in calls: one listing, its batches, one verifying listing, and nothing that grows with the zone.

mod program;

use std::path::Path;
use std::process::Stdio;

use fixtures::adguard::{AdGuardOptions, FakeAdGuard};
use fixtures::cloudflare::FakeCloudflare;
use fixtures::faults::{Fault, On};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs dns-cli with these variables and this on its standard input, and expects that it succeeds.
async fn succeeds(folder: &Path, variables: &[(&str, &str)], arguments: &[&str], input: &str) {
    let mut command = Command::from(program::dns_cli(folder));
    command.envs(variables.iter().copied()).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("dns-cli starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// The methods and paths of calls, without their parameters.
fn paths(calls: &[String]) -> Vec<&str> {
    calls.iter().map(|call| call.split('?').next().unwrap_or_default()).collect()
}

fn names(count: usize) -> String {
    (0..count).map(|index| format!("n{index}.example.com\n")).collect()
}

struct Cloud {
    fake: FakeCloudflare,
    zone: String,
    folder: TempDir,
}

impl Cloud {
    /// Starts a zone of `size` records, of which the first are `n0`, `n1`, ...
    async fn of(size: usize) -> Self {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("example.com");
        for index in 0..size {
            fake.put(&zone, &format!("n{index}.example.com"), "A", "10.0.0.1");
        }
        Self { fake, zone, folder: TempDir::new().unwrap() }
    }

    /// Runs dns-cli on the zone by its id, and returns its calls.
    async fn run(&self, arguments: &[&str], input: &str) -> Vec<String> {
        self.run_with(("CF_ZONE_ID", &self.zone), arguments, input).await
    }

    async fn run_with(&self, zone: (&str, &str), arguments: &[&str], input: &str) -> Vec<String> {
        let url = self.fake.url();
        self.fake.server.forget_calls();
        let variables = [("CF_API_URL", &*url), ("CF_API_TOKEN", &self.fake.token), zone];
        succeeds(self.folder.path(), &variables, arguments, input).await;
        self.fake.server.calls()
    }
}

#[tokio::test]
async fn a_change_of_one_record_costs_three_calls_in_a_zone_of_any_size() {
    for size in [3, 12_000] {
        let cloud = Cloud::of(size).await;
        for arguments in [
            &["add", "new.example.com", "10.0.0.2"][..],
            &["update", "n0.example.com", "10.0.0.3"],
            &["delete", "n1.example.com"],
        ] {
            let calls = cloud.run(arguments, "").await;
            assert_eq!(calls.len(), 3, "{arguments:?}: {calls:?}");
        }
    }
}

#[tokio::test]
async fn a_thousand_deletions_in_a_zone_of_one_page_cost_seven() {
    let cloud = Cloud::of(1_200).await;
    let calls = cloud.run(&["delete", "-"], &names(1_000)).await;
    let list = format!("GET /client/v4/zones/{}/dns_records", cloud.zone);
    let batch = format!("POST /client/v4/zones/{}/dns_records/batch", cloud.zone);
    assert_eq!(paths(&calls), [&list, &batch, &batch, &batch, &batch, &batch, &list]);
    assert_eq!(cloud.fake.records(&cloud.zone).len(), 200);
}

#[tokio::test]
async fn a_zone_of_three_pages_costs_its_pages_twice() {
    let cloud = Cloud::of(12_000).await;
    let calls = cloud.run(&["delete", "-"], &names(300)).await;
    assert_eq!(calls.len(), 3 + 2 + 3, "{calls:?}");
}

#[tokio::test]
async fn a_zone_by_its_name_costs_one_look_up() {
    let cloud = Cloud::of(3).await;
    let calls = cloud.run_with(("CF_ZONE", "example.com"), &["delete", "n0.example.com"], "").await;
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert!(calls[0].starts_with("GET /client/v4/zones?"), "{calls:?}");
}

#[tokio::test]
async fn several_zones_in_one_deletion_cost_one_look_up_and_three_calls_each() {
    let cloud = Cloud::of(0).await;
    let zones = [cloud.zone.clone(), cloud.fake.add_zone("example.net"), cloud.fake.add_zone("example.org")];
    let names = ["example.com", "example.net", "example.org"];
    for variable in [("CF_ZONE", names[0]), ("CF_ZONE", "example.com,example.net,example.org"), ("CF_ZONE", "")] {
        let mut input = String::new();
        let named = zones.iter().zip(names).filter(|(_, name)| variable.1.is_empty() || variable.1.contains(name));
        let mut expected = vec!["GET /client/v4/zones".to_owned()];
        let mut changes = Vec::new();
        for (zone, name) in named {
            for index in 0..3 {
                cloud.fake.put(zone, &format!("n{index}.{name}"), "A", "10.0.0.1");
                input += &format!("n{index}.{name}\n");
            }
            let records = format!("GET /client/v4/zones/{zone}/dns_records");
            expected.push(records.clone());
            changes.extend([format!("POST /client/v4/zones/{zone}/dns_records/batch"), records]);
        }
        expected.extend(changes);
        let calls = cloud.run_with(variable, &["delete", "-"], &input).await;
        assert_eq!(paths(&calls), expected, "{variable:?}");
        assert!(zones.iter().all(|zone| cloud.fake.records(zone).is_empty()));
    }
}

#[tokio::test]
async fn zones_that_do_not_fit_on_a_page_are_looked_up_by_their_names() {
    let cloud = Cloud::of(1).await;
    let zone = cloud.fake.add_zone("example.net");
    cloud.fake.put(&zone, "n0.example.net", "A", "10.0.0.1");
    for number in 0..60 {
        cloud.fake.add_zone(&format!("z{number}.example"));
    }
    let variable = ("CF_ZONE", "example.com,example.net");
    let calls = cloud.run_with(variable, &["delete", "-"], "n0.example.com\nn0.example.net\n").await;
    assert_eq!(calls.iter().filter(|call| call.contains("/zones?")).count(), 1 + 2, "{calls:?}");
    assert!(cloud.fake.records(&zone).is_empty());
}

#[tokio::test]
async fn a_vanished_record_costs_the_calls_of_its_own_batch_alone() {
    let cloud = Cloud::of(450).await;
    // It vanishes after the first listing and before the changes, so the listing that is shown first is an earlier one.
    let vanished = cloud.fake.records(&cloud.zone)[205].id.clone();
    cloud.fake.remove(&cloud.zone, &vanished);
    cloud.fake.server.faults.next(1, On::Listing, Fault::LaggingListing);
    let calls = cloud.run(&["delete", "-"], &names(450)).await;
    let singles = calls.iter().filter(|call| call.starts_with("DELETE ")).count();
    let batches = calls.iter().filter(|call| call.ends_with("/batch")).count();
    assert_eq!((singles, batches), (200, 3), "{calls:?}");
    assert_eq!(calls.len(), 1 + 3 + 200 + 1, "{calls:?}");
    assert!(cloud.fake.records(&cloud.zone).is_empty());
}

#[tokio::test]
async fn what_is_so_already_costs_the_listing() {
    let cloud = Cloud::of(3).await;
    assert_eq!(cloud.run(&["delete", "absent.example.com"], "").await.len(), 1);
    assert_eq!(cloud.run(&["add", "n0.example.com", "10.0.0.1"], "").await.len(), 1);
    assert_eq!(cloud.run(&["delete", "n0.example.com", "--dry-run"], "").await.len(), 1);
}

#[tokio::test]
async fn adguard_home_with_a_password_costs_one_login_more() {
    for user in [None, Some(("admin", "right"))] {
        let fake = FakeAdGuard::start(AdGuardOptions { user, ..AdGuardOptions::default() }).await;
        for index in 0..50 {
            fake.put(&format!("n{index}.example.com"), "10.0.0.1");
        }
        let url = fake.url();
        let mut variables = vec![("ADGUARD_URL", url.as_str())];
        let (mut expected, mut deletions) = (Vec::new(), Vec::new());
        if let Some((name, password)) = user {
            variables.extend([("ADGUARD_USERNAME", name), ("ADGUARD_PASSWORD", password)]);
            expected.push("POST /control/login");
        }
        deletions.extend(["POST /control/rewrite/delete"; 20]);
        expected.push("GET /control/rewrite/list");
        expected.extend(deletions);
        expected.push("GET /control/rewrite/list");
        succeeds(TempDir::new().unwrap().path(), &variables, &["delete", "-"], &names(20)).await;
        assert_eq!(paths(&fake.server.calls()), expected);
    }
}

#[tokio::test]
async fn a_listing_from_the_cache_costs_nothing() {
    let mut cloud = Cloud::of(3).await;
    cloud.fake.add_zone("example.net");
    let zone = cloud.zone.clone();
    // By its id, by its name, and as the token sees them: two zones. Each with a memory of its own.
    for (variable, asked) in [(("CF_ZONE_ID", &*zone), 1), (("CF_ZONE", "example.com"), 2), (("CF_ZONE", ""), 3)] {
        cloud.folder = TempDir::new().unwrap();
        for (arguments, expected) in [
            (&["list", "--max-age", "1h"][..], asked),
            (&["list", "--max-age", "1h"], 0),
            (&["get", "n0.example.com", "--max-age", "1h"], 0),
            (&["list"], asked),
        ] {
            let calls = cloud.run_with(variable, arguments, "").await;
            assert_eq!(calls.len(), expected, "{variable:?} {arguments:?}: {calls:?}");
        }
    }
}

#[tokio::test]
async fn a_listing_from_the_cache_does_not_log_in() {
    let user = Some(("admin", "right"));
    let fake = FakeAdGuard::start(AdGuardOptions { user, ..AdGuardOptions::default() }).await;
    fake.put("web.example.com", "10.0.0.1");
    let (url, folder) = (fake.url(), TempDir::new().unwrap());
    let variables = [("ADGUARD_URL", &*url), ("ADGUARD_USERNAME", "admin"), ("ADGUARD_PASSWORD", "right")];
    succeeds(folder.path(), &variables, &["list"], "").await;
    fake.server.forget_calls();
    succeeds(folder.path(), &variables, &["list", "--max-age", "1h"], "").await;
    succeeds(folder.path(), &variables, &["get", "web.example.com", "--max-age", "1h"], "").await;
    assert_eq!(fake.server.calls().len(), 0);
}

/// Returns a declarative file that wants `n0` to `n<count>` of a zone with an address.
fn wanted(zone: &str, count: usize, address: &str) -> String {
    let records: String = (0..count).map(|index| format!("n{index} = \"{address}\"\n")).collect();
    format!("[[zones]]\nname = \"{zone}\"\n\n[zones.records]\n{records}\n")
}

#[tokio::test]
async fn a_synchronisation_costs_its_pages_its_batches_and_its_pages() {
    let mut cloud = Cloud::of(12_000).await;
    let source = cloud.folder.path().join("wanted.toml").display().to_string();
    std::fs::write(&source, wanted("example.com", 12_450, "10.0.0.1")).unwrap();
    // 450 of them are missing: three pages, three batches, three pages.
    let calls = cloud.run_with(("CF_ZONE", "example.com"), &["sync", "-s", &source], "").await;
    assert_eq!(calls.len(), 1 + 3 + 3 + 3, "{:?}", paths(&calls));
    assert!(calls[0].starts_with("GET /client/v4/zones?"), "{calls:?}");
    assert_eq!(cloud.fake.records(&cloud.zone).len(), 12_450);
    let calls = cloud.run_with(("CF_ZONE", "example.com"), &["sync", "-s", &source], "").await;
    assert_eq!(calls.len(), 1 + 3, "in sync, it costs the listing alone: {:?}", paths(&calls));
    cloud.folder = TempDir::new().unwrap();
    std::fs::write(cloud.folder.path().join("wanted.toml"), wanted("example.com", 1, "10.0.0.1")).unwrap();
    let source = cloud.folder.path().join("wanted.toml").display().to_string();
    let calls = cloud.run(&["sync", "-s", &source, "--zone", "example.com"], "").await;
    assert_eq!(calls.len(), 3, "by its id it is not looked up: {:?}", paths(&calls));
}

#[tokio::test]
async fn a_synchronisation_from_the_cache_costs_nothing() {
    let mut cloud = Cloud::of(1).await;
    let other = cloud.fake.add_zone("example.net");
    let zone = cloud.zone.clone();
    // By its id, by its name, and as the token sees them.
    for variable in [("CF_ZONE_ID", &*zone), ("CF_ZONE", "example.com,example.net"), ("CF_ZONE", "")] {
        cloud.folder = TempDir::new().unwrap();
        let zones: &[&str] = if variable.0 == "CF_ZONE" { &["example.com", "example.net"] } else { &["example.com"] };
        // Told from their names, no zone is named.
        let hosts = cloud.folder.path().join("hosts");
        std::fs::create_dir(&hosts).unwrap();
        let lines: String = zones.iter().map(|zone| format!("10.0.0.1 n0.{zone} n1.{zone}\n")).collect();
        std::fs::write(hosts.join("all"), lines).unwrap();
        let hosts = hosts.display().to_string();
        let sync = ["sync", "-s", &hosts, "--max-age", "1h"];
        assert_ne!(cloud.run_with(variable, &sync, "").await.len(), 0);
        assert_eq!(cloud.run_with(variable, &sync, "").await, [""; 0], "{variable:?}");
        assert_ne!(cloud.run_with(variable, &sync[..3], "").await.len(), 0, "{variable:?}");
        // One zone is not as wanted any more, and only that one is asked.
        std::fs::write(hosts.clone() + "/more", "10.0.0.7 n2.example.com\n").unwrap();
        let calls = cloud.run_with(variable, &sync, "").await;
        assert!(calls.iter().any(|call| call.contains(&zone)), "{variable:?}: {calls:?}");
        assert!(!calls.iter().any(|call| call.contains(&other)), "{variable:?}: {calls:?}");
        let n2 = cloud.fake.records(&zone).into_iter().find(|record| record.name == "n2.example.com").unwrap();
        cloud.fake.remove(&zone, &n2.id);
    }
}
