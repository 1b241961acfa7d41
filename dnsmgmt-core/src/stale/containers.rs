//! What containers wanted that are gone, and what no container wants below a suffix that is ours whole.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::Decision;
use super::suffix::{Doubt, Leftovers, Suffix};
use crate::adopt::Owner;
use crate::draft::Draft;
use crate::mark::Marks;
use crate::name::Name;
use crate::origin::Origin;
use crate::plan::{Claim, Reason, Step};
use crate::preserved::Preserved;
use crate::provider::{Change, DnsProvider, ProviderId};
use crate::record::{Record, RecordKey};
use crate::record_set::{Listing, Scope};
use crate::source::{Desired, Wanted};
use crate::tracked::{Bookkeeping, OrphanReason, TrackedRecord};

/// What is judged by, beside the listing.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What the sources wanted, at each look: what goes is stale at all of them. Without a look nothing is judged.
    pub looks: &'a [Desired],
    /// What is remembered of the zone.
    pub tracked: &'a [TrackedRecord],
    /// Names whose records stay, wanted or not.
    pub preserved: &'a Preserved,
    /// The suffixes in this zone that are ours whole.
    pub suffixes: &'a [Suffix],
    /// Whose marks in comments are ours.
    pub owner: Owner<'a>,
}

impl<'a> Evidence<'a> {
    /// Returns why nothing is judged below a suffix beside what is ours anyway, if so.
    pub fn doubt(&self, suffix: &Suffix) -> Option<Doubt> {
        self.looks.iter().find_map(|look| suffix.doubt(look, self.tracked))
    }

    /// Returns the suffixes, each with whether it can be judged.
    fn suffixes(&self) -> Vec<(&'a Suffix, bool)> {
        let is_judged = |suffix: &Suffix| !self.looks.is_empty() && self.doubt(suffix).is_none();
        self.suffixes.iter().map(|suffix| (suffix, is_judged(suffix))).collect()
    }

    /// Returns what any look found to be wanted in a zone. What says neither provider nor zone may be wanted in any.
    fn wanted(&self, zone: &ProviderId) -> HashSet<&'a RecordKey> {
        let is_here = |wanted: &&Wanted| {
            wanted.place.provider.as_ref().is_none_or(|provider| *provider == zone.name)
                && wanted.place.zone.as_ref().is_none_or(|place| *place == zone.zone)
        };
        let wanted = self.looks.iter().flat_map(|look| &look.wanted).filter(is_here);
        wanted.map(|wanted| &wanted.record.key).collect()
    }

    /// Returns the names that are spoken for although nothing is wanted there: those that containers speak of, and below suffixes those of
    /// containers that count and want nothing there. Somebody else may have given them to a container that shares its host's network, or
    /// where nobody said that containers are named after themselves.
    fn names_of_others(&self, wanted: &HashSet<&RecordKey>) -> HashSet<Name> {
        let wanted: HashSet<&Name> = wanted.iter().map(|key| &key.name).collect();
        let containers = || self.looks.iter().flat_map(|look| &look.containers).filter_map(Origin::piece_name);
        let names = self.suffixes.iter().flat_map(|suffix| containers().filter_map(|name| suffix.of_container(name)));
        let spoken = self.looks.iter().flat_map(|look| &look.spoken).filter_map(|(_, names)| names.as_ref().ok());
        names.filter(|name| !wanted.contains(name)).chain(spoken.flatten().cloned()).collect()
    }

    /// Returns whether a container wanted the record, and everybody who did was read at every look.
    fn could_go(&self, tracked: &TrackedRecord) -> bool {
        let is_containers = |look: &Desired| {
            tracked.origins.iter().any(|origin| look.is_of_daemons(origin))
                && tracked.origins.iter().all(|origin| look.judges(origin))
        };
        tracked.claim.is_some()
            && !self.preserved.covers(tracked.record.name())
            && !self.looks.is_empty()
            && self.looks.iter().all(is_containers)
    }
}

/// Returns whether anything could be stale, so that it is worth asking the provider: told from what is remembered, and of what lies below
/// suffixes from what the provider held a short while ago, if that is known.
pub fn is_due(zone: &ProviderId, cached: Option<&Listing>, evidence: Evidence<'_>) -> bool {
    let wanted = evidence.wanted(zone);
    let is_stale = |tracked: &TrackedRecord| !wanted.contains(&tracked.record.key) && evidence.could_go(tracked);
    evidence.tracked.iter().any(is_stale) || may_have_leftovers(cached, evidence, &wanted)
}

fn may_have_leftovers(cached: Option<&Listing>, evidence: Evidence<'_>, wanted: &HashSet<&RecordKey>) -> bool {
    let suffixes = evidence.suffixes();
    let is_judged = suffixes.iter().any(|(_, is_judged)| *is_judged);
    let Some(listing) = cached.filter(|_| is_judged) else { return is_judged };
    let (claimed, others, marks) = (claimed(evidence.tracked), evidence.names_of_others(wanted), Marks::of(listing));
    let leftovers = Leftovers::of(listing, &marks, suffixes, evidence.preserved, evidence.owner);
    let is_stale = |record: &Record| {
        !claimed.contains(&record.key) && !wanted.contains(&record.key) && !others.contains(record.name())
    };
    listing.records.iter().any(|record| is_stale(record) && leftovers.has(record))
}

/// Decides what becomes of what no container wants in a zone. `before` is a listing of all of it.
pub fn containers(provider: &dyn DnsProvider, before: Listing, evidence: Evidence<'_>) -> Decision {
    let wanted = evidence.wanted(provider.id());
    let claimed = claimed(evidence.tracked);
    let marks = Marks::of(&before);
    let (mut could_go, mut forgotten): (Vec<Step>, Vec<Record>) = Default::default();
    for tracked in evidence.tracked.iter().filter(|tracked| evidence.could_go(tracked)) {
        let Some(listed) = before.records.get(&tracked.record.key) else {
            if was_gone(tracked) && !wanted.contains(&tracked.record.key) {
                forgotten.push(tracked.record.clone());
            }
            continue;
        };
        let claim = tracked.claim.unwrap_or(Claim::Created);
        could_go.push(Step { origins: tracked.origins.clone(), ..deletion(listed, claim) });
    }
    let others = evidence.names_of_others(&wanted);
    let leftovers = Leftovers::of(&before, &marks, evidence.suffixes(), evidence.preserved, evidence.owner);
    let unclaimed =
        before.records.iter().filter(|record| !claimed.contains(&record.key) && !others.contains(record.name()));
    could_go.extend(unclaimed.filter(|record| leftovers.has(record)).map(|record| deletion(record, Claim::WholeName)));
    let claims = could_go.len();
    let mut draft = Draft::on(provider, Scope::Zone, before);
    for step in could_go.into_iter().filter(|step| !wanted.contains(&step.change.record().key)) {
        draft.ask_unless_theirs(step, &marks);
    }
    let bookkeeping = forgotten.iter().map(|record| Bookkeeping::Untrack(record.key.clone())).collect();
    Decision { plan: draft.plan(), bookkeeping, forgotten, waiting: Vec::new(), claims }
}

/// Returns whether an earlier listing lacked the record too: one alone may be wrong.
fn was_gone(tracked: &TrackedRecord) -> bool {
    tracked.orphaned.is_some_and(|mark| mark.reason == OrphanReason::Gone && mark.age > Duration::ZERO)
}

fn claimed(tracked: &[TrackedRecord]) -> HashSet<&RecordKey> {
    tracked.iter().filter(|tracked| tracked.claim.is_some()).map(|tracked| &tracked.record.key).collect()
}

fn deletion(listed: &Record, claim: Claim) -> Step {
    let change = Change::Delete(listed.clone());
    Step { change, claim, reason: Reason::NoContainer, origins: BTreeSet::new(), notes: Vec::new() }
}
