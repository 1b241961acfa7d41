//! The job `orphans`: what has been wanted by nobody for the whole grace.

use std::time::Duration;

use anyhow::Result;
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::provider::{DnsProvider, ProviderId};
use dnsmgmt_core::record_set::Listing;
use dnsmgmt_core::repository::{DnsRepositoryManager, RepositoryError};
use dnsmgmt_core::stale::Decision;
use dnsmgmt_core::stale::orphans::{self, Evidence};
use dnsmgmt_core::tracked::TrackedRecord;

use crate::report::Run;
use crate::zones::{ByProvider, Work, Zones};

/// Deletes what is marked as unwanted and whose grace is over, and forgets what is gone.
pub(crate) async fn run(mut at: Zones<'_>, run: &mut Run<'_>) -> Result<()> {
    let policy = at.context.settings.policy();
    let mut orphans = Orphans { preserved: &policy.preserved, grace: at.options.grace.unwrap_or(policy.grace) };
    let zones = zones(&at)?;
    at.clean(zones, &mut orphans, run).await;
    Ok(())
}

/// Returns the zones in which something of ours is an orphan.
fn zones(at: &Zones<'_>) -> Result<ByProvider> {
    let mut zones = ByProvider::new();
    for (id, _) in at.repository.all_orphans()?.into_iter().filter(|(_, orphan)| orphan.claim.is_some()) {
        if at.context.is_about(&id)? {
            zones.entry(id.name.clone()).or_default().insert(id);
        }
    }
    Ok(zones)
}

struct Orphans<'a> {
    preserved: &'a Preserved,
    grace: Duration,
}

impl<'a> Orphans<'a> {
    fn evidence(&self, tracked: &'a [TrackedRecord]) -> Evidence<'a> {
        Evidence { tracked, preserved: self.preserved, grace: self.grace }
    }
}

impl Work for Orphans<'_> {
    fn is_due(
        &self,
        _: &DnsRepositoryManager,
        _: &ProviderId,
        tracked: &[TrackedRecord],
    ) -> Result<bool, RepositoryError> {
        Ok(orphans::is_due(self.evidence(tracked)))
    }

    /// The mark is the evidence, and it is read anew for each decision.
    async fn look_again(&mut self, _: &mut DnsRepositoryManager, _: &mut Run<'_>) -> Result<()> {
        Ok(())
    }

    fn decide(&self, provider: &dyn DnsProvider, listing: Listing, tracked: &[TrackedRecord]) -> Decision {
        orphans::orphans(provider, listing, self.evidence(tracked))
    }
}
