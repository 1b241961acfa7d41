//! What the sources want, zone by zone.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Error, Result, bail};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_core::source::{Desired, Place, Wanted};
use dnsmgmt_providers::config::Target;
use dnsmgmt_providers::source::docker::Host;

use dnsmgmt_program::context::{Connected, Context};
use dnsmgmt_program::exit::UsageError;
use dnsmgmt_program::held;

/// A zone that a synchronisation is about.
pub(crate) struct Zone {
    pub(crate) at: Connected,
    pub(crate) wishes: Wishes,
}

/// Reads the sources that were named, else those of the configuration: all files, or an error. Of daemons and proxies one that could
/// not be read is among `failed`, and costs the others nothing.
pub(crate) async fn read(context: &Context, named: &[String]) -> Result<Desired> {
    let mut desired = Desired::default();
    for spec in sources(context, named)? {
        desired.extend(context.desired(spec).await?);
    }
    Ok(desired)
}

/// Returns the daemons that those sources ask.
pub(crate) fn daemons(context: &Context, named: &[String]) -> Result<Vec<Host>> {
    Ok(context.settings.daemons(sources(context, named)?)?)
}

/// Returns where the daemons of those sources listen, and those of the configuration, whether these are asked or not.
pub(crate) fn addresses(context: &Context, named: &[String]) -> Result<BTreeSet<String>> {
    let configured = context.settings.daemons(&context.settings.policy().sources).unwrap_or_default();
    Ok(daemons(context, named)?.into_iter().chain(configured).map(|host| host.address).collect())
}

fn sources<'a>(context: &'a Context, named: &'a [String]) -> Result<&'a [String]> {
    let specs = if named.is_empty() { &context.settings.policy().sources } else { named };
    if specs.is_empty() {
        bail!(UsageError(
            "there is nothing to synchronise; name a file with --source, or `sources` in dnsmgmt.toml".into()
        ));
    }
    Ok(specs)
}

/// Connects to the zones that routes lead to, and to those in which the sources wanted something before, but for those that are
/// `in_sync`: they are neither connected to nor looked up. What cannot be placed is among the unreadable then, so that nothing of
/// its origin is judged, and among the failures.
pub(crate) async fn by_zone(
    context: &Context,
    repository: &DnsRepositoryManager,
    desired: &mut Desired,
    routes: Vec<Route>,
    in_sync: &BTreeSet<ProviderId>,
    failures: &mut Vec<Error>,
) -> Result<Vec<Zone>> {
    let mut way = Way { context, in_sync, zones: BTreeMap::new(), unreached: BTreeSet::new() };
    let is_in_sync = |zones: &BTreeSet<ProviderId>| !zones.is_empty() && zones.is_subset(in_sync);
    let mut by_provider: BTreeMap<String, Vec<Route>> = BTreeMap::new();
    for route in routes.into_iter().filter(|route| !route.guessed.as_ref().is_some_and(is_in_sync)) {
        by_provider.entry(route.target.provider().to_owned()).or_default().push(route);
    }
    for (provider, routes) in by_provider {
        let unreached = way.follow(routes, desired).await;
        if !unreached.is_empty() {
            way.unreached.insert(provider);
            failures.extend(unreached);
        }
    }
    for read in desired.read.iter().chain(&desired.gone) {
        for id in repository.providers_of(read)? {
            if let Err(error) = way.revisit(&id).await {
                failures.push(error.context(format!("{id} holds records that {read} wanted")));
                way.unreached.insert(id.name);
            }
        }
    }
    Ok(way.zones.into_values().collect())
}

/// The way to the zones.
struct Way<'a> {
    context: &'a Context,
    in_sync: &'a BTreeSet<ProviderId>,
    zones: BTreeMap<ProviderId, Zone>,
    /// Where something that is wanted found no way: it is not known there what is unwanted.
    unreached: BTreeSet<String>,
}

impl Way<'_> {
    /// Connects to where the routes of one provider lead, with one look-up for all, and returns what failed.
    async fn follow(&mut self, routes: Vec<Route>, desired: &mut Desired) -> Vec<Error> {
        let targets = routes.iter().map(|route| route.target.clone()).collect();
        let targets = match self.context.looked_up(targets).await {
            Ok(targets) => targets,
            Err(error) => {
                routes.iter().for_each(|route| unplaced(desired, &route.wishes.wanted));
                return vec![error.into()];
            }
        };
        let mut failures = Vec::new();
        for (target, Route { place, wishes, .. }) in targets.into_iter().zip(routes) {
            match self.context.locate_most(&target).await {
                Ok((located, lost)) => {
                    for (name, why) in lost {
                        unplaced(desired, &of_name(&wishes.wanted, &name));
                        failures.push(why.into());
                    }
                    for target in located {
                        let wanted = here(&target, &wishes.wanted, &place);
                        let added = self.add(target, Wishes { wanted, wildcard_dns: wishes.wildcard_dns }).await;
                        failures.extend(added.err());
                    }
                }
                Err(error) => {
                    unplaced(desired, &wishes.wanted);
                    failures.push(error.into());
                }
            }
        }
        failures
    }

    /// Connects to a zone in which something was wanted before.
    async fn revisit(&mut self, id: &ProviderId) -> Result<()> {
        let place = Place { provider: Some(id.name.clone()), zone: Some(id.zone.clone()) };
        let is_known = self.zones.contains_key(id) || self.in_sync.contains(id) || self.unreached.contains(&id.name);
        if is_known || !is_meant(self.context, &place) {
            return Ok(());
        }
        let target = self.context.settings.select(Some(&id.name), Some(&id.zone), None)?;
        self.add(target, Wishes::default()).await
    }

    async fn add(&mut self, target: Target, wishes: Wishes) -> Result<()> {
        let at = self.context.connect(target).await?;
        if self.in_sync.contains(at.id()) {
            return Ok(());
        }
        let zone = match self.zones.entry(at.id().clone()) {
            Entry::Occupied(zone) => zone.into_mut(),
            Entry::Vacant(place) => place.insert(Zone { at, wishes: Wishes::default() }),
        };
        zone.wishes.extend(wishes);
        Ok(())
    }
}

/// What is wanted in one zone.
#[derive(Debug, Clone)]
pub(crate) struct Wishes {
    pub(crate) wanted: Vec<Wanted>,
    /// Whether names that a wildcard answers for are left to it.
    pub(crate) wildcard_dns: bool,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { wanted: Vec::new(), wildcard_dns: true }
    }
}

impl Wishes {
    fn extend(&mut self, other: Self) {
        self.wanted.extend(other.wanted);
        self.wildcard_dns &= other.wildcard_dns;
    }
}

/// What leads to one zone, or to several where only the service knows its zones, and what is wanted there.
pub(crate) struct Route {
    target: Target,
    place: Place,
    wishes: Wishes,
    /// Its zones, as far as that is known without asking anybody.
    guessed: Option<BTreeSet<ProviderId>>,
}

/// Tells from the configuration alone where everything belongs.
pub(crate) fn routes(context: &Context, desired: &mut Desired, failures: &mut Vec<Error>) -> Vec<Route> {
    let mut places: BTreeMap<Place, Vec<Wanted>> = BTreeMap::new();
    for wanted in std::mem::take(&mut desired.wanted) {
        places.entry(wanted.place.clone()).or_default().push(wanted);
    }
    let mut routes = Vec::new();
    for (place, wanted) in places {
        if !is_meant(context, &place) {
            continue;
        }
        let (wanted, lost) = placed(context, &place, wanted);
        for (wanted, error) in lost {
            unplaced(desired, &wanted);
            failures.push(error);
        }
        if wanted.is_empty() {
            continue;
        }
        match targets(context, &place, &wanted) {
            Ok(targets) => {
                let wildcard_dns = wildcard_dns(desired, &place);
                routes.extend(targets.into_iter().map(|target| {
                    let wishes = Wishes { wanted: here(&target, &wanted, &place), wildcard_dns };
                    Route { target, place: place.clone(), wishes, guessed: None }
                }));
            }
            Err(error) => {
                unplaced(desired, &wanted);
                failures.push(error);
            }
        }
    }
    routes
}

/// Takes out what no provider and no zone is configured for, by the reason: it costs the rest of its place nothing.
fn placed(context: &Context, place: &Place, wanted: Vec<Wanted>) -> (Vec<Wanted>, Vec<(Vec<Wanted>, Error)>) {
    let mut lost: BTreeMap<String, (Vec<Wanted>, Error)> = BTreeMap::new();
    if place.zone.is_some() || targets(context, place, &wanted).is_ok() {
        return (wanted, Vec::new());
    }
    let mut rest = Vec::new();
    for wanted in wanted {
        match targets(context, place, std::slice::from_ref(&wanted)) {
            Ok(_) => rest.push(wanted),
            Err(error) => {
                let because = lost.entry(format!("{error:#}"));
                because.or_insert_with(|| (Vec::new(), error)).0.push(wanted);
            }
        }
    }
    (rest, lost.into_values().collect())
}

fn of_name(wanted: &[Wanted], name: &Name) -> Vec<Wanted> {
    wanted.iter().filter(|wanted| wanted.record.name() == name).cloned().collect()
}

/// Tells which zones routes lead to without asking anybody, and returns what is wanted in those of providers of which every route
/// is known, each with where it is held.
pub(crate) fn guess(
    context: &Context,
    repository: &DnsRepositoryManager,
    routes: &mut [Route],
) -> Result<BTreeMap<ProviderId, (String, Wishes)>> {
    let mut zones = BTreeMap::<ProviderId, (String, Wishes)>::new();
    let mut unknown = BTreeSet::new();
    for Route { target, wishes, guessed, .. } in routes {
        let (endpoint, known) = (target.endpoint(&context.folder), held::zones(repository, target)?);
        let mut here = BTreeSet::new();
        for wanted in &wishes.wanted {
            let Some(zone) = held::holding(&known, wanted.record.name()) else {
                unknown.insert(target.provider().to_owned());
                continue;
            };
            let wish = Wishes { wanted: vec![wanted.clone()], wildcard_dns: wishes.wildcard_dns };
            zones.entry(zone.clone()).or_insert_with(|| (endpoint.clone(), Wishes::default())).1.extend(wish);
            here.insert(zone.clone());
        }
        *guessed = Some(here);
    }
    // What is wanted at an unknown place may be wanted in a zone that is known.
    zones.retain(|zone, _| !unknown.contains(&zone.name));
    Ok(zones)
}

/// Notes that it is not known where something belongs.
pub(crate) fn unplaced(desired: &mut Desired, wanted: &[Wanted]) {
    let origins: BTreeSet<_> = wanted.iter().map(|wanted| wanted.origin.clone()).collect();
    let why = || "a place in which it wants something was not synchronised".to_owned();
    desired.unreadable.extend(origins.into_iter().map(|origin| (origin, why())));
}

/// Returns whether the command is about that place at all: `--provider` and `--zone` narrow it.
fn is_meant(context: &Context, place: &Place) -> bool {
    let same = |asked: Option<&str>, here: Option<&str>| asked.is_none() || here.is_none() || asked == here;
    same(context.provider.as_deref(), place.provider.as_deref())
        && (context.zone.is_none() || place.zone.is_none() || context.zone == place.zone)
}

fn targets(context: &Context, place: &Place, wanted: &[Wanted]) -> Result<Vec<Target>> {
    let provider = place.provider.as_deref().or(context.provider.as_deref());
    if let Some(zone) = &place.zone {
        return Ok(vec![context.settings.select(provider, Some(zone), None)?]);
    }
    let is_meant = |name: &&Name| context.zone.as_ref().is_none_or(|zone| name.is_within(zone));
    let names: BTreeSet<&Name> = wanted.iter().map(|wanted| wanted.record.name()).filter(is_meant).collect();
    let names: Vec<Name> = names.into_iter().cloned().collect();
    // A name belongs to the deepest zone that holds it, also where another one is asked for.
    let mut targets = context.settings.targets_for(provider, None, &names)?;
    targets
        .retain(|target| context.zone.is_none() || target.zone().is_none() || target.zone() == context.zone.as_ref());
    Ok(targets)
}

/// Returns what of it is wanted at the target.
fn here(target: &Target, wanted: &[Wanted], place: &Place) -> Vec<Wanted> {
    let names: BTreeSet<&Name> = target.names().iter().collect();
    let is_here = |wanted: &&Wanted| place.zone.is_some() || names.contains(wanted.record.name());
    wanted.iter().filter(is_here).cloned().collect()
}

/// Returns what the sources say about wildcards there; where they disagree, every name is created.
fn wildcard_dns(desired: &Desired, place: &Place) -> bool {
    desired.zones.iter().filter(|rules| rules.place == *place).all(|rules| rules.wildcard_dns)
}
