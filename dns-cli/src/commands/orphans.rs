//! `dns-cli orphans`

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use dnsmgmt_core::by_hand::{ByHand, Selector};
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::{Claim, Reason};
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::report::{Action, Fate, Outcome};
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_core::tracked::{OrphanReason, TrackedRecord};

use crate::args::{Named, Orphans, OrphansDelete, OrphansDisown, OrphansList, OrphansRestore};
use crate::commands::change::{Planned, marks_elsewhere, report};
use crate::confirm::agree;
use crate::filter::Filter;
use crate::output::{Became, Claims, Orphan, Row, preview_claims, print_claims, print_orphans};
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::{Connected, Context};
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::output::{Finished, preview};

pub(crate) async fn run(context: &Context, command: Orphans) -> Result<Exit> {
    match command {
        Orphans::List(args) => list(context, &args),
        Orphans::Restore(args) => restore(context, &args).await,
        Orphans::Delete(args) => delete(context, &args).await,
        Orphans::Disown(args) => disown(context, &args),
    }
}

fn list(context: &Context, args: &OrphansList) -> Result<Exit> {
    let orphans = all(context, &context.repository()?)?;
    print_orphans(&orphans, context.settings.policy().grace, args.output)?;
    Ok(Exit::Done)
}

async fn restore(context: &Context, args: &OrphansRestore) -> Result<Exit> {
    let mut repository = context.repository()?;
    let (mut zones, mut finished) = (Vec::new(), Vec::new());
    for (id, orphans) in named(context, &repository, &args.named)? {
        zones.push(Restoration::decide(context, &mut repository, &id, orphans).await?);
    }
    for zone in zones {
        finished.push(match args.change.dry_run {
            true => zone.preview(),
            false => zone.carry_out(context, &mut repository).await?,
        });
    }
    end(&finished, args.change.dry_run, args.change.output)
}

async fn delete(context: &Context, args: &OrphansDelete) -> Result<Exit> {
    let mut repository = context.repository()?;
    let agreement = &args.agreement;
    let (mut zones, mut finished) = (Vec::new(), Vec::new());
    for (id, orphans) in named(context, &repository, &args.named)? {
        zones.push(Deletion::decide(context, &mut repository, &id, orphans).await?);
    }
    let previews: Vec<Finished> = zones.iter().map(Deletion::preview).collect();
    if agreement.dry_run {
        return end(&previews, true, agreement.output);
    }
    if zones.iter().any(|zone| !zone.planned.plan().is_empty() || !zone.absent.is_empty()) {
        agree(agreement.yes, &preview(&previews)?, "nothing was deleted")?;
    }
    for zone in zones {
        finished.push(zone.carry_out(context, &mut repository).await?);
    }
    end(&finished, false, agreement.output)
}

fn disown(context: &Context, OrphansDisown { daemon, agreement }: &OrphansDisown) -> Result<Exit> {
    let daemon = Origin::from_text(daemon);
    if daemon.kind() != Some("docker") || daemon.piece_name().is_some() {
        bail!(UsageError(format!(
            "`{daemon}` is no daemon; name one as `docker:` and its id, as `dns-cli why NAME` shows it"
        )));
    }
    let mut repository = context.repository()?;
    let mut claims = Vec::new();
    for provider in repository.providers_of(&daemon)? {
        let mut ours = repository.get_managed_records(&provider, repository.observed(&provider)?)?;
        ours.retain(|tracked| tracked.origins.iter().any(|origin| origin.is_within(&daemon)));
        let row = |tracked: &TrackedRecord| {
            let others = tracked.origins.iter().filter(|origin| !origin.is_within(&daemon));
            others.fold(Row::of(&tracked.record, Became::Disowned), |row, other| {
                row.note(format!("{other} wants it too"))
            })
        };
        claims.push(Claims { rows: ours.iter().map(row).collect(), provider });
    }
    const NOTHING: &str = "nothing of ours is wanted by that daemon";
    if agreement.dry_run {
        return print_claims(&claims, true, agreement.output, NOTHING);
    }
    if !claims.is_empty() {
        agree(agreement.yes, &preview_claims(&claims)?, "nothing was disowned")?;
        repository.disown(&daemon, context.clock.moment().now)?;
    }
    let exit = print_claims(&claims, false, agreement.output, NOTHING);
    exit.context("the report was not shown, but what it says was done")
}

/// Prints what became of the orphans.
fn end(finished: &[Finished], dry_run: bool, output: ReportFormat) -> Result<Exit> {
    let exit = report(finished, dry_run, output)?;
    Ok(if finished.is_empty() { Exit::No.or(exit) } else { exit })
}

/// Returns every orphan of ours that the command is about.
fn all(context: &Context, repository: &DnsRepositoryManager) -> Result<Vec<Orphan>> {
    let mut orphans = Vec::new();
    for (provider, tracked) in repository.all_orphans()? {
        if let Some(orphaned) = tracked.orphaned.filter(|_| tracked.claim.is_some())
            && context.is_about(&provider)?
        {
            orphans.push(Orphan { provider, tracked, orphaned });
        }
    }
    Ok(orphans)
}

/// Returns the orphans that are named, zone by zone.
fn named(
    context: &Context,
    repository: &DnsRepositoryManager,
    named: &Named,
) -> Result<BTreeMap<ProviderId, Vec<Orphan>>> {
    let filter = Filter::of(named)?;
    let mut zones: BTreeMap<ProviderId, Vec<Orphan>> = BTreeMap::new();
    for orphan in all(context, repository)?.into_iter().filter(|orphan| filter.accepts(&orphan.tracked.record)) {
        zones.entry(orphan.provider.clone()).or_default().push(orphan);
    }
    Ok(zones)
}

async fn look(
    context: &Context,
    repository: &mut DnsRepositoryManager,
    id: &ProviderId,
    orphans: &[Orphan],
) -> Result<(Connected, Scope, Listing)> {
    let at = context.connect_to(id).await?;
    let scope = Scope::from_iter(orphans.iter().map(|orphan| orphan.tracked.record.name().clone()));
    let listing = context.observe_to_change(repository, &at, &scope).await?;
    Ok((at, scope, listing))
}

/// The orphans of one zone that are to stay.
struct Restoration {
    /// What the provider holds.
    there: Vec<Orphan>,
    /// The creation of what it does not hold.
    planned: Planned,
}

impl Restoration {
    async fn decide(
        context: &Context,
        repository: &mut DnsRepositoryManager,
        id: &ProviderId,
        orphans: Vec<Orphan>,
    ) -> Result<Self> {
        let (at, scope, listing) = look(context, repository, id, &orphans).await?;
        let comment = context.comment(repository, &at)?;
        let (there, absent): (Vec<Orphan>, Vec<Orphan>) =
            orphans.into_iter().partition(|orphan| listing.records.contains(&orphan.tracked.record.key));
        let mut by_hand = ByHand::on(&*at.provider, scope, listing).with_comment(comment);
        for orphan in absent {
            let record = Record { handles: Vec::new(), ..orphan.tracked.record.clone() };
            by_hand.add_for(record, wanted_by(&orphan));
        }
        let plan = by_hand.plan();
        Ok(Self { there, planned: Planned::new(repository, at, plan)? })
    }

    fn preview(&self) -> Finished {
        with_what_is_there(&self.there, self.planned.preview())
    }

    async fn carry_out(self, context: &Context, repository: &mut DnsRepositoryManager) -> Result<Finished> {
        for orphan in &self.there {
            let (id, key) = (&orphan.provider, &orphan.tracked.record.key);
            match orphan.orphaned.reason {
                OrphanReason::Unwanted => drop(repository.keep_unwanted(id, key)?),
                OrphanReason::Gone => drop(repository.unmark_record_orphaned(id, key, OrphanReason::Gone)?),
            }
        }
        let Self { there, planned } = self;
        let made = planned.carry_out(context, repository).await?;
        Ok(with_what_is_there(&there, made))
    }
}

fn with_what_is_there(there: &[Orphan], mut made: Finished) -> Finished {
    let outcomes = there.iter().map(|orphan| {
        let note = match orphan.orphaned.reason {
            OrphanReason::Unwanted => "it is wanted by hand from now on, so it stays whatever its sources say",
            OrphanReason::Gone => "it is there again, so it is no orphan any more",
        };
        outcome(Action::Create, &orphan.tracked.record, Fate::AlreadyPresent, note.into())
    });
    made.outcomes.splice(0..0, outcomes);
    made
}

/// Returns who wants what is created again: those who wanted it, unless nobody did any more.
fn wanted_by(orphan: &Orphan) -> BTreeSet<Origin> {
    match orphan.orphaned.reason {
        OrphanReason::Gone if !orphan.tracked.origins.is_empty() => orphan.tracked.origins.clone(),
        _ => BTreeSet::from([Origin::by_hand()]),
    }
}

/// The orphans of one zone that are to go.
struct Deletion {
    /// What the provider does not hold, and is only forgotten.
    absent: Vec<Orphan>,
    /// What was gone and is there again: no orphan any more.
    back: Vec<Orphan>,
    planned: Planned,
}

impl Deletion {
    async fn decide(
        context: &Context,
        repository: &mut DnsRepositoryManager,
        id: &ProviderId,
        orphans: Vec<Orphan>,
    ) -> Result<Self> {
        let (at, scope, listing) = look(context, repository, id, &orphans).await?;
        let (there, absent): (Vec<Orphan>, Vec<Orphan>) =
            orphans.into_iter().partition(|orphan| listing.records.contains(&orphan.tracked.record.key));
        let (back, unwanted): (Vec<Orphan>, Vec<Orphan>) =
            there.into_iter().partition(|orphan| orphan.orphaned.reason == OrphanReason::Gone);
        let elsewhere = marks_elsewhere(repository, at.id(), &listing)?;
        let mut by_hand = ByHand::on(&*at.provider, scope, listing).with_marks_at(elsewhere);
        for orphan in unwanted {
            let Record { key, .. } = orphan.tracked.record;
            by_hand.delete(&Selector { rtype: Some(key.rtype()), name: key.name, data: Some(key.data) });
        }
        let plan = by_hand.plan();
        Ok(Self { absent, back, planned: Planned::new(repository, at, plan)? })
    }

    fn preview(&self) -> Finished {
        with_what_needs_no_change(&self.absent, &self.back, self.planned.preview())
    }

    async fn carry_out(self, context: &Context, repository: &mut DnsRepositoryManager) -> Result<Finished> {
        for orphan in &self.absent {
            repository.untrack_record(&orphan.provider, &orphan.tracked.record.key)?;
        }
        let Self { absent, back, planned } = self;
        Ok(with_what_needs_no_change(&absent, &back, planned.carry_out(context, repository).await?))
    }
}

fn with_what_needs_no_change(absent: &[Orphan], back: &[Orphan], mut made: Finished) -> Finished {
    let forgotten = absent.iter().map(|orphan| {
        let mut outcome = outcome(
            Action::Delete,
            &orphan.tracked.record,
            Fate::AlreadyGone,
            "it is gone, so it is only forgotten".into(),
        );
        let sources = orphan.tracked.origins.iter().filter(|origin| !origin.is_a_person());
        let again = sources
            .filter(|_| orphan.orphaned.reason == OrphanReason::Gone)
            .map(|source| format!("if {source} still wants it, its next synchronisation creates it again"));
        outcome.notes.extend(again);
        outcome
    });
    let left = back.iter().map(|orphan| {
        let note = "it was gone and is there again, so it is no orphan; `delete` deletes it all the same";
        outcome(Action::Delete, &orphan.tracked.record, Fate::Refused, note.into())
    });
    made.outcomes.splice(0..0, forgotten.chain(left));
    made
}

/// Returns the outcome for what needs no change at the provider.
fn outcome(action: Action, record: &Record, fate: Fate, note: String) -> Outcome {
    Outcome {
        action,
        name: record.name().clone(),
        rtype: Some(record.rtype()),
        data: Some(record.key.data.clone()),
        old: None,
        ttl: None,
        claim: Claim::ByHand,
        reason: Reason::Requested,
        fate,
        witness: None,
        asked: 0,
        notes: vec![note],
        error: None,
    }
}
