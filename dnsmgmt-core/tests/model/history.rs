//! What may happen, at random.

use fixtures::faults::{Fault, On};
use proptest::collection::vec;
use proptest::prelude::*;

/// Something that happens. Numbers stand for records, origins and times; see the world.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// An origin wants a record from its next reading on.
    Want { origin: u8, record: u8, ttl: u8 },
    /// It wants one no more of those that it wants.
    Unwant { origin: u8, nth: u8 },
    /// It wants nothing any more.
    WantNothing { origin: u8 },
    /// What the origins of the bits want is read and made so.
    Sync { read: u8, delete: bool, grace: u64, force: bool },
    /// The same is only decided.
    Preview { read: u8, grace: u64 },
    /// The same is begun, and the program killed after a part of the changes.
    Crash { read: u8, grace: u64, made: usize },
    /// Time passes.
    Pass { seconds: u64 },
    /// The machine starts anew.
    Restart,
    /// A person adds a record; too late, if somebody else does it after the look.
    Add { record: u8, ttl: u8, is_late: bool },
    /// A person deletes a record; too late, if somebody else does it after the look.
    Delete { record: u8, is_late: bool },
    /// A person puts another value in a record's place.
    Update { old: u8, new: u8 },
    /// A person adopts what is there.
    Adopt { record: u8 },
    /// A person releases what is ours.
    Release { record: u8 },
    /// A person takes the last run back.
    Undo,
    /// Somebody else puts a record there.
    Put { record: u8, ttl: u8 },
    /// Somebody else takes a record away.
    Lose { record: u8 },
    /// Somebody else changes a TTL.
    Drift { record: u8, ttl: u8 },
    /// Somebody else takes away everything but that many records.
    LoseMost { left: usize },
    /// A fault will strike calls of the next run.
    Fault { on: On, fault: Fault, skip: u32, times: u32 },
}

/// Returns histories of at most that many events.
pub(crate) fn history(longest: usize) -> impl Strategy<Value = Vec<Event>> {
    vec(event(), 1..=longest)
}

fn event() -> impl Strategy<Value = Event> {
    let (origin, record, ttl) = (0..3_u8, 0..36_u8, 0..3_u8);
    let read = 1..8_u8;
    let grace = || prop_oneof![Just(0), Just(60), Just(600)];
    prop_oneof![
        24 => (origin.clone(), record.clone(), ttl.clone())
            .prop_map(|(origin, record, ttl)| Event::Want { origin, record, ttl }),
        10 => (origin.clone(), any::<u8>()).prop_map(|(origin, nth)| Event::Unwant { origin, nth }),
        1 => origin.prop_map(|origin| Event::WantNothing { origin }),
        22 => (read.clone(), prop::bool::weighted(0.8), grace(), prop::bool::weighted(0.3))
            .prop_map(|(read, delete, grace, force)| Event::Sync { read, delete, grace, force }),
        2 => (read.clone(), grace()).prop_map(|(read, grace)| Event::Preview { read, grace }),
        4 => (read, grace(), 0..6_usize).prop_map(|(read, grace, made)| Event::Crash { read, grace, made }),
        8 => (0..900_u64).prop_map(|seconds| Event::Pass { seconds }),
        2 => Just(Event::Restart),
        3 => (record.clone(), ttl.clone(), any::<bool>())
            .prop_map(|(record, ttl, is_late)| Event::Add { record, ttl, is_late }),
        3 => (record.clone(), any::<bool>()).prop_map(|(record, is_late)| Event::Delete { record, is_late }),
        2 => (record.clone(), record.clone()).prop_map(|(old, new)| Event::Update { old, new }),
        3 => record.clone().prop_map(|record| Event::Adopt { record }),
        2 => record.clone().prop_map(|record| Event::Release { record }),
        2 => Just(Event::Undo),
        4 => (record.clone(), ttl.clone()).prop_map(|(record, ttl)| Event::Put { record, ttl }),
        4 => record.clone().prop_map(|record| Event::Lose { record }),
        2 => (record, ttl).prop_map(|(record, ttl)| Event::Drift { record, ttl }),
        1 => (0..4_usize).prop_map(|left| Event::LoseMost { left }),
        8 => (on(), fault(), 0..3_u32, prop_oneof![4 => Just(1), 1 => Just(1000)])
            .prop_map(|(on, fault, skip, times)| Event::Fault { on, fault, skip, times }),
    ]
}

fn on() -> impl Strategy<Value = On> {
    prop_oneof![Just(On::Listing), Just(On::Change)]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::LyingDelete),
        Just(Fault::TooManyRequests(Some(1))),
        Just(Fault::TooManyRequests(Some(9000))),
        Just(Fault::Unauthorized),
        Just(Fault::ErrorBefore),
        Just(Fault::ErrorAfter),
        Just(Fault::CutJson),
        Just(Fault::Empty),
        Just(Fault::LaggingListing),
        Just(Fault::HalfListing),
    ]
}
