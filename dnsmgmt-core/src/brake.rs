//! Whether a plan deletes so much that a person should look at it first.

use std::collections::BTreeSet;

use crate::plan::{ApprovedPlan, Plan, PlanId};
use crate::provider::ProviderId;
use crate::record::RecordKey;

/// From how many deletions on a plan can be held at all.
const FEWEST: usize = 5;

/// When a plan is held, measured on what its job could delete: never on what the zone holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brake {
    /// How many of a hundred claims may go in one run.
    pub max_delete: u8,
    /// Whether a person lifted the brake for this run.
    pub force: bool,
    /// The plan that a person approved.
    pub approved: Option<Approved>,
}

/// A plan that was held and that a person approved since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// Its id.
    pub id: PlanId,
    /// What it was to delete in each zone, where that is remembered: the plan of a dry run is not.
    pub deletions: BTreeSet<(ProviderId, RecordKey)>,
}

impl Brake {
    /// The share where nothing else is said.
    pub const MAX_DELETE: u8 = 30;

    /// Approves a plan, or holds it. `claims` is how many claims its job could delete at that provider and zone.
    ///
    /// Of a plan that was held and is approved, only those deletions are approved that were in it then; the others are reported as not
    /// tried. Another zone's plan is not approved by it.
    pub fn approve(&self, plan: Plan, claims: usize) -> Result<ApprovedPlan, Box<Held>> {
        let deletions = plan.losses();
        if self.force || !is_too_much(deletions, claims, self.max_delete) {
            return Ok(ApprovedPlan::by_the_brake(plan));
        }
        match &self.approved {
            Some(approved) if approved.id == plan.id() => Ok(ApprovedPlan::by_the_brake(plan)),
            Some(Approved { deletions, .. }) if deletions.iter().any(|(zone, _)| zone == plan.provider()) => {
                let zone = plan.provider().clone();
                let plan = plan.keep_deletions(|key| deletions.contains(&(zone.clone(), key.clone())));
                Ok(ApprovedPlan::by_the_brake(plan))
            }
            _ => Err(Box::new(Held {
                id: plan.id(),
                deletions,
                claims,
                max_delete: self.max_delete,
                is_known: false,
                plan,
            })),
        }
    }
}

impl Brake {
    /// Approves a plan, or where it is held what is left of it without its deletions.
    pub fn approve_in_part(&self, plan: Plan, claims: usize) -> (ApprovedPlan, Option<Box<Held>>) {
        match self.approve(plan, claims) {
            Ok(plan) => (plan, None),
            Err(held) => (ApprovedPlan::by_the_brake(held.plan.clone().keep_deletions(|_| false)), Some(held)),
        }
    }
}

/// Deletions that wait for a person since an earlier run, of whatever job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The id of their plan.
    pub id: PlanId,
    /// What it was to delete.
    pub deletions: BTreeSet<RecordKey>,
    /// Why, as the reasons are printed.
    pub reasons: BTreeSet<String>,
}

impl Waiting {
    /// Returns whether a plan deletes some of what waits.
    pub fn overlaps(&self, plan: &Plan) -> bool {
        plan.deletions().any(|step| self.deletions.contains(&step.change.record().key))
    }
}

impl Brake {
    /// Approves a plan as [`approve`](Self::approve) does, but for one that deletes what waits for a person already: what one job's brake
    /// holds is not to be deleted by another's. Such a plan is held under the id of one that waits: of one that has all of its
    /// deletions, else of any, unless it deletes too much by itself.
    pub fn approve_beside(&self, plan: Plan, claims: usize, waiting: &[Waiting]) -> Result<ApprovedPlan, Box<Held>> {
        let is_approved = |id: PlanId| self.force || self.approved.as_ref().is_some_and(|approved| approved.id == id);
        let beside: Vec<&Waiting> =
            waiting.iter().filter(|waiting| !is_approved(waiting.id) && waiting.overlaps(&plan)).collect();
        let Some(any) = beside.first().filter(|_| !is_approved(plan.id())) else {
            return self.approve(plan, claims);
        };
        let deletions = plan.losses();
        let has_all =
            |waiting: &&&Waiting| plan.deletions().all(|step| waiting.deletions.contains(&step.change.record().key));
        let id = match beside.iter().find(has_all) {
            Some(waiting) => waiting.id,
            None if is_too_much(deletions, claims, self.max_delete) => plan.id(),
            None => any.id,
        };
        Err(Box::new(Held { id, deletions, claims, max_delete: self.max_delete, is_known: false, plan }))
    }
}

/// A plan that waits for a person.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its id, by which it can be approved.
    pub id: PlanId,
    /// How many claims it would delete; an address and its heartbeats are one. Where leases end, how many machines would lose some.
    pub deletions: usize,
    /// Of how many.
    pub claims: usize,
    /// How many of a hundred may go.
    pub max_delete: u8,
    /// Whether it waits since an earlier run, so that whoever reads what runs say knows what is in it.
    pub is_known: bool,
    /// The plan.
    pub plan: Plan,
}

/// Returns whether so many of so many are at least five and more than the share.
pub(crate) fn is_too_much(some: usize, all: usize, percent: u8) -> bool {
    some >= FEWEST && some.saturating_mul(100) > all.saturating_mul(usize::from(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_never_too_much_and_a_share_is() {
        assert!(!is_too_much(0, 0, 30));
        assert!(!is_too_much(4, 4, 30));
        assert!(is_too_much(5, 5, 30));
        assert!(!is_too_much(5, 17, 30));
        assert!(!is_too_much(30, 100, 30), "the share itself is allowed");
        assert!(is_too_much(31, 100, 30));
        assert!(is_too_much(5, 1000, 0));
        assert!(!is_too_much(1000, 1000, 100));
    }
}
