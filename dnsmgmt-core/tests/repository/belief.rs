//! Listings that lack too much.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::plan::{Claim, Reason, Step};
use dnsmgmt_core::provider::{Change, RunId};
use dnsmgmt_core::record::{Record, RecordData, RecordType};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::repository::{Belief, ChangeId, DnsRepositoryManager};

use super::{Place, home, listing, noon_and, record};

/// Returns records numbered so.
fn records(numbers: std::ops::Range<u8>) -> Vec<Record> {
    numbers.map(|number| record(&format!("n{number}.example"), &format!("10.0.0.{number}"))).collect()
}

/// Returns a database whose cache holds records 0 to 20.
fn filled(place: &Place) -> DnsRepositoryManager {
    let mut repository = place.open();
    repository.refresh(&home(), &Scope::Zone, &listing(records(0..20)), noon_and(0)).unwrap();
    repository
}

fn believe(repository: &mut DnsRepositoryManager, listing: &Listing, run: u64) -> Belief {
    repository.believe(&home(), &Scope::Zone, listing, RunId(run), 30).unwrap()
}

fn is_believed(repository: &mut DnsRepositoryManager, numbers: std::ops::Range<u8>, run: u64) -> bool {
    believe(repository, &listing(records(numbers)), run) == Belief::Believed
}

fn delete(repository: &mut DnsRepositoryManager, records: Vec<Record>) -> Vec<ChangeId> {
    let steps: Vec<_> = records
        .into_iter()
        .map(|record| Step {
            change: Change::Delete(record),
            claim: Claim::Created,
            reason: Reason::Unwanted,
            origins: [].into(),
            notes: vec![],
        })
        .collect();
    repository.intend(RunId(9), &home(), &steps, noon_and(0)).unwrap()
}

#[test]
fn what_was_not_taken_away_after_all_is_missed() {
    for (fate, is_excused) in
        [(Fate::Refused, false), (Fate::NotTried, false), (Fate::Unconfirmed, true), (Fate::Gone, true)]
    {
        let place = Place::new();
        let mut repository = filled(&place);
        let ids = delete(&mut repository, records(0..10));
        let outcomes = ids.into_iter().map(|id| (id, fate));
        repository.conclude(&home(), outcomes, None, noon_and(1)).unwrap();
        assert_eq!(is_believed(&mut repository, 10..20, 1), is_excused, "{fate}");
    }
}

#[test]
fn what_was_never_listed_has_nothing_to_lack() {
    let place = Place::new();
    assert!(is_believed(&mut place.open(), 0..0, 1));
}

#[test]
fn a_listing_that_lacks_too_much_is_not_believed_and_changes_no_cache() {
    let place = Place::new();
    let mut repository = filled(&place);
    let before = repository.provider_cache().get_records(&home()).unwrap();
    let Belief::Implausible { missing, held, examples } = believe(&mut repository, &listing(records(7..30)), 1) else {
        panic!("believed");
    };
    assert_eq!((missing, held, examples.len()), (7, 20, 3));
    assert!(examples.iter().all(|key| records(0..7).iter().any(|record| record.key == *key)), "{examples:?}");
    assert_eq!(repository.provider_cache().get_records(&home()).unwrap(), before);
    assert!(is_believed(&mut repository, 6..20, 1), "six of twenty are not more than the share");
    assert!(!is_believed(&mut repository, 0..0, 1));
}

#[test]
fn a_later_run_that_sees_the_same_is_believed() {
    let place = Place::new();
    assert!(!is_believed(&mut filled(&place), 10..20, 1));
    assert!(!is_believed(&mut place.open(), 10..20, 1), "the same run sees nothing new");
    assert!(!is_believed(&mut place.open(), 20..20, 2), "ten more are missing");
    assert!(is_believed(&mut place.open(), 12..20, 3));
}

#[test]
fn what_was_listed_in_between_has_to_be_missed_twice_again() {
    let place = Place::new();
    let mut repository = filled(&place);
    assert!(!is_believed(&mut repository, 10..20, 1));
    assert!(is_believed(&mut repository, 0..20, 2));
    assert!(!is_believed(&mut repository, 10..20, 3));
    repository.refresh(&home(), &Scope::Zone, &listing(records(0..20)), noon_and(1)).unwrap();
    assert!(!is_believed(&mut repository, 10..20, 4), "a refresh has seen them too");
    assert!(!is_believed(&mut repository, 0..10, 5), "others are missing");
    assert!(!is_believed(&mut repository, 10..20, 6), "and these were listed again");
}

#[test]
fn what_our_journal_asked_to_go_is_not_missed() {
    let place = Place::new();
    let mut repository = filled(&place);
    let ids = delete(&mut repository, records(0..10));
    assert!(is_believed(&mut repository, 10..20, 1));
    assert!(!is_believed(&mut repository, 17..20, 1), "others went with them");
    // Still listed and settled, so that from now on it should be there.
    repository.refresh(&home(), &Scope::Zone, &listing(records(0..20)), noon_and(1)).unwrap();
    repository.conclude(&home(), ids.iter().map(|id| (*id, Fate::StillThere)), None, noon_and(1)).unwrap();
    assert!(is_believed(&mut repository, 10..20, 2), "a slow provider follows later");
    repository.settle_by_looking(&home(), &Scope::Zone, &listing(records(0..20)), noon_and(1)).unwrap();
    assert!(!is_believed(&mut repository, 10..20, 3));
}

#[test]
fn what_was_to_be_replaced_is_not_missed() {
    let place = Place::new();
    let mut repository = filled(&place);
    let steps: Vec<_> = records(0..10)
        .into_iter()
        .map(|old| Step {
            change: Change::Replace { new: record(old.name().as_str(), "10.1.1.1"), old },
            claim: Claim::Created,
            reason: Reason::Superseded,
            origins: [].into(),
            notes: vec![],
        })
        .collect();
    repository.intend(RunId(9), &home(), &steps, noon_and(0)).unwrap();
    assert!(is_believed(&mut repository, 10..20, 1));
}

#[test]
fn only_the_scope_is_compared() {
    let place = Place::new();
    let mut repository = filled(&place);
    let mut ask = |scope: Scope| {
        repository.believe(&home(), &scope, &Listing::default(), RunId(1), 30).unwrap() == Belief::Believed
    };
    let names = |numbers| records(numbers).into_iter().map(|record| record.key.name).collect();
    assert!(ask(names(0..4)));
    assert!(!ask(names(0..5)));
    assert!(ask(Scope::Under(record("n1.example", "10.0.0.1").key.name)));
    assert!(!ask(Scope::Under(home().zone)));
}

#[test]
fn a_heartbeat_that_was_written_anew_is_not_missing_and_one_that_is_gone_is() {
    let place = Place::new();
    let mut repository = place.open();
    let beats = |time: u64, count: u8| {
        listing((1..=count).map(|host| {
            let name = Name::parse(&format!("_heartbeat-10-0-0-{host}.example")).unwrap();
            Record::new(name, RecordData::parse(&RecordType::Txt, &format!("{time},host-{host}")).unwrap())
        }))
    };
    repository.refresh(&home(), &Scope::Zone, &beats(1, 10), noon_and(0)).unwrap();
    let mut believe = |listing| repository.believe(&home(), &Scope::Zone, &listing, RunId(1), 30).unwrap();
    assert_eq!(believe(beats(2, 10)), Belief::Believed);
    assert!(matches!(believe(beats(2, 5)), Belief::Implausible { missing: 5, held: 10, .. }));
}

#[test]
fn heartbeats_of_others_do_not_become_known_records() {
    let place = Place::new();
    let mut repository = place.open();
    let name = |text: &str| Name::parse(text).unwrap();
    let beat = RecordData::parse(&RecordType::Txt, "1,host").unwrap();
    let there = [Record::new(name("_heartbeat-10-0-0-1.example"), beat), record("_heartbeats.example", "10.0.0.1")];
    repository.synchronize(&home(), &listing(there), noon_and(0)).unwrap();
    let known = repository.managed_records().get_tracked_records(&home(), std::time::Duration::ZERO).unwrap();
    assert_eq!(known.iter().map(|known| known.record.name().as_str()).collect::<Vec<_>>(), ["_heartbeats.example"]);
}
