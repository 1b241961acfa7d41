//! `dns-cli undo`

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};
use dnsmgmt_core::provider::{Change, ProviderId};
use dnsmgmt_core::record::RecordKey;
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::repository::{DnsRepositoryManager, JournalEntry};
use dnsmgmt_core::undo::undo;

use crate::args::{Undo, Undone};
use crate::commands::change::{Planned, finish};
use crate::confirm::agree;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::complain;
use dnsmgmt_program::output::{Finished, preview};

pub(crate) async fn run(context: &Context, args: Undo) -> Result<Exit> {
    let agreement = &args.agreement;
    let mut repository = context.repository()?;
    let (made, open) = made(entries(&repository, args.what)?);
    let mut zones: BTreeMap<ProviderId, Vec<JournalEntry>> = BTreeMap::new();
    for entry in made {
        zones.entry(entry.provider.clone()).or_default().push(entry);
    }
    let mut plans = Vec::new();
    for (id, entries) in zones {
        plans.push(plan(context, &mut repository, &id, &entries).await?);
    }
    if !agreement.dry_run && plans.iter().any(|planned| !planned.plan().is_empty()) {
        let previews: Vec<Finished> = plans.iter().map(Planned::preview).collect();
        agree(agreement.yes, &preview(&previews)?, "nothing was taken back")?;
    }
    Ok(finish(context, &mut repository, plans, agreement.dry_run, agreement.output).await?.or(open))
}

fn entries(repository: &DnsRepositoryManager, what: Undone) -> Result<Vec<JournalEntry>> {
    let journal = repository.journal();
    let entries: Vec<JournalEntry> = match what {
        Undone::Run(run) => journal.of_run(run)?,
        Undone::Change(id) => journal.of_change(id)?.into_iter().collect(),
    };
    if entries.is_empty() {
        let what = match what {
            Undone::Run(run) => format!("run {run}"),
            Undone::Change(id) => format!("change {}", id.0),
        };
        bail!("the journal holds no {what}; `dns-cli history` shows what it holds");
    }
    Ok(entries)
}

/// Returns the changes that were made, and the exit status of the others, which are named on standard error.
fn made(entries: Vec<JournalEntry>) -> (Vec<JournalEntry>, Exit) {
    let (mut made, mut exit) = (Vec::new(), Exit::Done);
    for entry in entries {
        let what = format!("change {} ({})", entry.id.0, entry.change());
        let said = match (entry.fate, entry.settled_at) {
            (Some(fate), Some(_)) if was_made(entry.change(), fate) => {
                made.push(entry);
                continue;
            }
            (Some(fate), Some(_)) => format!("{what} was {fate}, so there is nothing to undo"),
            _ => {
                exit = Exit::Unsettled;
                format!(
                    "{what} is open: no listing has told yet what became of it, so it is not undone; the next change or \
                     synchronisation there settles it"
                )
            }
        };
        complain(&said);
    }
    (made, exit)
}

fn was_made(change: &Change, fate: Fate) -> bool {
    match change {
        Change::Create(_) | Change::Replace { .. } => matches!(fate, Fate::Present | Fate::Differs),
        Change::Delete(_) => fate == Fate::Gone,
    }
}

async fn plan(
    context: &Context,
    repository: &mut DnsRepositoryManager,
    id: &ProviderId,
    entries: &[JournalEntry],
) -> Result<Planned> {
    let at = context.connect_to(id).await?;
    let changes: Vec<Change> = entries.iter().map(|entry| entry.change().clone()).collect();
    let scope = Scope::from_iter(changes.iter().map(|change| change.record().name().clone()));
    let before = context.observe_to_change(repository, &at, &scope).await?;
    let ours = repository.get_managed_records(id, Duration::ZERO)?;
    let ours: BTreeSet<RecordKey> = ours.into_iter().map(|tracked| tracked.record.key).collect();
    let plan = undo(&*at.provider, scope, before, &changes, &|key| ours.contains(key));
    let stay: Vec<Vec<String>> = plan.steps().map(|step| stays(&step.change, entries)).collect();
    let mut planned = Planned::new(repository, at, plan)?;
    for (notes, stay) in planned.notes.iter_mut().zip(stay) {
        notes.extend(stay);
    }
    Ok(planned)
}

/// Says of what comes back which sources wanted it: they have no say any more.
fn stays(change: &Change, entries: &[JournalEntry]) -> Vec<String> {
    let Change::Create(back) = change else { return Vec::new() };
    let deleted = entries.iter().filter(|entry| matches!(entry.change(), Change::Delete(old) if old.key == back.key));
    let sources = deleted.flat_map(|entry| &entry.origins).filter(|origin| !origin.is_a_person());
    sources.map(|source| format!("{source} wanted it; now it is wanted by hand, so no source takes it away")).collect()
}
