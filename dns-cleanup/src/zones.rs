//! What every job does at the zones that it is about: in turn, each provider's under its lock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use dnsmgmt_core::progress::Progress;
use dnsmgmt_core::provider::{DnsProvider, ProviderId};
use dnsmgmt_core::reconcile::{Cleaning, End, Reconciled, clean, is_due, list, preview_clean};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::repository::{DnsRepositoryManager, ProviderLock, RepositoryError};
use dnsmgmt_core::stale::Decision;
use dnsmgmt_core::tracked::TrackedRecord;
use dnsmgmt_program::context::{Connected, Context};
use dnsmgmt_program::progress::Line;
use dnsmgmt_program::stop::Stop;

use crate::args::Options;
use crate::audit::Audit;
use crate::report::{Cleaned, Run};

/// How long `--wait` waits for another program: longer than any run.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// What a job knows and decides beside what all jobs do.
pub(crate) trait Work {
    /// Returns whether there may be something to do in a zone, so that it is worth asking the provider.
    fn is_due(
        &self,
        repository: &DnsRepositoryManager,
        zone: &ProviderId,
        tracked: &[TrackedRecord],
    ) -> Result<bool, RepositoryError>;

    /// Looks once more at what makes something stale, now that nobody else of ours changes anything at the provider and it is known what
    /// stands there: what came before that is seen now.
    async fn look_again(&mut self, repository: &mut DnsRepositoryManager, run: &mut Run<'_>) -> Result<()>;

    /// Decides what becomes of a zone.
    fn decide(&self, provider: &dyn DnsProvider, listing: Listing, tracked: &[TrackedRecord]) -> Decision;
}

/// The zones of each provider.
pub(crate) type ByProvider = BTreeMap<String, BTreeSet<ProviderId>>;

/// What it takes to clean zones up.
pub(crate) struct Zones<'a> {
    pub(crate) context: &'a Context,
    pub(crate) options: &'a Options,
    pub(crate) repository: &'a mut DnsRepositoryManager,
    pub(crate) cleaning: Cleaning<'a>,
    pub(crate) audit: Option<&'a Audit<'a>>,
    pub(crate) stop: &'a Stop,
}

impl Zones<'_> {
    /// Cleans the zones up. One that fails hides no other.
    pub(crate) async fn clean(&mut self, zones: ByProvider, work: &mut impl Work, run: &mut Run<'_>) {
        for (provider, zones) in zones {
            if self.stop.unless_asked(tokio::task::yield_now()).await.is_none() {
                run.fail(anyhow!("told to stop before {provider} was looked at"));
                break;
            }
            if let Err(error) = self.provider(&provider, &zones, work, run).await {
                run.fail(error);
            }
        }
    }

    async fn provider(
        &mut self,
        provider: &str,
        zones: &BTreeSet<ProviderId>,
        work: &mut impl Work,
        run: &mut Run<'_>,
    ) -> Result<()> {
        let mut due = false;
        for zone in zones {
            due |= self.is_due(zone, work, false)?;
        }
        let lock = match self.lock(provider, due).await {
            // Whoever has it looks too, so that no time is lost.
            Err(_) if !due => return Ok(()),
            lock => lock?,
        };
        let mut listed = Vec::new();
        for zone in zones {
            if self.is_due(zone, work, lock.is_some())? {
                match self.list(zone).await {
                    Ok((at, listing)) => listed.push((zone, at, listing)),
                    Err(error) => run.fail(error),
                }
            }
        }
        if !listed.is_empty() && !self.options.dry_run {
            let looked = self.stop.unless_asked(work.look_again(self.repository, run)).await;
            looked
                .ok_or_else(|| anyhow!("told to stop before {provider} was cleaned up; nothing was changed there"))??;
        }
        for (zone, at, listing) in listed {
            if self.stop.unless_asked(tokio::task::yield_now()).await.is_none() {
                run.fail(stopped(zone));
                continue;
            }
            match self.zone(&at, listing, work).await {
                Ok(done) => self.take(zone, Cleaned::of(self.cleaning.job, zone.clone(), done), run),
                Err(error) => run.fail(error),
            }
        }
        Ok(())
    }

    /// Returns whether what is changed would be written down nowhere but in this process.
    pub(crate) fn has_no_journal(&self) -> bool {
        !self.options.dry_run && self.repository.is_in_memory()
    }

    /// Takes the lock on a provider, and waits for it where that is asked for and something is `due`. A preview and a memory that no other
    /// program can see need none.
    pub(crate) async fn lock(&self, provider: &str, due: bool) -> Result<Option<ProviderLock>> {
        if self.options.dry_run || self.repository.is_in_memory() {
            return Ok(None);
        }
        let patience = if self.options.wait && due { FOREVER } else { Duration::ZERO };
        let locked = self.stop.unless_asked(self.context.lock(self.repository.path(), provider, patience)).await;
        locked.ok_or_else(|| anyhow!("told to stop while waiting for {provider}"))?.map(Some)
    }

    /// Returns whether it is worth asking about a zone. If not, the look may be `written`, so that its time counts.
    pub(crate) fn is_due(&mut self, zone: &ProviderId, work: &impl Work, written: bool) -> Result<bool> {
        let progress = |_: Progress<'_>| {};
        let clock = self.context.clock.reader();
        let run = self.context.run(&progress, &clock);
        let told = |repository: &_, tracked: &_| work.is_due(repository, zone, tracked);
        Ok(is_due(self.repository, zone, self.cleaning, run, written, told)?)
    }

    /// Lists a zone.
    async fn list(&mut self, zone: &ProviderId) -> Result<(Connected, Listing)> {
        let at = self.stop.unless_asked(self.context.connect_to(zone)).await.ok_or_else(|| stopped(zone))??;
        self.context.same_endpoint(self.repository, &at)?;
        let line = Line::start();
        let progress = |progress: Progress<'_>| line.show(progress);
        let clock = self.context.clock.reader();
        let run = self.context.run(&progress, &clock);
        let listing = list(self.repository, &*at.provider, &Scope::Zone, run);
        let listing = self.stop.unless_asked(listing).await.ok_or_else(|| stopped(zone))??;
        Ok((at, listing))
    }

    /// Cleans up one zone, of which this is all. A change that is asked for is carried through.
    async fn zone(&mut self, at: &Connected, listing: Listing, work: &impl Work) -> Result<Reconciled<Decision>> {
        let line = Line::start();
        let progress = |progress: Progress<'_>| line.show(progress);
        let clock = self.context.clock.reader();
        let run = self.context.run(&progress, &clock);
        let decide = |listing, tracked: &_| work.decide(&*at.provider, listing, tracked);
        if self.options.dry_run {
            return Ok(preview_clean(self.repository, &*at.provider, listing, self.cleaning, run, decide)?);
        }
        let witness = self.context.witness(at)?;
        let mut done = clean(self.repository, &*at.provider, listing, self.cleaning, run, decide).await?;
        if let (Some(witness), End::CarriedOut(carried_out)) = (witness, &mut done.end) {
            let proxied = done.decision.plan.proxied();
            self.context.testify(&witness, &|key| proxied.contains(key), &mut carried_out.report.outcomes).await;
        }
        Ok(done)
    }

    /// Takes in what a zone came to.
    pub(crate) fn take(&self, zone: &ProviderId, cleaned: Cleaned, run: &mut Run<'_>) {
        if let Some(audit) = self.audit.filter(|_| cleaned.was_carried_out()) {
            audit.write(zone, cleaned.outcomes());
        }
        run.add(cleaned);
    }
}

fn stopped(zone: &ProviderId) -> Error {
    anyhow!("told to stop before {zone} was cleaned up; nothing was changed there")
}
