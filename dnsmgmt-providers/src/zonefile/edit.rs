//! Changes to the text of a zone file: pure, and leaving every entry outside them byte for byte as it is.
//!
//! Two things are written out at an entry that nobody changed, because it took them from one that was changed or removed: its
//! owner and its TTL.
//!
//! A TTL is written as it is asked for, also beside siblings with another one, which are not ours to change; BIND, Knot and NSD
//! load such a file; BIND 9.18 serves the RRset with the TTL of its first entry, Knot 3.2 with that of its last (RFC 2181 section
//! 5.2). A record without a wish gets its RRset's TTL, and in a new RRset that of `$TTL`.

use std::borrow::Cow;
use std::collections::HashSet;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Change, Condition, Group, ProviderError, Reaction};
use dnsmgmt_core::record::{Record, RecordData, RecordKey, RecordType, Ttl};

use super::entries::{self, Entry, ZoneText};
use super::index::{Index, Rrset};
use super::{loadable, render, values};

/// A zone file with changes that are not written yet.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) zone: &'a ZoneText,
    /// The entries of the file in their order, then the new ones.
    pub(super) lines: Vec<Line<'a>>,
    pub(super) index: Index,
    /// What the lines were before the present group.
    undo: Vec<(usize, Line<'a>)>,
    changed: bool,
}

/// An entry as it will be.
#[derive(Debug, Clone)]
pub(super) struct Line<'a> {
    pub(super) place: Place<'a>,
    pub(super) name: Name,
    pub(super) rtype: RecordType,
    pub(super) data: Option<RecordData>,
    /// Nothing in a new entry that takes what is in force.
    pub(super) ttl: Option<u32>,
    pub(super) new_data: bool,
    pub(super) new_ttl: bool,
    pub(super) gone: bool,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// In the file.
    Own(&'a Entry),
    /// In a line of its own behind the entry of that number, or at the end.
    Behind(Option<usize>),
}

/// Applies the groups, each wholly or not at all, and returns an answer for each change; with the new text, if it is another.
pub(super) fn apply(zone: &ZoneText, work: &[Group]) -> Result<(Vec<Answer>, Option<Vec<u8>>), ProviderError> {
    let mut draft = Draft::new(zone);
    let answers = work.iter().flat_map(|group| draft.group(group)).collect();
    let text = if draft.changed { Some(render::text(&draft)?) } else { None };
    Ok((answers, text))
}

impl<'a> Draft<'a> {
    fn new(zone: &'a ZoneText) -> Self {
        let mut draft = Draft { zone, lines: Vec::new(), index: Index::default(), undo: Vec::new(), changed: false };
        for (_, entry) in zone.entries() {
            draft.push(Line {
                place: Place::Own(entry),
                name: entry.name.clone(),
                rtype: entry.rtype.clone(),
                data: entry.data.clone(),
                ttl: Some(entry.ttl),
                new_data: false,
                new_ttl: false,
                gone: false,
            });
        }
        draft
    }

    /// Makes a group, or nothing of it: then each of its changes gets the answer of the one that failed.
    fn group(&mut self, group: &Group) -> Vec<Answer> {
        self.undo.clear();
        let lines = self.lines.len();
        match self.try_group(group) {
            Ok(answers) => {
                self.changed |= answers.iter().any(|answer| matches!(answer, Answer::Accepted));
                answers
            }
            Err(answer) => {
                self.roll_back(lines);
                vec![answer; group.changes.len()]
            }
        }
    }

    fn try_group(&mut self, group: &Group) -> Result<Vec<Answer>, Answer> {
        if !group.only_if.iter().all(|condition| self.holds(condition)) {
            return Err(Answer::ConditionFailed);
        }
        let changes: Vec<Cow<'_, Change>> = group.changes.iter().map(under_mnemonics).collect();
        let answers = changes.iter().map(|change| self.change(change)).collect::<Result<Vec<_>, _>>()?;
        for (change, answer) in changes.iter().zip(&answers) {
            if matches!(answer, Answer::Accepted) {
                loadable::check(self, change).map_err(Answer::Failed)?;
            }
        }
        Ok(answers)
    }

    fn holds(&self, condition: &Condition) -> bool {
        let rtype = values::mnemonic(&condition.rtype);
        let here = self.values(&condition.name, &rtype).map(|data| data.map(values::identity));
        let wanted = condition.values.iter().map(|data| Some(values::identity(data)));
        here.collect::<HashSet<_>>() == wanted.collect()
    }

    fn change(&mut self, change: &Change) -> Result<Answer, Answer> {
        if let Some(problem) = objection(change, &self.zone.origin) {
            let doing = format!("{change} in the zone file of {}", self.zone.origin);
            return Err(Answer::Failed(ProviderError::new(Reaction::Refused, doing, problem)));
        }
        match change {
            Change::Create(record) => Ok(self.create(record)),
            Change::Delete(record) => Ok(self.delete(&record.key)),
            Change::Replace { old, new } => self.replace(old, new),
        }
    }

    fn create(&mut self, record: &Record) -> Answer {
        if !self.copies(&record.key).is_empty() {
            return Answer::AlreadySo;
        }
        let (rtype, rrsets) = (record.rtype(), self.index.rrsets(record.name()));
        let siblings = rrsets.iter().find(|rrset| rrset.rtype == rtype);
        let sibling = siblings.and_then(|rrset| rrset.here.first()).map(|&number| &self.lines[number]);
        let ttl = seconds(record).or_else(|| sibling.and_then(|line| line.ttl));
        let last_of_name = || rrsets.iter().filter_map(Rrset::last).max();
        let neighbour = siblings.and_then(Rrset::last).or_else(last_of_name);
        let behind = neighbour.and_then(|number| match self.lines[number].place {
            Place::Own(_) => Some(number),
            Place::Behind(behind) => behind,
        });
        self.push(Line {
            place: Place::Behind(behind),
            name: record.name().clone(),
            rtype,
            data: Some(record.key.data.clone()),
            ttl,
            new_data: true,
            new_ttl: true,
            gone: false,
        });
        Answer::Accepted
    }

    fn delete(&mut self, key: &RecordKey) -> Answer {
        let copies = self.copies(key);
        if copies.is_empty() {
            return Answer::AlreadySo;
        }
        for number in copies {
            self.edit(number, |line| line.gone = true);
        }
        Answer::Accepted
    }

    fn replace(&mut self, old: &Record, new: &Record) -> Result<Answer, Answer> {
        let olds = self.copies(&old.key);
        let Some((&first, others)) = olds.split_first() else { return Err(Answer::ConditionFailed) };
        if old.key == new.key {
            return Ok(self.set_ttl(&olds, seconds(new)));
        }
        let news: Vec<usize> = self.copies(&new.key).into_iter().filter(|number| !olds.contains(number)).collect();
        for &number in others {
            self.edit(number, |line| line.gone = true);
        }
        if news.is_empty() {
            self.edit(first, |line| {
                (line.rtype, line.data, line.new_data) = (new.rtype(), Some(new.key.data.clone()), true);
            });
            self.set_ttl(&[first], seconds(new));
        } else {
            self.edit(first, |line| line.gone = true);
            self.set_ttl(&news, seconds(new));
        }
        Ok(Answer::Accepted)
    }

    fn set_ttl(&mut self, numbers: &[usize], wanted: Option<u32>) -> Answer {
        let mut answer = Answer::AlreadySo;
        for &number in numbers {
            if wanted.is_some() && self.lines[number].ttl != wanted {
                self.edit(number, |line| (line.ttl, line.new_ttl) = (wanted, true));
                answer = Answer::Accepted;
            }
        }
        answer
    }

    fn copies(&mut self, key: &RecordKey) -> Vec<usize> {
        self.index.copies(key, &self.lines)
    }

    /// Returns the types that a name has after the changes.
    pub(super) fn types(&self, name: &Name) -> impl Iterator<Item = &RecordType> {
        self.index.rrsets(name).iter().filter(|rrset| !rrset.here.is_empty()).map(|rrset| &rrset.rtype)
    }

    /// Returns the values of an RRset after the changes, copies included; nothing for one that we cannot hold.
    pub(super) fn values(&self, name: &Name, rtype: &RecordType) -> impl Iterator<Item = Option<&RecordData>> {
        let rrset = self.index.rrsets(name).iter().find(|rrset| rrset.rtype == *rtype);
        rrset.into_iter().flat_map(|rrset| &rrset.here).map(|&number| self.lines[number].data.as_ref())
    }

    fn push(&mut self, line: Line<'a>) {
        self.index.insert(self.lines.len(), &line);
        self.lines.push(line);
    }

    fn edit(&mut self, number: usize, change: impl FnOnce(&mut Line<'a>)) {
        let before = self.lines[number].clone();
        let mut after = before.clone();
        change(&mut after);
        self.undo.push((number, before));
        self.put(number, after);
    }

    fn put(&mut self, number: usize, line: Line<'a>) {
        self.index.remove(number, &self.lines[number]);
        self.index.insert(number, &line);
        self.lines[number] = line;
    }

    fn roll_back(&mut self, lines: usize) {
        for (number, line) in std::mem::take(&mut self.undo).into_iter().rev() {
            self.put(number, line);
        }
        for (number, line) in self.lines.iter().enumerate().skip(lines) {
            self.index.remove(number, line);
        }
        self.lines.truncate(lines);
    }
}

/// Returns why a change would be refused, as far as the file's entries do not matter.
pub(super) fn objection(change: &Change, origin: &Name) -> Option<String> {
    let change = &*under_mnemonics(change);
    let allowed = not_ours(change, origin).and_then(|()| match change {
        Change::Create(new) | Change::Replace { new, .. } => writable(new),
        Change::Delete(_) => Ok(()),
    });
    allowed.err()
}

/// Types given as `TYPEnnn` are those that the file is read to have.
fn under_mnemonics(change: &Change) -> Cow<'_, Change> {
    let is_it_all_the_same = |record: &Record| matches!(values::under_mnemonic(&record.key.data), Cow::Borrowed(_));
    let under_mnemonic = |record: &Record| {
        let mut record = record.clone();
        record.key.data = values::under_mnemonic(&record.key.data).into_owned();
        record
    };
    match change {
        Change::Create(record) | Change::Delete(record) if is_it_all_the_same(record) => Cow::Borrowed(change),
        Change::Replace { old, new } if is_it_all_the_same(old) && is_it_all_the_same(new) => Cow::Borrowed(change),
        Change::Create(record) => Cow::Owned(Change::Create(under_mnemonic(record))),
        Change::Delete(record) => Cow::Owned(Change::Delete(under_mnemonic(record))),
        Change::Replace { old, new } => {
            Cow::Owned(Change::Replace { old: under_mnemonic(old), new: under_mnemonic(new) })
        }
    }
}

/// Returns why a change is none of ours to make.
fn not_ours(change: &Change, origin: &Name) -> Result<(), String> {
    let records = match change {
        Change::Create(record) | Change::Delete(record) => vec![record],
        Change::Replace { old, new } => vec![old, new],
    };
    for record in &records {
        let rtype = values::mnemonic(&record.rtype());
        if rtype.is_zone_machinery() {
            return Err(format!("{rtype} belongs to the zone's own machinery and is never changed"));
        }
        if !record.name().is_within(origin) {
            return Err(format!("{} is not in the zone {origin}", record.name()));
        }
    }
    match records[..] {
        [old, new] if old.name() != new.name() => Err(format!("{} is another name", new.name())),
        _ => Ok(()),
    }
}

/// Returns why a record cannot be written, or would be read as something else.
fn writable(record: &Record) -> Result<(), String> {
    if record.enabled == Some(false) || record.proxied == Some(true) {
        return Err("a zone file has no records that are switched off or proxied".into());
    }
    if seconds(record).is_some_and(|ttl| ttl > values::MAX_TTL) {
        return Err(format!("a TTL is at most {} seconds (RFC 2181 section 8)", values::MAX_TTL));
    }
    let (rtype, text) = (record.rtype(), record.key.data.to_zone_text());
    if let Some(objection) = values::objection(&record.key.data) {
        return Err(format!("servers would not take `{text}` for {rtype} ({objection})"));
    }
    let line = format!("{} IN {rtype} {text}\n", record.name().with_dot());
    let read = entries::read(line.into_bytes(), Some(&Name::root())).map_err(|(_, error)| error.problem)?;
    match read.entries().collect::<Vec<_>>()[..] {
        [(_, entry)] if entry.data.as_ref() == Some(&record.key.data) => Ok(()),
        [(_, entry)] => {
            let data = entry.data.as_ref().map(ToString::to_string).unwrap_or_default();
            Err(format!("`{rtype} {text}` would be read back as `{} {data}`", entry.rtype))
        }
        _ => Err(format!("`{text}` is not one value")),
    }
}

/// Returns the TTL that a record wishes.
fn seconds(record: &Record) -> Option<u32> {
    match record.ttl {
        Some(Ttl::Seconds(seconds)) => Some(seconds),
        Some(Ttl::Automatic) | None => None,
    }
}
