//! Containers and Traefik's routers as sources, against fakes of their APIs and a zone file.

mod program;

use std::process::Output;
use std::time::Duration;

use fixtures::cloudflare::FakeCloudflare;
use fixtures::docker::{FakeDocker, container};
use fixtures::faults::{Fault, On};
use fixtures::traefik::{FakeTraefik, router};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

const ZONE: &str = "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\n";

/// A zone file and the program.
struct Lab(TempDir);

impl Lab {
    /// Reads what is wanted from these sources; `more` is put at the end of the configuration.
    fn new(sources: &str, more: &str) -> Self {
        let lab = Self(TempDir::new().unwrap());
        lab.write("lab.zone", ZONE);
        let home = "[providers.home]\nkind = \"zonefile\"\nzones = [{ path = \"lab.zone\", name = \"lab.example\" }]\n";
        lab.write("dnsmgmt.toml", &format!("sources = [{sources}]\ngrace = \"1m\"\nmax_delete = 100\n{home}{more}"));
        lab
    }

    fn of_docker(dockers: &[&FakeDocker]) -> Self {
        let hosts: Vec<String> = dockers.iter().map(|docker| format!("{:?}", docker.address())).collect();
        Self::new("\"docker\"", &format!("[docker]\nhosts = [{}]\n", hosts.join(", ")))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    async fn run(&self, line: &str) -> Output {
        let mut command = Command::from(program::dns_cli(self.0.path()));
        command.current_dir(self.0.path()).env("HOSTIP", "10.9.9.9");
        command.args(["--config", "dnsmgmt.toml"]).args(line.split(' ')).output().await.expect("dns-cli starts")
    }

    /// Expects that exit status, and returns what was said on standard output and error.
    async fn ends(&self, line: &str, status: i32) -> (String, String) {
        let output = self.run(line).await;
        assert_eq!(output.status.code(), Some(status), "{line}: {output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// Returns the records in the zone that are not its own.
    fn records(&self) -> Vec<String> {
        let zone = std::fs::read_to_string(self.0.path().join("lab.zone")).unwrap();
        let records = zone.lines().skip(4).map(|line| line.split_whitespace().collect::<Vec<_>>());
        records.map(|words| format!("{} {}", words[0], words.last().unwrap())).collect()
    }

    fn let_a_grace_pass(&self) {
        let database = Connection::open(self.0.path().join("dnsmgmt.db")).unwrap();
        database.execute("UPDATE dns_looks SET running_ms = running_ms - 61000", []).unwrap();
    }

    /// Synchronises often enough for everything to go that nobody wants; the last run ends with that status.
    async fn settle(&self, status: i32) -> String {
        for _ in 0..4 {
            self.run("sync").await;
            self.let_a_grace_pass();
        }
        self.ends("sync", status).await.1
    }
}

fn named(name: &str, address: &str) -> Value {
    container(name, address, &[("dnsmgmt.name", &format!("{name}.lab.example"))])
}

#[tokio::test]
async fn a_thousand_containers_are_one_listing() {
    let docker = FakeDocker::start("one").await;
    docker.run((0..1000).map(|index| named(&format!("n{index}"), &format!("10.1.{}.{}", index / 250, index % 250))));
    let lab = Lab::of_docker(&[&docker]);
    assert!(lab.ends("sync", 0).await.0.contains("1000 created"));
    assert_eq!(docker.server.calls(), ["GET /version", "GET /info", "GET /containers/json?all=true&size=false"]);
    assert_eq!(lab.records().len(), 1000);
    assert!(lab.ends("sync", 0).await.0.contains("1000 as wanted"));
}

#[tokio::test]
async fn what_a_provider_that_fails_leaves_open_is_one_line_however_many_containers_want_it() {
    let docker = FakeDocker::start("one").await;
    docker.run((0..1000).map(|index| named(&format!("n{index}"), &format!("10.1.{}.{}", index / 250, index % 250))));
    let lab = Lab::of_docker(&[&docker]);
    std::fs::remove_file(lab.0.path().join("lab.zone")).unwrap();
    let (_, said) = lab.ends("sync", 1).await;
    let open: Vec<&str> = said.lines().filter(|line| line.contains("docker:one#")).collect();
    let [line] = open[..] else { panic!("{said}") };
    assert!(line.contains("docker:one#n0 and 999 more") && line.contains("nothing of them was judged"), "{said}");
    assert!(said.contains("lab.zone"), "{said}");
}

#[tokio::test]
async fn a_listing_that_fails_in_any_way_takes_nothing_away_and_is_said() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1"), named("b", "10.1.0.2")]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    let there = lab.records();
    docker.run([named("a", "10.1.0.1")]);
    for fault in [Fault::ErrorBefore, Fault::CutJson, Fault::ResetInBody, Fault::Html, Fault::Empty] {
        for on in [On::Listing, On::Preparation] {
            docker.server.faults.always(on, fault);
            let said = lab.settle(1).await;
            assert!(said.contains(&docker.address()), "{fault:?}: {said}");
            assert_eq!(lab.records(), there, "{fault:?}");
            docker.server.faults.clear();
        }
    }
    lab.settle(0).await;
    assert_eq!(lab.records(), ["a 10.1.0.1"], "what was asked again is believed");
}

#[tokio::test]
async fn an_answer_that_takes_its_time_is_waited_for() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1")]);
    docker.server.faults.always(On::Listing, Fault::SlowBody(Duration::from_millis(300)));
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    assert_eq!(lab.records(), ["a 10.1.0.1"]);
}

#[tokio::test]
async fn a_list_that_is_empty_beside_a_count_is_an_error() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1")]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    docker.run([]);
    docker.say(1);
    let said = lab.settle(1).await;
    assert!(said.contains("says that there are 1 containers, and lists none"), "{said}");
    assert_eq!(lab.records(), ["a 10.1.0.1"]);
}

#[tokio::test]
async fn an_emptied_daemon_is_believed_at_the_second_look_after_the_grace() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1")]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    docker.run([]);
    lab.ends("plan", 0).await;
    lab.ends("sync --dry-run", 0).await;
    lab.let_a_grace_pass();
    let (_, note) = lab.ends("sync", 0).await;
    assert!(note.contains("wants none now") && note.contains("60 s"), "a dry run is no look: {note}");
    let (_, note) = lab.ends("sync", 0).await;
    assert!(note.contains("wants none now"), "the grace is not over: {note}");
    assert!(!lab.ends("orphans list", 0).await.0.contains("a.lab.example"), "nothing is marked");

    docker.run([named("a", "10.1.0.1")]);
    lab.ends("sync", 0).await;
    docker.run([]);
    lab.let_a_grace_pass();
    let (_, note) = lab.ends("sync", 0).await;
    assert!(note.contains("wants none now"), "it was not empty in between: {note}");

    lab.let_a_grace_pass();
    let (_, note) = lab.ends("sync", 0).await;
    assert!(note.is_empty(), "{note}");
    assert!(lab.ends("orphans list", 0).await.0.contains("a.lab.example"), "believed and marked");
    lab.let_a_grace_pass();
    lab.ends("sync", 0).await;
    assert_eq!(lab.records(), Vec::<String>::new());
}

#[tokio::test]
async fn a_person_may_believe_an_emptied_daemon_at_once() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1")]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    docker.run([]);
    lab.ends("sync --allow-empty --grace 0s", 0).await;
    assert_eq!(lab.records(), Vec::<String>::new());
}

#[tokio::test]
async fn a_host_that_is_down_keeps_its_records_and_costs_the_others_nothing() {
    let (one, two) = (FakeDocker::start("one").await, FakeDocker::start("two").await);
    one.run([named("a", "10.1.0.1"), named("old", "10.1.0.9")]);
    two.run([named("b", "10.2.0.1"), named("c", "10.2.0.2")]);
    let lab = Lab::of_docker(&[&one, &two]);
    lab.ends("sync", 0).await;
    one.run([named("a", "10.1.0.1"), named("new", "10.1.0.2")]);
    two.run([named("b", "10.2.0.1")]);
    two.server.faults.always(On::Preparation, Fault::ErrorBefore);
    let said = lab.settle(1).await;
    assert!(said.contains(&two.address()) && !said.contains(&one.address()), "{said}");
    assert_eq!(lab.records(), ["a 10.1.0.1", "b 10.2.0.1", "c 10.2.0.2", "new 10.1.0.2"]);
    two.server.faults.clear();
    lab.settle(0).await;
    assert_eq!(lab.records(), ["a 10.1.0.1", "b 10.2.0.1", "new 10.1.0.2"]);
}

#[tokio::test]
async fn another_daemon_at_the_same_address_judges_nothing_of_the_first() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1")]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    docker.become_another("two");
    docker.run([named("b", "10.2.0.1")]);
    lab.settle(0).await;
    assert_eq!(lab.records(), ["a 10.1.0.1", "b 10.2.0.1"]);
    // A person says that it is gone for good.
    assert!(lab.ends("orphans disown docker:one --yes", 0).await.0.contains("1 disowned"));
    assert!(lab.ends("sync", 0).await.0.contains("1 as wanted"));
    assert_eq!(lab.records(), ["a 10.1.0.1", "b 10.2.0.1"], "its grace begins");
    lab.settle(0).await;
    assert_eq!(lab.records(), ["b 10.2.0.1"]);
}

#[tokio::test]
async fn two_daemons_with_one_id_are_not_told_apart_and_not_judged_whatever_sources_they_are_of() {
    for is_one_source in [true, false] {
        let (one, two) = (FakeDocker::start("clone").await, FakeDocker::start("other").await);
        one.run([named("a", "10.1.0.1")]);
        two.run([named("b", "10.2.0.1")]);
        let sources = || format!("\"docker:{}\", \"docker:{}\"", one.address(), two.address());
        let lab = if is_one_source { Lab::of_docker(&[&one, &two]) } else { Lab::new(&sources(), "") };
        lab.ends("sync", 0).await;
        two.become_another("clone");
        two.run([]);
        let said = lab.settle(1).await;
        assert!(said.contains(&one.address()) && said.contains(&two.address()) && said.contains("engine-id"), "{said}");
        assert_eq!(lab.records(), ["a 10.1.0.1", "b 10.2.0.1"]);
    }
}

#[tokio::test]
async fn what_a_daemon_wanted_that_cannot_be_read_is_not_judged_by_another_one_with_its_id() {
    let (one, two) = (FakeDocker::start("clone").await, FakeDocker::start("clone").await);
    one.run([named("a", "10.1.0.1")]);
    two.run([named("b", "10.2.0.1")]);
    let lab = Lab::of_docker(&[&one, &two]);
    two.server.faults.always(On::Listing, Fault::ErrorBefore);
    lab.ends("sync", 1).await;
    assert_eq!(lab.records(), ["a 10.1.0.1"]);
    two.server.faults.clear();
    one.server.faults.always(On::Listing, Fault::ErrorBefore);
    let said = lab.settle(1).await;
    assert!(said.contains("there may be two with one id") && said.contains(&one.address()), "{said}");
    assert_eq!(lab.records(), ["a 10.1.0.1", "b 10.2.0.1"]);
    lab.let_a_grace_pass();
    lab.ends(&format!("sync --source docker:{}", two.address()), 3).await;
    assert_eq!(lab.records(), ["a 10.1.0.1", "b 10.2.0.1"], "whoever is asked alone judges no more");
    // A person says that it moved.
    let text = std::fs::read_to_string(lab.0.path().join("dnsmgmt.toml")).unwrap();
    lab.write("dnsmgmt.toml", &text.replace(&format!("{:?}, ", one.address()), ""));
    lab.settle(0).await;
    assert_eq!(lab.records(), ["b 10.2.0.1"]);
}

#[tokio::test]
async fn podman_is_the_same_source_although_its_id_never_is() {
    let podman = FakeDocker::start_podman().await;
    podman.run([named("a", "10.1.0.1"), named("b", "10.1.0.2")]);
    let lab = Lab::of_docker(&[&podman]);
    lab.ends("sync", 0).await;
    podman.run([named("a", "10.1.0.1")]);
    lab.settle(0).await;
    assert_eq!(lab.records(), ["a 10.1.0.1"]);
}

#[tokio::test]
async fn two_containers_of_one_name_are_two_values_and_the_name_goes_with_the_last() {
    let docker = FakeDocker::start("one").await;
    let web = |name: &str, address| container(name, address, &[("dnsmgmt.name", "web.lab.example")]);
    let host = |name: &str| container(name, "10.1.0.7", &[("joyride.host.name", "host.lab.example")]);
    let other = named("other", "10.1.0.9");
    docker.run([web("a", "10.1.0.1"), web("b", "10.1.0.2"), host("c"), host("d"), other.clone()]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    let all = ["host 10.9.9.9", "other 10.1.0.9", "web 10.1.0.1", "web 10.1.0.2"];
    assert_eq!(lab.records(), all);
    docker.run([web("b", "10.1.0.2"), host("d"), other.clone()]);
    lab.settle(0).await;
    assert_eq!(lab.records(), ["host 10.9.9.9", "other 10.1.0.9", "web 10.1.0.2"], "the host's name has one left");
    docker.run([other]);
    lab.settle(0).await;
    assert_eq!(lab.records(), ["other 10.1.0.9"]);
}

#[tokio::test]
async fn a_container_with_a_bad_label_is_reported_keeps_what_it_had_and_costs_the_others_nothing() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1"), named("b", "10.1.0.2"), named("c", "10.1.0.3")]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    let bad = container("b", "10.1.0.2", &[("dnsmgmt.name", "b.lab.example\n@ A 6.6.6.6")]);
    docker.run([bad, named("c", "10.1.0.3"), named("d", "10.1.0.4")]);
    let said = lab.settle(3).await;
    assert!(said.contains("container b") && said.contains("dnsmgmt.name"), "{said}");
    assert_eq!(lab.records(), ["b 10.1.0.2", "c 10.1.0.3", "d 10.1.0.4"]);
}

#[tokio::test]
async fn a_container_that_shares_the_network_of_another_has_its_address() {
    let docker = FakeDocker::start("one").await;
    let vpn = named("vpn", "10.1.0.1");
    let mut behind = named("behind", "");
    behind["HostConfig"]["NetworkMode"] = format!("container:{}", vpn["Id"].as_str().unwrap()).into();
    let mut circle = named("circle", "");
    circle["HostConfig"]["NetworkMode"] = format!("container:{}", circle["Id"].as_str().unwrap()).into();
    docker.run([vpn, behind, circle]);
    let lab = Lab::of_docker(&[&docker]);
    let (_, note) = lab.ends("sync", 0).await;
    assert!(note.contains("circle"), "{note}");
    assert_eq!(lab.records(), ["behind 10.1.0.1", "vpn 10.1.0.1"]);
}

#[tokio::test]
async fn both_families_of_a_container_are_its_addresses() {
    let docker = FakeDocker::start("one").await;
    let mut both = named("a", "10.1.0.1");
    both["NetworkSettings"]["Networks"]["lab"]["GlobalIPv6Address"] = "fd00::1".into();
    docker.run([both]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    assert_eq!(lab.records(), ["a 10.1.0.1", "a fd00::1"]);
}

#[tokio::test]
async fn containers_are_shown_with_what_they_want_and_what_is_there() {
    let docker = FakeDocker::start("one").await;
    let mut stopped = named("stopped", "10.1.0.3");
    stopped["State"] = "exited".into();
    docker.run([
        named("a", "10.1.0.1"),
        named("ns", "10.1.0.2"),
        stopped,
        container("bad", "", &[("dnsmgmt.x", "\u{1b}[2J")]),
    ]);
    let lab = Lab::of_docker(&[&docker]);
    let (said, _) = lab.ends("containers -o json", 0).await;
    let said: Value = serde_json::from_str(&said).unwrap();
    let told = said["containers"].as_array().unwrap().iter().map(|one| {
        json!([
            one["name"],
            one["state"],
            one["wants"][0]["because"],
            one["wants"][0]["in_dns"],
            one["problem"].is_string()
        ])
    });
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            json!(["a", "running", "dnsmgmt.name", "missing", false]),
            json!(["bad", "running", null, null, true]),
            json!(["ns", "running", "dnsmgmt.name", "other values", false]),
            json!(["stopped", "exited", null, null, false]),
        ]
    );
    lab.ends("sync", 3).await;
    let (table, _) = lab.ends("containers --named", 0).await;
    assert!(table.contains("present") && !table.contains("stopped") && !table.contains('\u{1b}'), "{table}");
    docker.server.faults.always(On::Listing, Fault::ErrorBefore);
    let (_, said) = lab.ends("containers", 1).await;
    assert!(said.contains("502"), "{said}");
}

#[tokio::test]
async fn the_daemons_that_the_sources_name_are_those_that_are_shown() {
    let (one, two, other) =
        (FakeDocker::start("one").await, FakeDocker::start("two").await, FakeDocker::start("three").await);
    one.run([named("a", "10.1.0.1")]);
    two.run([named("b", "10.2.0.1")]);
    other.run([named("c", "10.3.0.1")]);
    let sources = format!("\"docker:{}\", \"docker:{}\", \"docker:{}\"", one.address(), two.address(), one.address());
    let lab = Lab::new(&sources, &format!("[docker]\nhosts = [\"{}\"]\n", other.address()));
    let (table, said) = lab.ends("containers", 0).await;
    assert!(table.contains("a.lab.example") && table.contains("b.lab.example"), "{table} {said}");
    assert!(!table.contains("c.lab.example"), "no source asks it: {table}");
    for (docker, name) in [(&one, "a"), (&two, "b"), (&other, "c")] {
        docker.uses(name, json!({}));
    }
    let usage = lab.ends("containers --usage -o json", 0).await.0;
    assert!(usage.contains("\"a\"") && usage.contains("\"b\"") && !usage.contains("\"c\""), "{usage}");
    let (table, _) = lab.ends(&format!("containers --host {}", other.address()), 0).await;
    assert!(table.contains("c.lab.example") && !table.contains("a.lab.example"), "{table}");
}

#[tokio::test]
async fn a_container_that_ends_while_its_usage_is_asked_is_left_out_and_a_daemon_that_fails_costs_no_other_sample() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1"), named("gone", "10.1.0.2"), named("b", "10.1.0.3")]);
    docker.uses("a", json!({ "memory_stats": { "usage": 5_242_880, "limit": 1_073_741_824 } }));
    docker.uses("b", json!({}));
    let lab = Lab::of_docker(&[&docker]);
    let (said, _) = lab.ends("containers --usage", 0).await;
    let lines: Vec<Vec<&str>> = said.lines().skip(1).map(|line| line.split_whitespace().skip(1).collect()).collect();
    assert_eq!(lines, [vec!["a", "-", "5.0", "MiB", "1024.0", "MiB"], vec!["b", "-", "-", "-"]], "{said}");

    let down = FakeDocker::start("two").await;
    down.server.faults.always(On::Preparation, Fault::ErrorBefore);
    let lab = Lab::of_docker(&[&down, &docker]);
    let (said, why) = lab.ends("containers --usage", 1).await;
    assert!(said.contains("1024.0 MiB") && why.contains(&down.address()), "{said} {why}");
}

/// Reads what is wanted from a fake Traefik alone.
fn of_traefik(traefik: &FakeTraefik) -> Lab {
    Lab::new("\"traefik\"", &format!("[traefik]\nurl = \"{}\"\n", traefik.server.url()))
}

fn routers(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(|index| router(&format!("r{index:04}@docker"), &format!("Host(`n{index:04}.lab.example`)")))
}

#[tokio::test]
async fn every_page_of_routers_counts() {
    for (count, calls) in [(0, 2), (1, 2), (100, 2), (101, 3), (1001, 12)] {
        let traefik = FakeTraefik::start().await;
        traefik.route(
            routers(count),
            [router("t@file", "HostSNI(`tcp.lab.example`)"), router("all@file", "HostSNI(`*`)")],
        );
        let lab = of_traefik(&traefik);
        lab.ends("sync", 0).await;
        assert_eq!(lab.records().len(), count + 1);
        assert_eq!(traefik.server.calls().len(), calls, "{count}");
        lab.settle(0).await;
        assert_eq!(lab.records().len(), count + 1, "{count} routers stay");
    }
}

#[tokio::test]
async fn routers_that_are_disabled_or_make_no_sense_are_left_out() {
    let traefik = FakeTraefik::start().await;
    let mut off = router("off@docker", "Host(`off.lab.example`)");
    off["status"] = "disabled".into();
    let bad = router("bad@docker", "Host(`bad.lab.example`");
    traefik.route([router("on@file", "Host(`on.lab.example`) && !Host(`not.lab.example`)"), off, bad], []);
    let lab = of_traefik(&traefik);
    let (_, said) = lab.ends("sync", 3).await;
    assert!(said.contains("bad@docker"), "{said}");
    assert_eq!(lab.records(), ["on 10.9.9.9"]);
}

#[tokio::test]
async fn routers_that_were_not_read_to_the_end_take_nothing_away() {
    let traefik = FakeTraefik::start().await;
    traefik.route(routers(150), []);
    let lab = of_traefik(&traefik);
    lab.ends("sync", 0).await;
    traefik.route(routers(110), []);
    for fault in [
        Fault::ErrorBefore,
        Fault::CutJson,
        Fault::ResetInBody,
        Fault::Html,
        Fault::Empty,
        Fault::HalfListing,
        Fault::ShiftingPage,
    ] {
        traefik.server.faults.always(On::Listing, fault);
        let said = lab.settle(1).await;
        assert!(said.contains(&traefik.server.url()), "{fault:?}: {said}");
        assert_eq!(lab.records().len(), 150, "{fault:?}");
        traefik.server.faults.clear();
        traefik.route(routers(110), []);
    }
    lab.settle(0).await;
    assert_eq!(lab.records().len(), 110);
}

#[tokio::test]
async fn a_traefik_that_has_just_started_and_knows_no_routers_is_not_believed() {
    let traefik = FakeTraefik::start().await;
    traefik.route(routers(3), []);
    let lab = of_traefik(&traefik);
    lab.ends("sync", 0).await;
    traefik.route([], []);
    let (_, note) = lab.ends("sync", 0).await;
    assert!(note.contains("wants none now"), "{note}");
    traefik.route(routers(3), []);
    lab.settle(0).await;
    assert_eq!(lab.records().len(), 3);
}

#[tokio::test]
async fn a_name_in_no_zone_of_a_token_costs_the_other_containers_nothing() {
    let (docker, cloud) = (FakeDocker::start("one").await, FakeCloudflare::start().await);
    let (one, two) = (cloud.add_zone("lab.example"), cloud.add_zone("b.example"));
    let wants = |name: &str, domain| container(name, "10.1.0.1", &[("dnsmgmt.name", domain)]);
    docker.run([wants("a", "a.lab.example"), wants("b", "x.b.example"), wants("c", "away.other.example")]);
    let lab = Lab::new("\"docker\"", "");
    let settings = "sources = [\"docker\"]\n[providers.cloud]\nkind = \"cloudflare\"\n";
    let (url, address) = (cloud.url(), docker.address());
    let hosts = format!("[docker]\nhosts = [\"{address}\"]\n");
    lab.write("dnsmgmt.toml", &format!("{settings}url = \"{url}\"\ntoken = \"{}\"\n{hosts}", cloud.token));
    let (_, said) = lab.ends("sync", 1).await;
    assert!(said.contains("away.other.example") && said.contains("nothing of it was judged"), "{said}");
    assert_eq!((cloud.records(&one).len(), cloud.records(&two).len()), (1, 1));
    docker.run([wants("c", "away.other.example")]);
    let (_, said) = lab.ends("sync", 1).await;
    assert!(said.contains("in no zone"), "{said}");
    assert_eq!((cloud.records(&one).len(), cloud.records(&two).len()), (1, 1), "no other zone is meant by it");
}

#[tokio::test]
async fn a_name_that_no_provider_holds_costs_the_other_containers_nothing() {
    let docker = FakeDocker::start("one").await;
    let away = container("away", "10.1.0.2", &[("dnsmgmt.name", "away.other.example")]);
    let lost = container("lost", "10.1.0.3", &[("dnsmgmt.name", "lost.lab.example"), ("dnsmgmt.provider", "nobody")]);
    docker.run([named("a", "10.1.0.1"), away, lost]);
    let second =
        "[providers.second]\nkind = \"zonefile\"\nzones = [{ path = \"lab.zone\", name = \"second.example\" }]\n";
    for more in ["", second] {
        let lab = Lab::new("\"docker\"", &format!("{more}[docker]\nhosts = [\"{}\"]\n", docker.address()));
        let (_, said) = lab.ends("sync", 1).await;
        assert!(said.contains("away.other.example") && said.contains("nobody"), "{said}");
        assert_eq!(lab.records(), ["a 10.1.0.1"]);
    }
}

#[tokio::test]
async fn a_container_that_asks_for_a_provider_that_there_is_not_is_named_and_costs_the_others_nothing() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1"), named("b", "10.1.0.2")]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    let label = |provider| [("dnsmgmt.name", "b.lab.example"), ("dnsmgmt.provider", provider)];
    docker.run([container("b", "10.1.0.9", &label("nosuch")), named("c", "10.1.0.3")]);
    let said = lab.settle(3).await;
    let about: Vec<&str> = said.lines().filter(|line| line.contains("container b")).collect();
    assert!(matches!(about[..], [line] if line.contains("`nosuch`") && line.contains("`home`")), "{said}");
    assert!(!said.contains("was not synchronised"), "it is said once: {said}");
    assert_eq!(lab.records(), ["b 10.1.0.2", "c 10.1.0.3"], "nothing of it is judged, and the others go on");
    let (table, _) = lab.ends("containers", 0).await;
    assert!(table.contains("`nosuch`"), "{table}");
    docker.run([container("b", "10.1.0.9", &label("zonefile")), named("c", "10.1.0.3")]);
    lab.settle(0).await;
    assert_eq!(lab.records(), ["b 10.1.0.9", "c 10.1.0.3"], "a kind names the only one of its kind");
}

#[tokio::test]
async fn who_keeps_a_name_from_being_an_alias_is_said() {
    let docker = FakeDocker::start("one").await;
    let alias = [("dnsmgmt.name", "a.lab.example"), ("dnsmgmt.content", "ns.lab.example")];
    docker.run([named("a", "10.1.0.1"), container("other", "10.1.0.2", &alias)]);
    let lab = Lab::of_docker(&[&docker]);
    let (said, _) = lab.ends("sync", 3).await;
    assert!(said.contains("together with it (wanted by docker:one#a) excludes CNAME"), "{said}");
}

#[tokio::test]
async fn one_record_is_one_and_what_was_not_done_is_said_once() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1")]);
    let lab = Lab::of_docker(&[&docker]);
    lab.ends("sync", 0).await;
    docker.run([]);
    let (_, note) = lab.ends("sync", 0).await;
    assert!(note.contains("it wanted 1 record at its last run"), "{note}");
    docker.run([named("a", "10.1.0.1")]);
    std::fs::remove_file(lab.0.path().join("lab.zone")).unwrap();
    let (said, _) = lab.ends("sync --dry-run", 1).await;
    assert_eq!(said, "dry run, nothing was done\n");
    lab.write("lab.zone", &format!("{ZONE}a 300 A 10.1.0.1\n"));
    docker.run([named("b", "10.1.0.2")]);
    let (said, _) = lab.ends("sync", 0).await;
    assert!(said.contains("goes in 60 s, at the first look after that"), "{said}");
}
