//! `dns-cli sync` and `dns-cli plan`

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use dnsmgmt_core::brake::{Approved, Brake};
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::PlanId;
use dnsmgmt_core::progress::Progress;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::reconcile::{End, Reconciled, Wish, preview_sync, sync_zone};
use dnsmgmt_core::repository::{Cached, DnsRepositoryManager, Endpoint, ProviderLock};
use dnsmgmt_core::source::Desired;
use dnsmgmt_core::sync::{Evidence, idle};
use jiff::SignedDuration;

use crate::args::{Plan, Sync, Wishes};
use crate::output::{SyncReport, Synced, print_plan, print_synced};
use crate::wanted::{self, Route, Zone};
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::doubt::{Doubt, believe_gone, doubt_emptied, doubt_silenced, doubt_twins};
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::failure::{complain, failed};
use dnsmgmt_program::output::{JsonNotJudged, age};
use dnsmgmt_program::progress::Line;
use dnsmgmt_program::stop::Stop;

/// How long `--wait` waits for another program: longer than any run.
pub(super) const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Makes the providers hold what the sources want.
pub(crate) async fn run(context: &Context, args: Sync) -> Result<Exit> {
    let mut job = Job::new(context, &args.wishes, !args.dry_run).await?;
    if args.dry_run {
        let brake = job.brake(args.force, args.approve)?;
        let synced = job.preview(&brake).await;
        print_synced(&job.report(&synced, true), args.output)?;
        return Ok(job.end(&synced, Exit::Done));
    }
    let brake = job.brake(args.force, args.approve)?;
    let synced = job.carry_out(&brake, if args.wait { FOREVER } else { Duration::ZERO }, &Stop::default()).await;
    let report = job.report(&synced, false);
    print_synced(&report, args.output).context("the report was not shown, but what it says was done")?;
    Ok(job.end(&synced, Exit::Done))
}

/// Shows what `sync` would do.
pub(crate) async fn plan(context: &Context, args: Plan) -> Result<Exit> {
    let mut job = Job::new(context, &args.wishes, false).await?;
    let brake = job.brake(false, None)?;
    let synced = job.preview(&brake).await;
    let report = job.report(&synced, true);
    match args.output {
        ReportFormat::Table => print_plan(&report)?,
        ReportFormat::Json => print_synced(&report, ReportFormat::Json)?,
    }
    Ok(job.end(&synced, Exit::No))
}

/// What one synchronisation is about.
pub(super) struct Job<'a> {
    context: &'a Context,
    wishes: &'a Wishes,
    repository: DnsRepositoryManager,
    desired: Desired,
    zones: Vec<Zone>,
    /// What the cache shows to be in sync.
    in_sync: Vec<Synced>,
    failures: Vec<Error>,
}

impl<'a> Job<'a> {
    pub(super) async fn new(context: &'a Context, wishes: &'a Wishes, writes: bool) -> Result<Self> {
        let mut repository = context.repository()?;
        let mut desired = wanted::read(context, &wishes.source).await?;
        if writes {
            repository.see_daemons(&desired.daemons, context.clock.moment().now)?;
        }
        believe_gone(&mut desired, &mut repository, writes)?;
        doubt_twins(&mut desired, &repository, &wanted::addresses(context, &wishes.source)?)?;
        if !wishes.allow_empty {
            doubt_emptied(&mut desired, &repository)?;
            let grace = wishes.grace.unwrap_or_else(|| context.settings.policy().grace);
            let moment = context.clock.moment();
            let doubt = Doubt { moment: &moment, grace, is_written: writes, anyway: &|_| false };
            doubt_silenced(&mut desired, &mut repository, &doubt)?;
        }
        let mut failures: Vec<Error> = std::mem::take(&mut desired.failed).into_iter().map(Error::from).collect();
        let mut routes = wanted::routes(context, &mut desired, &mut failures);
        let in_sync = match wishes.max_age {
            Some(max_age) => in_sync(context, wishes, &mut repository, &desired, &mut routes, max_age)?,
            None => BTreeMap::new(),
        };
        let ids = in_sync.keys().cloned().collect();
        let mut zones = wanted::by_zone(context, &repository, &mut desired, routes, &ids, &mut failures).await?;
        // Where something is wanted comes first: what moves to another provider must have arrived there before it goes here.
        zones.sort_by_key(|zone| zone.wishes.wanted.is_empty());
        let is_certain = failures.is_empty() && desired.unreadable.is_empty() && desired.undecided.is_empty();
        if let Some(zone) = context.zone.as_ref().filter(|_| zones.is_empty() && in_sync.is_empty() && is_certain) {
            bail!(UsageError(format!("no source wants anything in {zone}, and none that was read did before")));
        }
        let in_sync = in_sync.into_values().collect();
        Ok(Self { context, wishes, repository, desired, zones, in_sync, failures })
    }

    pub(super) fn brake(&self, force: bool, approve: Option<PlanId>) -> Result<Brake> {
        let approved = match approve {
            None => None,
            Some(id) => {
                let held = self.repository.held(id)?;
                Some(Approved { id, deletions: held.unwrap_or_default() })
            }
        };
        Ok(Brake { max_delete: self.context.settings.policy().max_delete, force, approved })
    }

    async fn preview(&mut self, brake: &Brake) -> Vec<Synced> {
        let mut synced = std::mem::take(&mut self.in_sync);
        for zone in std::mem::take(&mut self.zones) {
            let decided = self.zone(&zone, brake, true).await;
            self.take(&zone, decided, &mut synced);
        }
        synced
    }

    /// Synchronises the zones in turn, each provider's under its lock. Who is told to stop waits for no lock any more.
    pub(super) async fn carry_out(&mut self, brake: &Brake, patience: Duration, stop: &Stop) -> Vec<Synced> {
        let mut synced = std::mem::take(&mut self.in_sync);
        let mut lock: Option<(String, ProviderLock)> = None;
        for zone in std::mem::take(&mut self.zones) {
            let name = &zone.at.id().name;
            if lock.as_ref().is_none_or(|(held, _)| held != name) {
                drop(lock.take());
                let locked = tokio::select! {
                    biased;
                    locked = self.context.lock(self.repository.path(), name, patience) => locked,
                    () = stop.asked() => Err(anyhow!("{name}: told to end while another program was changing records there")),
                };
                match locked {
                    Ok(taken) => lock = Some((name.clone(), taken)),
                    Err(error) => {
                        wanted::unplaced(&mut self.desired, &zone.wishes.wanted);
                        self.failures.push(error);
                        continue;
                    }
                }
            }
            let done = self.zone(&zone, brake, false).await;
            self.take(&zone, done, &mut synced);
        }
        synced
    }

    /// Decides about one zone, and carries it out where it is no preview.
    async fn zone(&mut self, zone: &Zone, brake: &Brake, is_preview: bool) -> Result<Reconciled> {
        self.context.same_endpoint(&mut self.repository, &zone.at)?;
        let line = Line::start();
        let progress = |progress: Progress<'_>| line.show(progress);
        let clock = self.context.clock.reader();
        let judges = |origin: &Origin| self.desired.judges(origin);
        let wish = wish(self.context, self.wishes, &self.repository, zone, &judges, brake)?;
        let run = self.context.run(&progress, &clock);
        if is_preview {
            return Ok(preview_sync(&mut self.repository, &*zone.at.provider, wish, run).await?);
        }
        let witness = self.context.witness(&zone.at)?;
        let mut done = sync_zone(&mut self.repository, &*zone.at.provider, wish, run).await?;
        if let (Some(witness), End::CarriedOut(carried_out)) = (witness, &mut done.end) {
            let proxied = done.decision.plan.proxied();
            self.context.testify(&witness, &|key| proxied.contains(key), &mut carried_out.report.outcomes).await;
        }
        Ok(done)
    }

    fn take(&mut self, zone: &Zone, done: Result<Reconciled>, synced: &mut Vec<Synced>) {
        match done {
            Ok(done) => synced.push(Synced::of(zone.at.id().clone(), done)),
            Err(error) => {
                wanted::unplaced(&mut self.desired, &zone.wishes.wanted);
                self.failures.push(error);
            }
        }
    }

    pub(super) fn report<'r>(&'r self, zones: &'r [Synced], dry_run: bool) -> SyncReport<'r> {
        let not_judged = self.desired.unreadable.iter().chain(&self.desired.undecided);
        SyncReport {
            zones,
            dry_run,
            failures: self.failures.iter().map(|failure| format!("{failure:#}")).collect(),
            not_judged: not_judged.map(|(origin, why)| JsonNotJudged { origin: origin.as_str(), why }).collect(),
        }
    }

    /// Says what failed, and returns the exit status; `unless_in_sync` where all is well and something is to be done.
    pub(super) fn end(&self, synced: &[Synced], unless_in_sync: Exit) -> Exit {
        for ((_, why), origins) in by_reason(&self.desired) {
            let mut origins = origins.iter();
            let first = origins.next().map(|origin| origin.as_str()).unwrap_or_default();
            match origins.len() {
                0 => complain(&format!("{first}: {why}; nothing of it was judged")),
                more => complain(&format!("{first} and {more} more: {why}; nothing of them was judged")),
            }
        }
        for failure in &self.failures {
            failed(failure);
        }
        let of_sources = if self.desired.unreadable.is_empty() { Exit::Done } else { Exit::Unsettled };
        let of_failures = if self.failures.is_empty() { Exit::Done } else { Exit::CouldNotRun };
        synced.iter().map(|zone| zone.exit(unless_in_sync)).fold(of_sources.or(of_failures), Exit::or)
    }
}

/// Returns what was not judged, by its source and the reason: a provider that fails is the reason for all that is wanted there.
fn by_reason(desired: &Desired) -> BTreeMap<(Origin, &str), BTreeSet<&Origin>> {
    let mut by_reason: BTreeMap<_, BTreeSet<&Origin>> = BTreeMap::new();
    for (origin, why) in desired.unreadable.iter().chain(&desired.undecided) {
        by_reason.entry((origin.source(), why.as_str())).or_default().insert(origin);
    }
    by_reason
}

/// Returns the zones that are as wanted by what the cache holds of them, if that was listed less than `max_age` ago.
fn in_sync(
    context: &Context,
    wishes: &Wishes,
    repository: &mut DnsRepositoryManager,
    desired: &Desired,
    routes: &mut [Route],
    max_age: Duration,
) -> Result<BTreeMap<ProviderId, Synced>> {
    let policy = context.settings.policy();
    let (now, max_age) = (context.clock.moment().now, SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX));
    let mut in_sync = BTreeMap::new();
    for (id, (endpoint, zone)) in wanted::guess(context, repository, routes)? {
        if repository.check_endpoint(&id, &endpoint, now)? != Endpoint::Same
            || !repository.journal().unsettled(&id)?.is_empty()
        {
            continue;
        }
        let Some(Cached { listing, refreshed_at: Some(refreshed_at) }) =
            repository.get_provider_records(&id, now, max_age)?
        else {
            continue;
        };
        let tracked = repository.get_managed_records(&id, repository.observed(&id)?)?;
        let evidence = Evidence {
            wanted: &zone.wanted,
            judges: &|origin: &Origin| desired.judges(origin),
            tracked: &tracked,
            preserved: &policy.preserved,
            wildcard_dns: zone.wildcard_dns,
            grace: wishes.grace.unwrap_or(policy.grace),
            delete: !wishes.no_delete,
            comment: None,
        };
        if let Some(idle) = idle(&id, &listing, &evidence) {
            eprintln!("{id}: from the cache, {} old", age(now, refreshed_at));
            in_sync.insert(id.clone(), Synced::cached(id, idle, refreshed_at));
        }
    }
    Ok(in_sync)
}

fn wish<'a>(
    context: &'a Context,
    wishes: &Wishes,
    repository: &DnsRepositoryManager,
    zone: &'a Zone,
    judges: &'a dyn Fn(&Origin) -> bool,
    brake: &'a Brake,
) -> Result<Wish<'a>> {
    let policy = context.settings.policy();
    Ok(Wish {
        wanted: &zone.wishes.wanted,
        judges,
        preserved: &policy.preserved,
        wildcard_dns: zone.wishes.wildcard_dns,
        grace: wishes.grace.unwrap_or(policy.grace),
        interval: None,
        delete: !wishes.no_delete,
        comment: context.comment(repository, &zone.at)?,
        brake,
        journal_keep: policy.journal_keep,
    })
}
