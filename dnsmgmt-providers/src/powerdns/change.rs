//! Changes worked into RRsets: what a zone holds, and what it is to hold.

use std::collections::{BTreeMap, BTreeSet};

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Change, Group};
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};

use super::mark;
use super::rrset::{Comment, Rrset, Stored, Zone, is_hexadecimal};

/// The TTL where nobody says one (PowerDNS, `default-ttl`).
const DEFAULT_TTL: i64 = 3600;

/// An RRset's name and type.
pub(super) type Key = (Name, RecordType);

/// What there is at an RRset, or is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) ttl: Option<i64>,
    pub(super) records: Vec<Stored>,
    pub(super) comments: Vec<Comment>,
}

/// The RRsets of a zone, those of types that only the server knows left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(BTreeMap<Key, Values>);

/// What a group makes of a zone.
pub(super) struct Edit {
    /// The RRsets that it changes, as they are to be.
    pub(super) rrsets: BTreeMap<Key, Values>,
    /// An answer for each change that is not to be asked for.
    pub(super) answers: Vec<Option<Answer>>,
}

impl Held {
    pub(super) fn of(zone: Zone) -> Self {
        let key = |rrset: &Rrset| Some((Name::parse(&rrset.name).ok()?, RecordType::parse(&rrset.rtype).ok()?));
        let values = |rrset: Rrset| Values { ttl: Some(rrset.ttl), records: rrset.records, comments: rrset.comments };
        Self(zone.rrsets.into_iter().filter_map(|rrset| Some((key(&rrset)?, values(rrset)))).collect())
    }

    pub(super) fn at(&self, key: &Key) -> Values {
        self.0.get(key).cloned().unwrap_or_default()
    }

    pub(super) fn take(&mut self, rrsets: BTreeMap<Key, Values>) {
        self.0.extend(rrsets);
    }

    /// Works out what a group makes of it. A change that does not apply keeps the others of its group from being made.
    pub(super) fn edit(&self, group: &Group) -> Edit {
        let mut editing = Editing { held: self, rrsets: BTreeMap::new() };
        let mut answers: Vec<Option<Answer>> = group.changes.iter().map(|change| editing.work_in(change)).collect();
        let failed = |answer: &Option<Answer>| matches!(answer, Some(Answer::ConditionFailed));
        if answers.iter().any(failed) {
            answers.fill(Some(Answer::ConditionFailed));
            return Edit { rrsets: BTreeMap::new(), answers };
        }
        let is_changed = |key: &Key, values: &Values| *values != self.at(key);
        let rrsets = editing.rrsets.into_iter().filter(|(key, values)| is_changed(key, values)).collect();
        Edit { rrsets, answers }
    }
}

struct Editing<'a> {
    held: &'a Held,
    rrsets: BTreeMap<Key, Values>,
}

impl Editing<'_> {
    /// Works a change in; an answer where nothing is to be asked for it.
    fn work_in(&mut self, change: &Change) -> Option<Answer> {
        match change {
            Change::Create(record) => {
                let values = self.at(record);
                if values.position(&record.key.data).is_some() {
                    return Some(Answer::AlreadySo);
                }
                values.put(record, None);
            }
            Change::Delete(record) => {
                let values = self.at(record);
                let Some(at) = values.position(&record.key.data) else { return Some(Answer::AlreadySo) };
                values.remove(at, &record.key.data);
            }
            Change::Replace { old, new } => {
                let values = self.at(old);
                let Some(at) = values.position(&old.key.data) else { return Some(Answer::ConditionFailed) };
                if old.key.data == new.key.data {
                    values.mend(at, new);
                } else {
                    let was = values.remove(at, &old.key.data);
                    let values = self.at(new);
                    match values.position(&new.key.data) {
                        Some(at) => values.mend(at, new),
                        None => values.put(new, Some(&was)),
                    }
                }
            }
        }
        None
    }

    fn at(&mut self, record: &Record) -> &mut Values {
        let key = (record.name().clone(), record.rtype());
        let held = self.held;
        self.rrsets.entry(key).or_insert_with_key(|key| held.at(key))
    }
}

/// What a value had that goes.
struct Was {
    disabled: bool,
    ttl: Option<i64>,
    comment: Option<String>,
    /// Where it stood.
    at: usize,
    rtype: RecordType,
}

impl Values {
    fn position(&self, data: &RecordData) -> Option<usize> {
        self.records.iter().position(|stored| stored.is(data))
    }

    fn remove(&mut self, at: usize, data: &RecordData) -> Was {
        let comment = mark::of(data, &self.comments).map(ToOwned::to_owned);
        mark::set(&mut self.comments, data, None);
        Was { disabled: self.records.remove(at).disabled, ttl: self.ttl, comment, at, rtype: data.rtype() }
    }

    /// Adds a value, with what it leaves open taken from the one in whose place it comes.
    fn put(&mut self, record: &Record, was: Option<&Was>) {
        let data = &record.key.data;
        let disabled = record.enabled.map_or_else(|| was.is_some_and(|was| was.disabled), |enabled| !enabled);
        let same_type = was.filter(|was| was.rtype == data.rtype());
        let at = same_type.map_or(self.records.len(), |was| was.at.min(self.records.len()));
        let stands = !self.records.is_empty();
        self.records.insert(at, Stored::of(data, disabled));
        let of_old = was.and_then(|was| was.ttl);
        self.ttl = seconds(record).or_else(|| if stands { self.ttl.or(of_old) } else { of_old });
        let comment = record.comment.as_deref().or_else(|| was?.comment.as_deref());
        mark::set(&mut self.comments, data, comment);
    }

    /// Gives a value that is there what the record says.
    fn mend(&mut self, at: usize, record: &Record) {
        self.ttl = seconds(record).or(self.ttl);
        if let Some(enabled) = record.enabled {
            self.records[at].disabled = !enabled;
        }
        if let Some(comment) = &record.comment
            && mark::of(&record.key.data, &self.comments).unwrap_or_default() != comment
        {
            mark::set(&mut self.comments, &record.key.data, Some(comment));
        }
    }

    /// Returns the TTL to be sent.
    pub(super) fn ttl(&self) -> i64 {
        self.ttl.unwrap_or(DEFAULT_TTL)
    }

    /// Returns our comments, by the values that they are about.
    pub(super) fn marks(&self, rtype: &RecordType) -> BTreeMap<RecordData, &Comment> {
        let with_value = |comment| Some((mark::value(rtype, comment)?, comment));
        self.comments.iter().filter_map(with_value).collect()
    }

    /// Returns the values that our comments are about and that are not there.
    pub(super) fn unmatched(&self, rtype: &RecordType) -> BTreeSet<RecordData> {
        let values = self.comments.iter().filter_map(|comment| mark::value(rtype, comment));
        values.filter(|data| self.position(data).is_none()).collect()
    }
}

fn seconds(record: &Record) -> Option<i64> {
    match record.ttl? {
        Ttl::Seconds(seconds) => Some(seconds.into()),
        Ttl::Automatic => None,
    }
}

/// Returns why the server would not hold the value as it is spelled.
pub(super) fn objection(change: &Change) -> Option<String> {
    let data = match change {
        Change::Delete(_) => return None,
        Change::Create(record) | Change::Replace { new: record, .. } => &record.key.data,
    };
    let lower = data.to_string().to_ascii_lowercase();
    (is_hexadecimal(data) && data.to_string() != lower)
        .then(|| format!("PowerDNS keeps the digits of {} in lower case; write `{lower}`", data.rtype()))
}
