//! The reference model: what is ours, who wants it, what is marked, and what is open, in plain maps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Step;
use dnsmgmt_core::provider::Change;
use dnsmgmt_core::record::RecordKey;
use dnsmgmt_core::record_set::RecordSet;
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::tracked::OrphanReason;

/// A record of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) origins: BTreeSet<Origin>,
    /// Why it is marked, and for how long its zone had been observed then.
    pub(crate) mark: Option<(OrphanReason, Duration)>,
}

/// A change that was written down and is not settled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Open {
    pub(crate) change: Change,
    pub(crate) origins: BTreeSet<Origin>,
    pub(crate) fate: Option<Fate>,
}

/// What is ours, and what is open.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub(crate) ours: BTreeMap<RecordKey, Claim>,
    pub(crate) open: Vec<Open>,
}

/// What a synchronisation read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// The origins that were read.
    pub(crate) read: &'a BTreeSet<Origin>,
    /// Who of them wants what.
    pub(crate) wanted: &'a BTreeMap<RecordKey, BTreeSet<Origin>>,
    pub(crate) listed: &'a RecordSet,
    pub(crate) observed: Duration,
    pub(crate) grace: Duration,
    pub(crate) is_preserved: &'a dyn Fn(&RecordKey) -> bool,
    /// What the plan replaces.
    pub(crate) superseded: &'a BTreeSet<RecordKey>,
}

impl Claims {
    /// Marks what the listing lacks, and unmarks what is back.
    pub(crate) fn compare(&mut self, listed: &RecordSet, observed: Duration) {
        for (key, claim) in &mut self.ours {
            match (claim.mark, listed.contains(key)) {
                (None, false) => claim.mark = Some((OrphanReason::Gone, observed)),
                (Some((OrphanReason::Gone, _)), true) => claim.mark = None,
                _ => {}
            }
        }
    }

    /// Returns which of ours nobody wants any more, as far as that can be said: every origin was read and none wants it.
    pub(crate) fn unwanted(&self, reading: &Reading<'_>) -> BTreeSet<RecordKey> {
        let is_unwanted = |(key, claim): &(&RecordKey, &Claim)| {
            !reading.wanted.contains_key(key)
                && !claim.origins.is_empty()
                && claim.origins.is_subset(reading.read)
                && !(reading.is_preserved)(key)
        };
        self.ours.iter().filter(is_unwanted).map(|(key, _)| key.clone()).collect()
    }

    /// Returns what is to be deleted because nobody has wanted it for the whole grace.
    pub(crate) fn overdue(&self, reading: &Reading<'_>) -> BTreeSet<RecordKey> {
        let mut unwanted = self.unwanted(reading);
        unwanted.retain(|key| {
            let since = match self.ours[key].mark {
                Some((OrphanReason::Unwanted, since)) => since,
                _ => reading.observed,
            };
            reading.listed.contains(key)
                && !reading.superseded.contains(key)
                && reading.observed.saturating_sub(since) >= reading.grace
        });
        unwanted
    }

    /// Remembers what a synchronisation learned from its sources.
    pub(crate) fn learn(&mut self, reading: &Reading<'_>) {
        let unwanted = self.unwanted(reading);
        let mut forgotten = Vec::new();
        for (key, claim) in &mut self.ours {
            let is_listed = reading.listed.contains(key);
            if let Some(wanting) = reading.wanted.get(key) {
                claim.origins.retain(|origin| !reading.read.contains(origin) || wanting.contains(origin));
                claim.join(&wanting.difference(&claim.origins).cloned().collect());
                claim.unmark();
            } else if unwanted.contains(key) {
                match claim.mark {
                    Some((_, since)) if !is_listed && reading.observed.saturating_sub(since) >= reading.grace => {
                        forgotten.push(key.clone());
                    }
                    Some((OrphanReason::Unwanted, _)) => {}
                    _ if is_listed && !reading.superseded.contains(key) => {
                        claim.mark = Some((OrphanReason::Unwanted, reading.observed));
                    }
                    _ => {}
                }
            } else if claim.origins.iter().any(|origin| !reading.read.contains(origin)) {
                claim.origins.retain(|origin| !reading.read.contains(origin));
            } else if (reading.is_preserved)(key) && !claim.origins.is_empty() {
                claim.unmark();
            }
        }
        forgotten.iter().for_each(|key| drop(self.ours.remove(key)));
    }

    /// Follows the fates of steps that were asked for.
    pub(crate) fn follow_steps<'s>(&mut self, steps: impl Iterator<Item = (&'s Step, Fate)>) {
        for (step, fate) in steps {
            let open = self.intended(step);
            self.follow(&open, fate);
            if !is_final(fate) {
                self.open.push(Open { fate: Some(fate), ..open });
            }
        }
    }

    /// Returns a step as the journal holds it before it is asked for.
    pub(crate) fn intended(&self, step: &Step) -> Open {
        let of_ours = |key| self.ours.get(key).map(|claim| claim.origins.clone()).unwrap_or_default();
        let origins = match &step.change {
            Change::Delete(record) => of_ours(&record.key),
            Change::Create(_) | Change::Replace { .. } => step.origins.clone(),
        };
        Open { change: step.change.clone(), origins, fate: None }
    }

    /// Follows what a later look said of what was open. What nobody knows to have been asked for, and is there with other attributes, is
    /// another's.
    pub(crate) fn settle(&mut self, fates: &[Fate], listed: &RecordSet) {
        let open = std::mem::take(&mut self.open);
        for (open, fate) in open.iter().zip(fates) {
            let has_ttl = listed.get(&open.change.record().key).is_some_and(|there| there.ttl.is_some());
            let is_unknown = matches!(open.fate, None | Some(Fate::Unconfirmed));
            if !(*fate == Fate::Differs && is_unknown && has_ttl) {
                self.follow(open, *fate);
            }
        }
    }

    fn follow(&mut self, open: &Open, fate: Fate) {
        let made = |fate: Fate| match &open.change {
            Change::Create(new) => matches!(fate, Fate::Present | Fate::Differs).then_some(&new.key),
            Change::Replace { old, new } if old.key != new.key => {
                matches!(fate, Fate::Present | Fate::Differs | Fate::StillThere).then_some(&new.key)
            }
            Change::Replace { .. } | Change::Delete(_) => None,
        };
        let was_made = open.fate.is_some_and(|before| made(before).is_some());
        if let Some(key) = made(fate).filter(|_| !was_made) {
            let claim = self.ours.entry(key.clone()).or_default();
            claim.join(&open.origins);
            if !open.origins.is_empty() {
                claim.mark = None;
            }
        }
        match &open.change {
            Change::Delete(old) if matches!(fate, Fate::Gone | Fate::AlreadyGone) => drop(self.ours.remove(&old.key)),
            Change::Replace { old, new }
                if old.key != new.key && matches!(fate, Fate::Present | Fate::AlreadyPresent) =>
            {
                self.ours.remove(&old.key);
            }
            _ => {}
        }
    }
}

impl Claim {
    /// A source takes the place of an adoption.
    fn join(&mut self, origins: &BTreeSet<Origin>) {
        if origins.iter().any(|origin| !origin.is_a_person()) {
            self.origins.remove(&Origin::adopted());
        }
        self.origins.extend(origins.iter().cloned());
    }

    fn unmark(&mut self) {
        self.mark = self.mark.filter(|(reason, _)| *reason != OrphanReason::Unwanted);
    }
}

fn is_final(fate: Fate) -> bool {
    !matches!(fate, Fate::StillThere | Fate::StillMissing | Fate::Differs | Fate::Unconfirmed)
}
