//! What is asked over all providers: plans that are held, names that moved, who wants what.

use std::time::Duration;

use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::{Claim, PlanId, Reason};
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::{Listing, Opaque, Scope};
use dnsmgmt_core::repository::{DnsRepositoryManager, Endpoint, MARKING_JOB, Tracking};
use dnsmgmt_core::tracked::OrphanReason;

use super::{Place, file, home, listing, managed, noon_and, ours, provider, record};

fn track(repository: &mut DnsRepositoryManager, at: &ProviderId, record: &Record, origin: Origin) {
    let tracking = Tracking { claim: Some(Claim::Created), origins: [origin].into(), ..Tracking::default() };
    repository.track_record(at, record, &tracking, noon_and(0)).unwrap();
}

#[test]
fn a_plan_is_held_until_another_takes_its_place_or_it_is_released() {
    let place = Place::new();
    let (web, mail) = (record("web.example", "10.0.0.1"), record("mail.example", "10.0.0.2"));
    let away = provider("away", "example");
    let (one, two, third) = (PlanId(1), PlanId(2), PlanId(3));
    let hold = |plan, at: &ProviderId, records: &[&Record], reason: Reason| {
        let deletions = records.iter().map(|record| (&record.key, reason));
        place.open().hold(plan, at, deletions, noon_and(0)).unwrap();
    };
    hold(one, &home(), &[&web, &mail], Reason::Unwanted);
    hold(one, &away, &[&web], Reason::Unwanted);
    let held = place.open().held(one).unwrap().unwrap();
    let expected = [(home(), web.key.clone()), (home(), mail.key.clone()), (away.clone(), web.key.clone())];
    assert_eq!(held, expected.into());
    hold(two, &home(), &[&mail], Reason::Unwanted);
    assert_eq!(place.open().held(one).unwrap(), Some([(away.clone(), web.key.clone())].into()));
    assert_eq!(place.open().held(two).unwrap(), Some([(home(), mail.key.clone())].into()));
    hold(third, &home(), &[&web], Reason::Superseded);
    let ids: Vec<PlanId> = place.open().held_at(&home()).unwrap().iter().map(|held| held.id).collect();
    assert_eq!(ids, [two, third], "what is held for another reason waits beside it");
    place.open().release_held(&away, one).unwrap();
    assert_eq!(place.open().held(one).unwrap(), None);
    assert!(place.open().held(two).unwrap().is_some());
}

#[test]
fn a_name_with_claims_of_a_source_is_not_pointed_elsewhere_without_a_word() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    let check = |repository: &mut DnsRepositoryManager, endpoint: &str| {
        repository.check_endpoint(&home(), endpoint, noon_and(0)).unwrap()
    };
    assert_eq!(check(&mut repository, "a"), Endpoint::Followed);
    assert_eq!(check(&mut repository, "a"), Endpoint::Same);
    track(&mut repository, &home(), &web, Origin::by_hand());
    track(&mut repository, &provider("away", "example"), &web, file("lab"));
    assert_eq!(check(&mut repository, "b"), Endpoint::Followed, "a person's claims follow, others' do not count");
    track(&mut repository, &home(), &web, file("lab"));
    track(&mut repository, &provider("home", "other"), &web, file("lab"));
    let moved = Endpoint::Moved { from: "b".into(), claims: 1 };
    assert_eq!(check(&mut repository, "c"), moved);
    assert_eq!(check(&mut repository, "c"), moved, "asking is no answer");
    assert_eq!(check(&mut repository, "b"), Endpoint::Same);
    repository.trust_endpoint(&home(), "c", noon_and(1)).unwrap();
    assert_eq!(check(&mut place.open(), "c"), Endpoint::Same);
}

#[test]
fn a_source_is_found_with_its_pieces_and_no_other() {
    let place = Place::new();
    let mut repository = place.open();
    let lab = file("lab");
    let others = [provider("b", "example"), provider("c", "example")];
    track(&mut repository, &home(), &record("a.example", "10.0.0.1"), lab.clone());
    track(&mut repository, &home(), &record("b.example", "10.0.0.1"), lab.piece("x"));
    track(&mut repository, &home(), &record("b.example", "10.0.0.1"), lab.piece("y"));
    track(&mut repository, &others[0], &record("a.example", "10.0.0.1"), lab.piece("y"));
    for other in [file("lab2"), file("lab$"), file("lab\""), file("la")] {
        track(&mut repository, &others[1], &record("a.example", "10.0.0.1"), other);
    }
    assert_eq!(repository.providers_of(&lab).unwrap(), [others[0].clone(), home()]);
    assert_eq!(repository.wants_records(&lab).unwrap(), 3);
    assert_eq!(repository.providers_of(&lab.piece("x")).unwrap(), [home()]);
    assert_eq!(repository.wants_records(&lab.piece("y")).unwrap(), 2);
    assert_eq!(repository.wants_records(&file("none")).unwrap(), 0);
}

#[test]
fn a_name_is_found_at_every_provider() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    assert!(repository.tracked_at(web.name()).unwrap().is_empty());
    let zones = [provider("a", "example"), provider("a", "other"), provider("b", "example"), home()];
    for zone in &zones {
        track(&mut repository, zone, &web, file("lab"));
        track(&mut repository, zone, &record("mail.example", "10.0.0.1"), file("lab"));
    }
    track(&mut repository, &provider("aa", "example"), &record("mail.example", "10.0.0.1"), file("lab"));
    let found: Vec<_> = repository.tracked_at(web.name()).unwrap().into_iter().map(|(zone, _)| zone).collect();
    assert_eq!(found, zones);
}

#[test]
fn orphans_are_as_old_as_their_own_zone_says() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    let away = provider("away", "example");
    let look = |repository: &mut DnsRepositoryManager, at: &ProviderId, seconds| {
        let moment = Moment { now: noon_and(0), boot: "a".into(), running: Duration::from_secs(seconds) };
        repository.look(at, MARKING_JOB, &moment, None, true).unwrap();
    };
    for (zone, age) in [(home(), 40), (away.clone(), 70)] {
        track(&mut repository, &zone, &web, file("lab"));
        look(&mut repository, &zone, 100);
        repository.mark_record_orphaned(&zone, &web.key, OrphanReason::Unwanted, noon_and(0)).unwrap();
        look(&mut repository, &zone, 100 + age);
    }
    let ages = |found: Vec<(ProviderId, dnsmgmt_core::tracked::TrackedRecord)>| -> Vec<_> {
        found.into_iter().map(|(zone, tracked)| (zone, tracked.orphaned.unwrap().age.as_secs())).collect()
    };
    assert_eq!(ages(repository.all_orphans().unwrap()), [(away.clone(), 70), (home(), 40)]);
    assert_eq!(ages(repository.tracked_at(web.name()).unwrap()), [(away, 70), (home(), 40)]);
}

#[test]
fn what_is_released_is_only_known() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    repository.track_record(&home(), &web, &ours("lab"), noon_and(0)).unwrap();
    repository.mark_record_orphaned(&home(), &web.key, OrphanReason::Unwanted, noon_and(0)).unwrap();
    assert!(repository.release(&home(), &web.key).unwrap());
    assert!(!repository.release(&home(), &web.key).unwrap());
    assert!(managed(&repository).is_empty());
    let known = repository.managed_records().get_tracked_records(&home(), Duration::ZERO).unwrap().pop().unwrap();
    assert!(known.claim.is_none() && known.origins.is_empty() && known.orphaned.is_none());
    repository.track_record(&home(), &web, &Tracking::default(), noon_and(1)).unwrap();
    assert!(managed(&repository).is_empty(), "what was ours once does not become it again by itself");
}

#[test]
fn every_zone_of_the_cache_says_how_old_and_how_large_it_is() {
    let place = Place::new();
    let mut repository = place.open();
    let (web, away) = (record("web.example", "10.0.0.1"), provider("away", "example"));
    repository.refresh(&home(), &Scope::Zone, &listing([web.clone()]), noon_and(5)).unwrap();
    repository.refresh(&away, &Scope::from_iter([web.key.name]), &listing([]), noon_and(6)).unwrap();
    assert_eq!(repository.freshness_of_all().unwrap(), [(away, None, 0), (home(), Some(noon_and(5)), 1)]);
}

#[test]
fn the_zones_of_a_provider_are_those_in_which_something_is_ours() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    let other = provider("home", "other");
    track(&mut repository, &home(), &web, file("lab"));
    track(&mut repository, &other, &web, Origin::by_hand());
    repository.track_record(&provider("home", "known"), &web, &Tracking::default(), noon_and(0)).unwrap();
    track(&mut repository, &provider("away", "example"), &web, file("lab"));
    assert_eq!(repository.zones_of("home").unwrap(), [home(), other]);
    assert!(repository.zones_of("absent").unwrap().is_empty());
}

#[test]
fn the_cache_answers_for_a_name_with_what_cannot_be_modelled() {
    let place = Place::new();
    let mut repository = place.open();
    let (web, mail) = (record("web.example", "10.0.0.1"), record("mail.example", "10.0.0.2"));
    let opaque = |name: &str| Opaque {
        name: Some(name.parse().unwrap()),
        rtype: None,
        text: format!("{name} ALIAS"),
        why: "it is an alias".into(),
    };
    let held = Listing { opaque: vec![opaque("web.example"), opaque("mail.example")], ..listing([web.clone(), mail]) };
    assert_eq!(repository.provider_cache().refreshed_at(&home()).unwrap(), None);
    repository.refresh(&home(), &Scope::Zone, &held, noon_and(0)).unwrap();
    let at_web = repository.provider_cache().get_listing_at(&home(), web.name()).unwrap();
    assert_eq!((at_web.records, at_web.opaque), ([web].into_iter().collect(), vec![opaque("web.example")]));
    assert_eq!(repository.provider_cache().refreshed_at(&home()).unwrap(), Some(noon_and(0)));
}
