//! What a person asks for by name: decided on a listing, without asking anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::name::Name;
use crate::plan::{Claim, Plan, Reason, Step, StepGroup, untouchable};
use crate::provider::{Capabilities, Change, ProviderId, TtlSupport};
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
    fn opaque<'a>(&'a self, listing: &'a Listing) -> impl Iterator<Item = &'a Opaque> {
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
#[derive(Debug)]
pub struct ByHand<'a> {
    provider: &'a ProviderId,
    capabilities: &'a Capabilities,
    scope: Scope,
    before: Listing,
    groups: Vec<StepGroup>,
    /// Which groups are about a name: of thousands of changes only a name's own are looked through.
    at: BTreeMap<Name, Vec<usize>>,
    settled: Vec<Outcome>,
}

impl<'a> ByHand<'a> {
    /// Begins a plan on a listing of `scope`.
    pub fn on(provider: &'a ProviderId, capabilities: &'a Capabilities, scope: Scope, before: Listing) -> Self {
        Self { provider, capabilities, scope, before, groups: Vec::new(), at: BTreeMap::new(), settled: Vec::new() }
    }

    /// Returns the listing that the plan is decided on.
    pub fn before(&self) -> &Listing {
        &self.before
    }

    /// Returns whether the record and one of that type cannot stand at one name here.
    pub fn excludes(&self, record: &Record, rtype: &RecordType) -> bool {
        self.capabilities.conflict(record.name(), &self.provider.zone, &record.rtype(), rtype)
    }

    /// Adds a record beside what is there. What is there as wanted is left; what excludes it, or cannot be held by this
    /// provider, is refused here, before any call.
    pub fn add(&mut self, mut wanted: Record) {
        let mut notes = Vec::new();
        if let Err(why) = self.check(&wanted) {
            return self.settle(Change::Create(wanted), Fate::Refused, vec![why]);
        }
        if self.is_planned(&wanted.key) {
            return;
        }
        self.align_ttl(&mut wanted, &BTreeSet::new(), &mut notes);
        if let Some(old) = self.before.records.get(&wanted.key).cloned() {
            if wanted.agrees_with(&old) {
                return self.settle(Change::Create(wanted), Fate::AlreadyPresent, notes);
            }
            return self.step(Change::Replace { old, new: wanted }, notes);
        }
        if let Some(why) = self.in_the_way(&wanted, &BTreeSet::new()) {
            return self.settle(Change::Create(wanted), Fate::Refused, vec![why]);
        }
        let siblings: Vec<String> = self.siblings(&wanted).map(|sibling| sibling.key.data.to_string()).collect();
        if !siblings.is_empty() {
            notes.push(format!("stands beside {}", siblings.join(", ")));
        }
        self.step(Change::Create(wanted), notes);
    }

    /// Deletes the records that are meant; nothing there is as good as deleted.
    pub fn delete(&mut self, selector: &Selector) {
        let meant: Vec<Record> = selector.select(&self.before).cloned().collect();
        let opaque: Vec<String> =
            selector.opaque(&self.before).map(|entry| format!("{} ({})", entry.text, entry.why)).collect();
        if meant.is_empty() && opaque.is_empty() {
            return self.settle_selector(selector, Fate::AlreadyGone, Vec::new());
        }
        if !opaque.is_empty() {
            let note = format!("dnsmgmt cannot judge what stands there, so it stays: {}", opaque.join(", "));
            self.settle_selector(selector, Fate::Refused, vec![note]);
        }
        for record in meant {
            if self.is_planned(&record.key) {
                continue;
            }
            let mut notes = Vec::new();
            if record.handles.len() > 1 {
                notes.push(format!("stored {} times; all copies go", record.handles.len()));
            }
            match untouchable(&record.key, self.provider, self.capabilities) {
                Some(why) => self.settle(Change::Delete(record), Fate::Refused, vec![why]),
                None => self.step(Change::Delete(record), notes),
            }
        }
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
        let mut notes = Vec::new();
        if let Err(why) = self.check(&new) {
            return self.settle(Change::Replace { old, new }, Fate::Refused, vec![why]);
        }
        if let Some(why) = untouchable(&old.key, self.provider, self.capabilities) {
            return self.settle(Change::Replace { old, new }, Fate::Refused, vec![why]);
        }
        self.align_ttl(&mut new, leaving, &mut notes);
        if old.key == new.key && new.agrees_with(&old) {
            return self.settle(Change::Create(new), Fate::AlreadyPresent, notes);
        }
        if let Some(why) = self.in_the_way(&new, leaving) {
            return self.settle(Change::Replace { old, new }, Fate::Refused, vec![why]);
        }
        if old.rtype() == new.rtype() {
            return self.step(Change::Replace { old, new }, notes);
        }
        self.change_type(old, new, notes);
    }

    /// A value of another type is another record. Missing first, superfluous last, unless the old one excludes the new.
    fn change_type(&mut self, old: Record, new: Record, notes: Vec<String>) {
        let excluded = self.capabilities.conflict(new.name(), &self.provider.zone, &old.rtype(), &new.rtype());
        let delete = step(Change::Delete(old), Vec::new());
        let create = step(Change::Create(new), notes);
        let steps = if excluded { vec![delete, create] } else { vec![create, delete] };
        self.group(steps);
    }

    /// Notes that a wish cannot be fulfilled, and why.
    pub fn refuse(&mut self, action: Action, selector: &Selector, why: String) {
        self.settle_selector(selector, Fate::Refused, vec![why]);
        if let Some(outcome) = self.settled.last_mut() {
            outcome.action = action;
        }
    }

    /// Returns the plan.
    pub fn plan(self) -> Plan {
        Plan::new(self.provider.clone(), self.scope, self.before, self.groups, self.settled)
    }

    fn steps_at<'b>(&'b self, name: &Name) -> impl Iterator<Item = &'b Step> + use<'b> {
        self.at.get(name).into_iter().flatten().flat_map(|&group| &self.groups[group].steps)
    }

    fn is_planned(&self, key: &RecordKey) -> bool {
        self.steps_at(&key.name).any(|step| step.change.record().key == *key)
    }

    /// The records of the same RRset that stay: those listed, and those that this plan adds.
    fn siblings<'b>(&'b self, record: &'b Record) -> impl Iterator<Item = &'b Record> {
        let listed = self.before.records.rrset(record.name(), &record.rtype());
        let planned = self.steps_at(record.name()).map(|step| step.change.record());
        let planned = planned.filter(|other| other.rtype() == record.rtype());
        listed.chain(planned).filter(|other| other.key != record.key)
    }

    /// Returns why this provider cannot hold the record, before anything is compared.
    fn check(&self, wanted: &Record) -> Result<(), String> {
        if let Some(why) = untouchable(&wanted.key, self.provider, self.capabilities) {
            return Err(why);
        }
        let provider = self.provider;
        match (&self.capabilities.ttl, wanted.ttl) {
            (_, None) | (TtlSupport::Seconds { automatic: true, .. }, Some(Ttl::Automatic)) => {}
            (TtlSupport::Fixed, Some(_)) => {
                return Err(format!("{provider} has one TTL for all records; leave it out"));
            }
            (_, Some(Ttl::Automatic)) => {
                return Err(format!("{provider} does not choose TTLs; give seconds or leave it out"));
            }
            (TtlSupport::Seconds { least, most, .. }, Some(Ttl::Seconds(ttl))) => {
                if !(*least..=*most).contains(&ttl) {
                    return Err(format!("a TTL at {provider} is {least} to {most} seconds, not {ttl}"));
                }
            }
        }
        if wanted.proxied == Some(true) && !self.capabilities.proxied {
            return Err(format!("{provider} does not proxy"));
        }
        if wanted.enabled == Some(false) && !self.capabilities.enabled {
            return Err(format!("{provider} cannot switch records off"));
        }
        match (self.capabilities.comment, &wanted.comment) {
            (None, Some(comment)) if !comment.is_empty() => Err(format!("{provider} keeps no comments")),
            (Some(most), Some(comment)) if comment.chars().count() > most => {
                Err(format!("a comment at {provider} has at most {most} characters, not {}", comment.chars().count()))
            }
            _ => Ok(()),
        }
    }

    /// The values of an RRset have one TTL (RFC 2181 section 5.2): where others stand already, theirs.
    fn align_ttl(&self, wanted: &mut Record, leaving: &BTreeSet<RecordKey>, notes: &mut Vec<String>) {
        let staying = |sibling: &&Record| !leaving.contains(&sibling.key);
        let Some(shared) = self.siblings(wanted).filter(staying).find_map(|sibling| sibling.ttl) else { return };
        if self.capabilities.ttl == TtlSupport::Fixed || wanted.proxied == Some(true) {
            return;
        }
        if let Some(asked) = wanted.ttl.filter(|asked| *asked != shared) {
            notes.push(format!("its TTL is {shared}, not {asked}: the values of one name and type share it"));
        }
        wanted.ttl = Some(shared);
    }

    /// Returns what excludes the record at its name, other than what is leaving.
    fn in_the_way(&self, wanted: &Record, leaving: &BTreeSet<RecordKey>) -> Option<String> {
        let rtype = wanted.rtype();
        if let Some(opaque) = self.before.opaque.iter().find(|opaque| opaque.occupies(wanted.name(), &rtype)) {
            return Some(format!("the name is taken by {} ({}), which dnsmgmt leaves alone", opaque.text, opaque.why));
        }
        let planned_to_leave = self.steps_at(wanted.name()).filter_map(|step| leaves(&step.change));
        let leaving: BTreeSet<&RecordKey> = planned_to_leave.chain(leaving).collect();
        let listed = self.before.records.at(wanted.name()).iter().filter(|other| !leaving.contains(&other.key));
        let planned = self.steps_at(wanted.name()).filter(|step| !matches!(step.change, Change::Delete(_)));
        let planned = planned.map(|step| step.change.record());
        let excludes = |other: &&Record| other.key != wanted.key && self.excludes(other, &rtype);
        let other = listed.chain(planned).find(excludes)?;
        Some(format!("{other} excludes a {rtype} at the same name; delete it first, or use `update`"))
    }

    fn step(&mut self, change: Change, notes: Vec<String>) {
        self.group(vec![step(change, notes)]);
    }

    fn group(&mut self, steps: Vec<Step>) {
        let name = steps[0].change.record().name().clone();
        self.at.entry(name).or_default().push(self.groups.len());
        self.groups.push(StepGroup { only_if: Vec::new(), steps });
    }

    fn settle(&mut self, change: Change, fate: Fate, notes: Vec<String>) {
        self.settled.push(Outcome::of(&step(change, notes), fate));
    }

    fn settle_selector(&mut self, selector: &Selector, fate: Fate, notes: Vec<String>) {
        self.settled.push(Outcome {
            action: Action::Delete,
            name: selector.name.clone(),
            rtype: selector.rtype.clone().or_else(|| selector.data.as_ref().map(RecordData::rtype)),
            data: selector.data.clone(),
            old: None,
            ttl: None,
            claim: Claim::ByHand,
            reason: Reason::Requested,
            fate,
            asked: 0,
            notes,
            error: None,
        });
    }
}

fn step(change: Change, notes: Vec<String>) -> Step {
    Step { change, claim: Claim::ByHand, reason: Reason::Requested, notes }
}

/// Returns the key that the change takes away.
fn leaves(change: &Change) -> Option<&RecordKey> {
    match change {
        Change::Create(_) => None,
        Change::Delete(record) | Change::Replace { old: record, .. } => Some(&record.key),
    }
}
