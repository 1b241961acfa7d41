//! Observed running time.

use std::time::Duration;

use dnsmgmt_core::moment::{Look, Moment};
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::repository::{DnsRepositoryManager, MARKING_JOB};
use dnsmgmt_core::tracked::{Bookkeeping, OrphanReason, Orphaned};

use super::{Place, home, managed, noon_and, ours, provider, record};

fn moment(boot: &str, seconds: u64) -> Moment {
    // The wall clock goes back all the time, and nobody minds.
    Moment { now: noon_and(-(seconds as i64)), boot: boot.into(), running: Duration::from_secs(seconds) }
}

fn look(repository: &mut DnsRepositoryManager, boot: &str, seconds: u64) -> Look {
    repository.look(&home(), MARKING_JOB, &moment(boot, seconds), Some(Duration::from_secs(60)), true).unwrap()
}

fn mark(repository: &DnsRepositoryManager) -> Orphaned {
    managed(repository)[0].orphaned.unwrap()
}

#[test]
fn looks_add_up_over_restarts_and_boots() {
    let place = Place::new();
    assert_eq!(look(&mut place.open(), "a", 100).observed, Duration::ZERO);
    assert_eq!(look(&mut place.open(), "a", 130).observed, Duration::from_secs(30));
    let third = look(&mut place.open(), "b", 7);
    assert_eq!((third.observed, third.gap), (Duration::from_secs(90), Some(Duration::from_secs(30))));
    assert_eq!(place.open().observed(&home()).unwrap(), third.observed);
}

#[test]
fn jobs_and_zones_look_each_for_themselves() {
    let place = Place::new();
    let mut repository = place.open();
    look(&mut repository, "a", 100);
    look(&mut repository, "a", 200);
    let other = repository.look(&home(), "cleanup", &moment("a", 300), None, true).unwrap();
    let away = repository.look(&provider("home", "other"), MARKING_JOB, &moment("a", 300), None, true).unwrap();
    assert_eq!((other.observed, away.observed), (Duration::ZERO, Duration::ZERO));
    assert_eq!(repository.observed(&home()).unwrap(), Duration::from_secs(100));
}

#[test]
fn a_peek_sees_what_a_look_would_and_writes_nothing() {
    let place = Place::new();
    let mut repository = place.open();
    look(&mut repository, "a", 100);
    let mut peek = |seconds| repository.look(&home(), MARKING_JOB, &moment("a", seconds), None, false).unwrap();
    let (first, second) = (peek(150), peek(160));
    assert_eq!((first.observed.as_secs(), second.observed.as_secs()), (50, 60));
    assert_eq!(repository.observed(&home()).unwrap(), Duration::ZERO);
    assert_eq!(look(&mut repository, "a", 160), second);
}

#[test]
fn parts_of_a_millisecond_do_not_add_up_to_time_that_never_was() {
    let place = Place::new();
    let mut repository = place.open();
    let mut at = |micros| {
        let moment = Moment { running: Duration::from_micros(micros), ..moment("a", 0) };
        repository.look(&home(), MARKING_JOB, &moment, None, true).unwrap().observed
    };
    let (mut last, mut micros) = (at(0), 0);
    for _ in 0..50 {
        micros += 1999;
        last = at(micros);
    }
    assert_eq!(last, Duration::from_millis(99), "of {micros} microseconds");
}

#[test]
fn a_grace_counts_observed_time_and_survives_restarts() {
    let place = Place::new();
    let web = record("web.example", "10.0.0.1");
    place.open().track_record(&home(), &web, &ours("lab"), noon_and(0)).unwrap();
    look(&mut place.open(), "a", 1000);
    let at = look(&mut place.open(), "a", 1500);
    let marking = [Bookkeeping::Mark(web.key.clone())];
    place.open().bookkeep(&home(), &marking, noon_and(10), &at).unwrap();
    assert_eq!(mark(&place.open()).age, Duration::ZERO);
    let later = look(&mut place.open(), "a", 1540);
    place.open().bookkeep(&home(), &marking, noon_and(9999), &later).unwrap();
    let (age, confirmed) = (Duration::from_secs(40), Duration::from_secs(40));
    let expected = Orphaned { reason: OrphanReason::Unwanted, since: noon_and(10), age, confirmed };
    assert_eq!(mark(&place.open()), expected, "a mark keeps its time, and is confirmed");
    look(&mut place.open(), "b", 3);
    let at = mark(&place.open());
    assert_eq!(at.age, Duration::from_secs(100), "a boot is one interval");
    assert_eq!(at.confirmed, confirmed, "time alone confirms nothing");
    let peeked = place.open().get_managed_records(&home(), Duration::from_secs(700)).unwrap();
    assert_eq!(peeked[0].orphaned.unwrap().age, Duration::from_secs(200));
    let before = place.open().get_managed_records(&home(), Duration::ZERO).unwrap();
    assert_eq!(before[0].orphaned.unwrap().age, Duration::ZERO, "no age is negative");
}

#[test]
fn a_mark_without_an_observed_time_counts_from_the_first_look_that_sees_it() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    repository.track_record(&home(), &web, &ours("lab"), noon_and(0)).unwrap();
    repository.mark_record_orphaned(&home(), &web.key, OrphanReason::Unwanted, noon_and(0)).unwrap();
    let without = "UPDATE dns_tracked_records SET orphaned_observed_ms = NULL";
    place.sql().execute(without, []).unwrap();
    look(&mut repository, "a", 1000);
    look(&mut repository, "a", 1500);
    assert_eq!(mark(&repository).age.as_secs(), 500);
    place.sql().execute(without, []).unwrap();
    assert_eq!(mark(&repository).age, Duration::ZERO);
    look(&mut repository, "a", 1600);
    look(&mut repository, "a", 1650);
    assert_eq!((mark(&repository).age.as_secs(), mark(&repository).since), (50, noon_and(0)));
    place.sql().execute("DELETE FROM dns_looks", []).unwrap();
    look(&mut repository, "a", 2000);
    look(&mut repository, "a", 2030);
    assert_eq!(mark(&repository).age.as_secs(), 30, "the looks were lost, and the grace still ends");
}

#[test]
fn what_confirmed_a_mark_on_a_line_of_time_that_was_lost_confirms_nothing_on_the_next() {
    let place = Place::new();
    let mut repository = place.open();
    let web = record("web.example", "10.0.0.1");
    repository.track_record(&home(), &web, &ours("lab"), noon_and(0)).unwrap();
    for seconds in [1000, 1100, 9000] {
        let at = look(&mut repository, "a", seconds);
        repository.bookkeep(&home(), &[Bookkeeping::Mark(web.key.clone())], noon_and(0), &at).unwrap();
    }
    assert_eq!(mark(&repository).confirmed.as_secs(), 8000);
    place.sql().execute("DELETE FROM dns_looks", []).unwrap();
    look(&mut repository, "a", 9100);
    look(&mut repository, "a", 9150);
    assert_eq!((mark(&repository).age.as_secs(), mark(&repository).confirmed.as_secs()), (50, 0));
    repository.unmark_record_orphaned(&home(), &web.key, OrphanReason::Unwanted).unwrap();
    let at = look(&mut repository, "a", 9200);
    repository.bookkeep(&home(), &[Bookkeeping::Mark(web.key.clone())], noon_and(0), &at).unwrap();
    assert_eq!(mark(&repository).confirmed.as_secs(), 0, "a new mark begins anew");
}

#[test]
fn a_source_that_wants_nothing_is_observed_from_its_second_look_on() {
    let place = Place::new();
    let (docker, other) = (Origin::of_source("docker", "A:B#C"), Origin::of_source("docker", "D"));
    let at = |seconds| moment("a", seconds);
    let seconds = |observed: Option<Duration>| observed.map(|observed| observed.as_secs());
    assert_eq!(place.open().look_at_emptied(&docker, &at(100), None, false).unwrap(), None);
    assert_eq!(place.open().look_at_emptied(&docker, &at(100), None, true).unwrap(), None, "the first look");
    assert_eq!(seconds(place.open().look_at_emptied(&docker, &at(130), None, false).unwrap()), Some(30));
    assert_eq!(
        seconds(place.open().look_at_emptied(&docker, &at(140), None, true).unwrap()),
        Some(40),
        "a peek is no look"
    );
    assert_eq!(place.open().look_at_emptied(&other, &at(150), None, true).unwrap(), None, "each source for itself");
    let boot = place.open().look_at_emptied(&docker, &moment("b", 9000), None, true).unwrap();
    assert_eq!(seconds(boot), Some(80), "across a boot it is one gap");
    assert_eq!(place.open().observed(&home()).unwrap(), Duration::ZERO, "no zone was looked at");
    place.open().forget_emptied(&docker).unwrap();
    place.open().forget_emptied(&docker).unwrap();
    assert_eq!(
        place.open().look_at_emptied(&docker, &moment("b", 9100), None, true).unwrap(),
        None,
        "it wanted something between"
    );
    assert!(place.open().look_at_emptied(&other, &at(160), None, false).unwrap().is_some());
}

fn beside(repository: &mut DnsRepositoryManager, boot: &str, seconds: u64) -> u64 {
    let (at, interval) = (moment(boot, seconds), Some(Duration::from_secs(3600)));
    let peeked = repository.look_beside(&home(), "orphans", &at, interval, false).unwrap();
    let look = repository.look_beside(&home(), "orphans", &at, interval, true).unwrap();
    assert_eq!(peeked, look);
    look.observed.as_secs()
}

#[test]
fn two_jobs_on_one_line_of_time_count_no_time_twice() {
    let place = Place::new();
    let mut repository = place.open();
    look(&mut repository, "a", 100);
    assert_eq!(beside(&mut repository, "a", 160), 60, "what passed since the marking job looked");
    assert_eq!(look(&mut repository, "a", 200).observed.as_secs(), 100);
    assert_eq!(beside(&mut repository, "a", 200), 100);
    assert_eq!(repository.observed(&home()).unwrap().as_secs(), 100);
}

#[test]
fn across_a_boot_a_job_counts_its_own_interval_only_between_looks_of_its_own() {
    let place = Place::new();
    let mut repository = place.open();
    assert_eq!(beside(&mut repository, "a", 10), 0);
    assert_eq!(beside(&mut repository, "b", 5), 3600, "nobody looked in between");
    look(&mut repository, "b", 65);
    assert_eq!(beside(&mut repository, "c", 5), 3600 + 60 + 60, "the usual gap, since the other job looked last");
    assert_eq!(look(&mut repository, "d", 5).observed.as_secs(), 3720 + 60, "its own interval");
}
