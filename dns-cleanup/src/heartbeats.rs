//! The job `heartbeats`: addresses that nobody has kept alive for the whole threshold, and heartbeats that keep nothing.

use anyhow::{Result, anyhow};
use dnsmgmt_core::lease::{Lease, Term};
use dnsmgmt_core::progress::Progress;
use dnsmgmt_core::reconcile::{End, Ending, Reconciled, end_leases, preview_leases, see_leases};
use dnsmgmt_core::stale::leases::LeaseDecision;
use dnsmgmt_program::context::{Connected, Context};
use dnsmgmt_program::progress::Line;
use dnsmgmt_program::summary::Leases;
use jiff::Timestamp;
use serde::Serialize;

use crate::report::{Cleaned, Run};
use crate::zones::Zones;

/// Returns whether any name is leased.
pub(crate) fn are_configured(context: &Context) -> Result<bool> {
    Ok(!context.settings.heartbeat()?.leased().is_empty())
}

/// Ends the leases that are over, each provider's under its lock. A zone that fails hides no other.
pub(crate) async fn run(mut at: Zones<'_>, run: &mut Run<'_>) -> Result<()> {
    let heartbeat = at.context.settings.heartbeat()?;
    let (targets, misplaced) = at.context.targets_of(&heartbeat.leased());
    misplaced.into_iter().for_each(|error| run.fail(error));
    let Some((zones, failures)) = at.stop.unless_asked(at.context.connect_all(targets)).await else {
        run.fail(anyhow!("told to stop before the zones were looked at"));
        return Ok(());
    };
    failures.into_iter().for_each(|error| run.fail(error));
    for (zone, domains) in zones {
        let policy = at.context.settings.policy();
        let ending = Ending {
            domains: &domains,
            whole: &heartbeat.whole,
            threshold: heartbeat.threshold,
            interval: at.cleaning.interval,
            preserved: &policy.preserved,
            keep_last_member: heartbeat.keep_last_member,
            brake: at.cleaning.brake,
            journal_keep: at.cleaning.journal_keep,
        };
        match end(&mut at, &zone, ending).await {
            Ok((done, ages)) => at.take(zone.id(), Cleaned::of_leases(zone.id().clone(), done, ages), run),
            Err(error) => run.fail(error),
        }
    }
    Ok(())
}

/// How old the heartbeats of a zone are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ages {
    /// The leases that were seen.
    pub(crate) leases: Leases,
    /// When.
    now: Timestamp,
}

impl Ages {
    fn of(leases: &[Lease], term: Term) -> Self {
        let alive = || leases.iter().filter(|lease| lease.address.is_some() && lease.left(term).is_some());
        let is_nobodys =
            |lease: &&Lease| lease.address.is_some() && lease.heartbeats.is_empty() && lease.missing.is_none();
        let beats = || alive().filter_map(Lease::last_beat);
        let left = alive().filter_map(|lease| lease.left(term)).min();
        let leases = Leases {
            alive: alive().count(),
            without_heartbeat: Some(leases.iter().filter(is_nobodys).count()),
            oldest: beats().min(),
            youngest: beats().max(),
            next_expiry: left.and_then(|left| term.now.checked_add(left).ok()),
        };
        Self { leases, now: term.now }
    }
}

/// How many addresses are kept alive, and how old the last heartbeat is of the one of these that was not heard of for the longest time.
#[derive(Debug, Serialize)]
pub(crate) struct JsonAges {
    alive: usize,
    oldest_seconds: Option<i64>,
}

impl From<&Ages> for JsonAges {
    fn from(Ages { leases, now }: &Ages) -> Self {
        let oldest = leases.oldest.map(|beat| now.duration_since(beat).as_secs());
        Self { alive: leases.alive, oldest_seconds: oldest }
    }
}

/// Ends the leases of one zone. It can be told to stop as long as it only looks.
async fn end(at: &mut Zones<'_>, zone: &Connected, ending: Ending<'_>) -> Result<(Reconciled<LeaseDecision>, Ages)> {
    let id = zone.id();
    let stopped = || anyhow!("told to stop before {id} was cleaned up; nothing was changed there");
    let _lock = at.lock(&id.name, true).await?;
    at.context.same_endpoint(at.repository, zone)?;
    let line = Line::start();
    let progress = |progress: Progress<'_>| line.show(progress);
    let clock = at.context.clock.reader();
    let run = at.context.run(&progress, &clock);
    let looking = see_leases(at.repository, &*zone.provider, ending, run, !at.options.dry_run);
    let seen = at.stop.unless_asked(looking).await.ok_or_else(stopped)??;
    let ages = Ages::of(&seen.leases, seen.term);
    if at.options.dry_run {
        return Ok((preview_leases(at.repository, &*zone.provider, &seen, ending)?, ages));
    }
    let witness = at.context.witness(zone)?;
    let mut done = end_leases(at.repository, &*zone.provider, &seen, ending, run).await?;
    if let (Some(witness), End::CarriedOut(carried_out)) = (witness, &mut done.end) {
        let proxied = done.decision.plan.proxied();
        at.context.testify(&witness, &|key| proxied.contains(key), &mut carried_out.report.outcomes).await;
    }
    Ok((done, ages))
}
