//! `dns-cleanup --interval`, and being told to stop.

mod program;

use std::time::Duration;

use fixtures::faults::{Fault, On};
use program::{Place, end, tell, until};
use rustix::process::Signal;

#[tokio::test]
async fn it_goes_on_and_ends_when_it_is_told_to() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new().await;
        place.unwanted(&["first"]);
        let child = place.start("orphans --grace 0s --interval 1s");
        until(|| place.held() == ["foreign"]).await;
        place.unwanted(&["second"]);
        until(|| place.held() == ["foreign"]).await;
        tell(&child, signal);
        let said = end(child).await;
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.err.contains("cleaning up every 1 s") && said.err.contains("told to stop"), "{said:?}");
    }
}

#[tokio::test]
async fn a_run_that_fails_does_not_end_it() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    place.fake.server.faults.next(1, On::Listing, Fault::Unauthorized);
    let child = place.start("--grace 0s --interval 1s --retry-for 0s");
    until(|| place.held() == ["foreign"]).await;
    tell(&child, Signal::TERM);
    let said = end(child).await;
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("was not listed"), "{said:?}");
}

#[tokio::test]
async fn told_to_stop_in_the_middle_of_a_change_it_finishes_and_writes_it_down() {
    for interval in ["", " --interval 1h"] {
        let place = Place::new().await;
        place.unwanted(&["stale"]);
        place.fake.server.faults.always(On::Change, Fault::Held);
        let mut child = place.start(&format!("orphans --grace 0s{interval}"));
        until(|| place.calls().iter().any(|call| !call.starts_with("GET"))).await;
        tell(&child, Signal::TERM);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(child.try_wait().unwrap().is_none(), "it waits for the answer");
        place.fake.server.faults.clear();
        let said = end(child).await;
        assert_eq!(said.status, 0, "{said:?}");
        assert_eq!(place.held(), ["foreign"]);
        assert!(place.repository().journal().unsettled(&place.id()).unwrap().is_empty());
        assert!(place.claimed().is_empty(), "untracked after the verifying listing");
    }
}

#[tokio::test]
async fn told_to_stop_while_it_only_looks_it_ends_at_once_and_nothing_is_changed() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    place.fake.server.faults.always(On::Listing, Fault::SlowBody(Duration::from_secs(60)));
    let child = place.start("orphans --grace 0s");
    until(|| !place.calls().is_empty()).await;
    tell(&child, Signal::TERM);
    let said = tokio::time::timeout(Duration::from_secs(10), end(child)).await.expect("at once");
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("told to stop") && said.err.contains("nothing was changed"), "{said:?}");
    assert_eq!(place.held(), ["foreign", "stale"]);
}
