//! What a person asks for by name: decided on a listing, without asking anybody.

use std::collections::BTreeSet;
use std::fmt;

use crate::draft::Draft;
use crate::mark::{Mark, Marks};
use crate::name::Name;
use crate::origin::Origin;
use crate::plan::{Claim, Plan, Reason, Step};
use crate::provider::{Change, DnsProvider, ProviderId, TtlSupport};
use crate::record::{Record, RecordData, RecordKey, RecordType, Ttl};
use crate::record_set::{Listing, Opaque, Scope};
use crate::report::{Action, Fate, Outcome};

/// Which records a person means: those at a name, of a type or with a value where given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// The owner name.
    pub name: Name,
    /// The type; any where not given.
    pub rtype: Option<RecordType>,
    /// The value; any where not given.
    pub data: Option<RecordData>,
}

impl Selector {
    /// Returns whether the record is meant.
    pub fn selects(&self, record: &Record) -> bool {
        *record.name() == self.name
            && self.rtype.as_ref().is_none_or(|rtype| *rtype == record.rtype())
            && self.data.as_ref().is_none_or(|data| *data == record.key.data)
    }

    /// Returns the records of the listing that are meant.
    pub fn select<'a>(&'a self, listing: &'a Listing) -> impl Iterator<Item = &'a Record> {
        listing.records.at(&self.name).iter().filter(|record| self.selects(record))
    }

    /// Returns the entries that cannot be modelled and stand where this means.
    pub fn opaque<'a>(&'a self, listing: &'a Listing) -> impl Iterator<Item = &'a Opaque> {
        let is_meant = |opaque: &&Opaque| match (&self.rtype, &opaque.rtype) {
            _ if self.data.is_some() => false,
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        };
        listing.opaque.iter().filter(|opaque| opaque.name.as_ref() == Some(&self.name)).filter(is_meant)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if let Some(rtype) = &self.rtype {
            write!(f, " {rtype}")?;
        }
        if let Some(data) = &self.data {
            write!(f, " {data}")?;
        }
        Ok(())
    }
}

/// A change by hand at one provider, decided on `before`, a listing of `scope`.
pub struct ByHand<'a> {
    draft: Draft<'a>,
    marks: Marks,
    comment: Option<String>,
}

impl<'a> ByHand<'a> {
    /// Begins a plan on a listing of `scope`.
    pub fn on(provider: &'a dyn DnsProvider, scope: Scope, before: Listing) -> Self {
        Self { marks: Marks::of(&before), draft: Draft::on(provider, scope, before), comment: None }
    }

    /// Lets the marks of other tools count that stand `elsewhere`, at names that were not listed now: of what carries one, the
    /// plan says so.
    #[must_use]
    pub fn with_marks_at(self, elsewhere: impl IntoIterator<Item = Record>) -> Self {
        let records = self.before().records.iter().cloned().chain(elsewhere).collect();
        let marks = Marks::of(&Listing { records, ..Listing::default() });
        Self { marks, ..self }
    }

    /// Writes this into the comments of records that it creates and that are given none.
    #[must_use]
    pub fn with_comment(self, comment: Option<String>) -> Self {
        Self { comment, ..self }
    }

    /// Returns the listing that the plan is decided on.
    pub fn before(&self) -> &Listing {
        self.draft.before()
    }

    /// Returns the provider that the plan is for.
    pub fn provider(&self) -> &ProviderId {
        self.draft.provider().id()
    }

    /// Returns whether the record and one of that type cannot stand at one name here.
    pub fn excludes(&self, record: &Record, rtype: &RecordType) -> bool {
        self.draft.conflict(record.name(), &record.rtype(), rtype)
    }

    /// Adds a record beside what is there. What is there as wanted is left; what excludes it, or cannot be held by this
    /// provider, is refused here, before any call.
    pub fn add(&mut self, wanted: Record) {
        self.add_for(wanted, BTreeSet::from([Origin::by_hand()]));
    }

    /// Adds a record as [`add`](Self::add) does, for those who want it.
    pub fn add_for(&mut self, mut wanted: Record, origins: BTreeSet<Origin>) {
        wanted.key.data = as_listed(self.draft.provider(), self.before(), &wanted.key);
        if self.draft.has(&wanted.key) {
            return;
        }
        let listed = self.before().records.get(&wanted.key).cloned();
        if listed.as_ref().is_some_and(|listed| wanted.agrees_with(listed)) {
            let notes = proxied_ttl(&wanted, listed.as_ref());
            return self.settle(Change::Create(wanted), Fate::AlreadyPresent, notes);
        }
        let of_ttl = self.settle_ttl(&mut wanted, &BTreeSet::new());
        let mut notes = proxied_ttl(&wanted, listed.as_ref());
        let change = match listed {
            Some(old) => Change::Replace { old, new: wanted },
            None => Change::Create(Record { comment: wanted.comment.or_else(|| self.comment.clone()), ..wanted }),
        };
        if let Change::Create(record) = &change {
            notes.extend(self.draft.beside(record));
        }
        self.ask(Step { origins, ..step(change, notes) }, of_ttl, &BTreeSet::new());
    }

    /// Deletes the records that are meant; nothing there is as good as deleted.
    pub fn delete(&mut self, selector: &Selector) {
        let mut selector = selector.clone();
        if let Some(data) = selector.data.take() {
            let key = RecordKey { name: selector.name.clone(), data };
            selector.data = Some(as_listed(self.draft.provider(), self.before(), &key));
        }
        let meant: Vec<Record> = selector.select(self.before()).cloned().collect();
        let opaque: Vec<String> =
            selector.opaque(self.before()).map(|entry| format!("{} ({})", entry.text, entry.why)).collect();
        if meant.is_empty() && opaque.is_empty() {
            return self.settle_selector(&selector, Fate::AlreadyGone, Vec::new());
        }
        if !opaque.is_empty() {
            let note = format!("dnsmgmt cannot judge what stands there, so it stays: {}", opaque.join(", "));
            self.settle_selector(&selector, Fate::Refused, vec![note]);
        }
        for record in meant {
            self.delete_one(record);
        }
    }

    fn delete_one(&mut self, record: Record) {
        if self.draft.has(&record.key) {
            return;
        }
        let copies = record.handles.len();
        let notes = if copies > 1 { vec![format!("stored {copies} times; all copies go")] } else { Vec::new() };
        self.ask(step(Change::Delete(record), notes), None, &BTreeSet::new());
    }

    /// Puts each new record in the place of an old one of the same name, in one step where the provider can. The old ones are
    /// records of the listing.
    pub fn replace(&mut self, pairs: Vec<(Record, Record)>) {
        let leaving: BTreeSet<RecordKey> = pairs.iter().map(|(old, _)| old.key.clone()).collect();
        for (old, new) in pairs {
            self.replace_one(old, new, &leaving);
        }
    }

    fn replace_one(&mut self, old: Record, mut new: Record, leaving: &BTreeSet<RecordKey>) {
        let of_ttl = self.settle_ttl(&mut new, leaving);
        let notes = proxied_ttl(&new, Some(&old));
        if of_ttl.is_none() && old.key == new.key && new.agrees_with(&old) {
            return self.settle(Change::Create(new), Fate::AlreadyPresent, notes);
        }
        self.ask(step(Change::Replace { old, new }, notes), of_ttl, leaving);
    }

    /// Notes that a wish cannot be fulfilled, and why.
    pub fn refuse(&mut self, action: Action, selector: &Selector, why: String) {
        let outcome = Outcome { action, ..of_selector(selector, Fate::Refused, vec![why]) };
        self.draft.settle(outcome);
    }

    /// Returns the plan.
    pub fn plan(self) -> Plan {
        self.draft.plan()
    }

    /// Asks for a step, unless it is refused here.
    fn ask(&mut self, mut step: Step, of_ttl: Option<String>, leaving: &BTreeSet<RecordKey>) {
        step.notes.extend(self.mark_on(&step.change).map(|mark| mark.note()));
        match self.draft.refusal(&step.change, leaving).or(of_ttl) {
            Some(why) => self.draft.refuse(Step { notes: Vec::new(), ..step }, why),
            None => self.draft.push(vec![step]),
        }
    }

    /// Returns the mark of another tool on what the change changes or takes away.
    fn mark_on(&self, change: &Change) -> Option<Mark> {
        match change {
            Change::Create(_) => None,
            Change::Delete(old) | Change::Replace { old, .. } => self.marks.mark_of(old),
        }
    }

    /// The values of an RRset have one TTL (RFC 2181 section 5.2): a value that joins others gets theirs, and one that asks for
    /// another is refused, because theirs are not ours to change. Returns why it is refused.
    fn settle_ttl(&self, wanted: &mut Record, leaving: &BTreeSet<RecordKey>) -> Option<String> {
        if self.draft.provider().capabilities().ttl == TtlSupport::Fixed || wanted.proxied == Some(true) {
            return None;
        }
        let rtype = wanted.rtype();
        let stays = |other: &&Record| other.key != wanted.key && !leaving.contains(&other.key);
        let mut staying = self.before().records.rrset(wanted.name(), &rtype).filter(stays);
        let planned = self.draft.coming_ttl(wanted.name(), &rtype);
        let shared = staying.find_map(|other| other.ttl).or(planned)?;
        match wanted.ttl {
            Some(asked) if asked != shared => Some(format!(
                "the values of one name and type have one TTL, and the others have {shared}; change them all with \
                 `update {} --type {rtype} --ttl {asked}`",
                wanted.name()
            )),
            _ if self.before().records.contains(&wanted.key) => None,
            _ => {
                wanted.ttl = Some(shared);
                None
            }
        }
    }

    fn settle(&mut self, change: Change, fate: Fate, notes: Vec<String>) {
        self.draft.settle(Outcome::of(&step(change, notes), fate));
    }

    fn settle_selector(&mut self, selector: &Selector, fate: Fate, notes: Vec<String>) {
        self.draft.settle(of_selector(selector, fate, notes));
    }
}

fn of_selector(selector: &Selector, fate: Fate, notes: Vec<String>) -> Outcome {
    Outcome {
        action: Action::Delete,
        name: selector.name.clone(),
        rtype: selector.rtype.clone().or_else(|| selector.data.as_ref().map(RecordData::rtype)),
        data: selector.data.clone(),
        old: None,
        ttl: None,
        claim: Claim::ByHand,
        reason: Reason::Requested,
        fate,
        witness: None,
        asked: 0,
        notes,
        error: None,
    }
}

/// Returns the value in the spelling in which it is listed at that name, if it is: what is not modelled has more than one.
pub fn as_listed(provider: &dyn DnsProvider, listing: &Listing, key: &RecordKey) -> RecordData {
    if !matches!(key.data, RecordData::Other { .. }) {
        return key.data.clone();
    }
    let mut there = listing.records.at(&key.name).iter().map(|record| &record.key.data);
    there.find(|listed| provider.is_same(listed, &key.data)).unwrap_or(&key.data).clone()
}

fn step(change: Change, notes: Vec<String>) -> Step {
    let origins = match change {
        Change::Delete(_) => BTreeSet::new(),
        Change::Create(_) | Change::Replace { .. } => BTreeSet::from([Origin::by_hand()]),
    };
    Step { change, claim: Claim::ByHand, reason: Reason::Requested, origins, notes }
}

/// Says that a TTL which was asked for does not count, because the record is proxied or will be.
fn proxied_ttl(wanted: &Record, listed: Option<&Record>) -> Vec<String> {
    let proxied = wanted.proxied.or_else(|| listed.and_then(|listed| listed.proxied)) == Some(true);
    match wanted.ttl {
        Some(Ttl::Seconds(ttl)) if proxied => {
            vec![format!("it is proxied, so the provider chooses its TTL, not {ttl}")]
        }
        _ => Vec::new(),
    }
}
