//! `dns-heartbeat --interval`, and being told to end.

mod program;

use std::time::Duration;

use fixtures::faults::{Fault, On};
use program::{Host, Zone, end, tell, until};
use rustix::process::Signal;

#[tokio::test]
async fn it_goes_on_and_takes_its_addresses_away_when_it_is_told_to_end() {
    for (signal, has_database) in [(Signal::TERM, true), (Signal::INT, false)] {
        let zone = Zone::new().await;
        let host = Host::new(&zone, "web-01", "203.0.113.7").await;
        let host = if has_database { host } else { host.without_a_database() };
        let child = host.start("--interval 1s");
        until(|| zone.held().len() == 3).await;
        host.service.says(200, "203.0.113.8");
        until(|| zone.held().contains(&"all A 203.0.113.8".to_owned()) && zone.held().len() == 3).await;
        tell(&child, signal);
        let said = end(child).await;
        assert_eq!((said.status, zone.held()), (0, vec!["foreign A 192.0.2.1".to_owned()]), "{said:?}");
        assert!(said.err.contains("writing heartbeats every 1 s") && said.err.contains("told to stop"), "{said:?}");
        assert_eq!(said.err.contains("this process remembers"), !has_database, "{said:?}");
    }
}

#[tokio::test]
async fn where_there_is_no_place_for_a_database_none_is_announced() {
    let zone = Zone::new().await;
    let host = Host::new(&zone, "web-01", "203.0.113.7").await.without_a_database();
    let host = host.with("XDG_STATE_HOME", "/proc/nope");
    let child = host.start("--interval 1s");
    until(|| zone.held().len() == 3).await;
    tell(&child, Signal::TERM);
    let said = end(child).await;
    assert!(said.err.contains("this process remembers") && !said.err.contains("/proc/nope"), "{said:?}");
}

#[tokio::test]
async fn without_a_database_the_process_remembers_and_makes_no_call_that_is_not_due() {
    let zone = Zone::new().await;
    let host = Host::new(&zone, "web-01", "203.0.113.7").await.without_a_database();
    let host = host.with("STALE_THRESHOLD_SECONDS", "900");
    let child = host.start("--interval 1s");
    until(|| zone.held().len() == 3).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(zone.calls().len(), 3);
    tell(&child, Signal::TERM);
    assert_eq!(end(child).await.status, 0);
}

#[tokio::test]
async fn without_a_database_it_does_not_take_heartbeats_that_it_finds_for_its_own_of_now() {
    let zone = Zone::new().await;
    let host = Host::new(&zone, "web-01", "203.0.113.7").await.without_a_database();
    assert_eq!(host.beats("").await.status, 0);
    zone.calls();
    let child = host.start("--interval 1s");
    until(|| zone.fake.server.calls().len() == 3).await;
    tell(&child, Signal::TERM);
    assert_eq!(end(child).await.status, 0);
}

#[tokio::test]
async fn a_run_that_fails_does_not_end_it() {
    let zone = Zone::new().await;
    let host = Host::new(&zone, "web-01", "203.0.113.7").await;
    zone.fake.server.faults.next(1, On::Listing, Fault::Unauthorized);
    let child = host.start("--interval 1s --retry-for 0s");
    until(|| zone.held().len() == 3).await;
    tell(&child, Signal::TERM);
    assert_eq!(end(child).await.status, 0);
}

#[tokio::test]
async fn an_address_service_that_hangs_does_not_keep_it_from_taking_its_addresses_away() {
    for has_database in [true, false] {
        let zone = Zone::new().await;
        let host = Host::new(&zone, "web-01", "203.0.113.7").await;
        let host = if has_database { host } else { host.without_a_database() };
        let child = host.start("--interval 1s");
        until(|| zone.held().len() == 3).await;
        host.service.hang();
        tell(&child, Signal::TERM);
        let said = end(child).await;
        assert_eq!((said.status, zone.held()), (0, vec!["foreign A 192.0.2.1".to_owned()]), "{said:?}");
    }
}

#[tokio::test]
async fn a_provider_that_does_not_answer_does_not_keep_it_from_ending() {
    let zone = Zone::new().await;
    let host = Host::new(&zone, "web-01", "203.0.113.7").await;
    let child = host.start("--interval 1s");
    until(|| zone.held().len() == 3).await;
    zone.fake.server.faults.always(On::Listing, Fault::SlowBody(Duration::from_secs(60)));
    tell(&child, Signal::TERM);
    let said = tokio::time::timeout(Duration::from_secs(30), end(child)).await.expect("it ends");
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains("left to expire"), "{said:?}");
}
