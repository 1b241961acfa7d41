//! What sources want, compared with what a provider holds and with what is ours: decided on a listing, without asking anybody.

mod idle;
mod rrset;
mod wildcard;

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::time::Duration;

use crate::draft::{Draft, theirs};
use crate::grace::{Grace, Lot};
use crate::mark::Marks;
use crate::name::Name;
use crate::origin::Origin;
use crate::plan::{Claim, Plan, Reason, Step};
use crate::preserved::Preserved;
use crate::provider::{Change, DnsProvider};
use crate::record::{Record, RecordData, RecordKey};
use crate::record_set::{Listing, Scope};
use crate::report::{Fate, Outcome};
use crate::source::Wanted;
use crate::tracked::{Bookkeeping, OrphanReason, TrackedRecord};

pub use idle::{Idle, idle};
use rrset::{settle_ttls, smaller};
use wildcard::covered;
pub use wildcard::wildcard_for;

/// What a synchronisation of one zone goes by, beside the listing.
pub struct Evidence<'a> {
    /// What was wanted in this zone, by all sources that were read.
    pub wanted: &'a [Wanted],
    /// Whether it was read completely what an origin wants: of others nothing is concluded.
    pub judges: &'a dyn Fn(&Origin) -> bool,
    /// What is remembered of the zone.
    pub tracked: &'a [TrackedRecord],
    /// Names that are never orphans.
    pub preserved: &'a Preserved,
    /// Whether names that a wildcard in the zone answers for as wanted are left to it.
    pub wildcard_dns: bool,
    /// For how long a record must have been unwanted before it is deleted, in observed running time.
    pub grace: Duration,
    /// Whether anything may be deleted.
    pub delete: bool,
    /// What is written into the comment of a record that has none, where the provider keeps comments.
    pub comment: Option<String>,
}

/// What a synchronisation decided.
#[derive(Debug)]
pub struct Decision {
    /// The changes.
    pub plan: Plan,
    /// What is to be remembered beside them.
    pub bookkeeping: Vec<Bookkeeping>,
    /// How many wanted records are there as wanted.
    pub already_synced: usize,
    /// Wanted records that stand beside values of others.
    pub shared: Vec<RecordKey>,
    /// Wanted records that a wildcard answers for, each with that wildcard.
    pub covered: Vec<(Record, Name)>,
    /// Orphans whose grace is not over, each with what is left of it.
    pub waiting: Vec<(Record, Duration)>,
    /// How many claims this run could delete: those of which every origin was read.
    pub claims: usize,
}

/// Decides what has to change so that the zone holds what is wanted, and nothing of ours that is not.
///
/// It walks through what is wanted, listed and remembered at once, in the order of the names. It is fast where they come in that
/// order, and where most of a zone is in sync.
pub fn sync(provider: &dyn DnsProvider, before: Listing, evidence: Evidence<'_>) -> Decision {
    let mut wanted: Vec<&Wanted> = evidence.wanted.iter().collect();
    wanted.sort_by(|left, right| left.record.key.cmp(&right.record.key));
    let mut tracked: Vec<&TrackedRecord> = evidence.tracked.iter().filter(|tracked| tracked.claim.is_some()).collect();
    tracked.sort_by(|left, right| left.record.key.cmp(&right.record.key));
    let covered = if evidence.wildcard_dns { covered(&wanted, &tracked, &before, provider.id()) } else { Vec::new() };
    let left_to_wildcards: HashSet<&Name> = covered.iter().map(|(wanted, _)| wanted.record.name()).collect();
    let marks = Marks::of(&before);
    let mut sync = Sync {
        rules: Rules {
            judges: evidence.judges,
            grace: Grace { preserved: evidence.preserved, grace: evidence.grace, delete: evidence.delete, looks: true },
            comment: evidence.comment.as_deref().filter(|_| provider.capabilities().comment.is_some()),
            marks: &marks,
        },
        draft: Draft::on(provider, Scope::Zone, before),
        judged: None,
        bookkeeping: Vec::new(),
        already_synced: 0,
        shared: Vec::new(),
        waiting: Vec::new(),
        claims: 0,
    };
    let mut cursor = 0;
    for (name, wanted, tracked) in by_name(&wanted, &tracked) {
        let here = sync.draft.before().records.at_from(&mut cursor, name);
        let wanted = if left_to_wildcards.contains(name) { &[] } else { wanted };
        sync.name(here, wanted, tracked);
    }
    let covered = covered.into_iter().map(|(wanted, by)| (wanted.record.clone(), by)).collect();
    sync.decision(covered)
}

/// A record that is wanted, once, with everyone who wants it.
#[derive(Debug, Clone)]
struct Want {
    record: Record,
    origins: BTreeSet<Origin>,
}

impl Want {
    /// Makes one of all that want the same: with the smallest TTL, else with what the first one says.
    fn merge(wanted: &[&Wanted]) -> Vec<Self> {
        let mut wants: Vec<Self> = Vec::with_capacity(wanted.len());
        for Wanted { origin, record, .. } in wanted {
            match wants.last_mut() {
                Some(want) if want.record.key == record.key => {
                    want.record.ttl = smaller(want.record.ttl, record.ttl);
                    want.record.proxied = want.record.proxied.or(record.proxied);
                    want.record.enabled = want.record.enabled.or(record.enabled);
                    want.record.comment = want.record.comment.take().or_else(|| record.comment.clone());
                    want.origins.insert(origin.clone());
                }
                _ => wants.push(Self { record: record.clone(), origins: BTreeSet::from([origin.clone()]) }),
            }
        }
        wants
    }
}

/// Returns the names that are wanted or claimed, in order, each with what is wanted and what is claimed there.
fn by_name<'s, 'a>(
    wanted: &'s [&'a Wanted],
    tracked: &'s [&'a TrackedRecord],
) -> impl Iterator<Item = (&'a Name, &'s [&'a Wanted], &'s [&'a TrackedRecord])> {
    let (mut wanted, mut tracked) = (wanted, tracked);
    std::iter::from_fn(move || {
        let first = (wanted.first().map(|want| want.record.name()), tracked.first().map(|ours| ours.record.name()));
        let name = match first {
            (Some(wanted), Some(claimed)) => wanted.min(claimed),
            (wanted, claimed) => wanted.or(claimed)?,
        };
        let here: &[&Wanted];
        let ours: &[&TrackedRecord];
        (here, wanted) = wanted.split_at(wanted.iter().take_while(|want| want.record.name() == name).count());
        (ours, tracked) = tracked.split_at(tracked.iter().take_while(|ours| ours.record.name() == name).count());
        Some((name, here, ours))
    })
}

/// What stays the same from name to name.
struct Rules<'a> {
    judges: &'a dyn Fn(&Origin) -> bool,
    grace: Grace<'a>,
    comment: Option<&'a str>,
    marks: &'a Marks,
}

struct Sync<'a> {
    rules: Rules<'a>,
    draft: Draft<'a>,
    /// The origin that was asked about last, and whether it is judged: most records of a run have one origin.
    judged: Option<(Origin, bool)>,
    bookkeeping: Vec<Bookkeeping>,
    already_synced: usize,
    shared: Vec<RecordKey>,
    waiting: Vec<(Record, Duration)>,
    claims: usize,
}

/// What is to happen at one name.
struct AtName<'a> {
    /// Wanted and not there.
    missing: Vec<Want>,
    /// Ours, there, and wanted by nobody.
    unwanted: Vec<&'a TrackedRecord>,
}

impl<'a> Sync<'a> {
    /// Decides about one name, whose records are at `here` in the listing.
    fn name(&mut self, here: Range<usize>, wanted: &[&Wanted], tracked: &[&TrackedRecord]) {
        for tracked in tracked {
            let is_there = || {
                self.draft.before().records.as_slice()[here.clone()].iter().any(|there| there.key == tracked.record.key)
            };
            let can_go =
                !tracked.origins.is_empty() && !self.rules.grace.preserved.covers(tracked.record.name()) && is_there();
            let is_ours_to_delete = can_go && tracked.origins.iter().all(|origin| self.judges(origin));
            self.claims += usize::from(is_ours_to_delete);
        }
        let listed = &self.draft.before().records.as_slice()[here];
        if is_in_sync(listed, wanted, tracked) {
            self.already_synced += wanted.len();
            return;
        }
        let listed = listed.to_vec();
        self.draft.know_ours(tracked.iter().map(|tracked| tracked.record.key.clone()));
        let claimed = |record: &Record| tracked.iter().copied().find(|tracked| tracked.record.key == record.key);
        let mut wants = Want::merge(wanted);
        wants.iter_mut().for_each(|want| self.spell(want, &listed));
        settle_ttls(&mut wants, &listed, &|record| claimed(record).is_some(), self.draft.provider().capabilities());
        let mut here = AtName { missing: Vec::new(), unwanted: Vec::new() };
        for tracked in tracked {
            if !wants.iter().any(|want| want.record.key == tracked.record.key)
                && self.is_unwanted(tracked, listed.iter().any(|listed| listed.key == tracked.record.key))
            {
                here.unwanted.push(tracked);
            }
        }
        for want in wants {
            let foreign = |other: &&Record| {
                other.rtype() == want.record.rtype() && other.key != want.record.key && claimed(other).is_none()
            };
            let is_shared = listed.iter().any(|other| foreign(&other));
            let there = listed.iter().find(|listed| listed.key == want.record.key);
            // Whatever becomes of what is missing: it is ours, and may be there again before this origin is read again.
            if let Some(claimed) = claimed(&want.record) {
                self.remember(&want, claimed);
            }
            if is_shared && (there.is_none() || claimed(&want.record).is_some()) {
                self.shared.push(want.record.key.clone());
            }
            match there {
                Some(there) => self.present(&want, there, claimed(&want.record)),
                None => here.missing.push(want),
            }
        }
        self.supersede(&mut here);
        for want in here.missing {
            let step = self.creation(want);
            self.ask(step);
        }
        for tracked in here.unwanted {
            let listed = listed.iter().find(|listed| listed.key == tracked.record.key);
            self.orphan(tracked, listed);
        }
    }

    fn judges(&mut self, origin: &Origin) -> bool {
        match &self.judged {
            Some((last, judged)) if last == origin => *judged,
            _ => {
                let judged = (self.rules.judges)(origin);
                self.judged = Some((origin.clone(), judged));
                judged
            }
        }
    }

    /// Spells the wish as the provider lists it, if it does.
    fn spell(&self, want: &mut Want, listed: &[Record]) {
        if matches!(want.record.key.data, RecordData::Other { .. }) {
            let same = |there: &&Record| self.draft.provider().is_same(&there.key.data, &want.record.key.data);
            if let Some(there) = listed.iter().find(same) {
                want.record.key.data = there.key.data.clone();
            }
        }
    }

    /// Wanted and there: put right what drifted if it is ours.
    fn present(&mut self, want: &Want, there: &Record, claimed: Option<&TrackedRecord>) {
        let agrees = want.record.agrees_with(there);
        let is_off = there.enabled == Some(false);
        match claimed {
            None if !agrees || is_off => {
                let how = if is_off { "switched off" } else { "with other attributes" };
                self.synced(want, format!("it is there, {how}, and not ours to change; `dns-cli adopt` makes it ours"));
            }
            Some(_) if agrees && is_off => self.synced(want, "somebody switched it off at the provider".into()),
            _ if agrees => self.already_synced += 1,
            None => {}
            Some(claimed) => self.ask(Step {
                change: Change::Replace { old: there.clone(), new: want.record.clone() },
                claim: claimed.claim.unwrap_or(Claim::Created),
                reason: Reason::Drifted,
                origins: want.origins.clone(),
                notes: Vec::new(),
            }),
        }
    }

    /// There as wanted, and something about it is worth a sentence.
    fn synced(&mut self, want: &Want, note: String) {
        let mut step = self.creation(want.clone());
        step.notes.push(note);
        self.draft.settle(Outcome::of(&step, Fate::AlreadyPresent));
    }

    fn remember(&mut self, want: &Want, claimed: &TrackedRecord) {
        let key = &want.record.key;
        for origin in want.origins.difference(&claimed.origins) {
            self.bookkeeping.push(Bookkeeping::Join(key.clone(), origin.clone()));
        }
        if claimed.orphaned.is_some_and(|orphaned| orphaned.reason == OrphanReason::Unwanted) {
            self.bookkeeping.push(Bookkeeping::Unmark(key.clone()));
        }
        // What another origin wanted and does not want any more.
        let left = |origin: &&Origin| !want.origins.contains(*origin) && (self.rules.judges)(origin);
        for origin in claimed.origins.iter().filter(left) {
            self.bookkeeping.push(Bookkeeping::Leave(key.clone(), origin.clone()));
        }
    }

    /// Returns whether a claimed record that nobody wanted in this run is an orphan: every one of its origins was read. Those that
    /// were read and are not the last ones are forgotten.
    fn is_unwanted(&mut self, tracked: &TrackedRecord, is_listed: bool) -> bool {
        let key = &tracked.record.key;
        let (judged, others): (Vec<&Origin>, Vec<&Origin>) =
            tracked.origins.iter().partition(|origin| (self.rules.judges)(origin));
        if !others.is_empty() || judged.is_empty() {
            let leave = |origin: &&Origin| Bookkeeping::Leave(key.clone(), (*origin).clone());
            self.bookkeeping.extend(judged.iter().map(leave));
            return false;
        }
        if !is_listed {
            if self.rules.grace.lot(tracked, None) == Lot::IsForgotten {
                self.bookkeeping.push(Bookkeeping::Untrack(key.clone()));
            }
            return false;
        }
        true
    }

    /// Puts what is missing in the place of what the same origins wanted there before: at once, since nothing is to be waited for.
    fn supersede(&mut self, here: &mut AtName<'_>) {
        let mut index = 0;
        while index < here.missing.len() {
            let want = &here.missing[index];
            let (name, rtype) = (want.record.name(), want.record.rtype());
            let shares = |old: &&&TrackedRecord| !old.origins.is_disjoint(&want.origins);
            let excludes = |old: &&&TrackedRecord| {
                old.record.rtype() != rtype && self.draft.conflict(name, &old.record.rtype(), &rtype)
            };
            let excluded: Vec<&TrackedRecord> =
                here.unwanted.iter().filter(|old| shares(old) && excludes(old)).copied().collect();
            let same = here.unwanted.iter().find(|old| old.record.rtype() == rtype && shares(old)).copied();
            let leaving: Vec<&TrackedRecord> = if excluded.is_empty() { same.into_iter().collect() } else { excluded };
            if leaving.is_empty() {
                index += 1;
                continue;
            }
            let mut want = here.missing.remove(index);
            let mut group = Vec::new();
            // What excludes one of them may exclude others of the same name too: they come in the same group.
            if leaving[0].record.rtype() != rtype {
                let rest = here.missing.extract_if(index.., |other| other.record.rtype() == rtype);
                group = rest.collect();
            }
            if self.replace(&mut want, &leaving, group) {
                here.unwanted.retain(|old| !leaving.iter().any(|gone| gone.record.key == old.record.key));
            }
        }
    }

    /// Returns whether the plan takes the old ones away.
    fn replace(&mut self, want: &mut Want, leaving: &[&TrackedRecord], more: Vec<Want>) -> bool {
        let keys: BTreeSet<RecordKey> = leaving.iter().map(|old| old.record.key.clone()).collect();
        let there = |old: &TrackedRecord| self.draft.before().records.get(&old.record.key).cloned();
        let Some((last, others)) = leaving.split_last() else { return false };
        let step = |change, old: &TrackedRecord, origins: &BTreeSet<Origin>| Step {
            change,
            claim: old.claim.unwrap_or(Claim::Created),
            reason: Reason::Superseded,
            origins: origins.clone(),
            notes: Vec::new(),
        };
        let mut steps = Vec::new();
        for old in others {
            let Some(record) = there(old) else { return false };
            steps.push(step(Change::Delete(record), old, &old.origins));
        }
        let Some(old) = there(last) else { return false };
        steps.push(step(Change::Replace { old, new: want.record.clone() }, last, &want.origins));
        steps.extend(more.into_iter().map(|want| self.creation(want)));
        let marks = self.rules.marks;
        let refusal = steps
            .iter()
            .find_map(|step| theirs(&step.change, marks).or_else(|| self.draft.refusal(&step.change, &keys)));
        match refusal {
            Some(why) => {
                let made = |step: &Step| !matches!(step.change, Change::Delete(_));
                steps.into_iter().filter(made).for_each(|step| self.draft.refuse(step, why.clone()));
                false
            }
            None => {
                self.draft.push(steps);
                true
            }
        }
    }

    fn creation(&self, want: Want) -> Step {
        let mut record = want.record;
        if record.comment.is_none() {
            record.comment = self.rules.comment.map(Into::into);
        }
        let change = Change::Create(record);
        Step { change, claim: Claim::Created, reason: Reason::Wanted, origins: want.origins, notes: Vec::new() }
    }

    /// Begins the grace of an orphan, waits for it, or deletes it. That it is still unwanted is written down each time, for those who
    /// do not look at the sources.
    fn orphan(&mut self, tracked: &TrackedRecord, listed: Option<&Record>) {
        let lot = self.rules.grace.lot(tracked, listed);
        let mark = tracked.orphaned.filter(|orphaned| orphaned.reason == OrphanReason::Unwanted);
        let is_confirmed = mark.is_some_and(|mark| mark.confirmed == mark.age);
        if !is_confirmed && matches!(lot, Lot::Waits(..) | Lot::Goes(_)) {
            self.bookkeeping.push(Bookkeeping::Mark(tracked.record.key.clone()));
        }
        match lot {
            Lot::Stays | Lot::IsForgotten => {}
            Lot::IsPreserved => self.bookkeeping.push(Bookkeeping::Unmark(tracked.record.key.clone())),
            Lot::Waits(record, left) => self.waiting.push((record, left)),
            Lot::Goes(step) => self.ask(*step),
        }
    }

    fn ask(&mut self, step: Step) {
        self.draft.ask_unless_theirs(step, self.rules.marks);
    }

    fn decision(self, covered: Vec<(Record, Name)>) -> Decision {
        let plan = self.draft.plan();
        let refused = plan.settled().iter().filter(|outcome| outcome.fate == Fate::Refused);
        let refused: HashSet<_> = refused.filter_map(|outcome| Some((&outcome.name, outcome.data.as_ref()?))).collect();
        // What is not made stands beside nothing.
        let shared = self.shared.into_iter().filter(|key| !refused.contains(&(&key.name, &key.data))).collect();
        Decision {
            shared,
            plan,
            bookkeeping: self.bookkeeping,
            already_synced: self.already_synced,
            covered,
            waiting: self.waiting,
            claims: self.claims,
        }
    }
}

/// Returns whether nothing at all has to be done or remembered at a name, as for most names of most runs.
fn is_in_sync(listed: &[Record], wanted: &[&Wanted], tracked: &[&TrackedRecord]) -> bool {
    let is_there = |want: &Record, there: &Record| {
        want.key == there.key && want.agrees_with(there) && there.enabled != Some(false)
    };
    let is_remembered = |want: &Wanted, tracked: &TrackedRecord| {
        want.record.key == tracked.record.key
            && tracked.orphaned.is_none()
            && tracked.origins.len() == 1
            && tracked.origins.first() == Some(&want.origin)
    };
    let one_ttl = |left: &Record, right: &Record| left.ttl == right.ttl || left.rtype() != right.rtype();
    listed.len() == wanted.len()
        && (tracked.is_empty() || tracked.len() == wanted.len())
        && wanted.iter().zip(listed).all(|(want, there)| is_there(&want.record, there))
        && wanted.iter().zip(tracked).all(|(want, tracked)| is_remembered(want, tracked))
        && wanted.windows(2).all(|pair| one_ttl(&pair[0].record, &pair[1].record))
}
