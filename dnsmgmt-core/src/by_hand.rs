//! What a person asks for by name: decided on a listing, without asking anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::name::Name;
use crate::plan::{Claim, Plan, Reason, Step, StepGroup, untouchable};
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
    provider: &'a dyn DnsProvider,
    scope: Scope,
    before: Listing,
    groups: Vec<StepGroup>,
    /// What the plan changes: the new record of a replacement.
    planned: BTreeSet<RecordKey>,
    /// What the plan takes away.
    leaving: BTreeSet<RecordKey>,
    /// The types that the plan creates at a name, each with its TTL: of thousands of changes only a name's own are looked at.
    coming: BTreeMap<(Name, RecordType), Option<Ttl>>,
    settled: Vec<Outcome>,
}

impl<'a> ByHand<'a> {
    /// Begins a plan on a listing of `scope`.
    pub fn on(provider: &'a dyn DnsProvider, scope: Scope, before: Listing) -> Self {
        Self {
            provider,
            scope,
            before,
            groups: Vec::new(),
            planned: BTreeSet::new(),
            leaving: BTreeSet::new(),
            coming: BTreeMap::new(),
            settled: Vec::new(),
        }
    }

    /// Returns the listing that the plan is decided on.
    pub fn before(&self) -> &Listing {
        &self.before
    }

    /// Returns the provider that the plan is for.
    pub fn provider(&self) -> &ProviderId {
        self.provider.id()
    }

    /// Returns whether the record and one of that type cannot stand at one name here.
    pub fn excludes(&self, record: &Record, rtype: &RecordType) -> bool {
        self.conflict(record.name(), &record.rtype(), rtype)
    }

    /// Adds a record beside what is there. What is there as wanted is left; what excludes it, or cannot be held by this
    /// provider, is refused here, before any call.
    pub fn add(&mut self, mut wanted: Record) {
        wanted.key.data = as_listed(self.provider, &self.before, &wanted.key);
        if self.planned.contains(&wanted.key) {
            return;
        }
        let listed = self.before.records.get(&wanted.key).cloned();
        if listed.as_ref().is_some_and(|listed| wanted.agrees_with(listed)) {
            let notes = proxied_ttl(&wanted, listed.as_ref());
            return self.settle(Change::Create(wanted), Fate::AlreadyPresent, notes);
        }
        let checked = self.check(&wanted).and_then(|()| self.settle_ttl(&mut wanted, &BTreeSet::new()));
        let mut notes = proxied_ttl(&wanted, listed.as_ref());
        let change = match listed {
            Some(old) => Change::Replace { old, new: wanted },
            None => Change::Create(wanted),
        };
        let record = change.record();
        let refusal = checked
            .err()
            .or_else(|| self.in_the_way(record, &BTreeSet::new()))
            .or_else(|| self.provider.objection(&change));
        if let Some(why) = refusal {
            return self.settle(change, Fate::Refused, vec![why]);
        }
        if let Change::Create(record) = &change {
            notes.extend(self.beside(record));
        }
        self.step(change, notes);
    }

    /// Deletes the records that are meant; nothing there is as good as deleted.
    pub fn delete(&mut self, selector: &Selector) {
        let mut selector = selector.clone();
        if let Some(data) = selector.data.take() {
            let key = RecordKey { name: selector.name.clone(), data };
            selector.data = Some(as_listed(self.provider, &self.before, &key));
        }
        let meant: Vec<Record> = selector.select(&self.before).cloned().collect();
        let opaque: Vec<String> =
            selector.opaque(&self.before).map(|entry| format!("{} ({})", entry.text, entry.why)).collect();
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
        if self.planned.contains(&record.key) {
            return;
        }
        let copies = record.handles.len();
        let notes = if copies > 1 { vec![format!("stored {copies} times; all copies go")] } else { Vec::new() };
        let refusal = untouchable(&record.key, self.provider.id(), self.provider.capabilities());
        let change = Change::Delete(record);
        match refusal.or_else(|| self.provider.objection(&change)) {
            Some(why) => self.settle(change, Fate::Refused, vec![why]),
            None => self.step(change, notes),
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
        let untouchable = untouchable(&old.key, self.provider.id(), self.provider.capabilities());
        let checked = self.check(&new).and_then(|()| self.settle_ttl(&mut new, leaving));
        let notes = proxied_ttl(&new, Some(&old));
        if checked.is_ok() && old.key == new.key && new.agrees_with(&old) {
            return self.settle(Change::Create(new), Fate::AlreadyPresent, notes);
        }
        let change = Change::Replace { old, new };
        let refusal = untouchable
            .or_else(|| checked.err())
            .or_else(|| self.in_the_way(change.record(), leaving))
            .or_else(|| self.provider.objection(&change));
        match refusal {
            Some(why) => self.settle(change, Fate::Refused, vec![why]),
            None => self.step(change, notes),
        }
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
        Plan::new(self.provider.id().clone(), self.scope, self.before, self.groups, self.settled)
    }

    /// Returns why this provider cannot hold the record, before anything is compared.
    fn check(&self, wanted: &Record) -> Result<(), String> {
        let (provider, capabilities) = (self.provider.id(), self.provider.capabilities());
        if let Some(why) = untouchable(&wanted.key, provider, capabilities) {
            return Err(why);
        }
        match (&capabilities.ttl, wanted.ttl) {
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
        if wanted.name().is_tombstone() {
            return Err(
                "names below tombstone.invalid mark what is on its way out; the next change would remove it".into()
            );
        }
        if wanted.proxied == Some(true) && !capabilities.proxied {
            return Err(format!("{provider} does not proxy"));
        }
        if wanted.enabled == Some(false) && !capabilities.enabled {
            return Err(format!("{provider} cannot switch records off"));
        }
        match (capabilities.comment, &wanted.comment) {
            (None, Some(comment)) if !comment.is_empty() => Err(format!("{provider} keeps no comments")),
            (Some(most), Some(comment)) if comment.chars().count() > most => {
                Err(format!("a comment at {provider} has at most {most} characters, not {}", comment.chars().count()))
            }
            _ => Ok(()),
        }
    }

    /// The values of an RRset have one TTL (RFC 2181 section 5.2): a value that joins others gets theirs, and one that asks for
    /// another is refused, because theirs are not ours to change.
    fn settle_ttl(&self, wanted: &mut Record, leaving: &BTreeSet<RecordKey>) -> Result<(), String> {
        if self.provider.capabilities().ttl == TtlSupport::Fixed || wanted.proxied == Some(true) {
            return Ok(());
        }
        let rtype = wanted.rtype();
        let stays = |other: &&Record| other.key != wanted.key && !leaving.contains(&other.key);
        let mut staying = self.before.records.rrset(wanted.name(), &rtype).filter(stays);
        let planned = self.coming.get(&(wanted.name().clone(), rtype.clone())).copied().flatten();
        let Some(shared) = staying.find_map(|other| other.ttl).or(planned) else { return Ok(()) };
        match wanted.ttl {
            Some(asked) if asked != shared => Err(format!(
                "the values of one name and type have one TTL, and the others have {shared}; change them all with \
                 `update {} --type {rtype} --ttl {asked}`",
                wanted.name()
            )),
            _ if self.before.records.contains(&wanted.key) => Ok(()),
            _ => {
                wanted.ttl = Some(shared);
                Ok(())
            }
        }
    }

    /// Returns what excludes the record at its name, other than what is leaving.
    fn in_the_way(&self, wanted: &Record, leaving: &BTreeSet<RecordKey>) -> Option<String> {
        let rtype = wanted.rtype();
        let opaque = |entry: &&Opaque| {
            let excludes = |own: &RecordType| self.conflict(wanted.name(), own, &rtype);
            entry.occupies(wanted.name(), &rtype)
                || entry.name.as_ref() == Some(wanted.name()) && entry.rtype.as_ref().is_some_and(excludes)
        };
        if let Some(entry) = self.before.opaque.iter().find(opaque) {
            return Some(format!("the name is taken by {} ({}), which dnsmgmt leaves alone", entry.text, entry.why));
        }
        let in_the_way = |other: &&Record| {
            self.excludes(other, &rtype)
                && other.key != wanted.key
                && !leaving.contains(&other.key)
                && !self.leaving.contains(&other.key)
        };
        if let Some(other) = self.before.records.at(wanted.name()).iter().find(in_the_way) {
            return Some(format!(
                "{other} excludes {rtype} records at the same name; delete it first, or use `update`"
            ));
        }
        let of_name = (wanted.name().clone(), RecordType::A)..;
        let mut coming = self.coming.range(of_name).map(|(key, _)| key).take_while(|(name, _)| name == wanted.name());
        let (_, other) = coming.find(|(name, other)| self.conflict(name, other, &rtype))?;
        Some(format!("the {other} record asked for together with it excludes {rtype} records at the same name"))
    }

    fn conflict(&self, name: &Name, left: &RecordType, right: &RecordType) -> bool {
        self.provider.capabilities().conflict(name, self.provider.id().zone_name(), left, right)
    }

    /// Says beside how many values a new one will stand, and names the first ones.
    fn beside(&self, record: &Record) -> Option<String> {
        let rtype = record.rtype();
        let mut values: Vec<String> =
            self.before.records.rrset(record.name(), &rtype).map(|sibling| sibling.key.data.to_string()).collect();
        let more = values.len().saturating_sub(NAMED);
        values.truncate(NAMED);
        let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!values.is_empty()).then(|| format!("stands beside {}{and_more}", values.join(", ")))
    }

    fn step(&mut self, change: Change, notes: Vec<String>) {
        let key = change.record().key.clone();
        match &change {
            Change::Delete(_) => drop(self.leaving.insert(key.clone())),
            Change::Create(record) | Change::Replace { new: record, .. } => {
                self.coming.insert((key.name.clone(), record.rtype()), record.ttl);
            }
        }
        if let Change::Replace { old, .. } = &change {
            self.leaving.insert(old.key.clone());
        }
        self.planned.insert(key);
        self.groups.push(StepGroup { only_if: Vec::new(), steps: vec![step(change, notes)] });
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

/// How many of the values beside a new one are named.
const NAMED: usize = 3;

/// Returns the value in the spelling in which it is listed at that name, if it is: what is not modelled has more than one.
pub fn as_listed(provider: &dyn DnsProvider, listing: &Listing, key: &RecordKey) -> RecordData {
    if !matches!(key.data, RecordData::Other { .. }) {
        return key.data.clone();
    }
    let mut there = listing.records.at(&key.name).iter().map(|record| &record.key.data);
    there.find(|listed| provider.is_same(listed, &key.data)).unwrap_or(&key.data).clone()
}

fn step(change: Change, notes: Vec<String>) -> Step {
    Step { change, claim: Claim::ByHand, reason: Reason::Requested, notes }
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
