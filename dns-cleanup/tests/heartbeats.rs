//! `dns-cleanup heartbeats` at the fake Cloudflare: what it ends, what stops it, and what it costs.

mod program;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use dnsmgmt_core::repository::DnsRepositoryManager;
use fixtures::cloudflare::FakeCloudflare;
use fixtures::dynipupdate::{Held, written_as_described, written_later};
use fixtures::faults::{Fault, On};
use program::{Said, dns_cleanup, end, moment, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A zone at Cloudflare with leases, and a cleaner's machine.
struct Place {
    fake: FakeCloudflare,
    zone: String,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        Self::with("").await
    }

    /// Returns one with these lines in `[heartbeat]`.
    async fn with(heartbeat: &str) -> Self {
        Self::at("all.example.com", heartbeat).await
    }

    /// Returns one whose machines share that name.
    async fn at(internal: &str, heartbeat: &str) -> Self {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("example.com");
        fake.put(&zone, "foreign.example.com", "A", "192.0.2.1");
        let place = Self { fake, zone, folder: TempDir::new().unwrap() };
        let config = format!(
            "[providers.cloud]\nkind = \"cloudflare\"\nurl = \"{}\"\nzones = [{{ name = \"example.com\", id = \"{}\" }}]\n\
             [heartbeat]\ninternal = \"{internal}\"\n{heartbeat}",
            place.fake.url(),
            place.zone
        );
        fs::write(place.folder.path().join("dnsmgmt.toml"), config).unwrap();
        place
    }

    /// Puts an address there whose heartbeat is that many seconds old.
    fn lease(&self, address: &str, instance: &str, age: i64) {
        self.fake.put(&self.zone, "all.example.com", "A", address);
        self.beat(address, instance, age);
    }

    fn beat(&self, address: &str, instance: &str, age: i64) {
        let name = format!("_heartbeat-{}.all.example.com", address.replace('.', "-"));
        let text = format!("\"{},{instance}\"", moment().now.as_second() - age);
        self.fake.put(&self.zone, &name, "TXT", &text);
    }

    fn command(&self, line: &str) -> tokio::process::Command {
        let mut command = dns_cleanup(self.folder.path());
        command.env("CF_API_TOKEN", &self.fake.token).env("CLEANUP_INTERVAL_SECONDS", "300");
        command.arg("--config").arg(self.folder.path().join("dnsmgmt.toml"));
        command.args(line.split(' ').filter(|word| !word.is_empty())).current_dir(self.folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn says(&self, line: &str) -> Said {
        end(self.command(line).spawn().expect("dns-cleanup starts")).await
    }

    async fn cleans(&self, status: i32) -> Said {
        let said = self.says("heartbeats").await;
        assert_eq!(said.status, status, "{said:?}");
        said
    }

    async fn json(&self, line: &str) -> (Value, i32) {
        let said = self.says(&format!("{line} --output json")).await;
        (serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{line}: {said:?}")), said.status)
    }

    /// Lets every look of the past have been so much longer ago.
    fn let_pass(&self, seconds: u32) {
        let database = rusqlite::Connection::open(self.folder.path().join("dnsmgmt.db")).unwrap();
        database.execute(&format!("UPDATE dns_looks SET running_ms = running_ms - {seconds}000"), []).unwrap();
    }

    /// Lets it look twice, so that at its next look a heartbeat which does not change has been seen for the whole threshold.
    async fn watches(&self) {
        for _ in 0..2 {
            self.cleans(0).await;
            self.let_pass(450);
        }
    }

    /// Returns the addresses, and how many heartbeats there are.
    fn held(&self) -> (Vec<String>, usize) {
        let records = self.fake.records(&self.zone);
        let addresses = records.iter().filter(|record| record.rtype == "A" && record.name == "all.example.com");
        let beats = records.iter().filter(|record| record.rtype == "TXT").count();
        let mut addresses: Vec<String> = addresses.map(|record| record.content.clone()).collect();
        addresses.sort();
        (addresses, beats)
    }

    fn calls(&self) -> usize {
        let calls = self.fake.server.calls().len();
        self.fake.server.forget_calls();
        calls
    }
}

#[tokio::test]
async fn an_expired_address_goes_with_its_heartbeat_and_its_neighbours_stay() {
    let place = Place::new().await;
    place.lease("10.0.0.1", "web-01", 60);
    place.lease("10.0.0.2", "web-02", 3600);
    place.fake.put(&place.zone, "all.example.com", "A", "10.0.0.3");
    place.watches().await;
    assert_eq!(place.held().0.len(), 3, "first it is only looked at");
    place.calls();
    let said = place.cleans(0).await;
    assert!(said.err.contains("deleted all.example.com A 10.0.0.2 at cloud (example.com): expired"), "{said:?}");
    assert_eq!((place.held(), place.calls()), ((vec!["10.0.0.1".into(), "10.0.0.3".into()], 1), 3));
    assert_eq!(place.cleans(0).await.err, "", "nobody is told of nothing");
}

#[tokio::test]
async fn records_of_the_prior_system_are_cleaned_up_after_its_hosts() {
    let names = "external = \"external.example.com\"\ncombined = \"combined.example.com\"\n";
    let left = async |written: Vec<Held>| {
        let place = Place::at("internal.example.com", names).await;
        for held in &written {
            place.fake.put(&place.zone, &held.name, &held.rtype, &held.content);
        }
        place.watches().await;
        place.cleans(0).await;
        let records = place.fake.records(&place.zone).into_iter().filter(|record| record.name != "foreign.example.com");
        records.map(|record| format!("{} {} {}", record.name, record.rtype, record.content)).collect::<Vec<_>>()
    };
    let never_had_a_heartbeat = ["combined.example.com AAAA 2001:db8::1", "external.example.com A 203.0.113.1"];
    assert_eq!(left(written_as_described()).await, never_had_a_heartbeat);
    assert_eq!(
        left(written_later()).await.len(),
        written_later().len(),
        "a time at the name itself is no heartbeat of an address"
    );
}

#[tokio::test]
async fn ten_thousand_addresses_of_which_one_in_a_hundred_is_dead_cost_a_listing_a_batch_and_a_listing() {
    let place = Place::new().await;
    for host in 0..10_000_u32 {
        let address = format!("10.{}.{}.{}", host / 65_536, host / 256 % 256, host % 256);
        place.lease(&address, "web", if host % 100 == 0 { 3600 } else { 60 });
    }
    place.watches().await;
    place.calls();
    place.cleans(0).await;
    assert_eq!(place.held().0.len(), 9_900);
    let pages = |records: usize| records.div_ceil(5_000);
    assert_eq!(place.calls(), pages(20_001) + 1 + pages(19_801), "200 changes are one batch");
}

#[tokio::test]
async fn what_fails_ends_nothing_and_says_so() {
    for (fault, on) in [
        (Fault::ErrorBefore, On::Listing),
        (Fault::TooManyRequests(None), On::Listing),
        (Fault::Unauthorized, On::Listing),
        (Fault::CutJson, On::Listing),
        (Fault::Empty, On::Listing),
        (Fault::HalfListing, On::Listing),
    ] {
        let place = Place::new().await;
        for host in 1..=9 {
            place.lease(&format!("10.0.0.{host}"), "web", if host == 9 { 3600 } else { 60 });
        }
        place.watches().await;
        place.fake.server.faults.always(on, fault);
        let said = place.says("heartbeats --retry-for 0s").await;
        assert_eq!(said.status, 1, "{fault:?}: {said:?}");
        assert!(said.err.contains("cloud (example.com)"), "{fault:?}: {said:?}");
        assert_eq!(place.held().0.len(), 9, "{fault:?}");
    }
}

#[tokio::test]
async fn being_busy_in_the_middle_of_the_run_deletes_no_living_one_and_is_unconfirmed() {
    let place = Place::new().await;
    place.lease("10.0.0.1", "alive", 60);
    place.lease("10.0.0.2", "dead", 3600);
    place.watches().await;
    place.fake.server.faults.always(On::Change, Fault::TooManyRequests(None));
    let said = place.says("heartbeats --retry-for 0s").await;
    assert_eq!((said.status, place.held().0.len()), (3, 2), "{said:?}");
    place.fake.server.faults.clear();
    place.cleans(0).await;
    assert_eq!(place.held(), (vec!["10.0.0.1".into()], 1));
}

#[tokio::test]
async fn a_clock_that_differs_from_the_providers_stops_it() {
    let place = Place::new().await;
    place.lease("10.0.0.2", "dead", 3600);
    place.watches().await;
    place.fake.server.set_clock_off(jiff::SignedDuration::from_mins(-5));
    let said = place.cleans(1).await;
    assert!(said.err.contains("the clocks differ: cloud (example.com) says"), "{said:?}");
    assert_eq!(place.held().0.len(), 1);
}

#[tokio::test]
async fn what_is_odd_is_reported_and_kept() {
    let place = Place::with("domains = [\"more.example.com\"]\n").await;
    place.fake.put(&place.zone, "all.example.com", "A", "10.0.0.1");
    place.fake.put(&place.zone, "_heartbeat-10-0-0-1.all.example.com", "TXT", "\"soon,web-01\"");
    place.lease("10.0.0.2", "fast", -3600);
    place.fake.put(&place.zone, "more.example.com", "A", "10.0.0.9");
    let said = place.cleans(3).await;
    assert!(said.err.contains("makes no sense") && said.err.contains("ahead of this machine's clock"), "{said:?}");
    let (json, status) = place.json("heartbeats").await;
    let what: Vec<_> =
        json["zones"][0]["findings"].as_array().unwrap().iter().map(|found| found["what"].as_str().unwrap()).collect();
    assert_eq!((what, status), (vec!["malformed", "from the future", "no heartbeat"], 3), "{json}");
    assert_eq!(json["zones"][0]["leases"]["alive"], 2);
}

#[tokio::test]
async fn what_somebody_else_deletes_meanwhile_is_not_counted_as_deleted() {
    let place = Place::new().await;
    place.lease("10.0.0.1", "web-01", 60);
    place.lease("10.0.0.2", "web-02", 3600);
    place.watches().await;
    place.calls();
    place.fake.server.faults.always(On::Listing, Fault::Held);
    let child = place.command("heartbeats").spawn().expect("dns-cleanup starts");
    until(|| place.fake.server.calls().len() == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let is_over = |text: &str| text.contains("10.0.0.2") || text.contains("10-0-0-2");
    for record in place.fake.records(&place.zone) {
        if is_over(&record.name) || is_over(&record.content) {
            place.fake.remove(&place.zone, &record.id);
        }
    }
    place.fake.server.faults.clear();
    let said = end(child).await;
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains(": 2 already gone") && !said.err.contains("deleted"), "{said:?}");
}

#[tokio::test]
async fn what_never_had_a_heartbeat_is_counted_where_that_bothers_nobody() {
    let place = Place::new().await;
    place.lease("10.0.0.1", "web-01", 60);
    for host in 2..=6 {
        place.fake.put(&place.zone, "all.example.com", "A", &format!("10.0.0.{host}"));
    }
    fs::create_dir(place.folder.path().join("metrics")).unwrap();
    assert_eq!(place.cleans(0).await.err, "", "cron sends no mail");
    let said = place.says("heartbeats --log json --metrics metrics").await;
    let line: Value = serde_json::from_str(said.err.lines().next().unwrap()).unwrap();
    let text = "cloud (example.com): 5 addresses without any heartbeat, so nobody's, and left alone: 10.0.0.2 at all.example.com, \
                10.0.0.3 at all.example.com, 10.0.0.4 at all.example.com, ...; `dns-cli leases DOMAIN` shows all";
    assert_eq!((line["level"].as_str(), line["message"].as_str()), (Some("info"), Some(text)), "{said:?}");
    assert_eq!((said.err.lines().count(), said.status), (1, 0), "{said:?}");
    let metrics = fs::read_to_string(place.folder.path().join("metrics/dns-cleanup-heartbeats.prom")).unwrap();
    let count = metrics.lines().find(|line| line.starts_with("dnsmgmt_leases_without_heartbeat{")).unwrap();
    assert!(count.ends_with("zone=\"example.com\"} 5"), "{metrics}");
}

#[tokio::test]
async fn the_brake_holds_many_that_expire_together_until_they_are_approved() {
    let place = Place::new().await;
    for host in 1..=10 {
        place.lease(&format!("10.0.0.{host}"), &format!("web-{host}"), if host > 5 { 3600 } else { 60 });
    }
    place.watches().await;
    let said = place.cleans(4).await;
    assert!(said.err.contains("it would end leases of 5 of the 10 machines that have some there"), "{said:?}");
    assert!(said.err.contains("would delete all.example.com A 10.0.0.6"), "{said:?}");
    let id = said.err.split("--approve ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let again = place.cleans(4).await;
    assert!(again.err.contains(&id) && again.err.contains("10 to be done"), "{again:?}");
    assert!(!again.err.contains("would delete all"), "what waits was said: {again:?}");
    let other = place.says("heartbeats --approve 17").await;
    let no_plan = "no plan 0000000000000017 is held; it approves what";
    assert!(other.status == 4 && other.err.contains(no_plan) && other.err.contains(&id), "{other:?}");
    let nonsense = place.says("heartbeats --approve zzz").await;
    assert!(nonsense.status == 2 && nonsense.err.contains("up to 16 hexadecimal digits"), "{nonsense:?}");
    let said = place.says(&format!("heartbeats --approve {id}")).await;
    assert_eq!((said.status, place.held()), (0, (place.held().0, 5)), "{said:?}");
    assert_eq!(place.held().0.len(), 5);
}

#[tokio::test]
async fn a_dry_run_shows_and_does_nothing_and_remembers_nothing() {
    let place = Place::new().await;
    place.lease("10.0.0.2", "dead", 3600);
    place.watches().await;
    let said = place.says("heartbeats --dry-run").await;
    assert!(said.status == 0 && said.err.contains("would delete all.example.com A 10.0.0.2"), "{said:?}");
    assert_eq!(place.held().0.len(), 1);
    let fresh = Place::new().await;
    fresh.lease("10.0.0.2", "dead", 3600);
    assert_eq!(fresh.says("heartbeats --dry-run").await.status, 0);
    assert!(!fresh.folder.path().join("dnsmgmt.db").exists());
}

#[tokio::test]
async fn once_and_without_a_database_it_deletes_nothing_and_says_why() {
    let place = Place::new().await;
    place.lease("10.0.0.2", "dead", 3600);
    let mut command = place.command("heartbeats");
    let said = end(command.env_remove("DNSMGMT_DB").spawn().unwrap()).await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("there is no place for a database, so nothing is deleted"), "{said:?}");
    let mut command = place.command("");
    let said = end(command.env_remove("DNSMGMT_DB").spawn().unwrap()).await;
    assert_eq!((said.status, place.held().0.len()), (0, 1), "{said:?}");
}

#[tokio::test]
async fn in_a_loop_without_a_database_the_process_remembers() {
    let place = Place::with("threshold = \"2s\"\n").await;
    place.lease("10.0.0.2", "dead", 3600);
    let mut command = place.command("heartbeats --interval 1s");
    let child = command.env_remove("DNSMGMT_DB").spawn().unwrap();
    for _ in 0..20_000 {
        if place.held().0.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let said = end(child).await;
    assert_eq!((said.status, place.held()), (0, (Vec::new(), 0)), "{said:?}");
    assert_eq!(said.err.matches("this process remembers").count(), 1, "said once: {said:?}");
}

#[tokio::test]
async fn without_a_command_it_is_done_with_the_others_and_without_a_name_it_is_none() {
    let place = Place::new().await;
    place.lease("10.0.0.2", "dead", 3600);
    for _ in 0..2 {
        assert_eq!(place.says("").await.status, 0);
        place.let_pass(450);
    }
    let (json, status) = place.json("").await;
    assert_eq!((status, &json["deleted"], &json["zones"][0]["job"]), (0, &2.into(), &"heartbeats".into()));
    let config = fs::read_to_string(place.folder.path().join("dnsmgmt.toml")).unwrap();
    fs::write(place.folder.path().join("dnsmgmt.toml"), config.split("[heartbeat]").next().unwrap()).unwrap();
    let said = place.says("heartbeats").await;
    assert!(said.status == 2 && said.err.contains("INTERNAL_DOMAIN"), "{said:?}");
    assert_eq!(place.says("").await.status, 0);
}

#[tokio::test]
async fn the_memory_is_of_what_is_there() {
    let place = Place::new().await;
    place.lease("10.0.0.1", "web", 60);
    place.cleans(0).await;
    let repository = DnsRepositoryManager::open(&place.folder.path().join("dnsmgmt.db")).unwrap();
    let zones = repository.provider_cache().zones().unwrap();
    let memory = repository.leases(&zones[0].provider).unwrap();
    assert_eq!(memory.keys().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.1 at all.example.com"]);
}
