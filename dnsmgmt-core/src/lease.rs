//! Leases: an address of a name, the heartbeats that keep it, and for how long they have been seen unchanged.
//!
//! A lease is judged by what its observer saw itself. A heartbeat that changed lives, whatever clock wrote it; one that did not, and says
//! itself that it is old, does not. So neither a clock that is wrong nor an observer that was away kills anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::heartbeat::{Heartbeat, Member};
use crate::name::Name;
use crate::record::{Record, RecordData};
use crate::record_set::Listing;

/// How far ahead of our clock a heartbeat may be before it counts as one from the future.
pub const TOLERANCE: Duration = Duration::from_secs(60);
/// For how many thresholds what cannot be judged by its time must be seen unchanged.
const DOUBTFUL: u32 = 4;

/// What was seen of a lease before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// When it was first seen, by the wall clock: for people.
    pub first_seen: Timestamp,
    /// Each of its heartbeats, with for how long the observer had been looking when this very value was first seen. None where it had
    /// heartbeats and has none now.
    pub values: BTreeMap<RecordData, Duration>,
    /// For how long the observer had been looking when it was first seen without a heartbeat, where it is so, or without one that counted.
    pub missing: Option<Duration>,
    /// Whether it was ever seen with one.
    pub was_kept: bool,
}

/// What was seen of the leases of a zone before.
pub type Memory = BTreeMap<Member, Remembered>;

/// A heartbeat, and for how long this very value has been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The record.
    pub record: Record,
    /// What it says.
    pub heartbeat: Heartbeat,
    /// For how long, in observed running time.
    pub unchanged: Duration,
}

/// An address of a name, and what keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Name and address.
    pub member: Member,
    /// When it was first seen with a heartbeat, or without one where it should have one.
    pub first_seen: Timestamp,
    /// The address record, if it is there.
    pub address: Option<Record>,
    /// Its heartbeats, one for each instance, or more where somebody wrote more.
    pub heartbeats: Vec<Seen>,
    /// For how long it has been seen without any, where it had one before or is to have one; or without one that counted, whatever others
    /// there are.
    pub missing: Option<Duration>,
    /// Whether it was ever seen with one: otherwise it is leased because the configuration says so, if it is.
    pub was_kept: bool,
}

/// How heartbeats are judged.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    /// How long a lease lasts after its last heartbeat.
    pub threshold: Duration,
    /// The time by the wall clock.
    pub now: Timestamp,
}

/// What becomes of one heartbeat, or of the lack of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It counts for so long, if it does not change meanwhile.
    Counts(Duration),
    /// Its time is ahead of ours, so that it says nothing: it counts for so long.
    FromTheFuture(Duration),
    /// It makes no sense: it counts for so long.
    Malformed(Duration),
    /// It does not count any more.
    Expired,
}

impl Judgement {
    /// Returns for how long it counts.
    pub fn left(self) -> Option<Duration> {
        match self {
            Self::Counts(left) | Self::FromTheFuture(left) | Self::Malformed(left) => Some(left),
            Self::Expired => None,
        }
    }
}

impl Term {
    /// Judges a heartbeat: by its own time, and by how long it was seen unchanged, whichever keeps it longer.
    pub fn judge(self, seen: &Seen) -> Judgement {
        self.judge_value(&seen.heartbeat, seen.unchanged)
    }

    fn judge_value(self, heartbeat: &Heartbeat, unchanged: Duration) -> Judgement {
        let doubtful = (self.threshold * DOUBTFUL).checked_sub(unchanged).filter(|left| !left.is_zero());
        let Some(time) = heartbeat.time else {
            return doubtful.map_or(Judgement::Expired, Judgement::Malformed);
        };
        let age = self.now.duration_since(time);
        if age.is_negative() && age.unsigned_abs() > TOLERANCE {
            return doubtful.map_or(Judgement::Expired, Judgement::FromTheFuture);
        }
        let age = if age.is_negative() { Duration::ZERO } else { age.unsigned_abs() };
        let left = self.threshold.saturating_sub(unchanged).max(self.threshold.saturating_sub(age));
        match left.is_zero() && age > self.threshold {
            true => Judgement::Expired,
            // Whole seconds are written, so that an age may be rounded up to the threshold.
            false => Judgement::Counts(left.max(Duration::from_secs(1))),
        }
    }

    /// Judges the lack of a heartbeat that has been seen for so long.
    pub fn judge_missing(self, missing: Duration) -> Judgement {
        match self.threshold.checked_sub(missing).filter(|left| !left.is_zero()) {
            Some(left) => Judgement::Counts(left),
            None => Judgement::Expired,
        }
    }
}

impl Lease {
    fn new(member: Member, now: Timestamp) -> Self {
        Self { member, first_seen: now, address: None, heartbeats: Vec::new(), missing: None, was_kept: false }
    }

    /// Returns for how long anything still keeps it; nothing where it is expired, or where nothing is known that could expire.
    pub fn left(&self, term: Term) -> Option<Duration> {
        let of_values = self.heartbeats.iter().filter_map(|seen| term.judge(seen).left());
        of_values.chain(self.missing.and_then(|missing| term.judge_missing(missing).left())).max()
    }

    /// Returns whether nothing keeps it any more.
    pub fn is_expired(&self, term: Term) -> bool {
        (!self.heartbeats.is_empty() || self.missing.is_some()) && self.left(term).is_none()
    }

    /// Returns the time of its last heartbeat that makes sense.
    pub fn last_beat(&self) -> Option<Timestamp> {
        self.heartbeats.iter().filter_map(|seen| seen.heartbeat.time).max()
    }
}

/// Finds the leases of the domains that are meant, in the order of names and addresses: every address there, and every heartbeat,
/// with its address or without.
///
/// `memory` is what was seen of them before, `observed` for how long their observer has been looking by now. What `must_have` one counts
/// as without its heartbeat from the first look on, all others only after they were seen with one.
pub fn leases(
    listing: &Listing,
    is_meant: &dyn Fn(&Name) -> bool,
    must_have: &dyn Fn(&Name) -> bool,
    memory: &Memory,
    observed: Duration,
    term: Term,
) -> Vec<Lease> {
    let mut found: Vec<(Member, &Record, Option<Heartbeat>)> = Vec::new();
    for record in &listing.records {
        if let Some(member) = Member::of(record).filter(|member| is_meant(&member.domain)) {
            found.push((member, record, None));
        } else if let Some(heartbeat) = Heartbeat::of(record).filter(|heartbeat| is_meant(&heartbeat.member.domain)) {
            found.push((heartbeat.member.clone(), record, Some(heartbeat)));
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    let mut leases: Vec<Lease> = Vec::new();
    for (member, record, heartbeat) in found {
        if leases.last().is_none_or(|last| last.member != member) {
            leases.push(Lease::new(member, term.now));
        }
        let Some(lease) = leases.last_mut() else { continue };
        match heartbeat {
            None => lease.address = Some(record.clone()),
            Some(heartbeat) => {
                lease.heartbeats.push(Seen { record: record.clone(), heartbeat, unchanged: Duration::ZERO });
            }
        }
    }
    for lease in &mut leases {
        recall(lease, memory.get(&lease.member), must_have(&lease.member.domain), observed, term);
    }
    leases
}

fn recall(lease: &mut Lease, before: Option<&Remembered>, must_have: bool, observed: Duration, term: Term) {
    let since = |look: Duration| observed.saturating_sub(look);
    if let Some(before) = before {
        lease.first_seen = before.first_seen;
        for seen in &mut lease.heartbeats {
            seen.unchanged = before.values.get(&seen.record.key.data).copied().map_or(Duration::ZERO, since);
        }
    }
    lease.was_kept = !lease.heartbeats.is_empty() || before.is_some_and(|before| before.was_kept);
    let missing = before.and_then(|before| before.missing).map(since);
    let is_new = |seen: &Seen| before.is_none_or(|before| !before.values.contains_key(&seen.record.key.data));
    let lacks_one = match lease.heartbeats.is_empty() {
        true => lease.was_kept || must_have,
        false => missing.is_some() && !lease.heartbeats.iter().any(is_new),
    };
    lease.missing = match before.is_some_and(|before| lost_one(lease, before, observed, term)) {
        true => Some(Duration::ZERO),
        false => lacks_one.then(|| missing.unwrap_or_default()),
    };
}

/// Returns whether a heartbeat is gone that would still count if it stood there, and that its instance did not write anew. It may be a
/// listing that hides it, and who took it away took it from a host that lived, so it counts for as long as if it were the only one.
fn lost_one(lease: &Lease, before: &Remembered, observed: Duration, term: Term) -> bool {
    let is_listed = |value: &RecordData| lease.heartbeats.iter().any(|seen| seen.record.key.data == *value);
    let is_lost = |(value, look): (&RecordData, &Duration)| {
        let Some(gone) = Heartbeat::at(lease.member.clone(), value) else { return false };
        let is_written_anew = lease.heartbeats.iter().any(|seen| {
            let is_later = seen.heartbeat.time > gone.time || !before.values.contains_key(&seen.record.key.data);
            is_later && seen.heartbeat.has_instance_of(&gone)
        });
        !is_written_anew && term.judge_value(&gone, observed.saturating_sub(*look)).left().is_some()
    };
    before.values.iter().filter(|(value, _)| !is_listed(value)).any(is_lost)
}

/// Returns what is to be remembered after a look at the domains that are meant, of which `before` was remembered: nothing of leases that
/// never had a heartbeat and need none, nor of those that are not there any more. Of other domains it stays as it was.
pub fn memory(leases: &[Lease], before: Memory, is_meant: &dyn Fn(&Name) -> bool, observed: Duration) -> Memory {
    let look = |lasted: Duration| observed.saturating_sub(lasted);
    let is_known = |lease: &&Lease| !lease.heartbeats.is_empty() || lease.missing.is_some();
    let remember = |lease: &Lease| {
        let values = lease.heartbeats.iter().map(|seen| (seen.record.key.data.clone(), look(seen.unchanged))).collect();
        let missing = lease.missing.map(look);
        let remembered = Remembered { first_seen: lease.first_seen, values, missing, was_kept: lease.was_kept };
        (lease.member.clone(), remembered)
    };
    let elsewhere = before.into_iter().filter(|(member, _)| !is_meant(&member.domain));
    elsewhere.chain(leases.iter().filter(is_known).map(remember)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heartbeat::{Beat, Carrier, InstanceId};
    use crate::record::RecordType;

    const THRESHOLD: Duration = Duration::from_secs(900);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn member() -> Member {
        Member { domain: Name::parse("all.example").unwrap(), address: "10.0.0.1".parse().unwrap() }
    }

    fn beat(time: i64, instance: &str) -> Record {
        let beat = Beat { time: at(time), instance: InstanceId::parse(instance).unwrap() };
        Record::new(member().heartbeat_name().unwrap(), beat.carried_by(Carrier::Txt))
    }

    fn address() -> Record {
        let key = member().key();
        Record::new(key.name, key.data)
    }

    fn term(now: i64) -> Term {
        Term { threshold: THRESHOLD, now: at(now) }
    }

    fn listing(records: &[Record]) -> Listing {
        Listing { records: records.iter().cloned().collect(), ..Listing::default() }
    }

    /// Looks at what is listed after so many seconds, each time, and returns how long the lease has left at last by a clock that
    /// shows `now`.
    fn left(looks: &[(u64, &[Record])], now: i64, must_have: bool) -> Option<Option<u64>> {
        let mut known = Memory::new();
        let mut last = None;
        for (observed, records) in looks {
            let observed = Duration::from_secs(*observed);
            let found = leases(&listing(records), &|_| true, &|_| must_have, &known, observed, term(now));
            known = memory(&found, known, &|_| true, observed);
            last = found.into_iter().next();
        }
        let (lease, term) = (last?, term(now));
        match lease.is_expired(term) {
            true => Some(None),
            false => lease.left(term).map(|left| Some(left.as_secs())),
        }
    }

    #[test]
    fn a_heartbeat_expires_when_it_is_old_and_was_seen_unchanged_for_the_whole_threshold() {
        let there = [address(), beat(1000, "web-01")];
        assert_eq!(left(&[(0, &there)], 1100, false), Some(Some(900)), "seen just now");
        assert_eq!(left(&[(0, &there), (800, &there)], 1800, false), Some(Some(100)));
        assert_eq!(
            left(&[(0, &there), (900, &there)], 1900, false),
            Some(Some(1)),
            "as old as the threshold, not older"
        );
        assert_eq!(left(&[(0, &there), (900, &there)], 1901, false), Some(None));
        assert_eq!(left(&[(0, &there)], 100_000, false), Some(Some(900)), "however old, if it was not seen for long");
        assert_eq!(
            left(&[(0, &there), (9000, &there)], 1300, false),
            Some(Some(600)),
            "however long, if it is not old"
        );
    }

    #[test]
    fn a_heartbeat_that_changes_lives_whatever_clock_writes_it() {
        let slow = |time| [address(), beat(time, "web-01")];
        let looks: [(u64, &[Record]); 3] = [(0, &slow(1000)), (600, &slow(1600)), (1200, &slow(2200))];
        assert_eq!(left(&looks, 100_000, false), Some(Some(900)));
    }

    #[test]
    fn one_live_heartbeat_keeps_an_address_that_others_left() {
        let both = [address(), beat(1000, "dead"), beat(1950, "alive")];
        assert_eq!(left(&[(0, &both), (900, &both)], 2000, false), Some(Some(850)));
        let dead = [address(), beat(1000, "dead"), beat(1000, "dead-too")];
        assert_eq!(left(&[(0, &dead), (900, &dead)], 2000, false), Some(None));
    }

    #[test]
    fn what_is_from_the_future_or_makes_no_sense_is_held_to_four_thresholds() {
        let malformed = Record::new(beat(1, "a").key.name, RecordData::parse(&RecordType::Txt, "v=spf1 -all").unwrap());
        for odd in [malformed, beat(5000, "fast")] {
            let there = [address(), odd];
            assert_eq!(left(&[(0, &there), (900, &there)], 2000, false), Some(Some(2700)));
            assert_eq!(left(&[(0, &there), (3600, &there)], 2000, false), Some(None));
        }
        let ahead = [address(), beat(1060, "a")];
        assert_eq!(left(&[(0, &ahead), (900, &ahead)], 1000, false), Some(Some(900)), "a minute is no future");
    }

    #[test]
    fn a_missing_heartbeat_counts_only_where_there_was_one_or_must_be() {
        let (with, without) = ([address(), beat(1000, "a")], [address()]);
        assert_eq!(left(&[(0, &without), (9000, &without)], 9000, false), None, "nothing is known that could expire");
        let looks: [(u64, &[Record]); 3] = [(0, &with), (100, &without), (1000, &without)];
        assert_eq!(left(&looks[..2], 2000, false), Some(Some(900)));
        assert_eq!(left(&looks, 2000, false), Some(None));
        assert_eq!(left(&[(0, &without), (899, &without)], 2000, true), Some(Some(1)));
        assert_eq!(left(&[(0, &without), (900, &without)], 2000, true), Some(None));
        let back: [(u64, &[Record]); 4] = [(0, &with), (100, &without), (800, &with), (1500, &without)];
        assert_eq!(left(&back, 2000, false), Some(Some(900)), "it was there again");
    }

    #[test]
    fn a_live_heartbeat_that_is_gone_beside_dead_ones_keeps_its_address_as_if_it_had_been_alone() {
        let both = [address(), beat(1000, "dead"), beat(1300, "alive")];
        let (dead, back) = ([address(), beat(1000, "dead")], [address(), beat(1000, "dead"), beat(2000, "alive")]);
        let looks: [(u64, &[Record]); 4] = [(0, &both), (300, &both), (901, &dead), (1200, &dead)];
        assert_eq!(left(&looks[..3], 1950, false), Some(Some(900)), "from the first look that lacks it");
        assert_eq!(left(&looks, 2190, false), Some(Some(601)));
        let looks: [(u64, &[Record]); 3] = [(0, &both), (800, &dead), (1700, &dead)];
        assert_eq!(left(&looks, 3000, false), Some(None));
        let twice = [address(), beat(1000, "dead"), beat(1300, "dead")];
        assert_eq!(left(&[(0, &dead), (300, &twice), (901, &dead)], 1950, false), Some(Some(900)), "also its own");
        let looks: [(u64, &[Record]); 4] = [(0, &both), (800, &dead), (1000, &back), (1500, &dead)];
        assert_eq!(left(&looks[..3], 2200, false), Some(Some(900)), "it is there again");
        assert_eq!(left(&looks, 2600, false), Some(Some(900)), "and gone again");
    }

    #[test]
    fn a_heartbeat_that_was_written_anew_or_was_over_is_not_missed() {
        let before = [address(), beat(1000, "dead"), beat(1000, "other")];
        let after = [address(), beat(1000, "other")];
        assert_eq!(left(&[(0, &before), (901, &after)], 2000, false), Some(None), "it was over too");
        let (old, new) = ([address(), beat(1000, "a")], [address(), beat(1100, "A")]);
        assert_eq!(left(&[(0, &old), (100, &new), (1000, &new)], 3000, false), Some(None));
    }

    #[test]
    fn a_heartbeat_without_an_address_expires_too() {
        let alone = [beat(1000, "a")];
        assert_eq!(left(&[(0, &alone), (900, &alone)], 3000, false), Some(None));
    }

    #[test]
    fn only_what_is_meant_is_a_lease_and_its_first_sight_is_remembered() {
        let there = listing(&[address(), beat(1000, "a")]);
        let nothing = Memory::new();
        assert_eq!(leases(&there, &|_| false, &|_| true, &nothing, Duration::ZERO, term(5)), []);
        let first = leases(&there, &|_| true, &|_| false, &nothing, Duration::ZERO, term(5));
        let known = memory(&first, nothing, &|_| true, Duration::ZERO);
        let again = leases(&there, &|_| true, &|_| false, &known, Duration::from_secs(60), term(65));
        assert_eq!((again.len(), again[0].first_seen, again[0].heartbeats[0].unchanged.as_secs()), (1, at(5), 60));
        let gone = leases(&Listing::default(), &|_| true, &|_| false, &known, Duration::from_secs(60), term(65));
        let later = Duration::from_secs(60);
        assert!(gone.is_empty() && memory(&gone, known.clone(), &|_| true, later).is_empty(), "nothing is left");
        assert_eq!(memory(&gone, known.clone(), &|_| false, later), known, "but what nobody looked at");
    }
}
