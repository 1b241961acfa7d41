//! The job `containers`: what no container wants, at two looks that are a grace apart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use dnsmgmt_core::adopt::Owner;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::provider::{DnsProvider, ProviderId};
use dnsmgmt_core::record_set::Listing;
use dnsmgmt_core::repository::{DnsRepositoryManager, RepositoryError};
use dnsmgmt_core::source::Desired;
use dnsmgmt_core::stale::Decision;
use dnsmgmt_core::stale::containers::{self, Evidence};
use dnsmgmt_core::stale::suffix::{Doubt, Suffix};
use dnsmgmt_core::tracked::TrackedRecord;
use dnsmgmt_program::context::{Context, canonical};
use dnsmgmt_program::doubt::{self, believe_gone, doubt_emptied, doubt_silenced, doubt_twins};
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::held;
use dnsmgmt_program::output::duration;
use dnsmgmt_program::progress::Line;
use dnsmgmt_program::stop::Stop;
use dnsmgmt_providers::config::Whole;
use jiff::SignedDuration;
use tokio::time::{Instant, sleep};

use crate::args::Options;
use crate::report::Run;
use crate::zones::{ByProvider, Work, Zones};

/// How far apart the two looks are where nothing else is said.
const GRACE: Duration = Duration::from_secs(60);

/// Deletes what no container wants.
pub(crate) async fn run(mut at: Zones<'_>, run: &mut Run<'_>) -> Result<()> {
    let (context, options, stop) = (at.context, at.options, at.stop);
    let first_look = async {
        let mut containers = Containers::new(context, options, at.repository, run).await?;
        containers.look(at.repository, run).await?;
        Ok::<_, Error>(containers)
    };
    let Some(looked) = stop.unless_asked(first_look).await else {
        bail!("told to stop while it looked at the sources");
    };
    let mut containers = looked?;
    let mut zones = containers.zones(at.repository)?;
    for here in zones.values_mut() {
        for zone in std::mem::take(here) {
            if at.is_due(&zone, &containers, false)? {
                here.insert(zone);
            }
        }
    }
    zones.retain(|_, here| !here.is_empty());
    if zones.is_empty() {
        return Ok(());
    }
    if containers.looks_twice() && !wait(options.grace.unwrap_or(GRACE), stop).await {
        bail!("told to stop before it looked at the sources again; nothing was changed");
    }
    at.clean(zones, &mut containers, run).await;
    Ok(())
}

/// Refuses to delete what is ours by a suffix alone where there is no journal on disk. Without one nothing else is known to be ours.
pub(crate) fn refuse(context: &Context) -> Result<()> {
    match context.settings.wholes().is_empty() {
        true => Ok(()),
        false => bail!(
            "there is no place for a database, and nothing below suffixes is deleted that is not written down first; set DNSMGMT_DB"
        ),
    }
}

/// Waits, and returns whether it was not told to stop.
async fn wait(grace: Duration, stop: &Stop) -> bool {
    let (line, end) = (Line::start(), Instant::now() + grace);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        line.tell(format!("something may be stale; looking at the sources again in {}", duration(left)));
        if stop.unless_asked(sleep(left.min(Duration::from_secs(1)))).await.is_none() {
            return false;
        }
    }
}

struct Containers<'a> {
    context: &'a Context,
    options: &'a Options,
    owner_id: String,
    /// Where the daemons of the sources listen.
    asked: BTreeSet<String>,
    /// The suffixes that are ours whole, by where they lie.
    suffixes: BTreeMap<ProviderId, Below>,
    looks: Vec<Desired>,
}

/// What is ours whole in a zone.
#[derive(Default)]
struct Below {
    suffixes: Vec<Suffix>,
    /// The text of our mark in comments, where the provider keeps any.
    template: Option<String>,
}

impl<'a> Containers<'a> {
    /// Finds out where the suffixes lie. One of which that cannot be told is a failure, and costs the others nothing.
    async fn new(
        context: &'a Context,
        options: &'a Options,
        repository: &DnsRepositoryManager,
        run: &mut Run<'_>,
    ) -> Result<Self> {
        let daemons = context.settings.daemons(&context.settings.policy().sources)?;
        let asked: BTreeSet<_> = daemons.into_iter().map(|host| host.address).collect();
        let (mut placed, mut lost) = (Vec::new(), Vec::new());
        for whole in context.settings.wholes() {
            match place(context, repository, whole, &asked).await {
                Ok((zone, template)) if context.is_about(&zone)? => placed.push((whole, zone, template)),
                Ok(_) => {}
                Err(error) => {
                    run.fail(error.context(format!("nothing is judged by lying below {}", whole.suffix.name)));
                    lost.push(whole);
                }
            }
        }
        let mut suffixes: BTreeMap<ProviderId, Below> = BTreeMap::new();
        for (whole, zone, template) in placed {
            if let Some(lost) = lost.iter().find(|lost| overlap(lost, whole)) {
                let why = format!("{} shares names with it, so nothing is judged by lying below it", lost.suffix.name);
                run.not_judged(whole.suffix.name.as_str(), &why, Exit::CouldNotRun);
                continue;
            }
            let below = suffixes.entry(zone).or_default();
            below.suffixes.push(whole.suffix.clone());
            below.template = template;
        }
        Ok(Self { context, options, owner_id: repository.owner_id()?, asked, suffixes, looks: Vec::new() })
    }

    /// Returns whether what is stale is looked at again after a while.
    fn looks_twice(&self) -> bool {
        !self.options.force && !self.options.dry_run
    }

    /// Looks at the sources, and says what could not be read. Of them one that could not be read costs the others nothing.
    async fn look(&mut self, repository: &mut DnsRepositoryManager, run: &mut Run<'_>) -> Result<()> {
        let desired = self.desired(repository).await?;
        for error in &desired.failed {
            run.fail(Error::from(error.clone()));
        }
        for (origins, exit) in [(&desired.unreadable, Exit::Unsettled), (&desired.undecided, Exit::Done)] {
            // That it is open is said once, however it reads a minute later.
            let is_said =
                |origin: &Origin| self.looks.iter().any(|look| look.undecided.iter().any(|(known, _)| known == origin));
            for (origin, why) in origins.iter().filter(|(origin, _)| exit != Exit::Done || !is_said(origin)) {
                run.not_judged(origin.as_str(), &format!("{why}; nothing of it is judged"), exit);
            }
        }
        self.say_what_nobody_reads(&desired, repository, run)?;
        self.looks.push(desired);
        for (zone, Below { suffixes, .. }) in &self.suffixes {
            let tracked = repository.get_managed_records(zone, Duration::ZERO)?;
            let evidence = self.evidence(zone, &tracked);
            for suffix in suffixes {
                if let Some(doubt) = evidence.doubt(suffix) {
                    let (exit, next) = match doubt {
                        Doubt::Stranger(ref daemon) => (Exit::Unsettled, format!("; {}", lets_go(daemon))),
                        Doubt::Unheard(..) => (Exit::Unsettled, String::new()),
                        // That is said by itself.
                        Doubt::NotRead(_) | Doubt::Failed(_) | Doubt::Unknown(_) => (Exit::Done, String::new()),
                    };
                    let why = format!("{doubt}, so nothing is judged by lying below it{next}");
                    run.not_judged(suffix.name.as_str(), &why, exit);
                }
            }
        }
        Ok(())
    }

    /// Says which daemons have records and are read no more: another one may have been asked in their place, or they are gone for good. One that
    /// may answer at an address that could not be read is none of these.
    fn say_what_nobody_reads(
        &self,
        desired: &Desired,
        repository: &DnsRepositoryManager,
        run: &mut Run<'_>,
    ) -> Result<()> {
        let unread = self.asked.iter().filter(|address| !desired.daemons.iter().any(|(read, _)| read == *address));
        let down = unread.map(|address| repository.daemon_at(address)).collect::<Result<Vec<_>, _>>()?;
        if down.contains(&None) {
            return Ok(());
        }
        for (daemon, zones) in repository.claims_of_kind("docker")? {
            if desired.is_of_daemons(&daemon) || down.contains(&Some(daemon.clone())) {
                continue;
            }
            let mut claims = 0;
            for (zone, count) in zones {
                claims += if self.context.is_about(&zone)? { count } else { 0 };
            }
            if claims > 0 {
                let now = self.whose_address_is_it(&daemon, desired, repository)?;
                let records = if claims == 1 { "1 record is" } else { &format!("{claims} records are") };
                let why = format!("{records} wanted by it, and no source reads it any more{now}; {}", lets_go(&daemon));
                run.not_judged(daemon.as_str(), &why, Exit::Unsettled);
            }
        }
        Ok(())
    }

    /// Tells in brackets what became of the address at which a daemon answered last, if that is known.
    fn whose_address_is_it(
        &self,
        daemon: &Origin,
        desired: &Desired,
        repository: &DnsRepositoryManager,
    ) -> Result<String> {
        let Some(address) = repository.address_of(daemon)? else { return Ok(String::new()) };
        let other = desired.daemons.iter().find(|(read, _)| *read == address);
        Ok(match other {
            Some((_, other)) => format!(" (its address {address} is now that of {other})"),
            None => format!(" (its address was {address})"),
        })
    }

    async fn desired(&self, repository: &mut DnsRepositoryManager) -> Result<Desired> {
        let policy = self.context.settings.policy();
        let mut desired = Desired::default();
        for spec in &policy.sources {
            match self.context.desired(spec).await {
                Ok(read) => desired.extend(read),
                Err(error) => desired.failed.push(error),
            }
        }
        let moment = self.context.clock.moment();
        if !self.options.dry_run {
            repository.see_daemons(&desired.daemons, moment.now)?;
        }
        believe_gone(&mut desired, repository, !self.options.dry_run)?;
        doubt_twins(&mut desired, repository, &self.asked)?;
        doubt_emptied(&mut desired, repository)?;
        let holds_names = self.names_holders(&desired);
        let doubt = doubt::Doubt {
            moment: &moment,
            grace: self.options.grace.unwrap_or(policy.grace),
            is_written: !self.options.dry_run,
            anyway: &|origin| holds_names.contains(origin),
        };
        doubt_silenced(&mut desired, repository, &doubt)?;
        // Places name providers as people do.
        for wanted in &mut desired.wanted {
            let provider = wanted.place.provider.take();
            wanted.place.provider = provider.and_then(|name| canonical(&self.context.settings, &name).ok());
        }
        Ok(desired)
    }

    /// Returns the daemons that may have containers with names below a suffix: what they wanted there need not be ours, so that nobody
    /// remembers it.
    fn names_holders(&self, desired: &Desired) -> BTreeSet<Origin> {
        let suffixes = || self.suffixes.values().flat_map(|below| &below.suffixes);
        let holds_names = |address: &String| suffixes().any(|suffix| suffix.endpoints.contains(address));
        desired.daemons.iter().filter(|(address, _)| holds_names(address)).map(|(_, daemon)| daemon.clone()).collect()
    }

    /// Returns the zones in which containers of the daemons that were read, or are gone for good, wanted something, and those of suffixes.
    fn zones(&self, repository: &DnsRepositoryManager) -> Result<ByProvider> {
        let mut zones: BTreeSet<ProviderId> = self.suffixes.keys().cloned().collect();
        let read = self.looks.iter().flat_map(|look| &look.daemons).map(|(_, daemon)| daemon);
        for daemon in read.chain(self.looks.iter().flat_map(|look| &look.gone)) {
            for zone in repository.providers_of(daemon)? {
                if self.context.is_about(&zone)? {
                    zones.insert(zone);
                }
            }
        }
        let mut by_provider = ByProvider::new();
        for zone in zones {
            by_provider.entry(zone.name.clone()).or_default().insert(zone);
        }
        Ok(by_provider)
    }

    fn evidence<'e>(&'e self, zone: &ProviderId, tracked: &'e [TrackedRecord]) -> Evidence<'e> {
        let below = self.suffixes.get(zone);
        Evidence {
            looks: &self.looks,
            tracked,
            preserved: &self.context.settings.policy().preserved,
            suffixes: below.map_or(&[], |below| &below.suffixes),
            owner: Owner { template: below.and_then(|below| below.template.as_deref()), id: &self.owner_id },
        }
    }
}

impl Work for Containers<'_> {
    /// What lies below suffixes is told from the cache, where that is young enough and no person waits for the answer.
    fn is_due(
        &self,
        repository: &DnsRepositoryManager,
        zone: &ProviderId,
        tracked: &[TrackedRecord],
    ) -> Result<bool, RepositoryError> {
        let by_a_timer = self.looks_twice();
        let cached = match self.suffixes.contains_key(zone) && by_a_timer {
            true => {
                let now = self.context.clock.moment().now;
                let age = SignedDuration::try_from(self.context.settings.policy().cache_ttl);
                repository.get_provider_records(zone, now, age.unwrap_or(SignedDuration::MAX))?
            }
            false => None,
        };
        let listing = cached.as_ref().map(|cached| &cached.listing);
        Ok(containers::is_due(zone, listing, self.evidence(zone, tracked)))
    }

    async fn look_again(&mut self, repository: &mut DnsRepositoryManager, run: &mut Run<'_>) -> Result<()> {
        // The second look is each provider's own, and the first is everybody's.
        self.looks.truncate(1);
        if self.looks_twice() { self.look(repository, run).await } else { Ok(()) }
    }

    fn decide(&self, provider: &dyn DnsProvider, listing: Listing, tracked: &[TrackedRecord]) -> Decision {
        containers::containers(provider, listing, self.evidence(provider.id(), tracked))
    }
}

/// Says how a person lets go of what a daemon had.
fn lets_go(daemon: &Origin) -> String {
    format!("if it is gone for good, `dns-cli orphans disown {daemon}` says so, and what it alone wanted goes")
}

/// Returns whether names may lie below both, so that both have to say what goes.
fn overlap(one: &Whole, other: &Whole) -> bool {
    let (left, right) = (&one.suffix.name, &other.suffix.name);
    let is_elsewhere = one.provider.is_some() && other.provider.is_some() && one.provider != other.provider;
    !is_elsewhere && (left.is_within(right) || right.is_within(left))
}

/// Returns the zone in which a suffix lies, and the text of our mark there, if it may be judged at all.
async fn place(
    context: &Context,
    repository: &DnsRepositoryManager,
    whole: &Whole,
    asked: &BTreeSet<String>,
) -> Result<(ProviderId, Option<String>)> {
    let name = &whole.suffix.name;
    if let Some(endpoint) = whole.suffix.endpoints.iter().find(|endpoint| !asked.contains(*endpoint)) {
        return Err(anyhow!(
            "the daemon at {endpoint} may have names there and is asked by no source; name it in `hosts` of [docker] in the same \
             spelling"
        ));
    }
    let target = context.settings.whole_target(whole)?;
    let template = target.comment_template().map(str::to_owned);
    let known = held::zones(repository, &target)?;
    let zone = match held::holding(&known, name) {
        Some(zone) => zone.clone(),
        None => {
            let located = context.located(vec![target]).await?;
            let located = located.into_iter().next().ok_or_else(|| anyhow!("no zone holds it"))?;
            context.connect(located).await?.id().clone()
        }
    };
    match zone.zone_name() {
        None => Err(anyhow!("{zone} is known by its id alone, so it may be the zone itself; configure its name too")),
        Some(apex) if apex == name && !whole.whole_zone => Err(anyhow!(
            "it is a zone of {} itself, of which then everything would be a container's; if that is meant, write `whole_zone = true` \
             beside it",
            zone.name
        )),
        Some(_) => Ok((zone, template)),
    }
}
