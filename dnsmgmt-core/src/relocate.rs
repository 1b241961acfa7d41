//! Moves what is ours from one provider to another: decided on listings, without asking anybody.

use std::collections::BTreeSet;

use crate::by_hand::as_listed;
use crate::draft::Draft;
use crate::plan::{Plan, Reason, Step};
use crate::provider::{Capabilities, Change, DnsProvider, TtlSupport};
use crate::record::{Record, RecordKey, Ttl};
use crate::record_set::{Listing, Scope};
use crate::report::{Fate, Outcome};
use crate::tracked::TrackedRecord;

/// Returns what of the tracked records is ours and still there, each as it is listed.
pub fn still_there(listing: &Listing, tracked: Vec<TrackedRecord>) -> Vec<TrackedRecord> {
    let listed = |tracked: TrackedRecord| {
        let record = listing.records.get(&tracked.record.key).filter(|_| tracked.claim.is_some())?.clone();
        Some(TrackedRecord { record, ..tracked })
    };
    tracked.into_iter().filter_map(listed).collect()
}

/// Plans to create what is ours elsewhere, each with its claim and its origins. `before` is a listing of `scope`, which covers the
/// names, and `claimed` is what is ours here already.
///
/// What is there already is fine, and whose it is stays so. `comment` is for records without one.
pub fn arrive(
    provider: &dyn DnsProvider,
    scope: Scope,
    before: Listing,
    ours: &[TrackedRecord],
    claimed: &BTreeSet<RecordKey>,
    comment: Option<&str>,
) -> Plan {
    let mut draft = Draft::on(provider, scope, before);
    for tracked in ours {
        let mut record = fitted(tracked, &draft, comment);
        let there = draft.before().records.get(&record.key);
        let mut notes = Vec::new();
        if let Some(there) = there.filter(|there| !claimed.contains(&there.key)) {
            let how = if record.agrees_with(there) { "as it is" } else { "with other attributes" };
            notes.push(format!("it is there already, {how}, and stays unclaimed"));
        }
        let is_there = there.is_some();
        if !is_there {
            // The values of an RRset have one TTL (RFC 2181 section 5.2).
            let mut siblings = draft.before().records.rrset(record.name(), &record.rtype());
            record.ttl = siblings.find_map(|sibling| sibling.ttl).or(record.ttl);
            notes.extend(draft.beside(&record));
        }
        let Some(step) = step(tracked, Change::Create(record)) else { continue };
        let step = Step { notes, ..step };
        match is_there {
            true => draft.settle(Outcome::of(&step, Fate::AlreadyPresent)),
            false => ask(&mut draft, step),
        }
    }
    draft.plan()
}

/// Plans to delete what is ours here because it is elsewhere now. `before` is a listing of `scope`, which covers the names.
pub fn depart(provider: &dyn DnsProvider, scope: Scope, before: Listing, ours: &[TrackedRecord]) -> Plan {
    let mut draft = Draft::on(provider, scope, before);
    for tracked in ours {
        let listed = draft.before().records.get(&tracked.record.key).cloned();
        if let Some(step) = listed.and_then(|listed| step(tracked, Change::Delete(listed))) {
            ask(&mut draft, step);
        }
    }
    draft.plan()
}

/// Returns the step for a record, nothing where it is not ours.
fn step(tracked: &TrackedRecord, change: Change) -> Option<Step> {
    let (claim, origins) = (tracked.claim?, tracked.origins.clone());
    Some(Step { change, claim, reason: Reason::Relocated, origins, notes: Vec::new() })
}

fn ask(draft: &mut Draft<'_>, step: Step) {
    match draft.refusal(&step.change, &BTreeSet::new()) {
        Some(why) => draft.refuse(step, why),
        None => draft.push(vec![step]),
    }
}

/// Returns the record without what this provider does not know, where leaving that out changes no answer.
fn fitted(tracked: &TrackedRecord, draft: &Draft<'_>, comment: Option<&str>) -> Record {
    let Capabilities { ttl, proxied, enabled, comment: comments, .. } = draft.provider().capabilities();
    let mut record = Record { handles: Vec::new(), ..tracked.record.clone() };
    record.key.data = as_listed(draft.provider(), draft.before(), &record.key);
    record.ttl = match (ttl, record.ttl) {
        (TtlSupport::Fixed, _) | (TtlSupport::Seconds { automatic: false, .. }, Some(Ttl::Automatic)) => None,
        (_, ttl) => ttl,
    };
    record.proxied = record.proxied.filter(|is_proxied| *proxied || *is_proxied);
    record.enabled = record.enabled.filter(|is_enabled| *enabled || !*is_enabled);
    record.comment = record.comment.or_else(|| comment.map(Into::into)).filter(|_| comments.is_some());
    record
}
