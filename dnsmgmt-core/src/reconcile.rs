//! What every job does around its decision: look, believe, settle what an earlier run left open, decide, approve, write down, change,
//! verify, write down.

mod clean;
mod end;
mod host;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::apply::apply;
use crate::brake::{Brake, Held, Waiting};
use crate::moment::Moment;
use crate::observe::observe;
use crate::origin::Origin;
use crate::patience::Patience;
use crate::plan::{ApprovedPlan, Plan, Reason};
use crate::preserved::Preserved;
use crate::progress::Progress;
use crate::provider::{DnsProvider, ProviderError, ProviderId, RunId};
use crate::record::RecordKey;
use crate::record_set::{Listing, Scope};
use crate::report::{Fate, Report};
use crate::repository::{Belief, DnsRepositoryManager, JournalEntry, MARKING_JOB, RepositoryError};
use crate::source::Wanted;
use crate::sync::{Decision, Evidence, sync};
use crate::tracked::TrackedRecord;
pub use clean::{Cleaning, clean, is_due, preview_clean};
pub use end::{Ending, SeenLeases, end_leases, preview_leases, see_leases};
pub use host::{Registered, Registering, find_registered, preview_registration, register_zone};

/// One run of a program.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Its id.
    pub id: RunId,
    /// How long it keeps trying.
    pub patience: &'a Patience,
    /// Who is told what it does.
    pub progress: &'a (dyn Fn(Progress<'_>) + Sync),
    /// The clocks.
    pub clock: &'a (dyn Fn() -> Moment + Sync),
    /// How many of a hundred records may be missing from a listing before it is doubted.
    pub max_missing: u8,
}

impl Run<'_> {
    /// Returns the time by the wall clock.
    pub fn now(&self) -> Timestamp {
        (self.clock)().now
    }
}

/// A listing that lacks so much of what was there that nothing is concluded from it.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{provider}: {missing} of the {held} records that were there at the last look are not in its listing, such as {}; nothing is \
     concluded from it until a later run lacks the same ones",
    names(examples)
)]
pub struct Doubt {
    /// The provider.
    pub provider: ProviderId,
    /// How many records are missing.
    pub missing: usize,
    /// Of how many.
    pub held: usize,
    /// Some of them.
    pub examples: Vec<RecordKey>,
}

fn names(keys: &[RecordKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Why a job could not do its work. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The provider could not be listed.
    #[error("{provider}: {scope} {} not listed, so nothing was done", scope.was())]
    Listing {
        /// The provider.
        provider: ProviderId,
        /// What was to be listed.
        scope: Scope,
        /// What it answered.
        source: ProviderError,
    },
    /// The provider's clock and ours differ by so much that nothing can be said of the age of a heartbeat.
    #[error(
        "the clocks differ: {provider} says that it is {theirs:.0}, and here it is {ours:.0}; heartbeats are not judged until the wrong \
         one is set"
    )]
    Clock {
        /// The provider.
        provider: ProviderId,
        /// What it says.
        theirs: Timestamp,
        /// What this machine says.
        ours: Timestamp,
    },
    /// The listing cannot be believed.
    #[error(transparent)]
    Doubt(#[from] Doubt),
    /// The database could not be used.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Lists what the provider holds in `scope`, and [compares](believe) it with what it held when it was last believed.
pub async fn look(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    scope: &Scope,
    run: Run<'_>,
) -> Result<Listing, ReconcileError> {
    let listing = list(repository, provider, scope, run).await?;
    repository.refresh(provider.id(), scope, &listing, run.now())?;
    Ok(listing)
}

/// Compares a listing of `scope` with what the provider held when it was last believed, and returns what speaks against it. One that
/// is believed goes into the cache.
pub fn believe(
    repository: &mut DnsRepositoryManager,
    provider: &ProviderId,
    scope: &Scope,
    listing: &Listing,
    run: Run<'_>,
) -> Result<Option<Doubt>, RepositoryError> {
    let doubt = doubt(repository, provider, scope, listing, run)?;
    if doubt.is_none() {
        repository.refresh(provider, scope, listing, run.now())?;
    }
    Ok(doubt)
}

/// Lists what can be believed. It does not go into the cache yet. Until it is there a job can be given up: nothing follows.
pub async fn list(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    scope: &Scope,
    run: Run<'_>,
) -> Result<Listing, ReconcileError> {
    let listing = observe(provider, scope, run.patience, run.id, run.progress).await;
    let failed = |source| ReconcileError::Listing { provider: provider.id().clone(), scope: scope.clone(), source };
    let listing = listing.map_err(failed)?;
    match doubt(repository, provider.id(), scope, &listing, run)? {
        Some(doubt) => Err(doubt.into()),
        None => Ok(listing),
    }
}

fn doubt(
    repository: &mut DnsRepositoryManager,
    provider: &ProviderId,
    scope: &Scope,
    listing: &Listing,
    run: Run<'_>,
) -> Result<Option<Doubt>, RepositoryError> {
    Ok(match repository.believe(provider, scope, listing, run.id, run.max_missing)? {
        Belief::Believed => None,
        Belief::Implausible { missing, held, examples } => {
            Some(Doubt { provider: provider.clone(), missing, held, examples })
        }
    })
}

/// Settles what an earlier run asked for and did not live to verify, with one listing of those names; without such changes it
/// costs no call. Only who holds the provider's lock may do this: the changes of a run at work look the same.
pub async fn settle_left_open(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    run: Run<'_>,
) -> Result<Vec<(JournalEntry, Fate)>, ReconcileError> {
    let open = repository.journal().unsettled(provider.id())?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let names = open.iter().map(|entry| entry.change().record());
    let scope = Scope::from_iter(names.map(|record| record.name().clone()));
    let listing = look(repository, provider, &scope, run).await?;
    Ok(repository.settle_by_looking(provider.id(), &scope, &listing, run.now())?)
}

/// What was made of an approved plan.
#[derive(Debug)]
pub struct CarriedOut {
    /// What became of each change.
    pub report: Report,
    /// Whether that was written down. If not, the next run settles it by looking.
    pub written: Result<(), RepositoryError>,
}

/// Writes down what is about to be asked for, asks, verifies, and writes down what came of it. An error means that nothing was
/// asked for.
pub async fn carry_out(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    plan: ApprovedPlan,
    run: Run<'_>,
) -> Result<CarriedOut, RepositoryError> {
    let settled = plan.plan().settled().len();
    let scope = plan.plan().scope().clone();
    let ids = repository.intend(run.id, provider.id(), plan.plan().steps(), run.now())?;
    let report = apply(provider, plan, run.patience, run.id, run.progress).await;
    // The outcomes of the steps stand behind what was settled without one, in the order of the steps.
    let fates = report.outcomes[settled..].iter().map(|outcome| outcome.fate);
    let seen = report.seen.as_ref().map(|listing| (&scope, listing));
    let written = match ids.is_empty() {
        true => Ok(()),
        false => repository.conclude(provider.id(), ids.into_iter().zip(fates), seen, run.now()),
    };
    Ok(CarriedOut { report, written })
}

/// Carries out a plan that the brake approved, and forgets the held ones that are over with it; or holds it back, unless it waits already.
async fn carry_out_or_hold(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    approved: Result<ApprovedPlan, Box<Held>>,
    is_over: impl Fn(&Waiting, &Plan) -> bool,
    run: Run<'_>,
) -> Result<End, RepositoryError> {
    let id = provider.id();
    let waiting = repository.held_at(id)?;
    match approved {
        Ok(plan) => {
            for over in waiting.iter().filter(|waiting| is_over(waiting, plan.plan())) {
                repository.release_held(id, over.id)?;
            }
            Ok(End::CarriedOut(Box::new(carry_out(repository, provider, plan, run).await?)))
        }
        Err(mut held) => {
            held.is_known = waiting.iter().any(|waiting| waiting.id == held.id);
            if !held.is_known {
                let deletions = held.plan.deletions().map(|step| (&step.change.record().key, step.reason));
                repository.hold(held.id, id, deletions, run.now())?;
            }
            Ok(End::Held(held))
        }
    }
}

/// Why a synchronisation deletes.
const REASONS: [Reason; 2] = [Reason::Unwanted, Reason::Superseded];

/// What is to be synchronised in one zone, and how.
pub struct Wish<'a> {
    /// What was wanted in this zone, by all sources that were read.
    pub wanted: &'a [Wanted],
    /// Whether it was read completely what an origin wants.
    pub judges: &'a dyn Fn(&Origin) -> bool,
    /// Names that are never orphans.
    pub preserved: &'a Preserved,
    /// Whether names that a wildcard answers for as wanted are left to it.
    pub wildcard_dns: bool,
    /// For how long a record must have been unwanted before it is deleted.
    pub grace: Duration,
    /// How far apart runs are, where the configuration says so.
    pub interval: Option<Duration>,
    /// Whether anything may be deleted.
    pub delete: bool,
    /// What is written into the comment of a record that has none.
    pub comment: Option<String>,
    /// What holds a plan that deletes too much.
    pub brake: &'a Brake,
    /// How long the journal is kept.
    pub journal_keep: Duration,
}

/// What a job came to: a synchronisation, or with its own decision another one.
#[derive(Debug)]
pub struct Reconciled<D = Decision> {
    /// What was decided; its plan is the one that was previewed, held or carried out.
    pub decision: D,
    /// What an earlier run had left open.
    pub settled: Vec<(JournalEntry, Fate)>,
    /// How it ended.
    pub end: End,
}

/// How a job ended.
#[derive(Debug)]
pub enum End {
    /// Nothing was asked for: only the plan was wanted. Held, if the brake would hold it.
    Previewed(Option<Box<Held>>),
    /// The brake holds the plan.
    Held(Box<Held>),
    /// It was carried out.
    CarriedOut(Box<CarriedOut>),
}

/// Decides what a synchronisation of the zone would do. Nothing but the cache is written.
pub async fn preview_sync(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    wish: Wish<'_>,
    run: Run<'_>,
) -> Result<Reconciled, ReconcileError> {
    let listing = look(repository, provider, &Scope::Zone, run).await?;
    let look = repository.look(provider.id(), MARKING_JOB, &(run.clock)(), wish.interval, false)?;
    let tracked = repository.get_managed_records(provider.id(), look.observed)?;
    let brake = wish.brake;
    let decision = sync(provider, listing, wish.evidence(&tracked));
    let held = brake.approve(decision.plan.clone(), decision.claims).err();
    Ok(Reconciled { decision, settled: Vec::new(), end: End::Previewed(held) })
}

/// Makes the zone hold what is wanted, and nothing of ours that nobody has wanted for the whole grace. The caller holds the
/// provider's lock.
pub async fn sync_zone(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    wish: Wish<'_>,
    run: Run<'_>,
) -> Result<Reconciled, ReconcileError> {
    let id = provider.id();
    let listing = list(repository, provider, &Scope::Zone, run).await?;
    let moment = (run.clock)();
    let settled = repository.settle_by_looking(id, &Scope::Zone, &listing, moment.now)?;
    // First, because what is found to be gone is marked at this look.
    let look = repository.look(id, MARKING_JOB, &moment, wish.interval, true)?;
    repository.synchronize(id, &listing, moment.now)?;
    let tracked = repository.get_managed_records(id, look.observed)?;
    let (brake, journal_keep) =
        (wish.brake, SignedDuration::try_from(wish.journal_keep).unwrap_or(SignedDuration::MAX));
    let decision = sync(provider, listing, wish.evidence(&tracked));
    repository.bookkeep(id, &decision.bookkeeping, moment.now, &look)?;
    repository.prune(moment.now, journal_keep)?;
    let approved = brake.approve(decision.plan.clone(), decision.claims);
    let is_over = |waiting: &Waiting, plan: &Plan| {
        waiting.overlaps(plan) || REASONS.iter().any(|reason| waiting.reasons.contains(reason.as_str()))
    };
    let end = carry_out_or_hold(repository, provider, approved, is_over, run).await?;
    Ok(Reconciled { decision, settled, end })
}

impl<'a> Wish<'a> {
    fn evidence(self, tracked: &'a [TrackedRecord]) -> Evidence<'a> {
        Evidence {
            wanted: self.wanted,
            judges: self.judges,
            tracked,
            preserved: self.preserved,
            wildcard_dns: self.wildcard_dns,
            grace: self.grace,
            delete: self.delete,
            comment: self.comment,
        }
    }
}
