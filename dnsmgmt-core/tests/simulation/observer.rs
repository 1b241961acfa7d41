//! What a cleaner may know: for how long it has itself seen each heartbeat, by the words of the design.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dnsmgmt_core::heartbeat::Member;
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordKey, RecordType};
use dnsmgmt_core::record_set::{RecordSet, Scope};

use super::clock::Clock;
use super::laws::{Listed, SLACK};
use super::reading::{Reading, address_of, member_at, read};
use super::zone::Zone;

/// How far apart two looks are where nothing is known.
const UNKNOWN_INTERVAL: Duration = Duration::from_secs(300);

/// An observed running time: what may count of it at most, and what has to at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Observed {
    most: Duration,
    least: Duration,
}

/// A heartbeat, and since when this very value is shown.
#[derive(Debug, Clone)]
struct Shown {
    since: Observed,
    reading: Reading,
}

/// An address without a heartbeat, or without one that counted.
#[derive(Debug, Clone, Copy)]
struct Bare {
    since: Observed,
    is_sure: bool,
}

/// A cleaner, as the model knows it.
#[derive(Debug)]
pub(crate) struct Observer {
    lease: Duration,
    /// How far apart its runs are, where it is told.
    interval: Option<Duration>,
    /// The names whose addresses are leased, and the one at which every address is ours.
    domains: Arc<BTreeSet<Name>>,
    whole: Name,
    observed: Observed,
    last: Option<(Moment, Duration)>,
    gap: Option<Duration>,
    /// What it saw at its last look.
    heartbeats: BTreeMap<RecordKey, Shown>,
    bare: BTreeMap<Member, Bare>,
    leases: BTreeMap<Member, Vec<RecordKey>>,
    kept: BTreeSet<Member>,
    /// The records that it last believed, and which moment they show.
    believed: (Arc<RecordSet>, Duration),
    /// What it sees in this run before it is known whether it believes it.
    sight: Option<Sight>,
    clock: Arc<Mutex<Clock>>,
}

#[derive(Debug)]
struct Sight {
    when: Duration,
    snapshot: Duration,
    moment: Moment,
    records: Arc<RecordSet>,
    scope: Scope,
}

impl Observer {
    pub(crate) fn new(
        lease: Duration,
        interval: Option<Duration>,
        domains: Arc<BTreeSet<Name>>,
        whole: Name,
        clock: Arc<Mutex<Clock>>,
    ) -> Self {
        Self {
            lease,
            interval,
            domains,
            whole,
            observed: Observed::default(),
            last: None,
            gap: None,
            heartbeats: BTreeMap::new(),
            bare: BTreeMap::new(),
            leases: BTreeMap::new(),
            kept: BTreeSet::new(),
            believed: (Arc::default(), Duration::ZERO),
            sight: None,
            clock,
        }
    }

    /// Forgets everything, as one that lost its database.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.lease, self.interval, self.domains.clone(), self.whole.clone(), self.clock.clone());
    }

    /// Returns whether a listing is all that it looks at before it decides: where only names can be listed it asks for more and more.
    pub(crate) fn is_all(&self, listed: &Listed) -> bool {
        let addresses = listed.records.iter().filter_map(|record| member_at(&record.key));
        let mut names =
            addresses.filter(|member| self.domains.contains(&member.domain)).map(|member| heartbeat_name(&member));
        listed.scope == Scope::Zone || names.all(|name| listed.scope.covers(&name))
    }

    pub(crate) fn sees(&mut self, listed: &Listed, now: Duration) {
        let moment = self.clock.lock().unwrap_or_else(PoisonError::into_inner).moment(now);
        let (snapshot, records, scope) = (listed.snapshot, listed.records.clone(), listed.scope.clone());
        self.sight = Some(Sight { when: now, snapshot, moment, records, scope });
    }

    pub(crate) fn forget_sight(&mut self) {
        self.sight = None;
    }

    /// Looks: from now on what it sees counts.
    pub(crate) fn looks(&mut self) {
        let Some(sight) = self.sight.take() else { return };
        self.pass(&sight);
        let observed = self.observed;
        let (mut heartbeats, mut bare, mut kept) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut leases: BTreeMap<Member, Vec<RecordKey>> = BTreeMap::new();
        for record in &*sight.records {
            let Some(reading) = read(record).filter(|reading| self.domains.contains(&reading.member.domain)) else {
                continue;
            };
            let since = self.heartbeats.get(&record.key).map_or(observed, |shown| shown.since);
            leases.entry(reading.member.clone()).or_default().push(record.key.clone());
            kept.insert(reading.member.clone());
            heartbeats.insert(record.key.clone(), Shown { since, reading });
        }
        let addresses = sight.records.iter().filter_map(|record| member_at(&record.key));
        for member in addresses.filter(|member| self.domains.contains(&member.domain)) {
            let was_kept = self.kept.contains(&member);
            if !leases.contains_key(&member) && (was_kept || member.domain == self.whole) {
                let lost = self.lost(&member, &[], &heartbeats).map(|is_sure| Bare { since: observed, is_sure });
                let known = lost.or_else(|| self.bare.get(&member).copied());
                bare.insert(member.clone(), known.unwrap_or(Bare { since: observed, is_sure: true }));
                kept.extend(was_kept.then_some(member));
            }
        }
        // What kept an address and is gone counts as missing, also where others are left.
        for (member, keys) in &leases {
            let is_new = || keys.iter().any(|key| !self.heartbeats.contains_key(key));
            match self.lost(member, keys, &heartbeats) {
                Some(is_sure) => drop(bare.insert(member.clone(), Bare { since: observed, is_sure })),
                None if is_new() => {}
                None => bare.extend(self.bare.get(member).map(|bare| (member.clone(), *bare))),
            }
        }
        (self.heartbeats, self.bare, self.kept, self.leases) = (heartbeats, bare, kept, leases);
        self.believed = (sight.records, sight.snapshot);
    }

    /// Returns whether a heartbeat is gone that counted, though its instance did not write a later one; and if so, whether that is sure.
    fn lost(&self, member: &Member, keys: &[RecordKey], now: &BTreeMap<RecordKey, Shown>) -> Option<bool> {
        let is_later = |key: &RecordKey, than: &Reading| {
            let other = &now[key].reading;
            let is_new = !self.heartbeats.contains_key(key);
            other.instance.is_some() && other.instance == than.instance && (is_new || other.time > than.time)
        };
        let gone = self.leases.get(member)?.iter().filter(|key| !keys.contains(key)).map(|key| &self.heartbeats[key]);
        let gone = gone.filter(|shown| !keys.iter().any(|key| is_later(key, &shown.reading)));
        let counted: Vec<bool> =
            gone.filter(|shown| !self.must_be_over(shown)).map(|shown| !self.may_be_over(shown)).collect();
        (!counted.is_empty()).then(|| counted.contains(&true))
    }

    fn pass(&mut self, sight: &Sight) {
        let Sight { when, moment, .. } = sight;
        if let Some((last, then)) = &self.last {
            let interval = self.interval.or(self.gap).unwrap_or(UNKNOWN_INTERVAL);
            let (most, least) = if last.boot == moment.boot {
                let apart = moment.running.saturating_sub(last.running);
                self.gap = Some(apart);
                (apart.min(2 * interval), apart.min(2 * interval))
            } else {
                let one = self.interval.unwrap_or_else(|| interval.min(UNKNOWN_INTERVAL));
                (one.min(*when - *then), one.min(moment.running))
            };
            self.observed.most += most;
            self.observed.least += least;
        }
        self.last = Some((moment.clone(), *when));
    }

    /// Returns which moment its last look shows.
    pub(crate) fn last_look(&self) -> Duration {
        self.believed.1
    }

    /// Returns whether a lease may be ended: each heartbeat must be over, and the lack of one seen for as long.
    pub(crate) fn may_end(&self, member: &Member) -> Result<(), String> {
        let keys = self.leases.get(member);
        keys.into_iter().flatten().try_for_each(|key| self.may_delete(key))?;
        match self.bare.get(member) {
            Some(bare) if bare.is_sure && self.most(bare.since) + SLACK < self.lease => {
                Err(format!("its heartbeat has been missing for {:?} only", self.most(bare.since)))
            }
            None if keys.is_none() => Err("it was never seen with a heartbeat".into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn may_delete(&self, key: &RecordKey) -> Result<(), String> {
        let Some(shown) = self.heartbeats.get(key) else {
            return Err(format!("{} was not seen at its last look", key.data));
        };
        let (lasted, age) = (self.most(shown.since), self.age(shown));
        match self.may_be_over(shown) {
            true => Ok(()),
            false => Err(format!("{} was seen for {lasted:?} and says that it is {age:?} s old", key.data)),
        }
    }

    fn may_be_over(&self, shown: &Shown) -> bool {
        let (lasted, age) = (self.most(shown.since) + SLACK, self.age(shown));
        let is_old = age.is_some_and(|age| age + 2.0 > self.lease.as_secs_f64());
        let is_doubtful = age.is_none_or(|age| age < 2.0 - 60.0);
        is_old && lasted >= self.lease || is_doubtful && lasted >= 4 * self.lease
    }

    fn must_be_over(&self, shown: &Shown) -> bool {
        let (lasted, age) = (self.least(shown.since), self.age(shown));
        let is_old = age.is_some_and(|age| age - 2.0 > self.lease.as_secs_f64());
        let is_doubtful = age.is_none_or(|age| age < -62.0);
        is_old && lasted >= self.lease + SLACK || is_doubtful && lasted >= 4 * self.lease + SLACK
    }

    fn most(&self, since: Observed) -> Duration {
        self.observed.most - since.most
    }

    fn least(&self, since: Observed) -> Duration {
        self.observed.least - since.least
    }

    fn age(&self, shown: &Shown) -> Option<f64> {
        let (moment, _) = self.last.as_ref()?;
        Some(moment.now.as_millisecond() as f64 / 1000.0 - shown.reading.time? as f64)
    }

    /// Returns what is over since its last look and still there, with whose address it is.
    pub(crate) fn over<'a>(&'a self, zone: &'a Zone) -> impl Iterator<Item = (Member, String)> + 'a {
        let heartbeats = self.heartbeats.iter().filter(|(key, shown)| self.must_be_over(shown) && zone.holds(key));
        let left = heartbeats.map(|(key, shown)| (shown.reading.member.clone(), key.data.to_string()));
        let is_missed =
            |member: &Member| self.bare.get(member).is_some_and(|bare| self.least(bare.since) < self.lease + SLACK);
        let is_over = |keys: &[RecordKey]| keys.iter().all(|key| self.must_be_over(&self.heartbeats[key]));
        let whole = self.leases.iter().filter(move |(_, keys)| is_over(keys)).map(|(member, _)| member);
        let bare = self.bare.keys().filter(|member| !self.leases.contains_key(*member));
        let addresses = whole.chain(bare).filter(move |member| !is_missed(member) && zone.holds(&address_of(member)));
        left.chain(addresses.map(|member| (member.clone(), "an address".to_owned())))
    }

    /// Returns whether what it sees lacks so much of what it saw that it may doubt it: a quarter is too little to be told for one third.
    pub(crate) fn may_doubt(&self) -> bool {
        let Some(sight) = &self.sight else { return false };
        let seen: BTreeSet<_> = sight.records.iter().map(|record| compared(&record.key)).collect();
        let held = self.believed.0.iter().filter(|record| sight.scope.covers(record.name()));
        let held: Vec<_> = held.map(|record| compared(&record.key)).collect();
        let missing = held.iter().filter(|key| !seen.contains(key)).count();
        missing >= 5 && missing * 100 > held.len() * 25
    }

    pub(crate) fn knows(&self, member: &Member) -> bool {
        self.kept.contains(member)
    }
}

/// Returns what is compared with the last listing: of heartbeats not the value.
fn compared(key: &RecordKey) -> (&Name, RecordType, Option<&RecordData>) {
    let value = (!key.name.as_str().starts_with("_heartbeat-")).then_some(&key.data);
    (&key.name, key.rtype(), value)
}

fn heartbeat_name(member: &Member) -> Name {
    let label = member.address.to_string().replace(['.', ':'], "-");
    super::world::name(&format!("_heartbeat-{label}.{}", member.domain))
}
