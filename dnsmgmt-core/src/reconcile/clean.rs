//! A clean-up: what every job that removes stale records does around its decision.

use std::time::Duration;

use jiff::SignedDuration;

use super::{End, ReconcileError, Reconciled, Run, carry_out_or_hold};
use crate::brake::{Brake, Waiting};
use crate::plan::Plan;
use crate::provider::{DnsProvider, ProviderId};
use crate::record_set::{Listing, Scope};
use crate::repository::{DnsRepositoryManager, RepositoryError};
use crate::stale::{Decision, Job};
use crate::tracked::TrackedRecord;

/// How a zone is cleaned up.
#[derive(Debug, Clone, Copy)]
pub struct Cleaning<'a> {
    /// The job.
    pub job: Job,
    /// How far apart runs are, where the configuration says so.
    pub interval: Option<Duration>,
    /// What holds a plan that deletes too much.
    pub brake: &'a Brake,
    /// How long the journal is kept.
    pub journal_keep: Duration,
}

/// Returns whether there may be something to do in the zone, as `is_due` tells from what is remembered of it. Where there is nothing,
/// the provider need not be asked: then the caller, who holds the provider's lock, lets the look be `written`, so that the time counts.
pub fn is_due(
    repository: &mut DnsRepositoryManager,
    zone: &ProviderId,
    cleaning: Cleaning<'_>,
    run: Run<'_>,
    written: bool,
    is_due: impl FnOnce(&DnsRepositoryManager, &[TrackedRecord]) -> Result<bool, RepositoryError>,
) -> Result<bool, RepositoryError> {
    let moment = (run.clock)();
    let look = repository.look_beside(zone, cleaning.job.as_str(), &moment, cleaning.interval, false)?;
    let is_due = is_due(repository, &repository.get_managed_records(zone, look.observed)?)?;
    if written && !is_due {
        repository.look_beside(zone, cleaning.job.as_str(), &moment, cleaning.interval, true)?;
    }
    Ok(is_due)
}

/// Decides what a clean-up of the zone would do; `listing` is all of it. Nothing but the cache is written.
pub fn preview_clean(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    listing: Listing,
    cleaning: Cleaning<'_>,
    run: Run<'_>,
    decide: impl FnOnce(Listing, &[TrackedRecord]) -> Decision,
) -> Result<Reconciled<Decision>, RepositoryError> {
    let id = provider.id();
    let moment = (run.clock)();
    repository.refresh(id, &Scope::Zone, &listing, moment.now)?;
    let look = repository.look_beside(id, cleaning.job.as_str(), &moment, cleaning.interval, false)?;
    let decision = decide(listing, &repository.get_managed_records(id, look.observed)?);
    let waiting = repository.held_at(id)?;
    let held = cleaning.brake.approve_beside(decision.plan.clone(), decision.claims, &waiting).err();
    Ok(Reconciled { decision, settled: Vec::new(), end: End::Previewed(held) })
}

/// Cleans up a zone as `decide` says. `listing` is all of it, as [`list`](super::list) returned it to the caller, who holds the
/// provider's lock since before.
pub async fn clean(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    listing: Listing,
    cleaning: Cleaning<'_>,
    run: Run<'_>,
    decide: impl FnOnce(Listing, &[TrackedRecord]) -> Decision,
) -> Result<Reconciled<Decision>, ReconcileError> {
    let id = provider.id();
    let moment = (run.clock)();
    let settled = repository.settle_by_looking(id, &Scope::Zone, &listing, moment.now)?;
    let look = repository.look_beside(id, cleaning.job.as_str(), &moment, cleaning.interval, true)?;
    repository.synchronize(id, &listing, moment.now)?;
    let decision = decide(listing, &repository.get_managed_records(id, look.observed)?);
    repository.bookkeep(id, &decision.bookkeeping, moment.now, &look)?;
    repository.prune(moment.now, SignedDuration::try_from(cleaning.journal_keep).unwrap_or(SignedDuration::MAX))?;
    let waiting = repository.held_at(id)?;
    let approved = cleaning.brake.approve_beside(decision.plan.clone(), decision.claims, &waiting);
    let is_over = |waiting: &Waiting, plan: &Plan| is_over(waiting, plan, &decision, cleaning.job);
    let end = carry_out_or_hold(repository, provider, approved, is_over, run).await?;
    Ok(Reconciled { decision, settled, end })
}

/// Returns whether nothing of what was held waits any more: some of it is approved, or this job, which would delete it, does not find it
/// stale. What another job's brake holds stays held where this plan has nothing to do with it.
fn is_over(waiting: &Waiting, plan: &Plan, decision: &Decision, job: Job) -> bool {
    let is_this_jobs = || waiting.reasons.iter().all(|reason| reason == job.reason().as_str());
    let waits = || decision.waiting.iter().any(|(record, _)| waiting.deletions.contains(&record.key));
    waiting.overlaps(plan) || is_this_jobs() && !waits()
}
