//! What the provider truly holds, and how it makes changes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Change, Condition, Group};
use dnsmgmt_core::record::{Handle, Record, RecordData, RecordKey, RecordType};
use dnsmgmt_core::record_set::Scope;

/// For how long it is known what the zone held before.
const PAST: Duration = Duration::from_secs(120);

/// What kind of provider it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As BIND and Knot: a group is made whole and under its conditions, or not at all.
    Update,
    /// The same, where the server lets nobody transfer the zone.
    UpdateByName,
    /// As Cloudflare: no conditions; a record is known by its id, and keeps it when its value changes.
    Ids,
    /// As AdGuard Home: a list without TXT; one call for each change. It can be told to remove a heartbeat only if it is there, and nothing
    /// else about conditions.
    Entries,
}

impl Kind {
    /// Returns whether what is asked for is made only if nothing changed since the look.
    pub(crate) fn has_conditions(self) -> bool {
        matches!(self, Self::Update | Self::UpdateByName)
    }

    pub(crate) fn has_txt(self) -> bool {
        self != Self::Entries
    }
}

/// What a change did.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) gone: Option<Record>,
    pub(crate) come: Option<Record>,
}

/// What the provider holds.
#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) kind: Kind,
    records: BTreeMap<Name, Vec<Record>>,
    /// What names held before they changed, in the order of the changes.
    past: VecDeque<(Duration, Name, Vec<Record>)>,
    ids: u64,
}

impl Zone {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, records: BTreeMap::new(), past: VecDeque::new(), ids: 0 }
    }

    pub(crate) fn holds(&self, key: &RecordKey) -> bool {
        self.at(&key.name).iter().any(|record| record.key == *key)
    }

    pub(crate) fn at(&self, name: &Name) -> &[Record] {
        self.records.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Record> {
        self.records.values().flatten()
    }

    /// Returns what was there at a moment that is not long ago.
    pub(crate) fn snapshot(&self, scope: &Scope, moment: Duration) -> Vec<Record> {
        let mut before: BTreeMap<&Name, &Vec<Record>> = BTreeMap::new();
        for (_, name, records) in self.past.iter().rev().take_while(|(changed, ..)| *changed > moment) {
            before.insert(name, records);
        }
        let as_it_was = |(name, records)| *before.get(name).unwrap_or(&records);
        let emptied = before.iter().filter(|(name, _)| !self.records.contains_key(**name));
        let emptied: Vec<_> = emptied.filter(|(name, _)| scope.covers(name)).collect();
        let held: Vec<&Vec<Record>> = match scope {
            Scope::Names(names) => {
                names.iter().filter_map(|name| self.records.get_key_value(name)).map(as_it_was).collect()
            }
            Scope::Zone | Scope::Under(_) => self.records.iter().map(as_it_was).collect(),
        };
        held.into_iter().chain(emptied.into_iter().map(|(_, records)| *records)).flatten().cloned().collect()
    }

    /// Puts a record there, as anybody may.
    pub(crate) fn put(&mut self, mut record: Record, now: Duration) -> Effect {
        if self.kind == Kind::Ids {
            self.ids += 1;
            record.handles = vec![Handle(self.ids.to_string().into())];
        }
        self.note(record.name().clone(), now);
        self.records.entry(record.name().clone()).or_default().push(record.clone());
        Effect { gone: None, come: Some(record) }
    }

    /// Takes a record away, as anybody may.
    pub(crate) fn take(&mut self, key: &RecordKey, now: Duration) -> Option<Effect> {
        let index = self.at(&key.name).iter().position(|record| record.key == *key)?;
        self.note(key.name.clone(), now);
        let held = self.records.get_mut(&key.name)?;
        let gone = held.remove(index);
        if held.is_empty() {
            self.records.remove(&key.name);
        }
        Some(Effect { gone: Some(gone), come: None })
    }

    fn note(&mut self, name: Name, now: Duration) {
        while self.past.front().is_some_and(|(changed, ..)| *changed + PAST < now) {
            self.past.pop_front();
        }
        let held = self.at(&name).to_vec();
        self.past.push_back((now, name, held));
    }

    /// Returns whether a group can be made at all: whether its conditions hold as far as they are looked at.
    fn can_make(&self, group: &Group) -> bool {
        let is_there = |change: &Change| match change {
            Change::Replace { old, .. } => self.find(old).is_some(),
            Change::Create(_) | Change::Delete(_) => true,
        };
        let holds = || group.only_if.iter().all(|condition| self.meets(condition));
        group.changes.iter().all(is_there) && (!self.kind.has_conditions() || holds())
    }

    fn meets(&self, condition: &Condition) -> bool {
        let of_type = |record: &&Record| record.rtype() == condition.rtype;
        let mut held: Vec<&RecordData> =
            self.at(&condition.name).iter().filter(of_type).map(|record| &record.key.data).collect();
        let mut values: Vec<&RecordData> = condition.values.iter().collect();
        held.sort();
        values.sort();
        held == values
    }

    /// Makes a group in one step. Where a deletion is lied about it is answered and not made.
    pub(crate) fn make(&mut self, group: &Group, lies: bool, now: Duration) -> (Vec<Answer>, Vec<Effect>) {
        if !self.can_make(group) {
            return (group.changes.iter().map(|_| Answer::ConditionFailed).collect(), Vec::new());
        }
        let made: Vec<_> = group.changes.iter().map(|change| self.change(change, lies, now)).collect();
        let (answers, effects): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        (answers, effects.into_iter().flatten().collect())
    }

    /// Makes one change of a group where each is a call, and the first may be the one that tells whether a heartbeat is still there.
    pub(crate) fn make_one(
        &mut self,
        change: &Change,
        group: &Group,
        lies: bool,
        now: Duration,
    ) -> (Answer, Option<Effect>) {
        let is_asked = |record: &Record| group.only_if.iter().any(|condition| condition.name == *record.name());
        let fails = match change {
            Change::Delete(record) => is_asked(record) && self.find(record).is_none(),
            Change::Replace { old, .. } => self.find(old).is_none(),
            Change::Create(_) => false,
        };
        if fails { (Answer::ConditionFailed, None) } else { self.change(change, lies, now) }
    }

    fn change(&mut self, change: &Change, lies: bool, now: Duration) -> (Answer, Option<Effect>) {
        match change {
            Change::Create(record) if self.holds(&record.key) => (Answer::AlreadySo, None),
            Change::Create(record) => {
                let enabled = record.enabled.or_else(|| (self.kind == Kind::Entries).then_some(true));
                (Answer::Accepted, Some(self.put(Record { enabled, handles: Vec::new(), ..record.clone() }, now)))
            }
            Change::Replace { old, new } => (Answer::Accepted, Some(self.replace(old, new, now))),
            Change::Delete(_) if lies => (Answer::Accepted, None),
            Change::Delete(record) => {
                let gone = self.find(record).cloned().and_then(|found| self.take(&found.key, now));
                // This one says yes to everything.
                let absent = if self.kind == Kind::Entries { Answer::Accepted } else { Answer::AlreadySo };
                (if gone.is_some() { Answer::Accepted } else { absent }, gone)
            }
        }
    }

    fn replace(&mut self, old: &Record, new: &Record, now: Duration) -> Effect {
        let was = self.find(old).cloned().expect("a replacement is asked for what is there");
        self.take(&was.key, now);
        if was.key != new.key {
            self.take(&new.key, now);
        }
        let come = Record {
            key: new.key.clone(),
            ttl: new.ttl.or(was.ttl),
            enabled: new.enabled.or(was.enabled),
            handles: was.handles.clone(),
            ..Record::new(new.name().clone(), new.key.data.clone())
        };
        self.records.entry(come.name().clone()).or_default().push(come.clone());
        Effect { gone: Some(was), come: Some(come) }
    }

    /// Finds a record as this kind of provider does, which may be by its id alone.
    fn find(&self, record: &Record) -> Option<&Record> {
        let id = record.handles.first().filter(|_| self.kind == Kind::Ids);
        let is_it = |held: &&Record| match id {
            Some(id) => held.handles.contains(id),
            None => held.key == record.key,
        };
        self.at(record.name()).iter().find(is_it)
    }
}

/// Returns a record at a name.
pub(crate) fn record(name: &str, rtype: &str, value: &str) -> Record {
    let rtype = RecordType::parse(rtype).expect("a type");
    let name = Name::parse(name).expect("a name of the world");
    Record::new(name, RecordData::parse(&rtype, value).expect("a value of the world"))
}
