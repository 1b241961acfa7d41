//! One run: what this machine has, whether heartbeats are due, and the zones in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use dnsmgmt_core::brake::Brake;
use dnsmgmt_core::heartbeat::{InstanceId, Member};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::progress::Progress;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::reconcile::{Registered, Registering, find_registered, preview_registration, register_zone};
use dnsmgmt_core::register::{Due, Last, Refresh, are_so_near, contradicts, due};
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_program::approve::approved;
use dnsmgmt_program::context::{Connected, Context};
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::failure::{complain, failed};
use dnsmgmt_program::log::{Level, NOTHING_MORE, say};
use dnsmgmt_program::machine::host_name;
use dnsmgmt_program::memory::{Memory, is_of_the_database};
use dnsmgmt_program::monitor::Monitor;
use dnsmgmt_program::progress::Line;
use dnsmgmt_program::summary::Ended;
use dnsmgmt_providers::addresses::Family;
use dnsmgmt_providers::config::{Heartbeat, Target};

use crate::args::Options;
use crate::find::find;
use crate::report::Report;
use crate::vanished::vanished;
use crate::wish::{Registrations, Wish};

/// How long another program that changes records at the same provider is waited for: a machine that lives has to say so.
const LOCK: Duration = Duration::from_secs(60);

/// Does it once, and tells those who watch it what it came to. `interval` is how far apart runs are, where this program makes it so.
pub(crate) async fn watched(
    monitor: Monitor<'_>,
    options: &Options,
    interval: Option<Duration>,
    memory: &mut Memory,
) -> Exit {
    let work = async |context: &Context, memory: &mut Memory| run(context, options, interval, memory).await;
    monitor.run(memory, work).await
}

/// Does it once.
///
/// Whatever is wrong with the database, the machine says that it lives: then this process remembers what it can, and the exit status says
/// that something failed.
pub(crate) async fn run(
    context: &Context,
    options: &Options,
    interval: Option<Duration>,
    memory: &mut Memory,
) -> Result<Ended> {
    let opened = memory.open(&context.settings);
    let done = match (opened, memory.on_disk()) {
        (Err(error), _) => Err(error),
        (Ok(_), Some(repository)) => beat(context, options, interval, repository).await,
        (Ok(_), None) => return beat(context, options, interval, memory.in_process()?).await,
    };
    match done {
        Err(error) if is_of_the_database(&error) => {
            let error = error.context("going on without the database");
            let exit = failed(&error);
            let mut ended = beat(context, options, interval, memory.in_process()?).await?;
            ended.take_in(&error, exit);
            Ok(ended)
        }
        done => done,
    }
}

async fn beat(
    context: &Context,
    options: &Options,
    interval: Option<Duration>,
    repository: &mut DnsRepositoryManager,
) -> Result<Ended> {
    let heartbeat = context.settings.heartbeat()?;
    let instance = instance(&heartbeat)?;
    if heartbeat.domains.names().is_empty() {
        bail!(UsageError(
            "there is no name to register at; set INTERNAL_DOMAIN, EXTERNAL_DOMAIN, IPV6_DOMAIN or COMBINED_DOMAIN, or write [heartbeat] in \
             dnsmgmt.toml"
                .into()
        ));
    }
    let is_on_disk = !repository.is_in_memory();
    // In a loop the process remembers when it wrote heartbeats, and not how old those were that it found.
    let is_remembered = is_on_disk || interval.is_some();
    let moment = context.clock.moment();
    let said = interval.or(heartbeat.interval);
    let lease = heartbeat.lease(said);
    let last = repository.last_refresh(&instance)?;
    let interval = match options.dry_run || options.deregister {
        true => said,
        false => how_far_apart(repository, &instance, &moment, said, lease, last.as_ref())?,
    };
    warn_of_a_short_lease(lease, said, interval);
    let before = repository.registrations(&instance)?;
    let (wish, problems) = match options.deregister {
        true => (Wish::ended(&heartbeat, &before), Vec::new()),
        false => {
            let (found, problems) = find(&heartbeat).await;
            (Wish::of(&heartbeat, &found, &before), problems)
        }
    };
    let mut report = Report::new(context, options, &instance, lease, &wish, &moment, problems);
    let is_placed = |name: &Name| context.targets_of(&[name.clone()].into()).1.is_empty();
    let mut names = wish.names();
    // What is only to go from where the configuration leads no more is left to expire.
    names.retain(|name| options.deregister || !wish.is_only_withdrawn(name) || is_placed(name));
    let (targets, misplaced) = context.targets_of(&names);
    misplaced.into_iter().for_each(|error| report.fail(error));
    let places: Vec<String> = targets.iter().map(|target| target.endpoint(&context.folder)).collect();
    let mark = wish.mark(&heartbeat, lease, &places);
    let is_due = match options.now || options.deregister || !wish.withdrawn.is_empty() {
        true => Due::Changed,
        false => due(last.as_ref(), &mark, &moment, interval, lease),
    };
    if is_due == Due::No {
        return report.not_due(&before, last.map(|last| last.now));
    }
    let brake = brake(context, options, repository)?;
    let refresh = match is_due != Due::Unwell && (is_remembered || options.now) {
        true => Refresh::All,
        false => Refresh::IfLate { lease, interval },
    };
    let adopt = options.adopt || heartbeat.adopt;
    let run = Beat {
        context,
        dry_run: options.dry_run,
        is_on_disk,
        instance: &instance,
        heartbeat: &heartbeat,
        brake: &brake,
        lease,
        refresh,
        adopt,
        wish: &wish,
        last: last.as_ref(),
        moment: &moment,
    };
    run.zones(repository, targets, &before, &mut report).await;
    if !options.dry_run {
        let written = last.as_ref().filter(|_| is_due == Due::Unwell).map_or_else(|| moment.clone(), Last::moment);
        remember(repository, &instance, &report, mark, written, options.deregister)?;
    }
    report.end((refresh == Refresh::All).then_some(moment.now))
}

/// Writes down when heartbeats were written, whether all were seen, and whether anything is to be looked at again.
fn remember(
    repository: &mut DnsRepositoryManager,
    instance: &InstanceId,
    report: &Report<'_>,
    wanted: String,
    written: Moment,
    deregistered: bool,
) -> Result<()> {
    if deregistered {
        return Ok(repository.forget_refresh(instance)?);
    }
    let Moment { now, boot, running } = written;
    let (is_verified, is_well) = (report.is_verified(), report.is_well());
    Ok(repository.set_refresh(instance, &Last { wanted, is_verified, is_well, now, boot, running })?)
}

/// Returns who this machine is.
pub(crate) fn instance(heartbeat: &Heartbeat) -> Result<InstanceId> {
    match &heartbeat.instance {
        Some(instance) => Ok(instance.clone()),
        None => InstanceId::parse(&host_name())
            .map_err(Error::from)
            .context("this machine's host name cannot say who it is; set INSTANCE_ID"),
    }
}

/// Returns how far apart runs are: what is said, or what is seen where that is more.
///
/// Writing down each run costs more than all else of one that is not due. So where it is said, runs are written down only from the first one on,
/// or from one on that contradicts it, until two of them are as near as it is said.
fn how_far_apart(
    repository: &mut DnsRepositoryManager,
    instance: &InstanceId,
    moment: &Moment,
    said: Option<Duration>,
    lease: Duration,
    last: Option<&Last>,
) -> Result<Option<Duration>> {
    let Some(said) = said else { return Ok(repository.look_at_instance(instance, moment)?) };
    let is_to_be_seen = last.is_none_or(|last| contradicts(last, moment, said, lease));
    if !is_to_be_seen && !repository.is_looking_at_instance(instance)? {
        return Ok(Some(said));
    }
    let Some(seen) = repository.look_at_instance(instance, moment)? else { return Ok(Some(said)) };
    if are_so_near(seen, said) {
        repository.forget_looks_at_instance(instance)?;
        return Ok(Some(said));
    }
    Ok(Some(seen))
}

fn warn_of_a_short_lease(lease: Duration, said: Option<Duration>, interval: Option<Duration>) {
    let Some(interval) = interval.filter(|interval| lease < 2 * *interval) else { return };
    let although = match said.filter(|said| *said != interval) {
        Some(said) => {
            format!(", although it is said that they are {} s apart (UPDATE_INTERVAL, --interval)", said.as_secs())
        }
        None => String::new(),
    };
    complain(&format!(
        "a lease of {} s is short for runs that are {} s apart{although}: one that is late or fails costs the addresses; let \
         STALE_THRESHOLD_SECONDS be two to three times as long",
        lease.as_secs(),
        interval.as_secs()
    ));
}

fn brake(context: &Context, options: &Options, repository: &DnsRepositoryManager) -> Result<Brake> {
    let approved = options.approve.map(|id| approved(repository, id)).transpose()?;
    // Who deregisters asks for it by name.
    let force = options.force || options.deregister;
    Ok(Brake { max_delete: context.settings.policy().max_delete, force, approved })
}

fn tell_of(vanished: &Member, lease: Duration) {
    complain(&format!(
        "{} {} was there at the last run and has vanished long before its time; somebody else deletes it: a clean-up with a shorter threshold than \
         the {} s that this machine counts on (STALE_THRESHOLD_SECONDS has to be the same on both), or an updater of the prior system, which deletes \
         all addresses at its name but its own",
        vanished.domain,
        vanished.address,
        lease.as_secs()
    ));
}

/// What stays the same from zone to zone.
struct Beat<'a> {
    context: &'a Context,
    dry_run: bool,
    is_on_disk: bool,
    instance: &'a InstanceId,
    heartbeat: &'a Heartbeat,
    brake: &'a Brake,
    lease: Duration,
    refresh: Refresh,
    adopt: bool,
    wish: &'a Wish,
    last: Option<&'a Last>,
    moment: &'a Moment,
}

impl Beat<'_> {
    /// Registers in each zone; one that fails hides no other.
    async fn zones(
        &self,
        repository: &mut DnsRepositoryManager,
        targets: Vec<Target>,
        before: &Registrations,
        report: &mut Report<'_>,
    ) {
        let providers: BTreeSet<String> = targets.iter().map(|target| target.provider().to_owned()).collect();
        let (zones, failures) = self.context.connect_all(targets).await;
        let is_silent = |id: &ProviderId| !failures.is_empty() && providers.contains(&id.name);
        let is_left = |id: &ProviderId| !is_silent(id) && zones.iter().all(|(at, _)| at.id() != id);
        let left: Vec<_> = before.iter().filter(|(id, _)| is_left(id)).collect();
        failures.into_iter().for_each(|error| report.fail(error));
        for (id, members) in left {
            self.leave(repository, id, members).unwrap_or_else(|error| report.fail(error));
        }
        for (at, names) in &zones {
            let here = |member: &&Member| {
                names.contains(&member.domain) || before.get(at.id()).is_some_and(|old| old.contains(*member))
            };
            match self.zone(repository, at, names, &here).await {
                Ok(registered) => {
                    if let Some(before) = before.get(at.id()) {
                        let vanished = vanished(before, self.last, self.moment, self.lease, &registered.outcomes);
                        vanished.into_iter().for_each(|member| tell_of(member, self.lease));
                    }
                    report.add(at.id().clone(), registered);
                }
                Err(error) => report.fail(error),
            }
        }
    }

    /// Lets expire what was registered where the configuration leads no more.
    fn leave(&self, repository: &mut DnsRepositoryManager, id: &ProviderId, members: &BTreeSet<Member>) -> Result<()> {
        let names: BTreeSet<&Name> = members.iter().map(|member| &member.domain).collect();
        let names: Vec<String> = names.into_iter().map(ToString::to_string).collect();
        let text = format!(
            "the configuration does not lead to {id} any more; what {} registered there is left to expire: {}",
            self.instance,
            names.join(", ")
        );
        say(Level::Notice, &text, &NOTHING_MORE);
        if !self.dry_run {
            repository.remove_registrations(self.instance, id, members)?;
        }
        Ok(())
    }

    async fn zone(
        &self,
        repository: &mut DnsRepositoryManager,
        at: &Connected,
        names: &BTreeSet<Name>,
        here: &(dyn Fn(&&Member) -> bool + Sync),
    ) -> Result<Registered> {
        let id = at.id();
        let _lock = match self.is_on_disk && !self.dry_run {
            true => Some(self.context.lock(repository.path(), &id.name, LOCK).await?),
            false => None,
        };
        self.context.same_endpoint(repository, at)?;
        let line = Line::start();
        let progress = |progress: Progress<'_>| line.show(progress);
        let clock = self.context.clock.reader();
        let run = self.context.run(&progress, &clock);
        let is_here = |name: &Name| names.contains(name);
        let of_wish = &self.wish.wanted;
        let wanted: BTreeMap<_, _> = of_wish
            .iter()
            .filter(|(member, _)| is_here(&member.domain))
            .map(|(member, proxied)| (member.clone(), *proxied))
            .collect();
        let aliases = self.wish.aliases.iter().filter(|(alias, _)| is_here(alias));
        let keeps =
            |member: &Member| self.wish.undetermined.contains(&(member.domain.clone(), Family::of(member.address)));
        let must_look = !self.is_on_disk && self.wish.undetermined.iter().any(|(name, _)| is_here(name));
        let mut withdrawn: BTreeSet<Member> = self.wish.withdrawn.iter().filter(here).cloned().collect();
        let searched: BTreeSet<Name> = self.wish.searched.iter().filter(|name| is_here(name)).cloned().collect();
        if !searched.is_empty() {
            withdrawn.extend(find_registered(&*at.provider, self.instance, &searched, run).await?);
        }
        let registering = Registering {
            instance: self.instance,
            wanted: &wanted,
            withdrawn: &withdrawn,
            keeps: must_look.then_some(&keeps),
            aliases: &aliases.map(|(alias, target)| (alias.clone(), target.clone())).collect(),
            ttl: self.heartbeat.ttl,
            adopt: self.adopt,
            refresh: self.refresh,
            brake: self.brake,
        };
        if self.dry_run {
            return Ok(preview_registration(repository, &*at.provider, registering, run).await?);
        }
        let witness = self.context.witness(at)?;
        let mut registered = register_zone(repository, &*at.provider, registering, run).await?;
        if let Some(witness) = witness {
            let proxied: Vec<_> =
                wanted.iter().filter(|(_, proxied)| **proxied == Some(true)).map(|(member, _)| member.key()).collect();
            self.context.testify(&witness, &|key| proxied.contains(key), &mut registered.outcomes).await;
        }
        Ok(registered)
    }
}
