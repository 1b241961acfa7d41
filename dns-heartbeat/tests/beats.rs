//! `dns-heartbeat` from a timer: what it writes, when, and what it costs.

mod program;

use fixtures::faults::{Fault, On};
use program::{Host, Zone, next_second};

const ADDRESS: &str = "203.0.113.7";

async fn place() -> (Zone, Host) {
    let zone = Zone::new().await;
    let host = Host::new(&zone, "web-01", ADDRESS).await;
    (zone, host)
}

/// What the zone holds once the machine registered.
const REGISTERED: [&str; 3] = ["203-0-113-7.all web-01", "all A 203.0.113.7", "foreign A 192.0.2.1"];

#[tokio::test]
async fn a_run_that_is_due_costs_three_calls_and_one_that_is_not_none() {
    let (zone, host) = place().await;
    let said = host.beats("").await;
    assert_eq!(zone.held(), REGISTERED);
    assert_eq!(zone.calls().len(), 3, "{said:?}");
    assert!(said.err.contains("created all.example.com A 203.0.113.7") && said.out.is_empty(), "{said:?}");

    host.let_pass(300);
    let said = host.beats("").await;
    assert_eq!((zone.calls().len(), said.err.as_str()), (0, ""), "at the next run it will not be late");
    host.let_pass(300);
    next_second().await;
    let said = host.beats("").await;
    assert_eq!((zone.calls().len(), said.err.as_str()), (3, ""), "now it would, and nobody is told");
    assert_eq!(zone.held(), REGISTERED);
    next_second().await;
    host.beats("--now").await;
    assert_eq!(zone.calls().len(), 3);
}

#[tokio::test]
async fn a_machine_that_is_told_only_how_often_it_runs_beats_for_a_clean_up_with_three_times_that() {
    let (zone, host) = place().await;
    let host = host.with("UPDATE_INTERVAL", "60");
    host.beats("").await;
    let beats = async |host: &Host| {
        zone.calls();
        host.let_pass(60);
        next_second().await;
        let said = host.beats("").await;
        assert_eq!(said.err, "");
        !zone.calls().is_empty()
    };
    assert_eq!((beats(&host).await, beats(&host).await), (false, true), "two minutes of three are over");
    let host = host.with("STALE_THRESHOLD_SECONDS", "900");
    host.beats("").await;
    for _ in 0..3 {
        assert!(!beats(&host).await, "it is said that a lease lasts longer");
    }
}

#[tokio::test]
async fn runs_that_are_further_apart_than_it_is_said_are_all_due_and_warned_about() {
    let (zone, host) = place().await;
    let host = host.with("UPDATE_INTERVAL", "60").with("STALE_THRESHOLD_SECONDS", "900");
    let beats = async |apart: u32| {
        zone.calls();
        host.let_pass(apart);
        next_second().await;
        let said = host.beats("").await;
        (!zone.calls().is_empty(), said.err.contains("runs that are 5") && said.err.contains("UPDATE_INTERVAL"))
    };
    host.beats("").await;
    assert_eq!(beats(500).await, (true, true), "the second run ever shows it");
    assert_eq!(beats(60).await, (false, false), "it runs as often as it is said by now");
    // One pause is no schedule: whoever sees it looks once more, and goes on.
    assert_eq!(beats(800).await, (true, false), "it was late");
    assert_eq!(beats(60).await, (false, false));
    // A schedule that was changed is: what nobody wrote down is found out when heartbeats are older than they can be.
    assert_eq!(beats(500).await, (false, false));
    assert_eq!(beats(500).await, (true, false));
    assert_eq!(beats(500).await, (true, true));
    assert_eq!(beats(500).await, (true, true));
}

#[tokio::test]
async fn a_refresh_leaves_no_row_in_the_journal() {
    let (zone, host) = place().await;
    for _ in 0..4 {
        host.beats("--now").await;
        next_second().await;
    }
    let refreshes = zone.fake.server.calls().iter().filter(|call| call.starts_with("POST")).count();
    assert_eq!((refreshes, host.repository().journal().recent(10).unwrap().len()), (4, 2));
}

#[tokio::test]
async fn where_it_is_said_how_far_apart_runs_are_one_that_is_not_due_writes_nothing_down() {
    for (interval, is_written) in [("300", false), ("", true)] {
        let (_zone, host) = place().await;
        let host = host.with("UPDATE_INTERVAL", interval);
        // The second one tells how far apart they are, if nobody says it.
        for _ in 0..2 {
            host.beats("").await;
        }
        let database = || std::fs::read(host.file("dnsmgmt.db")).unwrap();
        let before = database();
        let (json, _) = host.json("").await;
        assert_eq!((&json["due"], database() != before), (&false.into(), is_written), "{interval}");
    }
}

#[tokio::test]
async fn without_a_database_it_costs_one_listing_from_which_it_judges() {
    let (zone, host) = place().await;
    let host = host.without_a_database().with("UPDATE_INTERVAL", "300");
    host.beats("").await;
    assert_eq!((zone.calls().len(), zone.held()), (3, REGISTERED.map(str::to_owned).to_vec()));
    let said = host.beats("").await;
    assert_eq!((zone.calls().len(), said.err.as_str()), (1, ""), "what is listed is fresh");
    let host = host.with("STALE_THRESHOLD_SECONDS", "300");
    next_second().await;
    let said = host.beats("").await;
    assert_eq!(zone.calls().len(), 3, "it would be late at the next run");
    assert!(said.err.contains("a lease of 300 s is short for runs that are 300 s apart"), "{said:?}");
}

#[tokio::test]
async fn a_machine_follows_its_address() {
    let (zone, host) = place().await;
    host.beats("").await;
    host.service.says(200, "203.0.113.8");
    zone.calls();
    host.beats("").await;
    assert_eq!(zone.held(), ["203-0-113-8.all web-01", "all A 203.0.113.8", "foreign A 192.0.2.1"]);
    assert_eq!(zone.calls().len(), 3, "one batch for all of it");
}

#[tokio::test]
async fn an_outage_of_the_address_service_deletes_nothing_and_lets_nothing_expire() {
    for has_database in [true, false] {
        let (zone, host) = place().await;
        let host = if has_database { host } else { host.without_a_database() };
        host.beats("").await;
        let stamp =
            |zone: &Zone| zone.fake.records(&zone.id).into_iter().find(|record| record.rtype == "TXT").unwrap().content;
        let before = stamp(&zone);
        for (status, text) in [(503, "203.0.113.7"), (200, "<html>"), (200, "10.0.0.1")] {
            host.service.says(status, text);
            next_second().await;
            let said = host.says("--now").await;
            assert_eq!(said.status, 3, "{said:?}");
            assert!(said.err.contains("the public IPv4 address is not known"), "{said:?}");
            assert_eq!(zone.held(), REGISTERED, "{said:?}");
        }
        assert_ne!(stamp(&zone), before, "its heartbeat goes on");
    }
}

#[tokio::test]
async fn deregistering_takes_away_what_is_its_own_and_nothing_else() {
    let (zone, host) = place().await;
    let neighbour = Host::new(&zone, "web-02", ADDRESS).await;
    let other = Host::new(&zone, "web-03", "203.0.113.9").await;
    for host in [&host, &neighbour, &other] {
        host.beats("").await;
    }
    zone.calls();
    host.beats("--deregister").await;
    assert_eq!(zone.calls().len(), 3);
    let left = ["203-0-113-7.all web-02", "203-0-113-9.all web-03", "all A 203.0.113.7", "all A 203.0.113.9"];
    assert_eq!(zone.held()[..4], left, "the address stays for the one behind the same router");
    neighbour.without_a_database().beats("--deregister").await;
    assert_eq!(zone.held(), ["203-0-113-9.all web-03", "all A 203.0.113.9", "foreign A 192.0.2.1"]);
    host.beats("").await;
    assert_eq!(zone.held().len(), 5, "and it can come back");
}

#[tokio::test]
async fn deregistering_asks_nobody_for_addresses_and_without_a_memory_its_own_heartbeats_tell() {
    for has_database in [true, false] {
        let (zone, host) = place().await;
        let other = Host::new(&zone, "web-03", "203.0.113.9").await;
        let host = if has_database { host } else { host.without_a_database() };
        for host in [&host, &other] {
            host.beats("").await;
        }
        host.service.says(503, "");
        let said = host.beats("--deregister").await;
        assert!(!said.err.contains("is not known") && !said.err.contains("kept alive"), "{said:?}");
        assert_eq!(zone.held(), ["203-0-113-9.all web-03", "all A 203.0.113.9", "foreign A 192.0.2.1"]);
    }
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_done_and_does_nothing() {
    let (zone, host) = place().await;
    let said = host.beats("--dry-run").await;
    assert_eq!((zone.held(), zone.calls().len()), (vec!["foreign A 192.0.2.1".to_owned()], 1));
    assert!(said.err.contains("would create all.example.com A 203.0.113.7"), "{said:?}");
    let (json, status) = host.json("--dry-run").await;
    assert_eq!((json["changes"].as_array().unwrap().len(), status, &json["dry_run"]), (2, 0, &true.into()));
    host.beats("").await;
    let said = host.beats("--dry-run --deregister").await;
    assert!(
        said.err.contains("would delete all.example.com A 203.0.113.7: withdrawn") || said.err.contains("would delete"),
        "{said:?}"
    );
    assert_eq!(zone.held(), REGISTERED);
}

#[tokio::test]
async fn what_was_not_seen_is_done_again_at_the_next_run() {
    let (zone, host) = place().await;
    zone.fake.server.faults.after(1, 9, On::Listing, Fault::ErrorBefore);
    let said = host.says("--retry-for 0s").await;
    assert_eq!(said.status, 3, "{said:?}");
    zone.fake.server.faults.clear();
    zone.calls();
    host.beats("").await;
    assert!(!zone.calls().is_empty(), "although it would not be late");
    assert_eq!(zone.held(), REGISTERED);
    zone.calls();
    host.beats("").await;
    assert_eq!(zone.calls().len(), 0);
}

#[tokio::test]
async fn a_provider_that_fails_is_said_and_tried_again() {
    for (fault, status) in [(Fault::ErrorBefore, 1), (Fault::Unauthorized, 1), (Fault::TooManyRequests(None), 1)] {
        let (zone, host) = place().await;
        zone.fake.server.faults.always(On::Listing, fault);
        let said = host.says("--retry-for 0s").await;
        assert_eq!(said.status, status, "{said:?}");
        assert!(said.err.contains("cloud (example.com)"), "{said:?}");
        zone.fake.server.faults.clear();
        host.beats("").await;
        assert_eq!(zone.held(), REGISTERED);
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_the_database_it_says_that_it_lives() {
    let (zone, host) = place().await;
    std::fs::write(host.file("dnsmgmt.db"), "this is no database at all, and it is long enough to be looked at")
        .unwrap();
    let said = host.says("").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("going on without the database"), "{said:?}");
    assert_eq!(zone.held(), REGISTERED);
}

#[tokio::test]
async fn an_address_that_is_there_and_nobodys_is_left_alone_until_it_is_adopted() {
    let (zone, host) = place().await;
    zone.fake.put(&zone.id, "all.example.com", "A", ADDRESS);
    let said = host.beats("").await;
    assert!(said.err.contains("--adopt"), "{said:?}");
    assert_eq!(zone.held().len(), 2);
    host.beats("--adopt --now").await;
    assert_eq!(zone.held(), REGISTERED);
}

#[tokio::test]
async fn a_name_without_a_provider_costs_the_others_nothing() {
    let (zone, host) = place().await;
    let host = host.with("TOP_LEVEL_DOMAIN", "top.elsewhere.org").with("COMBINED_DOMAIN", "both.example.com");
    let said = host.says("").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("top.elsewhere.org"), "{said:?}");
    assert!(REGISTERED.iter().all(|line| zone.held().contains(&(*line).to_owned())), "{:?}", zone.held());
}

#[tokio::test]
async fn what_is_configured_wrong_is_said_with_what_to_do() {
    let (_zone, host) = place().await;
    std::fs::write(
        host.file("dnsmgmt.toml"),
        "[providers.lab]\nkind = \"zonefile\"\nzones = [{ name = \"x\", path = \"x\" }]\n",
    )
    .unwrap();
    let said = host.says("").await;
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.err.contains("INTERNAL_DOMAIN"), "{said:?}");
    let said = host.with("INSTANCE_ID", "a b").with("INTERNAL_DOMAIN", "in.x").says("").await;
    assert!(said.status == 1 && said.err.contains("`INSTANCE_ID`"), "{said:?}");
}

#[tokio::test]
async fn health_tells_whether_the_last_heartbeats_were_seen_and_are_fresh() {
    let (zone, host) = place().await;
    assert_eq!(host.says("--health").await.status, 1, "nothing is known yet");
    host.beats("").await;
    zone.calls();
    let said = host.beats("--health").await;
    assert!(said.out.contains("web-01") && zone.calls().is_empty(), "{said:?}");
    let database = rusqlite::Connection::open(host.file("dnsmgmt.db")).unwrap();
    database.execute("UPDATE dns_refreshes SET refreshed_at = '1970-01-01T00:00:10Z'", []).unwrap();
    let said = host.beats("--health").await;
    assert!(said.out.contains("web-01 wrote heartbeats"), "its clock was set since: {said:?}");
    host.let_pass(901);
    assert_eq!(host.says("--health").await.status, 1);
}

#[tokio::test]
async fn json_says_what_is_kept_alive() {
    let (_zone, host) = place().await;
    let (json, status) = host.json("").await;
    assert_eq!(
        (status, &json["due"], &json["settled"], &json["instance"]),
        (0, &true.into(), &true.into(), &"web-01".into())
    );
    assert_eq!(json["leased"][0]["address"], ADDRESS);
    assert_eq!(json["changes"].as_array().unwrap().len(), 2);
    let (json, status) = host.json("").await;
    assert_eq!((status, &json["due"]), (0, &false.into()));
}

#[tokio::test]
async fn what_was_registered_where_the_configuration_leads_no_more_is_left_to_expire() {
    let (old, host) = place().await;
    host.beats("").await;
    let new = Zone::new().await;
    host.move_to("elsewhere", &new);
    host.service.says(200, "203.0.113.8");
    let said = host.beats("").await;
    let moved = ["203-0-113-8.all web-01", "all A 203.0.113.8", "foreign A 192.0.2.1"];
    assert_eq!((old.held(), new.held()), (REGISTERED.map(str::to_owned).to_vec(), moved.map(str::to_owned).to_vec()));
    assert!(said.err.contains("does not lead to cloud (example.com) any more"), "{said:?}");
    new.calls();
    let again = host.beats("").await;
    assert_eq!((new.calls().len(), again.err.as_str()), (0, ""), "it is said once");
}

#[tokio::test]
async fn a_provider_that_does_not_answer_for_a_moment_is_not_forgotten() {
    let (zone, host) = place().await;
    host.beats("").await;
    zone.fake.server.faults.always(On::Listing, Fault::Unauthorized);
    assert_eq!(host.says("--now --retry-for 0s").await.status, 1);
    zone.fake.server.faults.clear();
    host.beats("--deregister").await;
    assert_eq!(zone.held(), ["foreign A 192.0.2.1"]);
}

#[tokio::test]
async fn an_address_that_somebody_else_deletes_is_told_of() {
    let (zone, host) = place().await;
    let said = host.beats("").await;
    assert!(!said.err.contains("vanished"), "{said:?}");
    let address = zone.fake.records(&zone.id).into_iter().find(|record| record.name == "all.example.com").unwrap();
    zone.fake.remove(&zone.id, &address.id);
    next_second().await;
    let said = host.beats("--now").await;
    assert_eq!(zone.held(), REGISTERED);
    assert!(
        said.err.contains("warning") && said.err.contains("all.example.com 203.0.113.7 was there at the last run"),
        "{said:?}"
    );
    assert!(said.err.contains("a clean-up with a shorter threshold than the 900 s"), "{said:?}");

    // What expired while the machine was away is another matter.
    zone.fake.records(&zone.id).iter().filter(|record| record.name != "foreign.example.com").for_each(|record| {
        zone.fake.remove(&zone.id, &record.id);
    });
    host.let_pass(1000);
    let said = host.beats("").await;
    assert_eq!(zone.held(), REGISTERED);
    assert!(!said.err.contains("vanished"), "{said:?}");
}
