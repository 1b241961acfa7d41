//! `dns-cli provider switch`

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use dnsmgmt_core::by_hand::as_listed;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::plan::Plan;
use dnsmgmt_core::record::RecordKey;
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::relocate::{arrive, depart, still_there};
use dnsmgmt_core::report::{Fate, Outcome};
use dnsmgmt_core::repository::{DnsRepositoryManager, Tracking};
use dnsmgmt_core::tracked::TrackedRecord;

use crate::args::Switch;
use crate::commands::change::{PATIENCE, carry_out_locked, exit, settle};
use crate::confirm;
use dnsmgmt_program::context::{Connected, Context, canonical};
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::failure::{complain, failed};
use dnsmgmt_program::output::{Finished, print_report, printable_lines};

/// Creates at one provider what is ours at another, verifies it, and only then removes it there.
pub(crate) async fn run(context: &Context, args: Switch) -> Result<Exit> {
    let name = |name| canonical(&context.settings, name);
    let (from, to) = (name(&args.from)?, name(&args.to)?);
    if from == to {
        bail!(UsageError(format!("the records are to leave `{from}`, so name another provider for them")));
    }
    let mut repository = context.repository()?;
    let mut switch = Move::plan(context, &mut repository, &from, &to).await?;
    let report = |finished: &[Finished], is_preview: bool| print_report(finished, is_preview, args.output);
    if switch.is_refused() {
        report(&switch.preview(), true)?;
        complain(&format!("nothing was moved, because {to} cannot hold all of it"));
        return Ok(Exit::Unsettled);
    }
    if args.dry_run {
        report(&switch.preview(), true)?;
        switch.say_who_names_it().await;
        return Ok(Exit::Done);
    }
    switch.confirm(args.yes)?;
    let finished = switch.carry_out(&mut repository).await?;
    report(&finished, false).context("the report was not shown, but what it says was done")?;
    switch.say_who_names_it().await;
    let outcomes = finished.iter().flat_map(|finished| &finished.outcomes);
    Ok(exit(outcomes, false).or(switch.end))
}

/// A move of all that is ours.
struct Move<'a> {
    context: &'a Context,
    from: String,
    to: String,
    departures: Vec<Departure>,
    arrivals: Vec<Arrival>,
    /// How it ended beside what became of the changes: something may have been left where it was.
    end: Exit,
}

/// A zone that is left.
struct Departure {
    at: Connected,
    scope: Scope,
    ours: Vec<TrackedRecord>,
    preview: Vec<Outcome>,
}

/// A zone to which records come.
struct Arrival {
    at: Connected,
    scope: Scope,
    plan: Plan,
    coming: Vec<TrackedRecord>,
}

impl<'a> Move<'a> {
    /// Decides everything before anything is changed.
    async fn plan(context: &'a Context, repository: &mut DnsRepositoryManager, from: &str, to: &str) -> Result<Self> {
        let mut departures = Vec::new();
        for id in repository.zones_of(from)? {
            if context.zone.as_ref().is_some_and(|zone| *zone != id.zone) {
                continue;
            }
            let at = context.connect(context.settings.select(Some(from), Some(&id.zone), None)?).await?;
            let tracked = repository.get_managed_records(at.id(), repository.observed(at.id())?)?;
            let scope = Scope::from_iter(tracked.iter().map(|tracked| tracked.record.name().clone()));
            let listing = context.observe_to_change(repository, &at, &scope).await?;
            let ours = still_there(&listing, tracked);
            let preview = depart(&*at.provider, scope.clone(), listing, &ours).preview();
            departures.push(Departure { at, scope, ours, preview });
        }
        let ours: Vec<&TrackedRecord> = departures.iter().flat_map(|departure| &departure.ours).collect();
        let names: BTreeSet<&Name> = ours.iter().map(|tracked| tracked.record.name()).collect();
        let names: Vec<Name> = names.into_iter().cloned().collect();
        let mut arrivals = Vec::new();
        for target in context.located(context.settings.targets_for(Some(to), None, &names)?).await? {
            let at = context.connect(target).await?;
            let here: BTreeSet<&Name> = at.target.names().iter().collect();
            let coming = ours.iter().filter(|tracked| here.contains(tracked.record.name()));
            let coming: Vec<TrackedRecord> = coming.copied().cloned().collect();
            arrivals.push(Arrival::plan(context, repository, at, coming).await?);
        }
        Ok(Self { context, from: from.into(), to: to.into(), departures, arrivals, end: Exit::Done })
    }

    fn is_refused(&self) -> bool {
        let departures = self.departures.iter().flat_map(|departure| &departure.preview);
        let mut outcomes = self.arrivals.iter().flat_map(|arrival| arrival.plan.settled()).chain(departures);
        outcomes.any(|outcome| outcome.fate == Fate::Refused)
    }

    fn preview(&self) -> Vec<Finished> {
        let arrivals = self
            .arrivals
            .iter()
            .map(|arrival| Finished { provider: arrival.at.id().clone(), outcomes: arrival.plan.preview() });
        let departures = self
            .departures
            .iter()
            .map(|departure| Finished { provider: departure.at.id().clone(), outcomes: departure.preview.clone() });
        arrivals.chain(departures).collect()
    }

    /// Shows what would be done, and asks.
    fn confirm(&self, yes: bool) -> Result<()> {
        let steps: Vec<String> = self.preview().iter().flat_map(lines).collect();
        if yes || steps.is_empty() {
            return Ok(());
        }
        let shown = printable_lines(&steps.join("\n"));
        if !confirm::can_ask() {
            bail!(UsageError(format!("nothing was moved; this is what would be done:\n{shown}\nsay --yes to do it")));
        }
        if confirm::confirm(&format!("{shown}\nMove what is ours from {} to {}?", self.from, self.to))? {
            return Ok(());
        }
        bail!(UsageError("nothing was moved".into()))
    }

    /// Creates and verifies, then deletes and verifies, under the locks of both.
    async fn carry_out(&mut self, repository: &mut DnsRepositoryManager) -> Result<Vec<Finished>> {
        // Always in one order: two moves in opposite directions would wait for each other.
        let (first, second) = if self.from < self.to { (&self.from, &self.to) } else { (&self.to, &self.from) };
        let _first = self.context.lock(repository.path(), first, PATIENCE).await?;
        let _second = self.context.lock(repository.path(), second, PATIENCE).await?;
        let (mut finished, mut arrived) = (Vec::new(), BTreeSet::new());
        for arrival in &self.arrivals {
            let mut outcomes = Vec::new();
            match arrival.carry_out(self.context, repository, &mut outcomes).await {
                Ok(here) => arrived.extend(here),
                Err(error) => self.end = self.end.or(failed(&error)),
            }
            finished.push(Finished { provider: arrival.at.id().clone(), outcomes });
        }
        for departure in &self.departures {
            let id = departure.at.id();
            if !departure.ours.iter().all(|tracked| arrived.contains(&tracked.record.key)) {
                self.end = self.end.or(Exit::Unsettled);
                complain(&format!("nothing was removed from {id}, because not all of it is at {}", self.to));
                continue;
            }
            match departure.carry_out(self.context, repository).await {
                Ok(outcomes) => finished.push(Finished { provider: id.clone(), outcomes }),
                Err(error) => self.end = self.end.or(failed(&error)),
            }
        }
        Ok(finished)
    }

    /// Says which sources would bring back at the old provider what has left it.
    async fn say_who_names_it(&self) {
        let moved = self.departures.iter().flat_map(|departure| &departure.ours);
        let moved: BTreeSet<&Name> = moved.map(|tracked| tracked.record.name()).collect();
        let settings = &self.context.settings;
        let mut origins: BTreeMap<String, usize> = BTreeMap::new();
        for spec in &settings.policy().sources {
            let read = async { self.context.settings.source(spec, &self.context.folder)?.desired().await };
            let Ok(desired) = read.await.inspect_err(|error| {
                complain(&format!("it is not known whether {spec} still names {}: {error}", self.from));
            }) else {
                continue;
            };
            for error in &desired.failed {
                eprintln!("dns-cli: it is not known whether {spec} still names {}: {error}", self.from);
            }
            for wanted in desired.wanted.iter().filter(|wanted| moved.contains(wanted.record.name())) {
                let (place, name) = (&wanted.place, wanted.record.name());
                let target = settings.select(place.provider.as_deref(), place.zone.as_ref(), Some(name));
                if target.is_ok_and(|target| target.provider() == self.from) {
                    *origins.entry(wanted.origin.to_string()).or_default() += 1;
                }
            }
        }
        for (origin, count) in origins {
            eprintln!(
                "{}",
                printable_lines(&format!(
                    "{origin} still leads to {}: its next synchronisation creates {count} of the records there again, and lets \
                     those at {} go; name {} there",
                    self.from, self.to, self.to
                ))
            );
        }
    }
}

impl Arrival {
    async fn plan(
        context: &Context,
        repository: &mut DnsRepositoryManager,
        at: Connected,
        coming: Vec<TrackedRecord>,
    ) -> Result<Self> {
        let scope = Scope::from_iter(at.target.names().iter().cloned());
        let before = context.observe_to_change(repository, &at, &scope).await?;
        let claimed = repository.get_managed_records(at.id(), repository.observed(at.id())?)?;
        let open = repository.journal().unsettled(at.id())?;
        // What an earlier move asked for and did not live to see is ours as soon as it is settled.
        let open = open.iter().map(|entry| entry.change().record().key.clone());
        let claimed = claimed.into_iter().map(|tracked| tracked.record.key).chain(open).collect();
        let comment = context.comment(repository, &at)?;
        let plan = arrive(&*at.provider, scope.clone(), before, &coming, &claimed, comment.as_deref());
        Ok(Self { at, scope, plan, coming })
    }

    /// Returns which records a listing taken afterwards shows; `outcomes` get what became of the changes.
    async fn carry_out(
        &self,
        context: &Context,
        repository: &mut DnsRepositoryManager,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<Vec<RecordKey>> {
        settle(context, repository, &self.at).await?;
        let (done, seen) = carry_out_locked(context, repository, &self.at, self.plan.clone()).await?;
        outcomes.extend(done);
        let seen = match seen {
            Some(seen) => seen,
            None => context.observe_to_change(repository, &self.at, &self.scope).await?,
        };
        let mut arrived = Vec::new();
        for tracked in &self.coming {
            let key = &tracked.record.key;
            let here = RecordKey { name: key.name.clone(), data: as_listed(&*self.at.provider, &seen, key) };
            if seen.records.get(&here).is_some_and(|there| there.enabled != Some(false)) {
                join(context, repository, &self.at, &here, tracked)?;
                arrived.push(key.clone());
            }
        }
        Ok(arrived)
    }
}

impl Departure {
    /// Looks again, and deletes what was confirmed and is still ours and there.
    async fn carry_out(&self, context: &Context, repository: &mut DnsRepositoryManager) -> Result<Vec<Outcome>> {
        settle(context, repository, &self.at).await?;
        let listing = context.observe_to_change(repository, &self.at, &self.scope).await?;
        let confirmed: BTreeSet<&RecordKey> = self.ours.iter().map(|tracked| &tracked.record.key).collect();
        let mut tracked = repository.get_managed_records(self.at.id(), repository.observed(self.at.id())?)?;
        tracked.retain(|tracked| confirmed.contains(&tracked.record.key));
        let ours = still_there(&listing, tracked);
        let plan = depart(&*self.at.provider, self.scope.clone(), listing, &ours);
        Ok(carry_out_locked(context, repository, &self.at, plan).await?.0)
    }
}

/// Lets what is ours at the new provider already be wanted by those who wanted it at the old one too.
fn join(
    context: &Context,
    repository: &mut DnsRepositoryManager,
    at: &Connected,
    key: &RecordKey,
    moved: &TrackedRecord,
) -> Result<()> {
    let observed = repository.observed(at.id())?;
    let tracked = repository.managed_records().get_tracked_records_at(at.id(), &key.name, observed)?;
    let ours = tracked.into_iter().find(|tracked| tracked.record.key == *key && tracked.claim.is_some());
    if let Some(ours) = ours.filter(|ours| !moved.origins.is_subset(&ours.origins)) {
        let tracking = Tracking { origins: moved.origins.clone(), ..Tracking::default() };
        repository.track_record(at.id(), &ours.record, &tracking, context.clock.moment().now)?;
    }
    Ok(())
}

/// `create web.example A 10.0.0.1 at home (example)`
fn lines(preview: &Finished) -> Vec<String> {
    let untried = preview.outcomes.iter().filter(|outcome| outcome.fate == Fate::NotTried);
    let line = |outcome: &Outcome| {
        let value = outcome.data.as_ref().map(|data| format!(" {} {data}", data.rtype())).unwrap_or_default();
        format!("  {} {}{value} at {}", outcome.action, outcome.name, preview.provider)
    };
    untried.map(line).collect()
}
