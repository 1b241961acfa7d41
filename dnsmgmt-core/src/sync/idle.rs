//! Whether there is anything to do at all, told from what a provider was listed to hold some time ago.

use std::collections::HashSet;

use super::wildcard::covered;
use super::{Evidence, Want, by_name, is_in_sync};
use crate::name::Name;
use crate::provider::ProviderId;
use crate::record::{Record, RecordKey};
use crate::record_set::Listing;
use crate::source::Wanted;
use crate::tracked::TrackedRecord;

/// What a zone is like in which nothing has to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Idle {
    /// How many wanted records are there as wanted.
    pub already_synced: usize,
    /// Ours of them that stand beside values of others.
    pub shared: Vec<RecordKey>,
    /// Wanted records that a wildcard answers for, each with that wildcard.
    pub covered: Vec<(Record, Name)>,
}

/// Returns what the zone is like if [`sync`](super::sync) would plan, mark and remember nothing on this earlier listing of it; nothing
/// if it would, or if only the provider can tell.
///
/// What can be told without the provider's capabilities is told carefully. A TTL that the listing lacks is not compared: who has
/// TTLs lists them with every record, so that it is a provider with one for all of them.
pub fn idle(zone: &ProviderId, listing: &Listing, evidence: &Evidence<'_>) -> Option<Idle> {
    if listing.records.iter().any(|record| record.name().is_tombstone()) {
        return None;
    }
    let mut wanted: Vec<&Wanted> = evidence.wanted.iter().collect();
    wanted.sort_by(|left, right| left.record.key.cmp(&right.record.key));
    let mut tracked: Vec<&TrackedRecord> = evidence.tracked.iter().filter(|tracked| tracked.claim.is_some()).collect();
    tracked.sort_by(|left, right| left.record.key.cmp(&right.record.key));
    let covered = if evidence.wildcard_dns { covered(&wanted, &tracked, listing, zone) } else { Vec::new() };
    let left_to_wildcards: HashSet<&Name> = covered.iter().map(|(wanted, _)| wanted.record.name()).collect();
    let mut idle = Idle::default();
    let mut cursor = 0;
    for (name, wanted, tracked) in by_name(&wanted, &tracked) {
        let here = &listing.records.as_slice()[listing.records.at_from(&mut cursor, name)];
        let wanted = if left_to_wildcards.contains(name) { &[] } else { wanted };
        if is_in_sync(here, wanted, tracked) {
            idle.already_synced += wanted.len();
            continue;
        }
        let wants = Want::merge(wanted);
        if !wants.iter().all(|want| is_as_wanted(want, here, tracked, evidence))
            || wants.windows(2).any(|pair| have_two_ttls(&pair[0].record, &pair[1].record, here))
            || !tracked
                .iter()
                .all(|ours| wants.iter().any(|want| want.record.key == ours.record.key) || stays(ours, here, evidence))
        {
            return None;
        }
        idle.already_synced += wants.len();
        let ours = |key: &RecordKey| tracked.iter().any(|tracked| tracked.record.key == *key);
        let is_shared = |want: &&Want| {
            ours(&want.record.key) && here.iter().any(|other| other.rtype() == want.record.rtype() && !ours(&other.key))
        };
        idle.shared.extend(wants.iter().filter(is_shared).map(|want| want.record.key.clone()));
    }
    idle.covered = covered.into_iter().map(|(wanted, by)| (wanted.record.clone(), by)).collect();
    Some(idle)
}

/// Returns whether the record is there as wanted, and if it is ours, remembered with everyone who wants it and without a mark.
fn is_as_wanted(want: &Want, listed: &[Record], tracked: &[&TrackedRecord], evidence: &Evidence<'_>) -> bool {
    let Some(there) = listed.iter().find(|there| there.key == want.record.key) else { return false };
    let ttl = want.record.ttl.filter(|_| there.ttl.is_some());
    let agrees = Record { ttl, ..want.record.clone() }.agrees_with(there) && there.enabled != Some(false);
    let is_remembered = |ours: &&TrackedRecord| {
        ours.orphaned.is_none()
            && want.origins.is_subset(&ours.origins)
            && ours.origins.difference(&want.origins).all(|other| !(evidence.judges)(other))
    };
    agrees && tracked.iter().find(|ours| ours.record.key == want.record.key).is_none_or(is_remembered)
}

/// Returns whether two values of one RRset are wanted with different TTLs, where there are TTLs at all: one of them has to change.
fn have_two_ttls(left: &Record, right: &Record, listed: &[Record]) -> bool {
    left.rtype() == right.rtype() && left.ttl != right.ttl && listed.iter().any(|there| there.ttl.is_some())
}

/// Returns whether what is ours and was wanted by nobody stays as it is: it is there, without a mark, and preserved or wanted by those
/// who were not read alone.
fn stays(ours: &TrackedRecord, listed: &[Record], evidence: &Evidence<'_>) -> bool {
    let nobody_was_read = !ours.origins.iter().any(|origin| (evidence.judges)(origin));
    let all_were_read = ours.origins.iter().all(|origin| (evidence.judges)(origin));
    let is_preserved = all_were_read && evidence.preserved.covers(ours.record.name());
    ours.orphaned.is_none()
        && listed.iter().any(|there| there.key == ours.record.key)
        && (nobody_was_read || is_preserved)
}
