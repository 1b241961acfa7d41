//! Names that a wildcard answers for already.

use std::collections::HashSet;

use crate::name::Name;
use crate::provider::ProviderId;
use crate::record::Record;
use crate::record_set::Listing;
use crate::source::Wanted;
use crate::tracked::TrackedRecord;

/// Returns the wishes that a wildcard in the listing answers as wanted, each with that wildcard (RFC 4592 section 3.3): nothing exists
/// at their name, and the closest name above it that exists has a wildcard with exactly the wanted values.
///
/// What is not covered will be created, and then exists: it may take the cover from others, so the rest is looked at once more. A
/// wildcard of ours that nobody wants any more, or that is wanted with another value, is on its way out and covers nothing.
pub(super) fn covered<'a>(
    wanted: &[&'a Wanted],
    tracked: &[&TrackedRecord],
    listing: &Listing,
    zone: &ProviderId,
) -> Vec<(&'a Wanted, Name)> {
    let has_wildcard = listing.records.iter().any(|record| record.name().is_wildcard());
    if !has_wildcard {
        return Vec::new();
    }
    let is_wanted = |ours: &TrackedRecord| wanted.iter().any(|want| want.record.key == ours.record.key);
    let leaving: HashSet<&Name> = tracked
        .iter()
        .filter(|ours| ours.record.name().is_wildcard() && !is_wanted(ours))
        .map(|ours| ours.record.name())
        .collect();
    let apex = zone.zone_name().cloned().unwrap_or_else(Name::root);
    let mut existing = Existing::of(listing, &apex);
    let mut candidates: Vec<(&[&'a Wanted], Name)> = Vec::new();
    for wants in wanted.chunk_by(|left, right| left.record.name() == right.record.name()) {
        match existing.answer(wants, listing).filter(|by| !leaving.contains(by)) {
            Some(by) => candidates.push((wants, by)),
            None => existing.add(wants[0].record.name()),
        }
    }
    // One look is enough: what came to exist has no wildcard of its own, so it took the cover from all below it at once.
    candidates.retain(|(wants, _)| existing.answer(wants, listing).is_some());
    candidates.into_iter().flat_map(|(wants, by)| wants.iter().map(move |want| (*want, by.clone()))).collect()
}

/// Returns the wildcard in a listing of the whole zone that answers for a name which does not exist there, whatever it answers
/// (RFC 4592 section 3.3).
pub fn wildcard_for(name: &Name, listing: &Listing, zone: &ProviderId) -> Option<Name> {
    let apex = zone.zone_name().cloned().unwrap_or_else(Name::root);
    let wildcard = Existing::of(listing, &apex).wildcard(name)?;
    (!listing.records.at(&wildcard).is_empty()).then_some(wildcard)
}

/// The names that exist: those with records, and all above them up to the apex.
struct Existing(HashSet<Name>);

impl Existing {
    fn of(listing: &Listing, apex: &Name) -> Self {
        let mut existing = Self(HashSet::from([apex.clone()]));
        listing.records.iter().for_each(|record| existing.add(record.name()));
        listing.opaque.iter().filter_map(|entry| entry.name.as_ref()).for_each(|name| existing.add(name));
        existing
    }

    fn add(&mut self, name: &Name) {
        let mut name = Some(name.clone());
        while let Some(next) = name.filter(|name| self.0.insert(name.clone())) {
            name = next.parent();
        }
    }

    /// Returns the wildcard that answers for the name as wanted.
    fn answer(&self, wants: &[&Wanted], listing: &Listing) -> Option<Name> {
        let wildcard = self.wildcard(wants[0].record.name())?;
        let there = listing.records.at(&wildcard);
        answers(wants, there).then_some(wildcard)
    }

    /// Returns the only wildcard that could answer for the name: that of the closest name above it that exists.
    fn wildcard(&self, name: &Name) -> Option<Name> {
        if self.0.contains(name) || name.is_wildcard() {
            return None;
        }
        let mut above = name.parent();
        while above.as_ref().is_some_and(|above| !self.0.contains(above)) {
            above = above.and_then(|above| above.parent());
        }
        Name::parse(&format!("*.{}", above?.with_dot().trim_start_matches('.'))).ok()
    }
}

/// Returns whether the records have exactly the wanted values of each wanted type, and answer with them.
fn answers(wants: &[&Wanted], there: &[Record]) -> bool {
    let as_wanted = |want: &&Wanted| {
        there.iter().any(|record| {
            record.key.data == want.record.key.data && want.record.agrees_with(record) && record.enabled != Some(false)
        })
    };
    let is_wanted = |record: &&Record| wants.iter().any(|want| want.record.key.data == record.key.data);
    let of_wanted_type = |record: &&Record| wants.iter().any(|want| want.record.rtype() == record.rtype());
    !wants.is_empty()
        && wants.iter().all(as_wanted)
        && there.iter().filter(of_wanted_type).all(|record| is_wanted(&record))
}
