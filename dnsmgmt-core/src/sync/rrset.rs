//! Wishes, as far as the provider can fulfil them: one TTL for all values of a name and type.

use std::collections::BTreeSet;

use super::Want;
use crate::provider::{Capabilities, TtlSupport};
use crate::record::{Record, RecordType, Ttl};

/// Gives all wishes of one RRset one TTL (RFC 2181 section 5.2): that of a value which is not ours to change, else the smallest that
/// is wanted, else that of the values which are there. Where the provider has one TTL for everything, none is wanted.
pub(super) fn settle_ttls(
    wants: &mut [Want],
    listed: &[Record],
    is_ours: &dyn Fn(&Record) -> bool,
    capabilities: &Capabilities,
) {
    if capabilities.comment.is_none() {
        wants.iter_mut().for_each(|want| want.record.comment = None);
    }
    if capabilities.ttl == TtlSupport::Fixed {
        wants.iter_mut().for_each(|want| want.record.ttl = None);
        return;
    }
    let types: BTreeSet<RecordType> = wants.iter().map(|want| want.record.rtype()).collect();
    for rtype in types {
        let of_type = |record: &&Record| record.rtype() == rtype && record.proxied != Some(true);
        let foreign = listed.iter().filter(of_type).find(|record| !is_ours(record)).and_then(|record| record.ttl);
        let wanted = wants.iter().map(|want| &want.record).filter(of_type).filter_map(|record| record.ttl);
        let smallest = wanted.fold(None, |smallest, ttl| smaller(smallest, Some(ttl)));
        let there = || listed.iter().find(of_type).and_then(|record| record.ttl);
        let Some(ttl) = foreign.or(smallest).or_else(there) else { continue };
        for want in wants.iter_mut().filter(|want| of_type(&&want.record)) {
            want.record.ttl = Some(ttl);
        }
    }
}

/// Returns the smaller of two TTLs; one that the provider chooses is larger than any.
pub(super) fn smaller(left: Option<Ttl>, right: Option<Ttl>) -> Option<Ttl> {
    let size = |ttl: &Ttl| match ttl {
        Ttl::Seconds(seconds) => (0, *seconds),
        Ttl::Automatic => (1, 0),
    };
    left.into_iter().chain(right).min_by_key(size)
}
