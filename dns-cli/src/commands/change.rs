//! What every command that changes something does: list, decide, apply, report.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dnsmgmt_core::by_hand::ByHand;
use dnsmgmt_core::mark::marking_names;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Plan;
use dnsmgmt_core::progress::Progress;
use dnsmgmt_core::provider::{self, Capabilities, ProviderId};
use dnsmgmt_core::reconcile::{self, settle_left_open};
use dnsmgmt_core::record::{Record, RecordKey};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::report::{Action, Fate, Outcome};
use dnsmgmt_core::repository::{DnsRepositoryManager, MARKING_JOB};
use dnsmgmt_core::tracked::{Bookkeeping, OrphanReason, TrackedRecord};
use jiff::SignedDuration;

use crate::args::Change;
use crate::input::{self, Entry};
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::{Connected, Context};
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::failure::{complain, failed};
use dnsmgmt_program::output::{Finished, print_report};
use dnsmgmt_program::progress::Line;

/// How long a command by hand waits while another program changes records at the same provider.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Decides and applies one plan for each provider and zone that the names belong to. `decide` is told what the provider
/// can do. Nothing is changed before all plans are decided.
pub(crate) async fn run(
    context: &Context,
    names: &[Name],
    args: &Change,
    decide: impl Fn(&mut ByHand<'_>, &Capabilities, &[Name]) -> Result<()>,
) -> Result<Exit> {
    let mut repository = context.repository()?;
    let mut plans = Vec::new();
    for at in context.providers_of(names).await? {
        let names = at.target.names();
        let scope = Scope::from_iter(names.iter().cloned());
        let before = context.observe_to_change(&mut repository, &at, &scope).await?;
        let elsewhere = marks_elsewhere(&repository, at.id(), &before)?;
        let comment = context.comment(&repository, &at)?;
        let by_hand = ByHand::on(&*at.provider, scope, before);
        let mut by_hand = by_hand.with_marks_at(elsewhere).with_comment(comment);
        decide(&mut by_hand, at.capabilities(), names)?;
        let plan: Plan = by_hand.plan();
        plans.push(Planned::new(&repository, at, plan)?);
    }
    finish(context, &mut repository, plans, args.dry_run, args.output).await
}

/// A plan that a person asked for.
pub(crate) struct Planned {
    at: Connected,
    plan: Plan,
    /// For each step what a person should know of it.
    pub(crate) notes: Vec<Vec<String>>,
}

impl Planned {
    /// Adds to a plan what our memory knows of it.
    pub(crate) fn new(repository: &DnsRepositoryManager, at: Connected, plan: Plan) -> Result<Self> {
        let notes = plan.steps().map(|step| brought_back(repository, at.id(), &step.change));
        Ok(Self { notes: notes.collect::<Result<_>>()?, at, plan })
    }

    /// Returns the plan.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns what would be reported if nothing of it were tried.
    pub(crate) fn preview(&self) -> Finished {
        let mut outcomes = self.plan.preview();
        note(&mut outcomes, self.notes.clone());
        Finished { provider: self.at.id().clone(), outcomes }
    }

    /// Carries it out, under the provider's lock.
    pub(crate) async fn carry_out(self, context: &Context, repository: &mut DnsRepositoryManager) -> Result<Finished> {
        let mut outcomes = carry_out(context, repository, &self.at, self.plan).await?;
        join(context, repository, self.at.id(), &outcomes)?;
        note(&mut outcomes, self.notes);
        Ok(Finished { provider: self.at.id().clone(), outcomes })
    }
}

/// What a person adds and is ours already is wanted by hand too from now on, so that no source takes it away.
fn join(context: &Context, repository: &mut DnsRepositoryManager, id: &ProviderId, outcomes: &[Outcome]) -> Result<()> {
    let is_there = |outcome: &&Outcome| outcome.action == Action::Create && outcome.fate == Fate::AlreadyPresent;
    let key = |outcome: &Outcome| Some(RecordKey { name: outcome.name.clone(), data: outcome.data.clone()? });
    let keys = outcomes.iter().filter(is_there).filter_map(key);
    let joins: Vec<_> = keys.map(|key| Bookkeeping::Join(key, Origin::by_hand())).collect();
    if joins.is_empty() {
        return Ok(());
    }
    let moment = context.clock.moment();
    let look = repository.look(id, MARKING_JOB, &moment, None, false)?;
    Ok(repository.bookkeep(id, &joins, moment.now, &look)?)
}

/// The outcomes of the steps stand behind what was settled without one.
fn note(outcomes: &mut [Outcome], notes: Vec<Vec<String>>) {
    for (outcome, notes) in outcomes.iter_mut().rev().zip(notes.into_iter().rev()) {
        outcome.notes.extend(notes);
    }
}

/// Carries out plans, or shows them in a dry run, and reports.
pub(crate) async fn finish(
    context: &Context,
    repository: &mut DnsRepositoryManager,
    plans: Vec<Planned>,
    dry_run: bool,
    output: ReportFormat,
) -> Result<Exit> {
    let mut plans = plans;
    // What is made comes first: what moves must have arrived before it goes.
    plans.sort_by_key(|planned| planned.plan.steps().all(|step| matches!(step.change, provider::Change::Delete(_))));
    let (mut finished, mut failure) = (Vec::new(), None);
    for planned in plans {
        if dry_run {
            finished.push(planned.preview());
            continue;
        }
        match planned.carry_out(context, repository).await {
            Ok(done) => finished.push(done),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    match failure {
        Some(error) if finished.is_empty() => Err(error),
        Some(error) => {
            report(&finished, dry_run, output)?;
            Ok(failed(&error.context("the rest was not tried")))
        }
        None => report(&finished, dry_run, output),
    }
}

/// Prints what became of changes, and returns the exit status.
pub(crate) fn report(finished: &[Finished], dry_run: bool, output: ReportFormat) -> Result<Exit> {
    print_report(finished, dry_run, output).context("the report was not shown, but what it says was done")?;
    Ok(exit(finished.iter().flat_map(|finished| &finished.outcomes), dry_run))
}

/// Carries out a plan that a person asked for, under the provider's lock.
pub(crate) async fn carry_out(
    context: &Context,
    repository: &mut DnsRepositoryManager,
    at: &Connected,
    plan: Plan,
) -> Result<Vec<Outcome>> {
    if plan.is_empty() {
        return Ok(plan.preview());
    }
    let _lock = context.lock(repository.path(), &at.id().name, PATIENCE).await?;
    settle(context, repository, at).await?;
    Ok(carry_out_locked(context, repository, at, plan).await?.0)
}

/// Settles what an earlier run left open; the caller holds the lock.
pub(super) async fn settle(context: &Context, repository: &mut DnsRepositoryManager, at: &Connected) -> Result<()> {
    let line = Line::start();
    let progress = |progress: Progress<'_>| line.show(progress);
    let clock = context.clock.reader();
    settle_left_open(repository, &*at.provider, context.run(&progress, &clock)).await?;
    Ok(())
}

/// Carries out a plan that a person asked for; the caller holds the lock. Returns with the outcomes what a listing showed last.
pub(super) async fn carry_out_locked(
    context: &Context,
    repository: &mut DnsRepositoryManager,
    at: &Connected,
    plan: Plan,
) -> Result<(Vec<Outcome>, Option<Listing>)> {
    if plan.is_empty() {
        return Ok((plan.preview(), None));
    }
    let (witness, proxied) = (context.witness(at)?, plan.proxied());
    let line = Line::start();
    let progress = |progress: Progress<'_>| line.show(progress);
    let clock = context.clock.reader();
    let run = context.run(&progress, &clock);
    let journal_keep = SignedDuration::try_from(context.settings.policy().journal_keep).unwrap_or(SignedDuration::MAX);
    repository.prune(run.now(), journal_keep)?;
    let done = reconcile::carry_out(repository, &*at.provider, plan.approve_by_hand(), run).await?;
    if let Err(error) = done.written {
        complain(&format!("what became of it was not written down, so the next run looks again: {error}"));
    }
    let mut outcomes = done.report.outcomes;
    if let Some(witness) = witness {
        context.testify(&witness, &|key| proxied.contains(key), &mut outcomes).await;
    }
    Ok((outcomes, done.report.seen))
}

/// Says which sources will bring back what goes.
fn brought_back(
    repository: &DnsRepositoryManager,
    provider: &ProviderId,
    change: &provider::Change,
) -> Result<Vec<String>> {
    let going = match change {
        provider::Change::Delete(old) | provider::Change::Replace { old, .. } => old,
        provider::Change::Create(_) => return Ok(Vec::new()),
    };
    let tracked = repository.managed_records().get_tracked_records_at(provider, going.name(), Duration::ZERO)?;
    let is_unwanted =
        |tracked: &TrackedRecord| tracked.orphaned.is_some_and(|orphaned| orphaned.reason == OrphanReason::Unwanted);
    let wanted = tracked.into_iter().filter(|tracked| tracked.record.key == going.key && !is_unwanted(tracked));
    let sources = wanted.flat_map(|tracked| tracked.origins).filter(|origin| !origin.is_a_person());
    Ok(sources
        .map(|source| format!("{source} wants it as it was, and its next synchronisation makes that again"))
        .collect())
}

/// Returns what the cache holds at the names where other tools mark the records of the listing: to ask for them would cost calls.
pub(crate) fn marks_elsewhere(
    repository: &DnsRepositoryManager,
    provider: &ProviderId,
    listing: &Listing,
) -> Result<Vec<Record>> {
    let rrsets: BTreeSet<_> = listing.records.iter().map(|record| (record.name(), record.rtype())).collect();
    let names: BTreeSet<Name> = rrsets.iter().flat_map(|(name, rtype)| marking_names(name, rtype)).collect();
    let cache = repository.provider_cache();
    let mut records = Vec::new();
    for name in names.iter().filter(|name| listing.records.at(name).is_empty()) {
        records.extend(cache.get_records_at(provider, name)?);
    }
    Ok(records)
}

/// Returns the exit status of these outcomes.
pub(super) fn exit<'a>(mut outcomes: impl Iterator<Item = &'a Outcome>, dry_run: bool) -> Exit {
    let fine = |outcome: &Outcome| outcome.fate.is_settled() || (dry_run && outcome.fate == Fate::NotTried);
    if outcomes.all(fine) { Exit::Done } else { Exit::Unsettled }
}

/// Reads the entries on standard input.
pub(crate) fn standard_input() -> Result<Vec<Entry>> {
    let mut octets = Vec::new();
    io::stdin().read_to_end(&mut octets).context("read the records from standard input")?;
    input::read(
        &String::from_utf8(octets).map_err(|_| UsageError("standard input is not UTF-8".into()))?,
        "standard input",
    )
}

/// Refuses a record that was listed elsewhere than where it would be changed, unless the person said where.
pub(crate) fn same_place(context: &Context, entry: &Entry, here: &ProviderId) -> Result<()> {
    match &entry.listed_at {
        Some((provider, zone)) if context.provider.is_none() && (*provider != here.name || *zone != here.zone) => {
            bail!(UsageError(format!(
                "{} was listed at {provider} ({zone}), and would be changed at {here}; say where with --provider",
                entry.name
            )))
        }
        _ => Ok(()),
    }
}
