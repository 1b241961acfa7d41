//! What becomes of a record of ours that nobody wants any more: it waits for its grace, and goes.

use std::time::Duration;

use crate::plan::{Claim, Reason, Step};
use crate::preserved::Preserved;
use crate::provider::Change;
use crate::record::Record;
use crate::tracked::{OrphanReason, TrackedRecord};

/// What an unwanted record is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grace<'a> {
    /// Names whose records stay, wanted or not.
    pub(crate) preserved: &'a Preserved,
    /// For how long a record must have been unwanted before it is deleted, in observed running time.
    pub(crate) grace: Duration,
    /// Whether anything may be deleted.
    pub(crate) delete: bool,
    /// Whether this run looks at the sources itself. One that does not goes by what the last look at them confirmed.
    pub(crate) looks: bool,
}

/// What becomes of an unwanted record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lot {
    /// It stays as it is remembered.
    Stays,
    /// Its mark goes: its name is preserved.
    IsPreserved,
    /// Its grace is not over, or nothing may be deleted: so much is left of it.
    Waits(Record, Duration),
    /// It is deleted.
    Goes(Box<Step>),
    /// The provider does not hold it: it is only forgotten.
    IsForgotten,
}

impl Grace<'_> {
    /// Decides about a record that nobody wants, which the provider holds as `listed`.
    pub(crate) fn lot(&self, tracked: &TrackedRecord, listed: Option<&Record>) -> Lot {
        let unwanted = tracked.orphaned.filter(|orphaned| orphaned.reason == OrphanReason::Unwanted);
        let is_preserved = self.preserved.covers(tracked.record.name());
        match listed {
            None if is_preserved => Lot::Stays,
            None if tracked.orphaned.is_some_and(|orphaned| orphaned.age >= self.grace) => Lot::IsForgotten,
            None => Lot::Stays,
            Some(_) if is_preserved && unwanted.is_some() => Lot::IsPreserved,
            Some(_) if is_preserved => Lot::Stays,
            Some(listed) => {
                let age = unwanted.map_or(Duration::ZERO, |mark| if self.looks { mark.age } else { mark.confirmed });
                if age < self.grace || !self.delete {
                    return Lot::Waits(listed.clone(), self.grace.saturating_sub(age));
                }
                Lot::Goes(Box::new(Step {
                    change: Change::Delete(listed.clone()),
                    claim: tracked.claim.unwrap_or(Claim::Created),
                    reason: Reason::Unwanted,
                    origins: tracked.origins.clone(),
                    notes: Vec::new(),
                }))
            }
        }
    }
}
