//! A plan while it is being decided: what every decision checks before it asks for a change.

use std::collections::{BTreeMap, BTreeSet};

use crate::heartbeat::exclude;
use crate::mark::Marks;
use crate::name::Name;
use crate::origin::Origin;
use crate::plan::{Plan, Step, StepGroup, untouchable};
use crate::provider::{Change, Condition, DnsProvider, TtlSupport};
use crate::record::{Record, RecordKey, RecordType, Ttl};
use crate::record_set::{Listing, Scope};
use crate::report::{Fate, Outcome};

/// How many of the values beside a new one are named.
const NAMED: usize = 3;

/// A plan at one provider that is being decided on `before`, a listing of `scope`.
pub(crate) struct Draft<'a> {
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
    /// What is known to be ours of what is there, so that nobody takes it for another's.
    ours: BTreeSet<RecordKey>,
}

impl<'a> Draft<'a> {
    pub(crate) fn on(provider: &'a dyn DnsProvider, scope: Scope, before: Listing) -> Self {
        Self {
            provider,
            scope,
            before,
            groups: Vec::new(),
            planned: BTreeSet::new(),
            leaving: BTreeSet::new(),
            coming: BTreeMap::new(),
            settled: Vec::new(),
            ours: BTreeSet::new(),
        }
    }

    /// Says of more of it that it is ours.
    pub(crate) fn know_ours(&mut self, keys: impl IntoIterator<Item = RecordKey>) {
        self.ours.extend(keys);
    }

    pub(crate) fn provider(&self) -> &'a dyn DnsProvider {
        self.provider
    }

    pub(crate) fn before(&self) -> &Listing {
        &self.before
    }

    /// Returns whether the plan changes that record already.
    pub(crate) fn has(&self, key: &RecordKey) -> bool {
        self.planned.contains(key)
    }

    /// Returns the TTL of what the plan creates at that name and type.
    pub(crate) fn coming_ttl(&self, name: &Name, rtype: &RecordType) -> Option<Ttl> {
        self.coming.get(&(name.clone(), rtype.clone())).copied().flatten()
    }

    /// Returns the plan.
    pub(crate) fn plan(self) -> Plan {
        Plan::new(self.provider.id().clone(), self.scope, self.before, self.groups, self.settled)
    }

    /// Takes in steps that belong together.
    pub(crate) fn push(&mut self, steps: Vec<Step>) {
        self.push_if(Vec::new(), steps);
    }

    fn push_if(&mut self, only_if: Vec<Condition>, steps: Vec<Step>) {
        for step in &steps {
            let record = step.change.record();
            match &step.change {
                Change::Delete(_) => drop(self.leaving.insert(record.key.clone())),
                Change::Create(_) | Change::Replace { .. } => {
                    self.coming.insert((record.name().clone(), record.rtype()), record.ttl);
                }
            }
            if let Change::Replace { old, .. } = &step.change {
                self.leaving.insert(old.key.clone());
            }
            self.planned.insert(record.key.clone());
        }
        self.groups.push(StepGroup { only_if, steps });
    }

    /// Notes what needs no change or can have none.
    pub(crate) fn settle(&mut self, outcome: Outcome) {
        self.settled.push(outcome);
    }

    /// Notes that a change is refused, and why.
    pub(crate) fn refuse(&mut self, mut step: Step, why: String) {
        step.notes.push(why);
        self.settle(Outcome::of(&step, Fate::Refused));
    }

    /// Takes in a step, or notes that it is refused: because what it touches carries another tool's mark, or cannot be changed.
    pub(crate) fn ask_unless_theirs(&mut self, mut step: Step, marks: &Marks) {
        if let Some(why) = theirs(&step.change, marks).or_else(|| self.refusal(&step.change, &BTreeSet::new())) {
            return self.refuse(step, why);
        }
        if let Change::Create(record) = &step.change {
            step.notes.extend(self.beside(record));
        }
        self.push(vec![step]);
    }

    /// Takes in steps that belong together and are made only under these conditions, or notes that they are refused, all of them: because
    /// what one of them touches carries another tool's mark, or cannot be changed.
    pub(crate) fn ask_together(&mut self, only_if: Vec<Condition>, steps: Vec<Step>, marks: &Marks) {
        let taken_away = |step: &Step| match &step.change {
            Change::Create(_) => None,
            Change::Delete(old) | Change::Replace { old, .. } => Some(old.key.clone()),
        };
        let leaving = steps.iter().filter_map(taken_away).collect();
        let refusal = |step: &Step| theirs(&step.change, marks).or_else(|| self.refusal(&step.change, &leaving));
        match steps.iter().find_map(refusal) {
            Some(why) => steps.into_iter().for_each(|step| self.refuse(step, why.clone())),
            None => self.push_if(only_if, steps),
        }
    }

    /// Returns why a change cannot be asked for, if so; `leaving` goes together with it.
    pub(crate) fn refusal(&self, change: &Change, leaving: &BTreeSet<RecordKey>) -> Option<String> {
        let (provider, capabilities) = (self.provider.id(), self.provider.capabilities());
        let taken_away = match change {
            Change::Create(_) => None,
            Change::Delete(old) | Change::Replace { old, .. } => untouchable(&old.key, provider, capabilities),
        };
        let made = match change {
            Change::Delete(_) => None,
            Change::Create(new) | Change::Replace { new, .. } => {
                self.check(new).err().or_else(|| self.in_the_way(new, leaving))
            }
        };
        taken_away.or(made).or_else(|| self.provider.objection(change))
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

    /// Returns what excludes the record at its name, other than what is leaving.
    fn in_the_way(&self, wanted: &Record, leaving: &BTreeSet<RecordKey>) -> Option<String> {
        let rtype = wanted.rtype();
        let opaque = |entry: &&crate::record_set::Opaque| {
            let excludes = |own: &RecordType| self.conflict(wanted.name(), own, &rtype);
            entry.occupies(wanted.name(), &rtype)
                || entry.name.as_ref() == Some(wanted.name()) && entry.rtype.as_ref().is_some_and(excludes)
        };
        if let Some(entry) = self.before.opaque.iter().find(opaque) {
            return Some(format!("the name is taken by {} ({}), which dnsmgmt leaves alone", entry.text, entry.why));
        }
        let in_the_way = |other: &&Record| {
            exclude(self.provider, other, wanted)
                && other.key != wanted.key
                && !leaving.contains(&other.key)
                && !self.leaving.contains(&other.key)
        };
        if let Some(other) = self.before.records.at(wanted.name()).iter().find(in_the_way) {
            let others = if other.rtype() == rtype { "other " } else { "" };
            let advice = untouchable(&other.key, self.provider.id(), self.provider.capabilities());
            let advice = advice.unwrap_or_else(|| "delete it first, or use `update`".into());
            return Some(format!("{other} excludes {others}{rtype} records at the same name; {advice}"));
        }
        let of_name = (wanted.name().clone(), RecordType::A)..;
        let mut coming = self.coming.range(of_name).map(|(key, _)| key).take_while(|(name, _)| name == wanted.name());
        let (_, other) = coming.find(|(name, other)| self.conflict(name, other, &rtype))?;
        let by = self.wanted_by(wanted.name(), other).unwrap_or_default();
        Some(format!("the {other} record asked for together with it{by} excludes {rtype} records at the same name"))
    }

    /// Returns who wants what the plan creates at that name and type, where that is known.
    fn wanted_by(&self, name: &Name, rtype: &RecordType) -> Option<String> {
        let is_there = |step: &&Step| {
            let record = step.change.record();
            !matches!(step.change, Change::Delete(_)) && record.name() == name && record.rtype() == *rtype
        };
        let steps = self.groups.iter().flat_map(|group| &group.steps).filter(is_there);
        let origins: BTreeSet<&str> = steps.flat_map(|step| &step.origins).map(Origin::as_str).collect();
        let origins = origins.into_iter().collect::<Vec<_>>().join(", ");
        (!origins.is_empty()).then(|| format!(" (wanted by {origins})"))
    }

    /// Returns whether records of these types cannot stand at one name here.
    pub(crate) fn conflict(&self, name: &Name, left: &RecordType, right: &RecordType) -> bool {
        self.provider.capabilities().conflict(name, self.provider.id().zone_name(), left, right)
    }

    /// Says beside how many values a new one will stand, and names the first ones.
    pub(crate) fn beside(&self, record: &Record) -> Option<String> {
        let rtype = record.rtype();
        let value = |sibling: &Record| match self.ours.contains(&sibling.key) {
            true => format!("{} (ours)", sibling.key.data),
            false => sibling.key.data.to_string(),
        };
        let mut values: Vec<String> = self.before.records.rrset(record.name(), &rtype).map(value).collect();
        let more = values.len().saturating_sub(NAMED);
        values.truncate(NAMED);
        let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!values.is_empty()).then(|| format!("stands beside {}{and_more}", values.join(", ")))
    }
}

/// Returns why the change would touch what carries another tool's mark, if so.
pub(crate) fn theirs(change: &Change, marks: &Marks) -> Option<String> {
    let (old, new) = match change {
        Change::Create(new) => (None, Some(new)),
        Change::Delete(old) => (Some(old), None),
        Change::Replace { old, new } => (Some(old), Some(new)),
    };
    let of_old = old.and_then(|record| marks.mark_of(record));
    let of_new = new.and_then(|record| marks.mark_at(record.name(), &record.rtype()).cloned());
    let mark = of_old.or(of_new)?;
    Some(format!("it carries the mark of {mark}, so it is left alone"))
}
