//! The clean-up of what is marked as an orphan.

use std::time::Duration;

use jiff::SignedDuration;

use super::{End, ReconcileError, Reconciled, Run, carry_out};
use crate::brake::{Brake, Waiting};
use crate::moment::Look;
use crate::plan::ApprovedPlan;
use crate::preserved::Preserved;
use crate::provider::{DnsProvider, ProviderId};
use crate::record::RecordKey;
use crate::record_set::{Listing, Scope};
use crate::repository::{DnsRepositoryManager, RepositoryError};
use crate::stale::{Decision, Evidence, is_due, orphans};
use crate::tracked::{OrphanReason, TrackedRecord};

/// The job, as its looks are known in the database.
const JOB: &str = "orphans";

/// How a zone is cleaned up.
#[derive(Debug, Clone, Copy)]
pub struct Cleaning<'a> {
    /// Names whose records stay, wanted or not.
    pub preserved: &'a Preserved,
    /// For how long a record must have been an orphan, in observed running time.
    pub grace: Duration,
    /// How far apart runs are, where the configuration says so.
    pub interval: Option<Duration>,
    /// What holds a plan that deletes too much.
    pub brake: &'a Brake,
    /// How long the journal is kept.
    pub journal_keep: Duration,
}

/// Returns whether the grace of any orphan in the zone is over. Where none is, the provider need not be asked: then the caller, who
/// holds the provider's lock, lets the look be `written`, so that the time counts.
pub fn orphans_are_due(
    repository: &mut DnsRepositoryManager,
    zone: &ProviderId,
    cleaning: Cleaning<'_>,
    run: Run<'_>,
    written: bool,
) -> Result<bool, RepositoryError> {
    let moment = (run.clock)();
    let look = repository.peek_look_beside(zone, JOB, &moment, cleaning.interval)?;
    let tracked = repository.get_managed_records(zone, look.observed)?;
    let is_due = is_due(cleaning.evidence(&tracked));
    if written && !is_due {
        repository.look_beside(zone, JOB, &moment, cleaning.interval)?;
    }
    Ok(is_due)
}

/// Decides what a clean-up of the zone would do; `listing` is all of it. Nothing but the cache is written.
pub fn preview_orphans(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    listing: Listing,
    cleaning: Cleaning<'_>,
    run: Run<'_>,
) -> Result<Reconciled<Decision>, RepositoryError> {
    let id = provider.id();
    let moment = (run.clock)();
    repository.refresh(id, &Scope::Zone, &listing, moment.now)?;
    let look = repository.peek_look_beside(id, JOB, &moment, cleaning.interval)?;
    let tracked = repository.get_managed_records(id, look.observed)?;
    let decision = orphans(provider, listing, cleaning.evidence(&tracked));
    let waiting = repository.held_at(id)?;
    let held = cleaning.brake.approve_beside(decision.plan.clone(), decision.claims, waiting.as_ref()).err();
    Ok(Reconciled { decision, settled: Vec::new(), end: End::Previewed(held) })
}

/// Deletes what is ours and has been marked as unwanted for the whole grace, and forgets what is gone. `listing` is all of the zone, as
/// [`list`](super::list) returned it to the caller, who holds the provider's lock since before.
pub async fn clean_orphans(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    listing: Listing,
    cleaning: Cleaning<'_>,
    run: Run<'_>,
) -> Result<Reconciled<Decision>, ReconcileError> {
    let id = provider.id();
    let moment = (run.clock)();
    let settled = repository.settle_by_looking(id, &Scope::Zone, &listing, moment.now)?;
    let look: Look = repository.look_beside(id, JOB, &moment, cleaning.interval)?;
    repository.synchronize(id, &listing, moment.now)?;
    let tracked = repository.get_managed_records(id, look.observed)?;
    let decision = orphans(provider, listing, cleaning.evidence(&tracked));
    repository.bookkeep(id, &decision.bookkeeping, moment.now, &look)?;
    repository.prune(moment.now, SignedDuration::try_from(cleaning.journal_keep).unwrap_or(SignedDuration::MAX))?;
    let waiting = repository.held_at(id)?;
    let end = match cleaning.brake.approve_beside(decision.plan.clone(), decision.claims, waiting.as_ref()) {
        Ok(plan) => {
            if waiting.is_some_and(|waiting| is_over(&waiting, &plan, &tracked)) {
                repository.release_held(id)?;
            }
            End::CarriedOut(Box::new(carry_out(repository, provider, plan, run).await?))
        }
        Err(held) => {
            if waiting.is_none_or(|waiting| waiting.id != held.id) {
                let deletions = held.plan.deletions().map(|step| (&step.change.record().key, step.reason.as_str()));
                repository.hold(&held.id.to_string(), id, deletions, moment.now)?;
            }
            End::Held(held)
        }
    };
    Ok(Reconciled { decision, settled, end })
}

/// Returns whether nothing of what was held waits any more: it is approved, or no orphan. What another job's brake holds stays held where
/// this plan has nothing to do with it.
fn is_over(waiting: &Waiting, plan: &ApprovedPlan, tracked: &[TrackedRecord]) -> bool {
    let waits = |key: &RecordKey| waiting.deletions.contains(key);
    let is_orphan =
        |tracked: &&TrackedRecord| tracked.orphaned.is_some_and(|orphaned| orphaned.reason == OrphanReason::Unwanted);
    plan.plan().deletions().any(|step| waits(&step.change.record().key))
        || !tracked.iter().filter(is_orphan).any(|orphan| waits(&orphan.record.key))
}

impl<'a> Cleaning<'a> {
    fn evidence(self, tracked: &'a [TrackedRecord]) -> Evidence<'a> {
        Evidence { tracked, preserved: self.preserved, grace: self.grace }
    }
}
