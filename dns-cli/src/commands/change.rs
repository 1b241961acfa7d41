//! What every command that changes something does: list, decide, apply, report.

use std::io::{self, Read};

use anyhow::{Context as _, Result, bail};
use dnsmgmt_core::apply::apply;
use dnsmgmt_core::by_hand::ByHand;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::plan::Plan;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::report::{Fate, Outcome};

use crate::args::Change;
use crate::context::Context;
use crate::exit::{Exit, UsageError};
use crate::input::{self, Entry};
use crate::output::{Finished, print_report};
use crate::progress::Line;

/// Decides and applies one plan for each provider and zone that the names belong to. `decide` is told whether the provider can
/// switch records off. Nothing is changed before all plans are decided.
pub(crate) async fn run(
    context: &Context,
    names: &[Name],
    args: &Change,
    decide: impl Fn(&mut ByHand<'_>, bool, &[Name]) -> Result<()>,
) -> Result<Exit> {
    let mut plans = Vec::new();
    for (provider, names) in context.providers_of(names).await? {
        let scope = Scope::from_iter(names.iter().cloned());
        let before = context.observe(&*provider, &scope).await?;
        let mut by_hand = ByHand::on(&*provider, scope, before);
        decide(&mut by_hand, provider.capabilities().enabled, &names)?;
        let plan: Plan = by_hand.plan();
        plans.push((provider, plan));
    }
    let mut finished = Vec::new();
    for (provider, plan) in plans {
        let outcomes = if args.dry_run {
            plan.preview()
        } else {
            let line = Line::new();
            let progress = |progress: dnsmgmt_core::progress::Progress<'_>| line.show(progress);
            apply(&*provider, plan.approve_by_hand(), &context.patience, context.run, &progress).await.outcomes
        };
        finished.push(Finished { provider: provider.id().clone(), outcomes });
    }
    print_report(&finished, args.dry_run, args.output)
        .context("the report was not shown, but what it says was done")?;
    Ok(exit(finished.iter().flat_map(|finished| &finished.outcomes), args.dry_run))
}

fn exit<'a>(mut outcomes: impl Iterator<Item = &'a Outcome>, dry_run: bool) -> Exit {
    let fine = |outcome: &Outcome| outcome.fate.is_settled() || (dry_run && outcome.fate == Fate::NotTried);
    if outcomes.all(fine) { Exit::Done } else { Exit::Unsettled }
}

/// Reads the entries on standard input.
pub(crate) fn standard_input() -> Result<Vec<Entry>> {
    let mut octets = Vec::new();
    io::stdin().read_to_end(&mut octets).context("read the records from standard input")?;
    input::read(&String::from_utf8(octets).map_err(|_| UsageError("standard input is not UTF-8".into()))?)
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
