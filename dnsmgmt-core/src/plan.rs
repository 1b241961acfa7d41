//! Plans: the changes to make, each with its claim and its reason.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::fnv::Fnv;
use crate::heartbeat::{Heartbeat, Keeper, Member};
use crate::origin::Origin;
use crate::provider::{Capabilities, Change, Condition, ProviderId};
use crate::record::{Record, RecordKey, RecordType};
use crate::record_set::{Listing, Scope};
use crate::report::{Fate, Outcome};

/// Why a record is ours to change. A record without a claim is never changed, overwritten or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// A person named it in this very command.
    ByHand,
    /// We created it.
    Created,
    /// It was there, and a person adopted it.
    Adopted,
    /// The configuration says that everything below a name is ours (see [`Suffix`](crate::stale::suffix::Suffix)), or every address at it
    /// (see [`lease`](crate::lease)).
    WholeName,
    /// Its name says that it is an entry of ours on its way out (see [`Name::is_tombstone`](crate::name::Name::is_tombstone)).
    Tombstone,
    /// A heartbeat names it, or it is one: see [`heartbeat`](crate::heartbeat).
    Heartbeat,
}

impl Claim {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByHand => "by hand",
            Self::Created => "created",
            Self::Adopted => "adopted",
            Self::WholeName => "whole name",
            Self::Tombstone => "tombstone",
            Self::Heartbeat => "heartbeat",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A person asked for it.
    Requested,
    /// An origin wants it and it is not there.
    Wanted,
    /// It is ours and wanted, and an attribute is not as wanted.
    Drifted,
    /// It is ours, and its origin wants another value in its place.
    Superseded,
    /// It is ours, and no origin has wanted it for the whole grace.
    Unwanted,
    /// It is ours, and no container wants it.
    NoContainer,
    /// A person takes an earlier change back.
    Undone,
    /// A person moves what is ours to another provider.
    Relocated,
    /// An earlier deletion was broken off, or its last part was not made.
    LeftOver,
    /// Its host is alive, and says so anew.
    Refreshed,
    /// Its host says that it does not have that address any more, or that it ends.
    Withdrawn,
    /// Its host has not been heard of for the whole threshold.
    Expired,
}

impl Reason {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Wanted => "wanted",
            Self::Drifted => "drifted",
            Self::Superseded => "superseded",
            Self::Unwanted => "unwanted",
            Self::NoContainer => "no container wants it",
            Self::Undone => "undone",
            Self::Relocated => "relocated",
            Self::LeftOver => "left over from an earlier deletion",
            Self::Refreshed => "refreshed",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One change of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The change.
    pub change: Change,
    /// Why the record is ours to change.
    pub claim: Claim,
    /// Why it is changed.
    pub reason: Reason,
    /// Who wants the record that the change makes: nobody where it is a deletion.
    pub origins: BTreeSet<Origin>,
    /// What a person should know about it, a sentence each.
    pub notes: Vec<String>,
}

/// Steps that belong together: see [`Group`](crate::provider::Group).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepGroup {
    /// What must hold for the steps to be made.
    pub only_if: Vec<Condition>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// The changes to make at one provider, with the listing that they were decided on. It does not change any more: a new
/// situation needs a new plan.
#[derive(Debug, Clone)]
pub struct Plan {
    provider: ProviderId,
    scope: Scope,
    before: Listing,
    groups: Vec<StepGroup>,
    settled: Vec<Outcome>,
    is_beside_leases: bool,
    counts_machines: bool,
}

impl Plan {
    /// Returns a plan, which also removes what earlier deletions left; `before` is the listing of `scope` that it was decided on, `settled` what needs no change or can have
    /// none.
    pub(crate) fn new(
        provider: ProviderId,
        scope: Scope,
        before: Listing,
        mut groups: Vec<StepGroup>,
        settled: Vec<Outcome>,
    ) -> Self {
        let planned: BTreeSet<RecordKey> =
            groups.iter().flat_map(|group| &group.steps).map(|step| step.change.record().key.clone()).collect();
        let left_over = before.records.iter().filter(|record| record.name().is_tombstone());
        for record in left_over.filter(|record| !planned.contains(&record.key)) {
            let change = Change::Delete(record.clone());
            let (claim, reason) = (Claim::Tombstone, Reason::LeftOver);
            let step = Step { change, claim, reason, origins: BTreeSet::new(), notes: Vec::new() };
            groups.push(StepGroup { only_if: Vec::new(), steps: vec![step] });
        }
        // What is missing comes first, what is superfluous last: a run that is cut short has broken nothing.
        groups.sort_by_key(|group| group.steps.iter().all(|step| matches!(step.change, Change::Delete(_))));
        Self { provider, scope, before, groups, settled, is_beside_leases: false, counts_machines: false }
    }

    /// Returns the plan as one of names at which other machines' leases come and go meanwhile.
    #[must_use]
    pub(crate) fn beside_leases(self) -> Self {
        Self { is_beside_leases: true, ..self }
    }

    /// Returns the plan as one that takes machines away, however many addresses each has at however many names.
    #[must_use]
    pub(crate) fn of_machines(self) -> Self {
        Self { counts_machines: true, ..self }
    }

    /// Returns whether other machines' leases may come and go beside it.
    pub(crate) fn is_beside_leases(&self) -> bool {
        self.is_beside_leases
    }

    /// Returns the provider that it is for.
    pub fn provider(&self) -> &ProviderId {
        &self.provider
    }

    /// Returns what was listed, and will be listed again to verify.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Returns the listing that it was decided on.
    pub fn before(&self) -> &Listing {
        &self.before
    }

    /// Returns the changes to make.
    pub fn groups(&self) -> &[StepGroup] {
        &self.groups
    }

    /// Returns the steps of all groups.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.groups.iter().flat_map(|group| &group.steps)
    }

    /// Returns the steps that delete what is claimed. What earlier deletions left is no claim any more.
    pub fn deletions(&self) -> impl Iterator<Item = &Step> {
        self.steps().filter(|step| matches!(step.change, Change::Delete(_)) && step.claim != Claim::Tombstone)
    }

    /// Returns how much the plan takes away: its deletions, of which an address and its heartbeats count once; where leases end, the machines that
    /// kept them.
    pub fn losses(&self) -> usize {
        if self.counts_machines {
            return self.groups.iter().flat_map(keepers).collect::<BTreeSet<_>>().len();
        }
        let leased = |record: &Record| Heartbeat::of(record).map(|heartbeat| heartbeat.member.key());
        let lost = self.deletions().map(|step| step.change.record());
        lost.map(|record| leased(record).unwrap_or_else(|| record.key.clone())).collect::<BTreeSet<_>>().len()
    }

    /// Returns the id: a hash of the deletions, each with its reason. Plans that delete the same for the same reasons have the same
    /// id, whenever they are made.
    pub fn id(&self) -> PlanId {
        let key = |step: &Step| format!("{} {}", step.change.record().key, step.reason);
        let deletions: BTreeSet<String> = self.deletions().map(key).collect();
        let mut hash = Fnv::new();
        for part in [self.provider.name.as_str(), self.provider.zone.as_str()]
            .into_iter()
            .chain(deletions.iter().map(String::as_str))
        {
            hash.add(part.as_bytes());
            hash.add(&[0]);
        }
        PlanId(hash.finish())
    }

    /// Returns the plan without the groups that delete what is not to be `kept` in it: they are settled as not tried.
    pub(crate) fn keep_deletions(self, kept: impl Fn(&RecordKey) -> bool) -> Self {
        let is_kept = |step: &Step| {
            !matches!(step.change, Change::Delete(_))
                || step.claim == Claim::Tombstone
                || kept(&step.change.record().key)
        };
        self.keep_groups(|group| group.steps.iter().all(is_kept), "it was not in the plan that was approved")
    }

    /// Returns the plan without the groups that are not to be `kept` in it: they are settled as not tried, and `why`.
    pub(crate) fn keep_groups(mut self, kept: impl Fn(&StepGroup) -> bool, why: &str) -> Self {
        let (stay, drop): (Vec<_>, Vec<_>) = self.groups.into_iter().partition(kept);
        for step in drop.into_iter().flat_map(|group| group.steps) {
            let mut outcome = Outcome::of(&step, Fate::NotTried);
            outcome.notes.push(why.into());
            self.settled.push(outcome);
        }
        self.groups = stay;
        self
    }

    /// Returns what was settled without a change: already so, or refused before any call.
    pub fn settled(&self) -> &[Outcome] {
        &self.settled
    }

    /// Returns the records that are or will be proxied, so that others' addresses are answered for them.
    pub fn proxied(&self) -> BTreeSet<RecordKey> {
        let coming = self.steps().map(|step| step.change.record());
        let all = self.before.records.iter().chain(coming);
        all.filter(|record| record.proxied == Some(true)).map(|record| record.key.clone()).collect()
    }

    /// Returns what would be reported if none of it were tried: the preview of a dry run.
    pub fn preview(&self) -> Vec<Outcome> {
        let untried = self.steps().map(|step| Outcome::of(step, Fate::NotTried));
        self.settled.iter().cloned().chain(untried).collect()
    }

    /// Returns whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Approves a plan of which a person named every record in this command, or confirmed it in a preview.
    pub fn approve_by_hand(self) -> ApprovedPlan {
        ApprovedPlan(self)
    }
}

/// Returns who kept what a group deletes.
fn keepers(group: &StepGroup) -> Vec<Keeper> {
    let deleted = group.steps.iter().filter(|step| matches!(step.change, Change::Delete(_)));
    let deleted: Vec<&Record> =
        deleted.filter(|step| step.claim != Claim::Tombstone).map(|step| step.change.record()).collect();
    let heartbeats: Vec<Heartbeat> = deleted.iter().filter_map(|record| Heartbeat::of(record)).collect();
    let of_address = deleted.iter().find_map(|record| Member::of(record));
    let member = heartbeats.first().map(|heartbeat| heartbeat.member.clone()).or(of_address);
    member.map(|member| Keeper::of(&member, &heartbeats)).unwrap_or_default()
}

/// Tells plans apart by what they delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId(pub u64);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Why a text is no plan's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a plan's id is up to 16 hexadecimal digits, as they stand where it is said to be held")]
pub struct PlanIdError;

impl FromStr for PlanId {
    type Err = PlanIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self).map_err(|_| PlanIdError)
    }
}

/// A plan that may be applied: the only thing that [`apply`](crate::apply::apply) takes.
#[derive(Debug, Clone)]
pub struct ApprovedPlan(Plan);

impl ApprovedPlan {
    pub(crate) fn by_the_brake(plan: Plan) -> Self {
        Self(plan)
    }

    /// Returns the plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }

    pub(crate) fn into_plan(self) -> Plan {
        self.0
    }
}

/// Returns why a record of that key can never be in a plan, if so: what the zone's own machinery writes, and the name servers
/// of the zone itself.
pub(crate) fn untouchable(key: &RecordKey, provider: &ProviderId, capabilities: &Capabilities) -> Option<String> {
    let rtype = key.rtype();
    if rtype.is_zone_machinery() {
        return Some(format!("{rtype} records belong to the zone itself; dnsmgmt never changes them"));
    }
    if !capabilities.types.contains(&rtype) {
        return Some(format!("{provider} cannot hold {rtype} records"));
    }
    match provider.zone_name() {
        Some(zone) if rtype == RecordType::Ns && key.name == *zone => {
            Some("the name servers of the zone itself are never changed".into())
        }
        Some(zone) if !key.name.is_within(zone) => Some(format!("{} is not in the zone {zone}", key.name)),
        None if rtype == RecordType::Ns => {
            Some("the zone is known by its id alone, so this may be its own name server; configure its name too".into())
        }
        _ => None,
    }
}
