//! `dns-cli leases`

use std::collections::BTreeSet;

use anyhow::Result;
use dnsmgmt_core::lease::{Memory, Term, leases};
use dnsmgmt_core::name::Name;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::held::Held;
use dnsmgmt_providers::config::Heartbeat;

use crate::args::Leases;
use crate::output::{LeasesOf, print_leases};

/// Shows who lives where. It looks at what the providers hold, or the cache did, and at what a clean-up of this database saw of it.
pub(crate) async fn run(context: &Context, args: Leases) -> Result<Exit> {
    let heartbeat = context.settings.heartbeat()?;
    let named = match args.domain {
        Some(domain) => BTreeSet::from([domain]),
        None => heartbeat.leased(),
    };
    let mut held = context.held(args.max_age).await?;
    let zones = std::mem::take(&mut held.answers);
    let shown: Vec<LeasesOf> = zones.into_iter().map(|zone| leases_of(context, &heartbeat, &named, zone)).collect();
    print_leases(&shown, args.output)?;
    Ok(held.end())
}

/// Returns the leases of a zone: of the names that are meant, or of all that have heartbeats where none is.
fn leases_of(context: &Context, heartbeat: &Heartbeat, named: &BTreeSet<Name>, zone: Held) -> LeasesOf {
    let moment = context.clock.moment();
    let interval = context.settings.policy().cleanup_interval;
    let remembered = context.database().ask(|repository| {
        let memory = repository.leases(&zone.provider)?;
        let observed = repository.look_at_leases(&zone.provider, &moment, interval, false)?.observed;
        Ok((memory, observed, repository.held_at(&zone.provider)?))
    });
    let (memory, observed, waiting) = remembered.unwrap_or_else(|| (Memory::new(), Default::default(), Vec::new()));
    let is_observed = !memory.is_empty();
    let is_meant = |name: &Name| named.is_empty() || named.contains(name);
    let is_whole = |name: &Name| heartbeat.whole.contains(name);
    let term = Term { threshold: heartbeat.threshold, now: moment.now };
    let mut found = leases(&zone.listing, &is_meant, &is_whole, &memory, observed, term);
    found.retain(|lease| !named.is_empty() || !lease.heartbeats.is_empty() || lease.missing.is_some());
    LeasesOf {
        since: found.iter().map(|lease| memory.get(&lease.member).map(|seen| seen.first_seen)).collect(),
        provider: zone.provider,
        leases: found,
        term,
        is_observed,
        waiting,
    }
}
