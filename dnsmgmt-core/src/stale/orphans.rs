//! What is marked as an orphan, and has been for the whole grace.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Decision;
use crate::draft::Draft;
use crate::grace::{Grace, Lot};
use crate::mark::Marks;
use crate::origin::Origin;
use crate::preserved::Preserved;
use crate::provider::DnsProvider;
use crate::record_set::{Listing, Scope};
use crate::tracked::{Bookkeeping, OrphanReason, TrackedRecord};

/// What orphans are judged by, beside the listing.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What is remembered of the zone.
    pub tracked: &'a [TrackedRecord],
    /// Names whose records stay, wanted or not.
    pub preserved: &'a Preserved,
    /// For how long a record must be known to have been an orphan, in observed running time.
    pub grace: Duration,
}

/// Returns whether the grace of any orphan is over, so that it is worth asking the provider.
pub fn is_due(evidence: Evidence<'_>) -> bool {
    let is_over = |tracked: &TrackedRecord| {
        tracked.orphaned.is_some_and(|orphaned| match orphaned.reason {
            OrphanReason::Unwanted => orphaned.confirmed >= evidence.grace,
            OrphanReason::Gone => orphaned.age >= evidence.grace,
        })
    };
    let may_go =
        |tracked: &&TrackedRecord| tracked.claim.is_some() && !evidence.preserved.covers(tracked.record.name());
    evidence.tracked.iter().filter(may_go).any(is_over)
}

/// Decides what becomes of the orphans of a zone. `before` is a listing of all of it.
///
/// What is marked as unwanted and there goes, if a look at its sources confirmed that a whole grace after the mark: it may be wanted again since
/// it was marked, and nobody knows it here. What is not there is forgotten. What a person wants, and what was gone and is back, stays.
pub fn orphans(provider: &dyn DnsProvider, before: Listing, evidence: Evidence<'_>) -> Decision {
    let grace = Grace { preserved: evidence.preserved, grace: evidence.grace, delete: true, looks: false };
    let marks = Marks::of(&before);
    let claims = claims(&before, evidence);
    let mut draft = Draft::on(provider, Scope::Zone, before);
    let (mut bookkeeping, mut forgotten, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for tracked in evidence.tracked.iter().filter(|tracked| tracked.claim.is_some()) {
        let Some(orphaned) = tracked.orphaned else { continue };
        let key = &tracked.record.key;
        let listed = draft.before().records.get(key).cloned();
        if listed.is_some() && (orphaned.reason == OrphanReason::Gone || is_wanted_by_a_person(tracked)) {
            continue;
        }
        match grace.lot(tracked, listed.as_ref()) {
            Lot::Stays => {}
            Lot::IsPreserved => bookkeeping.push(Bookkeeping::Unmark(key.clone())),
            Lot::Waits(record, left) => waiting.push((record, left)),
            Lot::Goes(step) => draft.ask_unless_theirs(*step, &marks),
            Lot::IsForgotten => {
                bookkeeping.push(Bookkeeping::Untrack(key.clone()));
                forgotten.push(tracked.record.clone());
            }
        }
    }
    Decision { plan: draft.plan(), bookkeeping, forgotten, waiting, claims }
}

/// Returns how many claims the job could delete: those that only the sources want which left the orphans. A source that was cut short
/// leaves most of what it wanted, however much others want in the same zone.
fn claims(listing: &Listing, evidence: Evidence<'_>) -> usize {
    let is_orphan =
        |tracked: &&TrackedRecord| tracked.orphaned.is_some_and(|orphaned| orphaned.reason == OrphanReason::Unwanted);
    let sources: BTreeSet<Origin> =
        evidence.tracked.iter().filter(is_orphan).flat_map(|orphan| &orphan.origins).map(Origin::source).collect();
    let could_go = |tracked: &&TrackedRecord| {
        tracked.claim.is_some()
            && !is_wanted_by_a_person(tracked)
            && tracked.origins.iter().all(|origin| sources.contains(&origin.source()))
            && !evidence.preserved.covers(tracked.record.name())
            && listing.records.contains(&tracked.record.key)
    };
    evidence.tracked.iter().filter(could_go).count()
}

fn is_wanted_by_a_person(tracked: &TrackedRecord) -> bool {
    tracked.origins.iter().any(Origin::is_a_person)
}
