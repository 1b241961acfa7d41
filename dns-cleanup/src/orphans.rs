//! The job `orphans`: what has been wanted by nobody for the whole grace.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, anyhow};
use dnsmgmt_core::progress::Progress;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::reconcile::{Cleaning, End, Reconciled, clean_orphans, list, orphans_are_due, preview_orphans};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_core::stale::Decision;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::progress::Line;

use crate::args::Options;
use crate::audit::Audit;
use crate::report::{Cleaned, Run};
use dnsmgmt_program::stop::Stop;

/// How long `--wait` waits for another program: longer than any run.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Cleans up the zones with orphans in turn, each provider's under its lock. One that fails hides no other.
pub(crate) async fn run(
    context: &Context,
    options: &Options,
    repository: &mut DnsRepositoryManager,
    cleaning: Cleaning<'_>,
    run: &mut Run<'_>,
    audit: Option<&Audit<'_>>,
    stop: &Stop,
) -> Result<()> {
    for (provider, zones) in zones(context, repository)? {
        if stop.unless_asked(tokio::task::yield_now()).await.is_none() {
            run.fail(anyhow!("told to stop before {provider} was looked at"));
            break;
        }
        let mut job = Job { context, options, repository, cleaning, audit, stop };
        if let Err(error) = job.provider(&provider, &zones, run).await {
            run.fail(error);
        }
    }
    Ok(())
}

/// Returns the zones in which something of ours is an orphan, by provider.
fn zones(context: &Context, repository: &DnsRepositoryManager) -> Result<BTreeMap<String, BTreeSet<ProviderId>>> {
    let mut zones: BTreeMap<String, BTreeSet<ProviderId>> = BTreeMap::new();
    for (id, _) in repository.all_orphans()?.into_iter().filter(|(_, orphan)| orphan.claim.is_some()) {
        if context.is_about(&id)? {
            zones.entry(id.name.clone()).or_default().insert(id);
        }
    }
    Ok(zones)
}

struct Job<'a> {
    context: &'a Context,
    options: &'a Options,
    repository: &'a mut DnsRepositoryManager,
    cleaning: Cleaning<'a>,
    audit: Option<&'a Audit<'a>>,
    stop: &'a Stop,
}

impl Job<'_> {
    async fn provider(&mut self, provider: &str, zones: &BTreeSet<ProviderId>, run: &mut Run<'_>) -> Result<()> {
        let mut due = false;
        for zone in zones {
            due |= self.is_due(zone, false)?;
        }
        let patience = if self.options.wait && due { FOREVER } else { Duration::ZERO };
        let lock = match self.options.dry_run {
            true => None,
            false => {
                match self.stop.unless_asked(self.context.lock(self.repository.path(), provider, patience)).await {
                    Some(Ok(lock)) => Some(lock),
                    // Whoever has it looks too, so that no time is lost.
                    Some(Err(_)) if !due => return Ok(()),
                    Some(Err(error)) => return Err(error),
                    None => return Err(anyhow!("told to stop while waiting for {provider}")),
                }
            }
        };
        for zone in zones {
            if self.is_due(zone, lock.is_some())? {
                match self.zone(zone).await {
                    Ok(done) => self.take(zone, done, run),
                    Err(error) => run.fail(error),
                }
            }
        }
        Ok(())
    }

    fn is_due(&mut self, zone: &ProviderId, written: bool) -> Result<bool> {
        let progress = |_: Progress<'_>| {};
        let clock = self.context.clock.reader();
        let run = self.context.run(&progress, &clock);
        Ok(orphans_are_due(self.repository, zone, self.cleaning, run, written)?)
    }

    /// Cleans up one zone. It can be told to stop as long as it only looks; a change that is asked for is carried through.
    async fn zone(&mut self, zone: &ProviderId) -> Result<Reconciled<Decision>> {
        let stopped = || anyhow!("told to stop before {zone} was cleaned up; nothing was changed there");
        let at = self.stop.unless_asked(self.context.connect_to(zone)).await.ok_or_else(stopped)??;
        self.context.same_endpoint(self.repository, &at)?;
        let line = Line::start();
        let progress = |progress: Progress<'_>| line.show(progress);
        let clock = self.context.clock.reader();
        let run = self.context.run(&progress, &clock);
        let listing = list(self.repository, &*at.provider, &Scope::Zone, run);
        let listing = self.stop.unless_asked(listing).await.ok_or_else(stopped)??;
        if self.options.dry_run {
            return Ok(preview_orphans(self.repository, &*at.provider, listing, self.cleaning, run)?);
        }
        let witness = self.context.witness(&at)?;
        let mut done = clean_orphans(self.repository, &*at.provider, listing, self.cleaning, run).await?;
        if let (Some(witness), End::CarriedOut(carried_out)) = (witness, &mut done.end) {
            let proxied = done.decision.plan.proxied();
            self.context.testify(&witness, &|key| proxied.contains(key), &mut carried_out.report.outcomes).await;
        }
        Ok(done)
    }

    fn take(&self, zone: &ProviderId, done: Reconciled<Decision>, run: &mut Run<'_>) {
        let cleaned = Cleaned::of(zone.clone(), done);
        if let Some(audit) = self.audit.filter(|_| cleaned.was_carried_out()) {
            audit.write(zone, cleaned.outcomes());
        }
        run.add(cleaned);
    }
}
