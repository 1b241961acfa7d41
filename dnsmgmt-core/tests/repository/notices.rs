//! Of which trouble somebody was told.

use std::time::Duration;

use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::notice::Told;

use super::{Place, noon_and};

#[test]
fn what_somebody_was_told_of_is_remembered_until_it_is_over() {
    let place = Place::new();
    let told = |trouble: &str, seconds| Told { trouble: trouble.into(), observed: Duration::from_secs(seconds) };
    let (first, second) = (told("one", 0), told("two", 60));
    place.open().set_told("dns-cleanup orphans", &first, noon_and(0)).unwrap();
    place.open().set_told("dns-heartbeat", &second, noon_and(0)).unwrap();
    assert_eq!(place.open().told("dns-cleanup orphans").unwrap(), Some(first));
    place.open().set_told("dns-cleanup orphans", &second, noon_and(60)).unwrap();
    assert_eq!(place.open().told("dns-cleanup orphans").unwrap(), Some(second.clone()));
    place.open().forget_told("dns-cleanup orphans").unwrap();
    assert_eq!(place.open().told("dns-cleanup orphans").unwrap(), None);
    assert_eq!(place.open().told("dns-heartbeat").unwrap(), Some(second), "each job for itself");
}

#[test]
fn trouble_is_observed_by_the_clock_that_nobody_sets() {
    let place = Place::new();
    let look = |boot: &str, seconds: u64| {
        let moment =
            Moment { now: noon_and(-(seconds as i64)), boot: boot.into(), running: Duration::from_secs(seconds) };
        place.open().look_at_trouble("dns-heartbeat", &moment).unwrap().as_secs()
    };
    assert_eq!([look("a", 100), look("a", 160), look("b", 5), look("b", 65)], [0, 60, 120, 180]);
}
