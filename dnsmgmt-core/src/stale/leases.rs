//! What nobody has kept alive for the whole threshold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::draft::Draft;
use crate::heartbeat::{Keeper, Member};
use crate::lease::{Judgement, Lease, Seen, Term};
use crate::mark::Marks;
use crate::name::Name;
use crate::plan::{Claim, Plan, Reason, Step};
use crate::preserved::Preserved;
use crate::provider::{Change, Condition, DnsProvider};
use crate::record::{Record, RecordData, RecordType};
use crate::record_set::{Listing, Scope};

/// What leases are judged by, beside the listing that they were found in.
#[derive(Clone, Copy)]
pub struct LeaseEvidence<'a> {
    /// The leases, in the order of their names.
    pub leases: &'a [Lease],
    /// How long they last.
    pub term: Term,
    /// Names whose records stay.
    pub preserved: &'a Preserved,
    /// Whether the last address of a name stays, whatever became of its host.
    pub keep_last_member: bool,
}

/// What was decided about leases.
#[derive(Debug)]
pub struct LeaseDecision {
    /// The changes.
    pub plan: Plan,
    /// What stays although something about it is not as it should be.
    pub findings: Vec<Finding>,
    /// How many machines have leases that the job could delete.
    pub claims: usize,
}

/// Something about a lease that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which lease.
    pub member: Member,
    /// What is about it.
    pub what: What,
}

/// What is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The address never had a heartbeat, so nobody knows whether its host lives.
    NoHeartbeat,
    /// This heartbeat makes no sense, and counts for so long.
    Malformed(RecordData, Duration),
    /// This heartbeat is ahead of our clock by more than a minute, and counts for so long.
    FromTheFuture(RecordData, Duration),
    /// It is to have a heartbeat, and has none: it is kept for so long.
    Missing(Duration),
    /// It is expired, and the last address of its name.
    LastMember,
    /// It is expired, and its name is preserved.
    Preserved,
}

/// Decides which leases are over. `before` is the listing of `scope` in which they were found.
///
/// An address goes with all its heartbeats in one step, under the condition that no heartbeat changed, where the provider can ask for
/// that. Heartbeats go first: where the provider can tell only of them that they are as they were, the address is left alone otherwise.
pub fn expired(
    provider: &dyn DnsProvider,
    scope: Scope,
    before: Listing,
    evidence: LeaseEvidence<'_>,
) -> LeaseDecision {
    let marks = Marks::of(&before);
    let stay = stay_as_last(evidence);
    let mut draft = Draft::on(provider, scope, before);
    let (mut findings, mut claims) = (Vec::new(), BTreeSet::new());
    for lease in evidence.leases {
        let mut find = |what| findings.push(Finding { member: lease.member.clone(), what });
        odd(lease, evidence.term).for_each(&mut find);
        let is_preserved = evidence.preserved.covers(&lease.member.domain);
        let is_claimed = !lease.heartbeats.is_empty() || lease.missing.is_some();
        if is_claimed && !is_preserved {
            claims.extend(Keeper::of(&lease.member, lease.heartbeats.iter().map(|seen| &seen.heartbeat)));
        }
        match lease.is_expired(evidence.term) {
            true if is_preserved => find(What::Preserved),
            true if stay.contains(&lease.member) => find(What::LastMember),
            true => draft.ask_together(unchanged(lease), end(lease), &marks),
            false if is_preserved => {}
            false => dead(lease, evidence.term).for_each(|seen| draft.ask_unless_theirs(remove(&seen.record), &marks)),
        }
    }
    LeaseDecision { plan: draft.plan().beside_leases().of_machines(), findings, claims: claims.len() }
}

/// Returns the expired leases that are kept because their names would have no address left: of each name the one that was heard of
/// last.
fn stay_as_last(evidence: LeaseEvidence<'_>) -> BTreeSet<Member> {
    if !evidence.keep_last_member {
        return BTreeSet::new();
    }
    let mut last: BTreeMap<&Name, Option<&Lease>> = BTreeMap::new();
    for lease in evidence.leases.iter().filter(|lease| lease.address.is_some()) {
        let candidate = lease.is_expired(evidence.term).then_some(lease);
        last.entry(&lease.member.domain)
            .and_modify(|last| {
                *last = match (*last, candidate) {
                    (Some(last), Some(other)) if other.last_beat() > last.last_beat() => Some(other),
                    (Some(last), Some(_)) => Some(last),
                    _ => None,
                }
            })
            .or_insert(candidate);
    }
    last.into_values().flatten().map(|lease| lease.member.clone()).collect()
}

/// Returns what is odd about a lease.
fn odd(lease: &Lease, term: Term) -> impl Iterator<Item = What> + '_ {
    let of_value = move |seen: &Seen| match term.judge(seen) {
        Judgement::Malformed(left) => Some(What::Malformed(seen.record.key.data.clone(), left)),
        Judgement::FromTheFuture(left) => Some(What::FromTheFuture(seen.record.key.data.clone(), left)),
        Judgement::Counts(_) | Judgement::Expired => None,
    };
    let never = lease.heartbeats.is_empty() && lease.missing.is_none();
    let missing = lease.missing.filter(|_| lease.heartbeats.is_empty());
    let missing = missing.and_then(|missing| term.judge_missing(missing).left()).map(What::Missing);
    lease.heartbeats.iter().filter_map(of_value).chain(missing).chain(never.then_some(What::NoHeartbeat))
}

/// Returns the heartbeats that are over where others are not.
fn dead(lease: &Lease, term: Term) -> impl Iterator<Item = &Seen> {
    lease.heartbeats.iter().filter(move |seen| term.judge(seen) == Judgement::Expired)
}

/// Returns the conditions under which a lease is still what it was seen to be.
fn unchanged(lease: &Lease) -> Vec<Condition> {
    let Ok(name) = lease.member.heartbeat_name() else { return Vec::new() };
    let types: BTreeSet<RecordType> = match lease.heartbeats.is_empty() {
        true => BTreeSet::from([RecordType::Txt]),
        false => lease.heartbeats.iter().map(|seen| seen.record.rtype()).collect(),
    };
    let of_type = |rtype: RecordType| {
        let values = lease.heartbeats.iter().map(|seen| &seen.record).filter(|record| record.rtype() == rtype);
        let values = values.map(|record| record.key.data.clone()).collect();
        Condition { name: name.clone(), rtype, values }
    };
    types.into_iter().map(of_type).collect()
}

/// Returns the steps that end a lease.
fn end(lease: &Lease) -> Vec<Step> {
    let heartbeats = lease.heartbeats.iter().map(|seen| remove(&seen.record));
    let claim = if lease.was_kept { Claim::Heartbeat } else { Claim::WholeName };
    let address = lease.address.iter().map(|record| Step { claim, ..remove(record) });
    heartbeats.chain(address).collect()
}

fn remove(record: &Record) -> Step {
    Step {
        change: Change::Delete(record.clone()),
        claim: Claim::Heartbeat,
        reason: Reason::Expired,
        origins: BTreeSet::new(),
        notes: Vec::new(),
    }
}
