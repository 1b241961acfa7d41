//! `dns-cli why`

mod tell;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Error, Result};
use dnsmgmt_core::adopt::Owner;
use dnsmgmt_core::heartbeat::{Heartbeat, Member};
use dnsmgmt_core::mark::{Marks, marking_names};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Record, RecordKey};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::repository::{DnsRepositoryManager, JournalEntry, RepositoryError};
use dnsmgmt_core::source::Wanted;
use dnsmgmt_core::stale::suffix::{Leftovers, Suffix};
use dnsmgmt_core::sync::wildcard_for;
use dnsmgmt_core::tracked::TrackedRecord;
use dnsmgmt_providers::config::{Target, Whole};
use jiff::{SignedDuration, Timestamp};

use crate::args::Why;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::held;

use tell::{AtZone, Explained, OfRecord, Unasked, tell};

pub(crate) async fn run(context: &Context, args: Why) -> Result<Exit> {
    let name = Name::parse(&args.name)?;
    let repository = context.repository()?;
    let (wanted, unreadable) = wanted_now(context, &name).await;
    let mut seen = Seen::default();
    seen.look(context, &repository, &name, &args).await?;
    let memory = Memory::of(&repository, &name)?;
    let policy = context.settings.policy();
    let mut zones = Vec::new();
    for id in seen.zones.keys().chain(memory.zones()).collect::<BTreeSet<_>>() {
        let here: Vec<&Wanted> = wanted.iter().filter(|wanted| is_for(context, wanted, id)).collect();
        let mut zone = at_zone(&repository, &name, id, seen.zones.get(id), &memory, &here)?;
        give_whole(context, &repository, &mut zone)?;
        zones.push(zone);
    }
    let explained = Explained {
        is_preserved: policy.preserved.covers(&name),
        grace: policy.grace,
        threshold: context.settings.heartbeat()?.threshold,
        journal_keep: policy.journal_keep,
        now: context.clock.moment().now,
        name,
        wanted,
        unreadable,
        unasked: seen.unasked,
        zones,
    };
    tell(&explained, args.output)?;
    Ok(if explained.unasked.is_empty() { Exit::Done } else { Exit::CouldNotRun })
}

/// Returns what the configured sources want at a name right now, and which of them could not be read. Nothing is judged by it.
async fn wanted_now(context: &Context, name: &Name) -> (Vec<Wanted>, Vec<(String, String)>) {
    let (mut wanted, mut unreadable) = (Vec::new(), Vec::new());
    for spec in &context.settings.policy().sources {
        match context.desired(spec).await {
            Ok(desired) => {
                wanted.extend(desired.wanted.into_iter().filter(|wanted| wanted.record.name() == name));
                let pieces = desired.unreadable.into_iter().chain(desired.undecided);
                unreadable.extend(pieces.map(|(origin, why)| (origin.to_string(), why)));
                unreadable.extend(desired.failed.into_iter().map(|error| (error.source_name, error.problem)));
            }
            Err(error) => unreadable.push((spec.clone(), error.problem)),
        }
    }
    (wanted, unreadable)
}

/// Returns whether that is wanted in this zone.
fn is_for(context: &Context, wanted: &Wanted, id: &ProviderId) -> bool {
    let place = &wanted.place;
    let target = context.settings.select(place.provider.as_deref(), place.zone.as_ref(), Some(wanted.record.name()));
    target.is_ok_and(|target| target.provider() == id.name && target.zone().is_none_or(|zone| *zone == id.zone))
}

/// What the providers say, and which could not be asked.
#[derive(Default)]
struct Seen {
    zones: BTreeMap<ProviderId, (Listing, Option<Timestamp>)>,
    unasked: Vec<Unasked>,
}

impl Seen {
    /// Looks at the name in the deepest zone of each provider that may hold it.
    async fn look(
        &mut self,
        context: &Context,
        repository: &DnsRepositoryManager,
        name: &Name,
        args: &Why,
    ) -> Result<()> {
        let mut by_provider: BTreeMap<String, Vec<Target>> = BTreeMap::new();
        for (provider, target) in context.targets()? {
            match target {
                Ok(target) if may_hold(&target, name) => by_provider.entry(provider).or_default().push(target),
                Ok(_) => {}
                Err(error) => self.unasked.push(Unasked { provider, zone: None, problem: error.to_string() }),
            }
        }
        for target in by_provider.into_values().flat_map(deepest) {
            if let Some((id, listing, cached_at)) = cached(context, repository, &target, name, args)? {
                self.zones.insert(id, (listing, Some(cached_at)));
                continue;
            }
            let (provider, zone) = (target.provider().to_owned(), target.zone().map(ToString::to_string));
            if let Err(error) = self.ask(context, &target, name).await {
                self.unasked.push(Unasked { provider, zone, problem: format!("{error:#}") });
            }
        }
        Ok(())
    }

    async fn ask(&mut self, context: &Context, target: &Target, name: &Name) -> Result<(), Error> {
        let located = context.locate(target).await?.into_iter().filter(|target| may_hold(target, name));
        for target in deepest(located.collect()) {
            let at = context.connect(target).await?;
            let mut listing = context.observe(&at, &Scope::from_iter([name.clone()])).await?;
            let heartbeats = heartbeat_names(&listing);
            if !heartbeats.is_empty() {
                let beside = context.observe(&at, &Scope::from_iter(heartbeats)).await?;
                listing.records = listing.records.into_iter().chain(beside.records).collect();
            }
            self.zones.insert(at.id().clone(), (listing, None));
        }
        Ok(())
    }
}

/// Returns where the heartbeats of the addresses would be that are listed.
fn heartbeat_names(listing: &Listing) -> Vec<Name> {
    listing.records.iter().filter_map(Member::of).filter_map(|member| member.heartbeat_name().ok()).collect()
}

fn may_hold(target: &Target, name: &Name) -> bool {
    target.zone().is_none_or(|zone| name.is_within(zone))
}

/// Returns the targets with the deepest zone, and those whose zone nobody knows yet.
fn deepest(targets: Vec<Target>) -> Vec<Target> {
    let depth = |target: &Target| target.zone().map(|zone| zone.labels().count());
    let most = targets.iter().filter_map(depth).max();
    targets.into_iter().filter(|target| depth(target).is_none() || depth(target) == most).collect()
}

/// Returns what the cache holds at the name, if the zone was listed as recently as is asked for.
fn cached(
    context: &Context,
    repository: &DnsRepositoryManager,
    target: &Target,
    name: &Name,
    args: &Why,
) -> Result<Option<(ProviderId, Listing, Timestamp)>, RepositoryError> {
    let Some(max_age) = args.max_age else { return Ok(None) };
    let (now, max_age) = (context.clock.moment().now, SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX));
    let zones = held::zones(repository, target)?;
    let Some(id) = held::holding(&zones, name).cloned() else { return Ok(None) };
    let cache = repository.provider_cache();
    match cache.refreshed_at(&id)? {
        Some(refreshed_at) if repository.is_fresh(&id, now, max_age)? => {
            let mut listing = cache.get_listing_at(&id, name)?;
            for beside in heartbeat_names(&listing) {
                let heartbeats = cache.get_records_at(&id, &beside)?;
                listing.records = listing.records.into_iter().chain(heartbeats).collect();
            }
            Ok(Some((id, listing, refreshed_at)))
        }
        _ => Ok(None),
    }
}

/// What we remember of a name, at every provider.
struct Memory {
    tracked: Vec<(ProviderId, TrackedRecord)>,
    changes: Vec<JournalEntry>,
}

impl Memory {
    fn of(repository: &DnsRepositoryManager, name: &Name) -> Result<Self, RepositoryError> {
        Ok(Self { tracked: repository.tracked_at(name)?, changes: repository.journal().of_name(name)? })
    }

    fn zones(&self) -> impl Iterator<Item = &ProviderId> {
        self.tracked.iter().map(|(id, _)| id).chain(self.changes.iter().map(|change| &change.provider))
    }
}

fn at_zone(
    repository: &DnsRepositoryManager,
    name: &Name,
    id: &ProviderId,
    seen: Option<&(Listing, Option<Timestamp>)>,
    memory: &Memory,
    wanted: &[&Wanted],
) -> Result<AtZone> {
    let listing = seen.map(|(listing, _)| listing);
    let listed = listing.map_or(&[][..], |listing| listing.records.at(name));
    let tracked: Vec<&TrackedRecord> =
        memory.tracked.iter().filter(|(at, _)| at == id).map(|(_, tracked)| tracked).collect();
    let changes: Vec<&JournalEntry> = memory.changes.iter().filter(|change| change.provider == *id).collect();
    let changed = changes.iter().flat_map(|change| change.before().into_iter().chain(change.after()));
    let records = listed.iter().chain(tracked.iter().map(|tracked| &tracked.record)).chain(changed);
    let keys: BTreeSet<&RecordKey> =
        records.chain(wanted.iter().map(|wanted| &wanted.record)).map(|record| &record.key).collect();
    let marks = marks(repository, id, name, listed)?;
    let of_record = |key: &RecordKey| {
        let there = listed.iter().find(|there| there.key == *key);
        let is_about = |change: &&&JournalEntry| {
            change.before().into_iter().chain(change.after()).any(|record| record.key == *key)
        };
        OfRecord {
            key: key.clone(),
            there: there.cloned(),
            heartbeats: heartbeats(listing, key),
            mark: there.and_then(|there| marks.mark_of(there)),
            whole: None,
            tracked: tracked.iter().find(|tracked| tracked.record.key == *key).copied().cloned(),
            wanted_by: wanted
                .iter()
                .filter(|wanted| wanted.record.key == *key)
                .map(|wanted| wanted.origin.to_string())
                .collect(),
            last_change: changes.iter().rfind(is_about).copied().cloned(),
            open_changes: changes
                .iter()
                .filter(is_about)
                .filter(|change| change.settled_at.is_none())
                .copied()
                .cloned()
                .collect(),
        }
    };
    let opaque: Vec<_> = listing.map(|listing| listing.opaque.clone()).unwrap_or_default();
    let is_empty = listed.is_empty() && opaque.is_empty();
    Ok(AtZone {
        id: id.clone(),
        was_asked: seen.is_some(),
        cached_at: seen.and_then(|(_, cached_at)| *cached_at),
        covered_by: if is_empty { wildcard(repository, id, name)? } else { None },
        records: keys.into_iter().map(of_record).collect(),
        opaque,
    })
}

/// Returns the heartbeats that keep an address alive; of a heartbeat itself, what it says.
fn heartbeats(listing: Option<&Listing>, key: &RecordKey) -> Vec<Heartbeat> {
    let record = Record::new(key.name.clone(), key.data.clone());
    let Some(member) = Member::of(&record) else { return Heartbeat::of(&record).into_iter().collect() };
    let all = listing.into_iter().flat_map(|listing| &listing.records).filter_map(Heartbeat::of);
    all.filter(|heartbeat| heartbeat.member == member).collect()
}

/// Says of records without a claim which suffix makes them ours all the same, as far as what stands at one name tells.
fn give_whole(context: &Context, repository: &DnsRepositoryManager, zone: &mut AtZone) -> Result<()> {
    let lies_here = |whole: &&Whole| {
        let target = context.settings.whole_target(whole);
        target
            .is_ok_and(|target| target.provider() == zone.id.name && target.zone().is_none_or(|at| *at == zone.id.zone))
    };
    let suffixes: Vec<Suffix> =
        context.settings.wholes().iter().filter(lies_here).map(|whole| whole.suffix.clone()).collect();
    if suffixes.is_empty() {
        return Ok(());
    }
    let target = context.settings.select(Some(&zone.id.name), Some(&zone.id.zone), None)?;
    let owner_id = repository.owner_id()?;
    let owner = Owner { template: target.comment_template(), id: &owner_id };
    let there = zone.records.iter().filter_map(|of| of.there.clone()).collect();
    let listing = Listing { records: there, ..Listing::default() };
    let judged = suffixes.iter().map(|suffix| (suffix, true)).collect();
    let marks = Marks::of(&listing);
    let leftovers = Leftovers::of(&listing, &marks, judged, &context.settings.policy().preserved, owner);
    for of in &mut zone.records {
        let is_claimed = of.tracked.as_ref().is_some_and(|tracked| tracked.claim.is_some());
        let is_whole =
            |there: &Record| !is_claimed && of.mark.is_none() && of.heartbeats.is_empty() && leftovers.has(there);
        if of.there.as_ref().is_some_and(is_whole) {
            of.whole = suffixes.iter().find(|suffix| suffix.is_above(&of.key.name)).map(|suffix| suffix.name.clone());
        }
    }
    Ok(())
}

/// Reads the marks that are about the name: those in the cache at the names where tools leave them.
fn marks(
    repository: &DnsRepositoryManager,
    id: &ProviderId,
    name: &Name,
    listed: &[Record],
) -> Result<Marks, RepositoryError> {
    let names: BTreeSet<Name> = listed.iter().flat_map(|record| marking_names(name, &record.rtype())).collect();
    let mut records = listed.to_vec();
    for name in names {
        records.extend(repository.provider_cache().get_records_at(id, &name)?);
    }
    Ok(Marks::of(&Listing { records: records.into_iter().collect(), ..Listing::default() }))
}

/// Returns the wildcard that answers for a name at which there is nothing, by what the cache holds. Only where a name above it has one
/// is the whole zone read, since what exists in between takes the name away from it.
fn wildcard(repository: &DnsRepositoryManager, id: &ProviderId, name: &Name) -> Result<Option<Name>, RepositoryError> {
    let cache = repository.provider_cache();
    let is_within = |above: &Name| id.zone_name().is_none_or(|zone| above.is_within(zone));
    let above = std::iter::successors(name.parent(), Name::parent).take_while(is_within);
    for wildcard in above.filter_map(|above| above.child("*").ok()) {
        if !cache.get_records_at(id, &wildcard)?.is_empty() {
            return Ok(cache.get_records(id)?.and_then(|cached| wildcard_for(name, &cached.listing, id)));
        }
    }
    Ok(None)
}
