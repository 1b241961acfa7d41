//! `dns-cleanup containers`: what goes, what stays, what it costs, and what stops it.

mod program;

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::{PlanId, Reason};
use dnsmgmt_core::repository::ProviderLock;
use dnsmgmt_core::tracked::OrphanReason;
use fixtures::docker::{FakeDocker, container};
use fixtures::faults::{Fault, On};
use fixtures::traefik::{FakeTraefik, router};
use program::{Place, dns_cli, end, moment, record, tell, until};
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;

/// A container that wants its name in the zone, with the address that every record here has.
fn named(name: &str) -> Value {
    container(name, "10.0.0.1", &[("dnsmgmt.name", &format!("{name}.example.com"))])
}

fn run(docker: &FakeDocker, names: &[&str]) {
    docker.run(names.iter().map(|name| named(name)));
}

/// A zone, and the daemons among the sources.
async fn place(dockers: &[&FakeDocker]) -> Place {
    let place = Place::new().await;
    let hosts: Vec<String> = dockers.iter().map(|docker| format!("{:?}", docker.address())).collect();
    place.configure("sources = [\"docker\"]", &format!("[docker]\nhosts = [{}]", hosts.join(", ")));
    place
}

fn listings(docker: &FakeDocker) -> usize {
    docker.server.calls().iter().filter(|call| call.contains("/containers/json")).count()
}

/// Waits until the program looked once more than so often, and has read what it was answered.
async fn looked(docker: &FakeDocker, before: usize) {
    until(|| listings(docker) > before).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// Lets every last look be so much longer ago.
fn let_pass(place: &Place, seconds: u32) {
    let database = Connection::open(place.file("dnsmgmt.db")).unwrap();
    database.execute("UPDATE dns_looks SET observed_ms = observed_ms + 1000 * ?1", [seconds]).unwrap();
}

#[tokio::test]
async fn what_a_container_wanted_that_is_gone_goes_in_one_run_and_nothing_else() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["gone", "here"], "one");
    place.of_containers(&["other"], "another");
    place.ours(&["file"], "/etc/lab.toml");
    place.unwanted(&["orphan"]);
    let said = place.says("containers --grace 0s --audit audit.log").await;
    assert_eq!(said.status, 3, "one daemon is read by nobody: {said:?}");
    assert!(
        said.err.contains("deleted gone.example.com A 10.0.0.1 at cloud (example.com): no container wants it"),
        "{said:?}"
    );
    assert_eq!(place.held(), ["file", "foreign", "here", "orphan", "other"]);
    assert_eq!(listings(&docker), 2, "it looked twice");
    let names: Vec<String> = place.claimed().iter().map(|ours| ours.record.name().to_string()).collect();
    assert!(!names.contains(&"gone.example.com".to_owned()) && names.len() == 4, "{names:?}");
    let line: Value = serde_json::from_str(&fs::read_to_string(place.file("audit.log")).unwrap()).unwrap();
    let told = |key: &str| line[key].as_str().unwrap().to_owned();
    assert_eq!(
        (told("claim"), told("reason"), told("fate")),
        ("created".into(), "no container wants it".into(), "gone".into())
    );
    let (json, status) = place.json("containers --grace 0s").await;
    assert_eq!((json["settled"].as_bool(), json["deleted"].as_u64(), status), (Some(false), Some(0), 3));
}

#[tokio::test]
async fn a_container_that_stopped_or_wants_other_records_lets_go_and_one_that_is_paused_or_restarts_does_not() {
    let docker = FakeDocker::start("one").await;
    let with_state = |name: &str, state: &str| {
        let mut container = named(name);
        container["State"] = state.into();
        container
    };
    let moved = container("moved", "10.0.0.2", &[("dnsmgmt.name", "moved.example.com")]);
    let renamed = container("renamed", "10.0.0.1", &[("dnsmgmt.name", "anew.example.com")]);
    docker.run([
        with_state("exited", "exited"),
        with_state("created", "created"),
        with_state("paused", "paused"),
        with_state("restarting", "restarting"),
        moved,
        renamed,
    ]);
    let place = place(&[&docker]).await;
    place.of_containers(&["exited", "created", "paused", "restarting", "moved", "renamed"], "one");
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(place.held(), ["foreign", "paused", "restarting"]);
}

#[tokio::test]
async fn what_is_back_at_the_second_look_stays_and_no_provider_is_asked_for_a_change() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["web", "here"], "one");
    let child = place.start("containers --grace 3s");
    looked(&docker, 0).await;
    run(&docker, &["here", "web"]);
    let said = end(child).await;
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:?}");
    assert_eq!(listings(&docker), 2);
    let calls = place.calls();
    assert!(matches!(&calls[..], [list] if list.starts_with("GET")), "one listing: {calls:?}");
    assert_eq!(place.held(), ["foreign", "here", "web"]);
}

#[tokio::test]
async fn stale_among_many_costs_a_listing_a_batch_and_a_listing_however_many_there_are() {
    for others in [0_usize, 140, 340] {
        let docker = FakeDocker::start("one").await;
        let names: Vec<String> = (0..others).map(|n| format!("keep{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        run(&docker, &[&names[..], &["here"]].concat());
        let place = place(&[&docker]).await;
        place.configure("max_delete = 100", "");
        place.of_containers(&names, "one");
        place.of_containers(&["here", "s0", "s1", "s2", "s3", "s4", "s5", "s6"], "one");
        place.fake.set_largest_page(100);
        let pages = (others + 9).div_ceil(100);
        place.fake.server.forget_calls();
        let said = place.says("containers --grace 0s").await;
        assert_eq!(said.status, 0, "{said:?}");
        let calls = place.calls();
        // Seven went: the verifying listing has no more pages than the first.
        let after = (others + 2).div_ceil(100);
        assert_eq!(calls.len(), pages + 1 + after, "{calls:#?}");
        assert!(calls[pages].starts_with("POST") && calls[pages].ends_with("/dns_records/batch"), "{calls:#?}");
        assert_eq!(docker.server.calls().len(), 2 * 3, "two looks at the daemon");
        place.fake.server.forget_calls();
        docker.server.forget_calls();
        assert_eq!(place.says("containers --grace 0s").await.status, 0);
        assert_eq!(place.calls(), [""; 0], "nothing is stale");
        assert_eq!(docker.server.calls().len(), 3, "one look tells");
    }
}

#[tokio::test]
async fn a_thousand_containers_are_one_listing_before_and_one_after() {
    let docker = FakeDocker::start("one").await;
    let names: Vec<String> = (0..1000).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    run(&docker, &names[..997]);
    let place = place(&[&docker]).await;
    place.of_containers(&names, "one");
    place.fake.server.forget_calls();
    let (json, status) = place.json("containers --grace 0s").await;
    assert_eq!((json["deleted"].as_u64(), status), (Some(3), 0));
    assert_eq!(place.held().len(), 998);
    let lists = place.calls().iter().filter(|call| call.starts_with("GET")).count();
    assert_eq!((lists, place.calls().len()), (2, 3), "{:#?}", place.calls());
}

#[tokio::test]
async fn every_page_of_routers_counts() {
    for count in [101, 1001] {
        let (docker, traefik) = (FakeDocker::start("one").await, FakeTraefik::start().await);
        run(&docker, &["here"]);
        let names: Vec<String> = (0..count).map(|n| format!("n{n:04}")).collect();
        let rule = |name: &String| router(&format!("{name}@docker"), &format!("Host(`{name}.example.com`)"));
        traefik.route(names.iter().map(rule), []);
        let place = place(&[&docker]).await;
        let config = fs::read_to_string(place.file("dnsmgmt.toml")).unwrap();
        let config = config.replace("sources = [\"docker\"]", "sources = [\"docker\", \"traefik\"]");
        fs::write(place.file("dnsmgmt.toml"), config).unwrap();
        place.configure("", &format!("[traefik]\nurl = {:?}\nhost_ip = \"10.0.0.1\"", traefik.server.url()));
        // Made for containers that are gone; the last ones are on the last page.
        let last: Vec<&str> = names[count - 3..].iter().map(String::as_str).collect();
        place.of_containers(&last, "one");
        place.wanted_by(&last, &Origin::of_source("traefik", &traefik.server.url()).piece("http/all@docker"));
        place.of_containers(&["here", "gone"], "one");
        place.fake.server.forget_calls();
        let said = place.says("containers --grace 0s").await;
        assert_eq!(said.status, 0, "{said:?}");
        assert_eq!(place.held().len(), 5, "what a router wants stays: {:?}", place.held());
        assert_eq!(place.calls().len(), 3, "{:#?}", place.calls());
        place.fake.server.forget_calls();
        traefik.server.faults.always(On::Listing, Fault::HalfListing);
        traefik.route(names[..count - 3].iter().map(rule), []);
        let said = place.says("containers --grace 0s").await;
        assert_eq!(said.status, 1, "{said:?}");
        assert_eq!(place.held().len(), 5, "who was not read to the end may want them: {said:?}");
    }
}

#[tokio::test]
async fn a_daemon_that_cannot_be_read_keeps_its_records_and_costs_the_others_nothing() {
    let (one, two) = (FakeDocker::start("one").await, FakeDocker::start("two").await);
    run(&one, &["a"]);
    run(&two, &["b"]);
    let place = place(&[&one, &two]).await;
    place.of_containers(&["a", "a-gone"], "one");
    place.of_containers(&["b", "b-gone"], "two");
    let origin = Origin::of_source("docker", "one").piece("shared");
    place.wanted_by(&["shared"], &origin);
    place.wanted_by(&["shared"], &Origin::of_source("docker", "two").piece("shared"));
    two.server.faults.always(On::Listing, Fault::ErrorBefore);
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains(&two.address()) && !said.err.contains(&one.address()), "{said:?}");
    assert_eq!(said.err.matches(&two.address()).count(), 1, "said once, looked twice: {said:?}");
    assert!(place.held().contains(&"b-gone".into()) && !place.held().contains(&"a-gone".into()), "{:?}", place.held());
    assert!(place.held().contains(&"shared".into()), "the other one may want it");
    two.server.faults.clear();
    assert_eq!(place.says("containers --grace 0s").await.status, 0);
    let left: BTreeSet<String> = place.held().into_iter().collect();
    assert_eq!(left, ["a", "b", "foreign"].map(Into::into).into());
}

#[tokio::test]
async fn a_listing_of_containers_that_fails_in_any_way_deletes_nothing_and_is_said() {
    for fault in [Fault::ErrorBefore, Fault::CutJson, Fault::ResetInBody, Fault::Html, Fault::Empty] {
        for on in [On::Listing, On::Preparation] {
            let docker = FakeDocker::start("one").await;
            run(&docker, &["a"]);
            let place = place(&[&docker]).await;
            place.of_containers(&["a", "gone"], "one");
            docker.server.faults.always(on, fault);
            let said = place.says("containers --grace 0s").await;
            assert_eq!(said.status, 1, "{fault:?}: {said:?}");
            assert!(said.err.contains(&docker.address()), "{fault:?}: {said:?}");
            // At the second look alone.
            docker.server.faults.clear();
            let before = listings(&docker);
            let child = place.start("containers --grace 2s");
            looked(&docker, before).await;
            docker.server.faults.always(on, fault);
            let said = end(child).await;
            assert_eq!(said.status, 1, "{fault:?}: {said:?}");
            assert_eq!(place.held(), ["a", "foreign", "gone"], "{fault:?}");
            assert!(place.calls().iter().all(|call| call.starts_with("GET")), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_list_that_is_empty_beside_a_count_is_an_error() {
    let docker = FakeDocker::start("one").await;
    docker.say(1);
    let place = place(&[&docker]).await;
    place.of_containers(&["a"], "one");
    let said = place.says("containers --grace 0s --force").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(place.held(), ["a", "foreign"]);
}

#[tokio::test]
async fn an_emptied_daemon_is_believed_after_the_configured_grace_and_not_after_that_of_this_job() {
    let docker = FakeDocker::start("one").await;
    let place = place(&[&docker]).await;
    place.of_containers(&["a"], "one");
    for line in ["containers --dry-run", "containers", "containers --force", "containers"] {
        let said = place.says(line).await;
        assert_eq!(said.status, 0, "{line}: {said:?}");
        assert!(
            said.err.contains("wants none now") && said.err.contains("nothing of it is judged"),
            "{line}: {said:?}"
        );
        assert_eq!(place.calls(), [""; 0], "{line}");
    }
    run(&docker, &["other"]);
    assert_eq!(place.says("containers --dry-run").await.status, 0);
    docker.run([]);
    let_pass(&place, 61);
    let said = place.says("containers --force").await;
    assert_eq!((said.status, place.held().len()), (0, 2), "a minute is this job's own grace: {said:?}");
    // What dnsmgmt.toml says is an hour.
    let_pass(&place, 3600);
    let said = place.says("containers --force").await;
    assert_eq!((said.status, place.held()), (0, vec!["foreign".to_owned()]), "{said:?}");
}

#[tokio::test]
async fn an_emptied_daemon_is_believed_at_the_second_run_over_the_grace_that_is_given() {
    let docker = FakeDocker::start("one").await;
    let place = place(&[&docker]).await;
    place.of_containers(&["a"], "one");
    let said = place.says("containers --grace 0s").await;
    assert!(said.status == 0 && said.err.contains("wants none now"), "{said:?}");
    run(&docker, &["a"]);
    assert_eq!(place.says("containers --grace 0s").await.err, "");
    docker.run([]);
    let said = place.says("containers --grace 0s").await;
    assert!(said.status == 0 && said.err.contains("wants none now"), "it was not empty in between: {said:?}");
    assert_eq!(place.held(), ["a", "foreign"]);
    let said = place.says("containers --grace 0s").await;
    assert_eq!((said.status, place.held()), (0, vec!["foreign".to_owned()]), "{said:?}");
}

#[tokio::test]
async fn another_daemon_at_the_same_address_judges_nothing_of_the_first_and_that_is_said() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["a", "b"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["a", "b", "c"], "one");
    let said = place.says("containers --dry-run").await;
    assert_eq!(said.status, 0, "{said:?}");
    place.says("containers --grace 0s").await;
    place.of_containers(&["c"], "one");
    place.fake.server.forget_calls();
    docker.become_another("two");
    run(&docker, &["b"]);
    let address = docker.address();
    for line in ["containers --grace 0s", "--grace 0s", "containers --force"] {
        let said = place.says(line).await;
        assert_eq!((said.status, place.calls().len()), (3, 0), "{said:?}");
        let warning = format!(
            "docker:one: 3 records are wanted by it, and no source reads it any more (its address {address} is now that of docker:two); if it \
             is gone for good, `dns-cli orphans disown docker:one` says so"
        );
        assert_eq!(said.err.matches(&warning).count(), 1, "{said:?}");
    }
    docker.server.faults.always(On::Listing, Fault::ErrorBefore);
    let said = place.says("containers --grace 0s").await;
    assert_eq!((said.status, said.err.contains("disown")), (1, true), "the other one is down: {said:?}");
    docker.server.faults.clear();
    assert_eq!(place.held(), ["a", "b", "c", "foreign"]);

    let cli = async |line: &str| {
        let mut command = dns_cli(place.folder.path());
        command.arg("--config").arg(place.file("dnsmgmt.toml")).args(line.split(' '));
        let output = command.output().await.expect("dns-cli starts");
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    };
    assert_eq!(cli("orphans disown docker:three --yes").await.1, 5);
    assert_eq!(cli("orphans disown docker:one#a --yes").await.1, 2);
    assert!(cli("orphans disown docker:one --dry-run").await.0.contains("would disown a.example.com A 10.0.0.1"));
    assert_eq!(place.says("containers --grace 0s").await.status, 3, "that changed nothing");
    assert!(cli("orphans disown docker:one --yes").await.0.contains("3 disowned"));
    let said = place.says("containers --grace 0s").await;
    assert_eq!((said.status, place.held()), (0, vec!["b".to_owned(), "foreign".into()]), "{said:?}");
    assert_eq!(place.says("containers --grace 0s").await.err, "");
}

#[tokio::test]
async fn a_disowned_daemon_that_answers_counts_again_and_the_brake_holds_what_it_wanted() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["a"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["a", "s0", "s1", "s2", "s3", "s4", "s5"], "one");
    let daemon = Origin::of_source("docker", "one");
    let now = moment().now;
    docker.become_another("two");
    place.repository().disown(&daemon, now).unwrap();
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 4, "the brake holds them as always: {said:?}");
    docker.become_another("one");
    run(&docker, &["a", "s0", "s1", "s2", "s3", "s4", "s5"]);
    assert_eq!(place.says("containers --force").await.status, 0);
    assert_eq!((place.repository().disowned().unwrap(), place.held().len()), (vec![], 8));
}

#[tokio::test]
async fn what_was_learned_where_nothing_answers_is_not_judged_by_another_daemon_with_that_id() {
    for sources in ["\"docker\"", "\"docker:{one}\", \"docker:{two}\""] {
        let (one, two) = (FakeDocker::start("clone").await, FakeDocker::start("clone").await);
        run(&one, &["a", "gone"]);
        run(&two, &["b"]);
        let place = place(&[&one, &two]).await;
        let config = fs::read_to_string(place.file("dnsmgmt.toml")).unwrap();
        let sources = sources.replace("{one}", &one.address()).replace("{two}", &two.address());
        fs::write(place.file("dnsmgmt.toml"), config.replace("\"docker\"", &sources)).unwrap();
        two.server.faults.always(On::Listing, Fault::ErrorBefore);
        place.of_containers(&["a", "gone"], "clone");
        assert_eq!(place.says("containers --grace 0s").await.status, 1);
        one.server.faults.always(On::Listing, Fault::ErrorBefore);
        two.server.faults.clear();
        for options in ["--grace 0s", "--force"] {
            let said = place.says(&format!("containers {options}")).await;
            assert_eq!(said.status, 1, "{said:?}");
            assert!(said.err.contains("there may be two with one id"), "{said:?}");
            assert_eq!(place.held(), ["a", "foreign", "gone"]);
        }
        one.server.faults.clear();
        let said = place.says("containers --grace 0s").await;
        assert!(said.status == 1 && said.err.contains("engine-id"), "both answer: {said:?}");
        assert_eq!((place.held().len(), place.calls().len()), (3, 0));
        two.become_another("two");
        run(&one, &["a"]);
        assert_eq!(place.says("containers --grace 0s").await.status, 0);
        assert_eq!(place.held(), ["a", "foreign"], "and with an id of its own each judges its own");
    }
}

#[tokio::test]
async fn what_a_provider_lost_for_a_while_and_has_again_goes_with_its_container() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["here", "back", "lost"], "one");
    place.mark(&["here", "back", "lost"], OrphanReason::Gone);
    let lost = place.fake.records(&place.zone).into_iter().find(|record| record.name == "lost.example.com").unwrap();
    place.fake.remove(&place.zone, &lost.id);
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert!(
        said.err.contains("forgot lost.example.com A 10.0.0.1") && said.err.contains("deleted back.example"),
        "{said:?}"
    );
    assert_eq!((place.held(), place.claimed().len()), (vec!["foreign".to_owned(), "here".into()], 1));
    place.fake.server.forget_calls();
    assert_eq!(place.says("containers --grace 0s").await.status, 0);
    assert_eq!(place.calls(), [""; 0], "that was all");
}

#[tokio::test]
async fn a_container_with_a_bad_label_is_3_and_one_without_an_address_a_note_and_neither_is_judged() {
    let docker = FakeDocker::start("one").await;
    let place = place(&[&docker]).await;
    place.of_containers(&["a", "b", "gone", "here"], "one");
    let bad = container("a", "10.0.0.1", &[("dnsmgmt.name", "a.example.com\n@ A 6.6.6.6")]);
    docker.run([bad, named("here")]);
    let (json, status) = place.json("containers --grace 0s --dry-run").await;
    assert_eq!((json["not_judged"][0]["origin"].as_str(), status), (Some("docker:one#a"), 3), "{json}");
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains("container a") && said.err.contains("dnsmgmt.name"), "{said:?}");
    assert_eq!(place.held(), ["a", "foreign", "here"]);
    place.of_containers(&["loop", "gone"], "one");
    docker.run([container("loop", "", &[("dnsmgmt.name", "loop.example.com")]), named("here")]);
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("notice") && said.err.contains("has no address now"), "{said:?}");
    assert_eq!(place.held(), ["foreign", "here", "loop"]);
}

#[tokio::test]
async fn what_files_want_stays_and_a_file_that_cannot_be_read_costs_the_containers_nothing_else() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = Place::new().await;
    place.configure("sources = [\"docker\", \"lab.toml\"]", &format!("[docker]\nhosts = [{:?}]", docker.address()));
    fs::write(place.file("lab.toml"), "[[zones]]\nname = \"example.com\"\n[zones.records]\nweb = \"10.0.0.1\"\n")
        .unwrap();
    place.of_containers(&["web", "here", "gone"], "one");
    let file = place.file("lab.toml").canonicalize().unwrap();
    place.ours(&["both"], file.to_str().unwrap());
    place.of_containers(&["both"], "one");
    assert_eq!(place.says("containers --grace 0s").await.status, 0);
    assert_eq!(place.held(), ["foreign", "here", "web"], "the file wants one of them and no other any more");
    place.of_containers(&["both", "gone"], "one");
    place.ours(&["both"], file.to_str().unwrap());
    fs::write(place.file("lab.toml"), "[[zones]").unwrap();
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("lab.toml"), "{said:?}");
    let held: BTreeSet<String> = place.held().into_iter().collect();
    assert_eq!(held, ["both", "foreign", "here"].map(Into::into).into(), "nobody wants `web` that can be read");
}

#[tokio::test]
async fn the_brake_is_measured_on_what_containers_want_there_and_held_is_what_a_person_did_not_approve() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    let others: Vec<String> = (0..100).map(|n| format!("file{n}")).collect();
    place.ours(&others.iter().map(String::as_str).collect::<Vec<_>>(), "/etc/lab.toml");
    place.of_containers(&["here", "s0", "s1", "s2", "s3", "s4", "s5"], "one");
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("6 of the 7 records"), "{said:?}");
    let (json, status) = place.json("--grace 0s").await;
    assert_eq!(status, 4, "held again, and by all jobs together");
    let id = json["zones"][0]["held"]["plan"].as_str().unwrap().to_owned();
    assert!(said.err.contains(&format!("`dns-cleanup containers --approve {id}`")), "{said:?}");
    assert_eq!(json["zones"][0]["job"], "containers");
    place.of_containers(&["later"], "one");
    let said = place.says(&format!("containers --grace 0s --approve {id}")).await;
    assert_eq!(said.status, 3, "what was not in the held plan is not tried: {said:?}");
    assert_eq!(place.held().len(), 103);
    assert!(place.held().contains(&"later".into()));
    assert_eq!(listings(&docker) % 2, 0, "who approves does not spare the second look");
}

#[tokio::test]
async fn force_neither_waits_nor_looks_twice_nor_brakes() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["here", "s0", "s1", "s2", "s3", "s4", "s5"], "one");
    let said = place.says("containers --force").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!((place.held(), listings(&docker)), (vec!["foreign".into(), "here".into()], 1));
}

#[tokio::test]
async fn a_dry_run_looks_once_waits_for_nothing_and_writes_nothing_but_the_cache() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["here", "gone"], "one");
    let before = place.claimed();
    let said = place.says("containers --dry-run --audit audit.log").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("would delete gone.example.com") && said.err.contains("1 to be done"), "{said:?}");
    assert_eq!((place.claimed(), listings(&docker)), (before, 1));
    assert!(!place.file("audit.log").exists());
    assert!(place.calls().iter().all(|call| call.starts_with("GET")));
}

#[tokio::test]
async fn what_another_jobs_brake_holds_is_held_and_each_waits_for_itself() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["here", "gone"], "one");
    let keys = [record("gone.example.com").key, record("more.example.com").key];
    let deletions = keys.iter().map(|key| (key, Reason::Unwanted));
    place.repository().hold(PlanId(0xaa), &place.id(), deletions, moment().now).unwrap();
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("--approve 00000000000000aa"), "{said:?}");
    assert_eq!(place.held(), ["foreign", "gone", "here"]);
    place.of_containers(&["free"], "one");
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 4, "{said:?}");
    assert!(place.repository().held(PlanId(0xaa)).unwrap().is_some(), "it waits on");
    assert_eq!(place.says("containers --grace 0s --approve 00000000000000aa").await.status, 0);
    assert_eq!(place.held(), ["foreign", "here"]);
}

#[tokio::test]
async fn told_to_stop_while_it_waits_it_ends_at_once_and_changes_nothing() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["here", "gone"], "one");
    let child = place.start("containers");
    looked(&docker, 0).await;
    tell(&child, Signal::TERM);
    let said = end(child).await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("told to stop before it looked at the sources again; nothing was changed"), "{said:?}");
    assert_eq!((place.held().len(), place.calls().len()), (3, 0));
}

#[tokio::test]
async fn the_second_look_is_taken_after_whoever_else_was_at_work_there() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    place.of_containers(&["here", "web", "gone"], "one");
    let lock = ProviderLock::try_acquire(&place.file("dnsmgmt.db"), "cloud", "another").unwrap();
    let said = place.says("containers --grace 0s").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("another (process"), "{said:?}");
    let before = listings(&docker);
    let child = place.start("containers --grace 0s --wait");
    looked(&docker, before).await;
    // While it waits the container comes back.
    run(&docker, &["here", "web"]);
    drop(lock);
    let said = end(child).await;
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(place.held(), ["foreign", "here", "web"]);
}

#[tokio::test]
async fn without_a_source_that_is_docker_there_is_no_such_job() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    let said = place.says("containers").await;
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.err.contains("put `docker` into `sources`"), "{said:?}");
    assert_eq!(place.says("--grace 0s").await.status, 0);
    assert_eq!(place.held(), ["foreign"], "the other job is done");
}

#[tokio::test]
async fn without_a_command_every_job_is_done_and_the_exit_status_is_the_worst() {
    let docker = FakeDocker::start("one").await;
    run(&docker, &["here"]);
    let place = place(&[&docker]).await;
    place.unwanted(&["orphan"]);
    place.of_containers(&["here", "gone"], "one");
    let (json, status) = place.json("--grace 0s").await;
    let jobs: Vec<&str> = json["zones"].as_array().unwrap().iter().map(|zone| zone["job"].as_str().unwrap()).collect();
    assert_eq!((jobs, json["deleted"].as_u64(), status), (vec!["orphans", "containers"], Some(2), 0));
    assert_eq!(place.held(), ["foreign", "here"]);
    place.unwanted(&["orphan"]);
    docker.server.faults.always(On::Listing, Fault::ErrorBefore);
    let said = place.says("--grace 0s").await;
    assert_eq!((said.status, place.held()), (1, vec!["foreign".to_owned(), "here".to_owned()]), "{said:?}");
}

#[tokio::test]
async fn without_a_database_nothing_is_known_to_be_a_containers_and_none_is_made() {
    let docker = FakeDocker::start("one").await;
    let place = place(&[&docker]).await;
    let said = place.says("containers").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("there is no database at") && said.err.contains("a container's"), "{said:?}");
    assert_eq!((place.says("").await.status, place.file("dnsmgmt.db").exists()), (1, false));
}

#[tokio::test]
async fn a_job_that_cannot_be_done_at_all_hides_no_other() {
    let place = Place::new().await;
    place.configure("sources = [\"docker\"]", "");
    place.unwanted(&["orphan"]);
    let mut command = program::dns_cleanup(place.folder.path());
    command.env("DOCKER_HOST", "ssh://rack1").arg("--config").arg(place.file("dnsmgmt.toml"));
    let output = command.args(["--grace", "0s", "--output", "json"]).output().await.unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((json["deleted"].as_u64(), output.status.code()), (Some(1), Some(1)), "{output:?}");
    assert!(json["failures"][0].as_str().unwrap().contains("DOCKER_HOST"), "{json}");
}
