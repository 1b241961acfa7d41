//! What a change costs in calls: one listing, its batches, one verifying listing, and nothing that grows with the zone.

use std::process::Stdio;

use fixtures::adguard::{AdGuardOptions, FakeAdGuard};
use fixtures::cloudflare::FakeCloudflare;
use fixtures::faults::{Fault, On};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs dns-cli with these variables and this on its standard input, and expects that it succeeds.
async fn succeeds(variables: &[(&str, &str)], arguments: &[&str], input: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dns-cli"));
    command.env_clear().envs(variables.iter().copied()).args(arguments);
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
}

impl Cloud {
    /// Starts a zone of `size` records, of which the first are `n0`, `n1`, ...
    async fn of(size: usize) -> Self {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("example.com");
        for index in 0..size {
            fake.put(&zone, &format!("n{index}.example.com"), "A", "10.0.0.1");
        }
        Self { fake, zone }
    }

    /// Runs dns-cli on the zone by its id, and returns its calls.
    async fn run(&self, arguments: &[&str], input: &str) -> Vec<String> {
        self.run_with(("CF_ZONE_ID", &self.zone), arguments, input).await
    }

    async fn run_with(&self, zone: (&str, &str), arguments: &[&str], input: &str) -> Vec<String> {
        let url = self.fake.url();
        self.fake.server.forget_calls();
        succeeds(&[("CF_API_URL", &url), ("CF_API_TOKEN", &self.fake.token), zone], arguments, input).await;
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
        succeeds(&variables, &["delete", "-"], &names(20)).await;
        assert_eq!(paths(&fake.server.calls()), expected);
    }
}
