//! What each verb does to the tables.

use std::time::Duration;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Handle, Ttl};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::repository::{CACHE_TTL, RepositoryError, Synchronized, Tracking};
use dnsmgmt_core::tracked::OrphanReason;
use serde_json::json;

use super::{Place, file, home, listing, managed, noon_and, ours, provider, record};

#[test]
fn an_empty_zone_can_be_fresh_and_a_part_of_a_zone_cannot() {
    let place = Place::new();
    let mut repository = place.open();
    let fresh = |repository: &dnsmgmt_core::repository::DnsRepositoryManager, seconds| {
        repository.is_fresh(&home(), noon_and(seconds), CACHE_TTL).unwrap()
    };
    assert!(!fresh(&repository, 0));
    let part = Scope::from_iter([record("a.example", "10.0.0.1").key.name]);
    repository.refresh(&home(), &part, &Listing::default(), noon_and(0)).unwrap();
    assert!(!fresh(&repository, 0), "only a part is known");
    repository.refresh(&home(), &Scope::Zone, &Listing::default(), noon_and(0)).unwrap();
    assert!(fresh(&repository, 0) && fresh(&repository, 3599));
    assert!(!fresh(&repository, 3600), "an hour is over");
    assert!(!fresh(&repository, -1), "the clock was set back");
    repository.refresh(&home(), &part, &Listing::default(), noon_and(7200)).unwrap();
    assert!(!fresh(&repository, 7200), "a part does not make the zone fresh");
    assert_eq!(repository.get_provider_records(&home(), noon_and(7200), CACHE_TTL).unwrap(), None);
    let cached = repository.provider_cache().get_records(&home()).unwrap().unwrap();
    assert_eq!(cached.refreshed_at, Some(noon_and(0)));
}

#[test]
fn a_refresh_replaces_everything_even_when_the_clock_stands_still() {
    let place = Place::new();
    let mut repository = place.open();
    let (old, new) = (record("old.example", "10.0.0.1"), record("new.example", "10.0.0.2"));
    let other = provider("away", "example");
    repository.refresh(&other, &Scope::Zone, &listing([old.clone()]), noon_and(0)).unwrap();
    repository.refresh(&home(), &Scope::Zone, &listing([old.clone()]), noon_and(0)).unwrap();
    repository.refresh(&home(), &Scope::Zone, &listing([new.clone()]), noon_and(0)).unwrap();
    let held = |id: &ProviderId| repository.provider_cache().get_records(id).unwrap().unwrap().listing;
    assert_eq!(held(&home()), listing([new]));
    assert_eq!(held(&other), listing([old]), "another provider's records stay");
}

#[test]
fn the_time_of_the_last_change_stays_until_something_changes() {
    let place = Place::new();
    let mut repository = place.open();
    let mut web = record("web.example", "10.0.0.1");
    let mut times = |web, seconds| -> (String, String, String) {
        repository.refresh(&home(), &Scope::Zone, &listing([web]), noon_and(seconds)).unwrap();
        let sql = "SELECT updated_at, last_refreshed, fingerprint FROM dns_records";
        place.sql().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
    };
    let first = times(web.clone(), 0);
    assert_eq!(first.0, "2026-01-01T12:00:00.000Z");
    web.handles.push(Handle("7".into()));
    let again = times(web.clone(), 60);
    assert_eq!((&again.0, &again.2), (&first.0, &first.2), "an id is not a property");
    assert_eq!(again.1, "2026-01-01T12:01:00.000Z");
    web.ttl = Some(Ttl::Automatic);
    let changed = times(web, 120);
    assert_eq!(changed.0, "2026-01-01T12:02:00.000Z");
    assert_ne!(changed.2, first.2);
}

#[test]
fn fingerprints_are_the_same_forever() {
    let place = Place::new();
    let mut web = record("web.example", "10.0.0.1");
    (web.ttl, web.proxied, web.comment) = (Some(Ttl::Seconds(300)), Some(true), Some("mine".into()));
    place.open().refresh(&home(), &Scope::Zone, &listing([web]), noon_and(0)).unwrap();
    let print: String = place.sql().query_row("SELECT fingerprint FROM dns_records", [], |row| row.get(0)).unwrap();
    assert_eq!(print, "9e3964b7cb8f7492");
}

#[test]
fn what_was_there_before_us_is_known_and_not_ours() {
    let place = Place::new();
    let mut repository = place.open();
    let (mine, foreign) = (record("mine.example", "10.0.0.1"), record("foreign.example", "10.0.0.2"));
    repository.track_record(&home(), &mine, &ours("file"), noon_and(0)).unwrap();
    let both = listing([mine.clone(), foreign.clone()]);
    let found = repository.synchronize(&home(), &both, noon_and(1)).unwrap();
    assert_eq!(found, Synchronized { known: 1, gone: 0, back: 0 });
    assert_eq!(managed(&repository).iter().map(|tracked| &tracked.record).collect::<Vec<_>>(), [&mine]);
    let known =
        &repository.managed_records().get_tracked_records_at(&home(), foreign.name(), Duration::ZERO).unwrap()[0];
    assert!(known.claim.is_none() && known.origins.is_empty());
    assert_eq!(known.first_seen, Some(noon_and(1)));
    assert_eq!(repository.synchronize(&home(), &both, noon_and(2)).unwrap(), Synchronized::default());
}

#[test]
fn a_restart_does_not_start_a_grace_period_anew() {
    let place = Place::new();
    let web = record("web.example", "10.0.0.1");
    let since = |place: &Place| managed(&place.open())[0].orphaned.map(|mark| (mark.reason, mark.since));
    place.open().track_record(&home(), &web, &ours("file"), noon_and(0)).unwrap();
    let mark = |seconds| {
        let unwanted = OrphanReason::Unwanted;
        place.open().mark_record_orphaned(&home(), &web.key, unwanted, noon_and(seconds)).unwrap()
    };
    assert!(mark(10));
    assert!(!mark(20), "it is marked already");
    place.open().synchronize(&home(), &listing([web.clone()]), noon_and(30)).unwrap();
    place.open().detect_orphans(&home(), noon_and(40)).unwrap();
    let known = Tracking::default();
    place.open().track_record(&home(), &web, &known, noon_and(50)).unwrap();
    assert_eq!(since(&place), Some((OrphanReason::Unwanted, noon_and(10))), "that it exists does not make it wanted");
    assert_eq!(managed(&place.open())[0].claim, Some(Claim::Created), "what is ours stays ours");
    assert!(!place.open().unmark_record_orphaned(&home(), &web.key, OrphanReason::Gone).unwrap());
    assert!(place.open().unmark_record_orphaned(&home(), &web.key, OrphanReason::Unwanted).unwrap());
    assert_eq!(since(&place), None);
    assert!(mark(60));
    place.open().track_record(&home(), &web, &ours("other"), noon_and(70)).unwrap();
    assert_eq!(since(&place), None, "somebody wants it again");
}

#[test]
fn what_the_provider_lost_is_gone_until_it_is_back() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    repository.track_record(&home(), &web, &ours("file"), noon_and(0)).unwrap();
    let error = repository.detect_orphans(&home(), noon_and(0)).unwrap_err();
    assert!(matches!(error, RepositoryError::Absent { .. }), "unknown is not empty: {error}");
    let orphaned = |repository: &dnsmgmt_core::repository::DnsRepositoryManager| {
        repository
            .managed_records()
            .get_orphaned_records(&home(), Duration::ZERO)
            .unwrap()
            .pop()
            .and_then(|tracked| tracked.orphaned)
            .map(|mark| (mark.reason, mark.since))
    };
    let found = repository.synchronize(&home(), &Listing::default(), noon_and(5)).unwrap();
    assert_eq!((found.gone, orphaned(&repository)), (1, Some((OrphanReason::Gone, noon_and(5)))));
    assert_eq!(repository.synchronize(&home(), &Listing::default(), noon_and(6)).unwrap().gone, 0);
    assert_eq!(orphaned(&repository), Some((OrphanReason::Gone, noon_and(5))));
    assert_eq!(repository.synchronize(&home(), &listing([web]), noon_and(7)).unwrap().back, 1);
    assert_eq!(orphaned(&repository), None);
}

#[test]
fn the_cache_shows_what_is_tracked_whichever_came_first() {
    let place = Place::new();
    let mut repository = place.open();
    let (early, late) = (record("early.example", "10.0.0.1"), record("late.example", "10.0.0.2"));
    let both = listing([early.clone(), late.clone()]);
    let shown = || -> Vec<(String, bool, Option<String>, bool)> {
        let sql = "SELECT name, is_orphaned, orphaned_at, tracked_at IS NOT NULL FROM dns_records ORDER BY name";
        let connection = place.sql();
        let mut statement = connection.prepare(sql).unwrap();
        statement
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    repository.track_record(&home(), &early, &ours("file"), noon_and(0)).unwrap();
    repository.mark_record_orphaned(&home(), &early.key, OrphanReason::Unwanted, noon_and(1)).unwrap();
    repository.refresh(&home(), &Scope::Zone, &both, noon_and(2)).unwrap();
    repository.track_record(&home(), &late, &ours("file"), noon_and(3)).unwrap();
    let at = Some("2026-01-01T12:00:01.000Z".to_owned());
    assert_eq!(shown(), [("early.example".into(), true, at, true), ("late.example".into(), false, None, true)]);
    repository.untrack_record(&home(), &early.key).unwrap();
    assert_eq!(shown()[0], ("early.example".into(), false, None, false));
}

#[test]
fn a_record_keeps_all_its_origins_and_its_metadata() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    let mut first = ours("file");
    first.metadata.insert("note".into(), json!("mine"));
    let mut second = ours("docker");
    second.metadata.insert("container".into(), json!("web"));
    repository.track_record(&home(), &web, &first, noon_and(0)).unwrap();
    repository.track_record(&home(), &web, &second, noon_and(1)).unwrap();
    repository.track_record(&home(), &web, &second, noon_and(2)).unwrap();
    let tracked = managed(&repository).pop().unwrap();
    assert_eq!(tracked.origins, ["docker", "file"].map(file).into());
    let metadata: String =
        place.sql().query_row("SELECT metadata FROM dns_tracked_records", [], |row| row.get(0)).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata, json!({ "note": "mine", "container": "web" }));
    assert_eq!((tracked.first_seen, tracked.updated_at), (Some(noon_and(0)), Some(noon_and(2))));
    let of = repository.managed_records().get_records_of(&home(), &file("docker"), Duration::ZERO).unwrap();
    assert_eq!(of.len(), 1);
    assert_eq!(repository.remove_origin(&home(), &web.key, &file("docker")).unwrap(), 1);
    assert_eq!(repository.remove_origin(&home(), &web.key, &file("file")).unwrap(), 0);
    assert!(repository.untrack_record(&home(), &web.key).unwrap());
    assert!(!repository.untrack_record(&home(), &web.key).unwrap());
}

#[test]
fn siblings_and_strangers_are_not_touched() {
    let place = Place::new();
    let mut repository = place.open();
    let (web, sibling) = (record("web.example", "10.0.0.1"), record("web.example", "10.0.0.2"));
    for tracked in [&web, &sibling] {
        repository.track_record(&home(), tracked, &ours("file"), noon_and(0)).unwrap();
    }
    repository.mark_record_orphaned(&home(), &web.key, OrphanReason::Unwanted, noon_and(1)).unwrap();
    let orphans = repository.managed_records().get_orphaned_records(&home(), Duration::ZERO).unwrap();
    assert_eq!(orphans.iter().map(|tracked| &tracked.record).collect::<Vec<_>>(), [&web]);
    let stranger = record("stranger.example", "10.0.0.1");
    let error = repository.mark_record_orphaned(&home(), &stranger.key, OrphanReason::Gone, noon_and(1)).unwrap_err();
    assert!(error.to_string().contains("stranger.example A 10.0.0.1 at home (example)"), "{error}");
    repository.untrack_record(&home(), &web.key).unwrap();
    assert_eq!(managed(&repository)[0].record, sibling);
}

#[test]
fn every_zone_that_was_listed_is_known_with_its_records_and_its_time() {
    let place = Place::new();
    let mut repository = place.open();
    assert!(repository.provider_cache().zones().unwrap().is_empty());
    let held = listing([record("a.example", "10.0.0.1"), record("b.example", "10.0.0.2")]);
    repository.refresh(&provider("public", "b.test"), &Scope::Zone, &Listing::default(), noon_and(1)).unwrap();
    repository.refresh(&home(), &Scope::Zone, &held, noon_and(0)).unwrap();
    let part = Scope::from_iter([Name::parse("a.test").unwrap()]);
    repository.refresh(&provider("public", "a.test"), &part, &Listing::default(), noon_and(0)).unwrap();
    let zones = repository.provider_cache().zones().unwrap();
    let zones: Vec<_> = zones.iter().map(|zone| (zone.provider.to_string(), zone.records, zone.refreshed_at)).collect();
    let expected = [
        ("home (example)".to_owned(), 2, Some(noon_and(0))),
        ("public (a.test)".into(), 0, None),
        ("public (b.test)".into(), 0, Some(noon_and(1))),
    ];
    assert_eq!(zones, expected);
}

#[test]
fn an_owner_id_is_random_and_stays_and_can_be_set() {
    let (place, other) = (Place::new(), Place::new());
    let id = place.open().owner_id().unwrap();
    assert_eq!(id.len(), 16);
    assert_eq!(place.open().owner_id().unwrap(), id);
    assert_ne!(other.open().owner_id().unwrap(), id);
    other.open().set_owner_id(&id).unwrap();
    assert_eq!(other.open().owner_id().unwrap(), id);
    assert!(other.open().set_owner_id("no blanks").is_err());
}

#[test]
fn an_adopted_record_is_wanted_by_its_adoption_until_a_source_wants_it() {
    let place = Place::new();
    let mut repository = place.open();
    let (web, mail) = (record("web.example", "10.0.0.1"), record("mail.example", "10.0.0.2"));
    repository.track_record(&home(), &mail, &ours("/a"), noon_and(0)).unwrap();
    assert_eq!(repository.adopt(&home(), [&web, &mail], noon_and(1)).unwrap(), 1, "one of them is ours already");
    let claims: Vec<_> = managed(&repository).into_iter().map(|ours| (ours.claim, ours.origins)).collect();
    let adopted = (Some(Claim::Adopted), [Origin::adopted()].into());
    assert_eq!(claims, [(Some(Claim::Created), [file("/a")].into()), adopted]);
    repository.track_record(&home(), &web, &ours("/b"), noon_and(2)).unwrap();
    assert_eq!(managed(&repository)[1].origins, [file("/b")].into(), "the source takes the place");
}

#[test]
fn what_nobody_wants_can_be_kept_by_a_person() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    repository.track_record(&home(), &web, &ours("/a"), noon_and(0)).unwrap();
    assert!(!repository.keep_unwanted(&home(), &web.key).unwrap(), "it is wanted");
    repository.mark_record_orphaned(&home(), &web.key, OrphanReason::Unwanted, noon_and(1)).unwrap();
    assert!(repository.keep_unwanted(&home(), &web.key).unwrap());
    let kept = &managed(&repository)[0];
    assert_eq!((kept.orphaned, &kept.origins), (None, &[Origin::by_hand()].into()));
    assert_eq!(kept.claim, Some(Claim::Created));
    repository.release(&home(), &web.key).unwrap();
    assert!(!repository.keep_unwanted(&home(), &web.key).unwrap(), "it is not ours");
}
