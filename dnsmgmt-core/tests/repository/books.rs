//! What a decision asks for beside its plan.

use std::time::Duration;

use dnsmgmt_core::moment::Look;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::repository::{DnsRepositoryManager, Tracking};
use dnsmgmt_core::tracked::Bookkeeping::{Join, Leave, Mark, Unmark, Untrack};
use dnsmgmt_core::tracked::{Bookkeeping, OrphanReason};

use super::{Place, file, home, listing, managed, noon_and, ours, record};

fn keep(repository: &mut DnsRepositoryManager, entries: &[Bookkeeping]) {
    let look = Look { boot: "a".into(), running: Duration::ZERO, observed: Duration::ZERO, gap: None };
    repository.bookkeep(&home(), entries, noon_and(60), &look).unwrap();
}

#[test]
fn origins_join_and_leave_and_marks_come_and_go() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    let key = || web.key.clone();
    repository.track_record(&home(), &web, &ours("a"), noon_and(0)).unwrap();
    keep(&mut repository, &[Join(key(), file("b")), Leave(key(), file("a")), Mark(key())]);
    let tracked = managed(&repository).pop().unwrap();
    assert_eq!((tracked.origins, tracked.orphaned.is_some()), ([file("b")].into(), true));
    keep(&mut repository, &[Unmark(key())]);
    assert_eq!(managed(&repository)[0].orphaned, None);
    keep(&mut repository, &[Mark(key()), Join(key(), file("a"))]);
    let tracked = managed(&repository).pop().unwrap();
    assert_eq!((tracked.origins, tracked.orphaned), (["a", "b"].map(file).into(), None), "who joins wants it");
    keep(&mut repository, &[Untrack(key())]);
    assert!(managed(&repository).is_empty());
}

#[test]
fn a_source_takes_the_place_of_an_adoption_and_a_person_does_not() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    let adopted = Tracking { claim: Some(Claim::Adopted), origins: [Origin::adopted()].into(), ..Tracking::default() };
    repository.track_record(&home(), &web, &adopted, noon_and(0)).unwrap();
    keep(&mut repository, &[Join(web.key.clone(), Origin::by_hand())]);
    assert_eq!(managed(&repository)[0].origins, [Origin::by_hand(), Origin::adopted()].into());
    keep(&mut repository, &[Join(web.key.clone(), file("a"))]);
    assert_eq!(managed(&repository)[0].origins, [Origin::by_hand(), file("a")].into());
    assert_eq!(managed(&repository)[0].claim, Some(Claim::Adopted));
}

#[test]
fn the_first_claim_stays() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    for (claim, expected) in [
        (None, None),
        (Some(Claim::ByHand), Some(Claim::ByHand)),
        (Some(Claim::Created), Some(Claim::ByHand)),
        (None, Some(Claim::ByHand)),
    ] {
        let tracking = Tracking { claim, ..Tracking::default() };
        repository.track_record(&home(), &web, &tracking, noon_and(0)).unwrap();
        let at = repository.managed_records().get_tracked_records(&home(), Duration::ZERO).unwrap();
        assert_eq!(at[0].claim, expected);
    }
}

#[test]
fn what_is_no_longer_ours_is_passed_over() {
    let place = Place::new();
    let mut repository = place.open();
    let (known, never) = (record("known.example", "10.0.0.1"), record("never.example", "10.0.0.1"));
    repository.synchronize(&home(), &listing([known.clone()]), noon_and(0)).unwrap();
    for key in [known.key, never.key] {
        let entries =
            [Join(key.clone(), file("a")), Leave(key.clone(), file("b")), Mark(key.clone()), Unmark(key.clone())];
        keep(&mut repository, &entries);
    }
    let tracked = repository.managed_records().get_tracked_records(&home(), Duration::ZERO).unwrap();
    assert_eq!(tracked.len(), 1);
    assert!(tracked[0].origins.is_empty() && tracked[0].orphaned.is_none());
}

#[test]
fn what_nobody_wants_keeps_that_mark_when_it_is_gone_too() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    repository.track_record(&home(), &web, &ours("a"), noon_and(0)).unwrap();
    keep(&mut repository, &[Mark(web.key.clone())]);
    assert_eq!(repository.synchronize(&home(), &listing([]), noon_and(90)).unwrap().gone, 0);
    assert_eq!(repository.synchronize(&home(), &listing([web]), noon_and(95)).unwrap().back, 0);
    let mark = managed(&repository)[0].orphaned.unwrap();
    assert_eq!((mark.reason, mark.since), (OrphanReason::Unwanted, noon_and(60)));
}
