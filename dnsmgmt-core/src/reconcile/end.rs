//! The clean-up of leases that are over.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{End, ReconcileError, Reconciled, Run, carry_out_or_hold, list};
use crate::brake::{Brake, Waiting};
use crate::condition::holds;
use crate::heartbeat::Member;
use crate::lease::{Lease, Memory, TOLERANCE, Term, leases, memory};
use crate::moment::{Look, Moment};
use crate::name::Name;
use crate::observe::observe;
use crate::plan::{Plan, StepGroup};
use crate::preserved::Preserved;
use crate::provider::{Change, DnsProvider, ListingSupport};
use crate::record_set::{Listing, Scope};
use crate::repository::{DnsRepositoryManager, RepositoryError};
use crate::stale::Job;
use crate::stale::leases::{LeaseDecision, LeaseEvidence, expired};

/// How old a listing may be when the first deletion is asked for.
const RECENT: Duration = Duration::from_secs(10);

/// How the leases of a zone are ended.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// The names whose addresses are leased.
    pub domains: &'a BTreeSet<Name>,
    /// Those of them at which every address is ours, also one that never had a heartbeat.
    pub whole: &'a BTreeSet<Name>,
    /// How long a lease lasts after its last heartbeat, and for how long it must have been seen unchanged.
    pub threshold: Duration,
    /// How far apart runs are, where the configuration says so.
    pub interval: Option<Duration>,
    /// Names whose records stay.
    pub preserved: &'a Preserved,
    /// Whether the last address of a name stays.
    pub keep_last_member: bool,
    /// What holds a plan that deletes too much.
    pub brake: &'a Brake,
    /// How long the journal is kept.
    pub journal_keep: Duration,
}

/// The leases of a zone as a run saw them.
#[derive(Debug)]
pub struct SeenLeases {
    /// When the listing began.
    since: Moment,
    scope: Scope,
    listing: Listing,
    /// In the order of names and addresses.
    pub leases: Vec<Lease>,
    /// How they are judged.
    pub term: Term,
    before: Memory,
    after: Memory,
}

/// Looks at the leases of a zone. Nothing is written but the cache, and for how long the zone has been looked at where that is to be
/// `written`: until the deletions begin a job can be given up.
pub async fn see_leases(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    ending: Ending<'_>,
    run: Run<'_>,
    written: bool,
) -> Result<SeenLeases, ReconcileError> {
    let id = provider.id();
    let since = (run.clock)();
    let before = repository.leases(id)?;
    let (scope, listing) = list_leases(repository, provider, ending.domains, &before, run).await?;
    let moment = (run.clock)();
    if let Some(theirs) = listing.provider_time.filter(|theirs| is_off(*theirs, since.now, moment.now)) {
        return Err(ReconcileError::Clock { provider: id.clone(), theirs, ours: moment.now });
    }
    repository.refresh(id, &scope, &listing, moment.now)?;
    let Look { observed, .. } = repository.look_at_leases(id, &moment, ending.interval, written)?;
    let is_meant = |name: &Name| ending.domains.contains(name);
    let is_whole = |name: &Name| ending.whole.contains(name);
    let term = Term { threshold: ending.threshold, now: moment.now };
    let leases = leases(&listing, &is_meant, &is_whole, &before, observed, term);
    let after = memory(&leases, before.clone(), &is_meant, observed);
    Ok(SeenLeases { since, scope, listing, leases, term, before, after })
}

/// Decides which leases of a zone are over. Nothing is written.
pub fn preview_leases(
    repository: &DnsRepositoryManager,
    provider: &dyn DnsProvider,
    seen: &SeenLeases,
    ending: Ending<'_>,
) -> Result<Reconciled<LeaseDecision>, RepositoryError> {
    let decision = ending.decide(provider, seen);
    let waiting = repository.held_at(provider.id())?;
    let held = ending.brake.approve_beside(decision.plan.clone(), decision.claims, &waiting).err();
    Ok(Reconciled { decision, settled: Vec::new(), end: End::Previewed(held) })
}

/// Deletes the addresses of a zone whose leases are over, with their heartbeats, and heartbeats that keep nothing. The caller has held the
/// provider's lock since before they were `seen`.
///
/// What an earlier run saw is the first look, what this one saw the second: if the deletions do not begin within 10 seconds of it, their
/// names are listed again.
pub async fn end_leases(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    seen: &SeenLeases,
    ending: Ending<'_>,
    run: Run<'_>,
) -> Result<Reconciled<LeaseDecision>, ReconcileError> {
    let id = provider.id();
    let now = run.now();
    let settled = repository.settle_by_looking(id, &seen.scope, &seen.listing, now)?;
    repository.remember_leases(id, &seen.before, &seen.after)?;
    repository.prune(now, SignedDuration::try_from(ending.journal_keep).unwrap_or(SignedDuration::MAX))?;
    let mut decision = ending.decide(provider, seen);
    if !decision.plan.is_empty() && is_old(&seen.since, &(run.clock)()) {
        decision.plan = look_again(provider, decision.plan, run).await?;
    }
    let waiting = repository.held_at(id)?;
    let approved = ending.brake.approve_beside(decision.plan.clone(), decision.claims, &waiting);
    // What was held of this job and is not in its plan any more is over too: it lives.
    let is_over = |waiting: &Waiting, plan: &Plan| {
        waiting.overlaps(plan) || waiting.reasons.iter().all(|reason| reason == Job::Leases.reason().as_str())
    };
    let end = carry_out_or_hold(repository, provider, approved, is_over, run).await?;
    Ok(Reconciled { decision, settled, end })
}

impl Ending<'_> {
    fn decide(&self, provider: &dyn DnsProvider, seen: &SeenLeases) -> LeaseDecision {
        let evidence = LeaseEvidence {
            leases: &seen.leases,
            term: seen.term,
            preserved: self.preserved,
            keep_last_member: self.keep_last_member,
        };
        expired(provider, seen.scope.clone(), seen.listing.clone(), evidence)
    }
}

/// Lists the zone; where only names can be listed, the domains, and the heartbeats of the addresses that are there or were.
async fn list_leases(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    domains: &BTreeSet<Name>,
    before: &Memory,
    run: Run<'_>,
) -> Result<(Scope, Listing), ReconcileError> {
    if provider.capabilities().listing == ListingSupport::Zone {
        return Ok((Scope::Zone, list(repository, provider, &Scope::Zone, run).await?));
    }
    let heartbeat = |member: &Member| member.heartbeat_name().ok();
    let known = before.keys().filter(|member| domains.contains(&member.domain)).filter_map(heartbeat);
    let mut names: BTreeSet<Name> = domains.iter().cloned().chain(known).collect();
    loop {
        let scope = Scope::Names(names.clone());
        let listing = list(repository, provider, &scope, run).await?;
        let there = listing.records.iter().filter_map(Member::of).filter(|member| domains.contains(&member.domain));
        let count = names.len();
        names.extend(there.filter_map(|member| heartbeat(&member)));
        if names.len() == count {
            return Ok((scope, listing));
        }
    }
}

/// Leaves out of a plan what a listing of its names shows to be otherwise by now.
async fn look_again(provider: &dyn DnsProvider, plan: Plan, run: Run<'_>) -> Result<Plan, ReconcileError> {
    let scope: Scope = plan.steps().map(|step| step.change.record().name().clone()).collect();
    let listing = observe(provider, &scope, run.patience, run.id, run.progress).await;
    let failed = |source| ReconcileError::Listing { provider: provider.id().clone(), scope: scope.clone(), source };
    let listing = listing.map_err(failed)?;
    Ok(plan
        .keep_groups(|group| is_as_it_was(group, &listing), "it changed between the two looks, so it was left alone"))
}

fn is_as_it_was(group: &StepGroup, listing: &Listing) -> bool {
    let is_there = |change: &Change| match change {
        Change::Delete(record) | Change::Replace { old: record, .. } => listing.records.contains(&record.key),
        Change::Create(_) => true,
    };
    group.steps.iter().all(|step| is_there(&step.change))
        && group.only_if.iter().all(|condition| holds(condition, listing))
}

fn is_old(since: &Moment, now: &Moment) -> bool {
    since.boot != now.boot || now.running.saturating_sub(since.running) > RECENT
}

/// Returns whether a clock that was read while a listing was on its way, from `asked` to `came`, differs from ours by more than a minute.
pub(super) fn is_off(theirs: Timestamp, asked: Timestamp, came: Timestamp) -> bool {
    let ahead = |this: Timestamp, other: Timestamp| Duration::try_from(this.duration_since(other)).unwrap_or_default();
    ahead(theirs, came) > TOLERANCE || ahead(asked, theirs) > TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_that_takes_minutes_says_nothing_against_a_clock() {
        let off = |theirs, asked, came| {
            let at = |second| Timestamp::from_second(second).unwrap();
            is_off(at(theirs), at(asked), at(came))
        };
        assert!(!off(1000, 1000, 1000) && !off(1060, 1000, 1000) && !off(940, 1000, 1000));
        assert!(off(1061, 1000, 1000) && off(939, 1000, 1000));
        assert!(!off(1001, 1000, 1300) && !off(1299, 1000, 1300), "wherever in it the time was told");
        assert!(off(939, 1000, 1300) && off(1361, 1000, 1300));
    }
}
