//! Changes to the text of a zone file: pure, and leaving every entry outside them byte for byte as it is.
//!
//! Two things are written out at an entry that nobody changed, because it took them from one that was changed or removed: its
//! owner and its TTL.
//!
//! A TTL is written as it is asked for, also beside siblings with another one, which are not ours to change; BIND, Knot and NSD
//! load such a file, BIND serves the RRset with the TTL of its first entry (RFC 2181 section 5.2). A record without a wish gets
//! its RRset's TTL, and in a new RRset that of `$TTL`.

use std::collections::HashMap;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Change, Condition, Group, ProviderError, Reaction};
use dnsmgmt_core::record::{Record, RecordData, RecordKey, RecordType, Ttl};

use super::entries::{self, Entry, ZoneText};
use super::{loadable, render, values};

/// A zone file with changes that are not written yet.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) zone: &'a ZoneText,
    /// The entries of the file in their order, then the new ones.
    pub(super) lines: Vec<Line<'a>>,
    by_name: HashMap<Name, Vec<usize>>,
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
        let mut draft = Draft { zone, lines: Vec::new(), by_name: HashMap::new(), undo: Vec::new(), changed: false };
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
        let answers = group.changes.iter().map(|change| self.change(change)).collect::<Result<Vec<_>, _>>()?;
        for (change, answer) in group.changes.iter().zip(&answers) {
            if matches!(answer, Answer::Accepted) {
                loadable::check(self, change).map_err(Answer::Failed)?;
            }
        }
        Ok(answers)
    }

    fn holds(&self, condition: &Condition) -> bool {
        let here: Vec<&Line<'_>> =
            self.at(&condition.name).filter(|line| line.rtype == condition.rtype && !line.gone).collect();
        let wanted = |line: &&Line<'_>| line.data.as_ref().is_some_and(|data| condition.values.contains(data));
        let present = |value: &RecordData| here.iter().any(|line| line.data.as_ref() == Some(value));
        here.iter().all(wanted) && condition.values.iter().all(present)
    }

    fn change(&mut self, change: &Change) -> Result<Answer, Answer> {
        let refused = |problem: String| {
            let doing = format!("{change} in the zone file of {}", self.zone.origin);
            Answer::Failed(ProviderError::new(Reaction::Refused, doing, problem))
        };
        not_ours(change, &self.zone.origin).map_err(refused)?;
        match change {
            Change::Create(record) => {
                writable(record).map_err(refused)?;
                self.other_spelling(&record.key).map_err(refused)?;
                Ok(self.create(record))
            }
            Change::Delete(record) => Ok(self.delete(&record.key)),
            Change::Replace { old, new } => {
                writable(new).map_err(refused)?;
                self.replace(old, new)
            }
        }
    }

    fn create(&mut self, record: &Record) -> Answer {
        if !self.copies(&record.key).is_empty() {
            return Answer::AlreadySo;
        }
        let rtype = record.rtype();
        let siblings = self.numbers(record.name());
        let of_type = |number: &&usize| self.lines[**number].rtype == rtype;
        let ttl = siblings.iter().filter(of_type).map(|&number| &self.lines[number]).find(|line| !line.gone);
        let ttl = seconds(record).or_else(|| ttl.and_then(|line| line.ttl));
        let neighbour = siblings.iter().rev().find(of_type).or_else(|| siblings.last());
        let behind = neighbour.and_then(|&number| match self.lines[number].place {
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
            self.edit(number).gone = true;
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
            self.edit(number).gone = true;
        }
        if news.is_empty() {
            let line = self.edit(first);
            (line.rtype, line.data, line.new_data) = (new.rtype(), Some(new.key.data.clone()), true);
            self.set_ttl(&[first], seconds(new));
        } else {
            self.edit(first).gone = true;
            self.set_ttl(&news, seconds(new));
        }
        Ok(Answer::Accepted)
    }

    fn set_ttl(&mut self, numbers: &[usize], wanted: Option<u32>) -> Answer {
        let mut answer = Answer::AlreadySo;
        for &number in numbers {
            if wanted.is_some() && self.lines[number].ttl != wanted {
                let line = self.edit(number);
                (line.ttl, line.new_ttl) = (wanted, true);
                answer = Answer::Accepted;
            }
        }
        answer
    }

    /// Returns the entries that stand for this record: the same value, however it is spelled.
    fn copies(&self, key: &RecordKey) -> Vec<usize> {
        let is_copy = |number: &usize| {
            let line = &self.lines[*number];
            !line.gone && line.data.as_ref().is_some_and(|own| values::is_same(own, &key.data))
        };
        self.numbers(&key.name).iter().copied().filter(is_copy).collect()
    }

    /// A value that is there in other words would be a second record for us and one for every server.
    fn other_spelling(&self, key: &RecordKey) -> Result<(), String> {
        let copies = self.copies(key);
        let same = |number: &usize| self.lines[*number].data.as_ref() == Some(&key.data);
        match copies.first() {
            Some(&first) if !copies.iter().any(same) => {
                let there = self.lines[first].data.as_ref().map(ToString::to_string).unwrap_or_default();
                Err(format!("the same value is there already, written as `{there}`"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the entries at a name, those that are gone included.
    pub(super) fn at(&self, name: &Name) -> impl Iterator<Item = &Line<'a>> {
        self.numbers(name).iter().map(|&number| &self.lines[number])
    }

    /// Returns the names at which the file has entries, or had before the changes.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.by_name.keys()
    }

    fn numbers(&self, name: &Name) -> &[usize] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    fn push(&mut self, line: Line<'a>) {
        self.by_name.entry(line.name.clone()).or_default().push(self.lines.len());
        self.lines.push(line);
    }

    fn edit(&mut self, number: usize) -> &mut Line<'a> {
        self.undo.push((number, self.lines[number].clone()));
        &mut self.lines[number]
    }

    fn roll_back(&mut self, lines: usize) {
        for line in self.lines.drain(lines..) {
            if let Some(numbers) = self.by_name.get_mut(&line.name) {
                numbers.retain(|number| *number < lines);
            }
        }
        for (number, line) in self.undo.drain(..).rev() {
            if number < lines {
                self.lines[number] = line;
            }
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
        let rtype = record.rtype();
        let canonical = values::rtype(rtype.as_str().as_bytes()).unwrap_or(rtype);
        if canonical.is_zone_machinery() {
            return Err(format!("{canonical} belongs to the zone's own machinery and is never changed"));
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
