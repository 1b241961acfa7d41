//! Takes changes back: decided on a listing, without asking anybody.

use std::collections::{BTreeMap, BTreeSet};

use crate::draft::Draft;
use crate::name::Name;
use crate::origin::Origin;
use crate::plan::{Claim, Plan, Reason, Step};
use crate::provider::{Change, DnsProvider};
use crate::record::{Record, RecordKey};
use crate::record_set::{Listing, Scope};
use crate::report::{Fate, Outcome};

/// Plans the opposite of changes that were made, the last one first. `before` is a listing of `scope`, which covers their names.
///
/// What is as it was already is left; what somebody changed since, or is not ours any more, is refused, because taking the change back
/// would undo theirs. What comes back is wanted by hand from then on.
pub fn undo(
    provider: &dyn DnsProvider,
    scope: Scope,
    before: Listing,
    made: &[Change],
    is_ours: &dyn Fn(&RecordKey) -> bool,
) -> Plan {
    let mut draft = Draft::on(provider, scope, before);
    // At one name the opposite steps depend on each other: an address goes before the CNAME comes back.
    let mut names: BTreeMap<Name, Vec<Step>> = BTreeMap::new();
    for change in made.iter().rev() {
        let (opposite, fate, note) = opposite(change, draft.before(), is_ours);
        let step = Step { notes: note.into_iter().map(Into::into).collect(), ..step(opposite) };
        match fate {
            Fate::NotTried => names.entry(change.record().name().clone()).or_default().push(step),
            fate => draft.settle(Outcome::of(&step, fate)),
        }
    }
    for steps in names.into_values() {
        let leaving: BTreeSet<RecordKey> = steps.iter().filter_map(|step| leaves(&step.change)).collect();
        match steps.iter().find_map(|step| draft.refusal(&step.change, &leaving)) {
            Some(why) => steps.into_iter().for_each(|step| draft.refuse(step, why.clone())),
            None => draft.push(steps),
        }
    }
    draft.plan()
}

/// Returns the change that takes another one back, and what became of it: not tried where it has to be asked for.
fn opposite(
    made: &Change,
    now: &Listing,
    is_ours: &dyn Fn(&RecordKey) -> bool,
) -> (Change, Fate, Option<&'static str>) {
    const CHANGED: Option<&str> = Some("somebody changed it since, so it is left as it is");
    const NOT_OURS: Option<&str> =
        Some("it is not ours any more, so it is left as it is; `delete` takes it away all the same");
    let listed = |record: &Record| now.records.get(&record.key).cloned();
    match made {
        Change::Create(record) => match listed(record) {
            Some(there) if !is_ours(&record.key) => (Change::Delete(there), Fate::Refused, NOT_OURS),
            Some(there) if !record.agrees_with(&there) => (Change::Delete(there), Fate::Refused, CHANGED),
            Some(there) => (Change::Delete(there), Fate::NotTried, None),
            None => (Change::Delete(record.clone()), Fate::AlreadyGone, None),
        },
        Change::Delete(record) => {
            let fate = if listed(record).is_some() { Fate::AlreadyPresent } else { Fate::NotTried };
            (Change::Create(without_handles(record)), fate, None)
        }
        Change::Replace { old, new } => {
            let back = |from: Record| Change::Replace { old: from, new: with_comment_as_before(old, new) };
            match listed(new) {
                // A change of attributes needs no claim, another value does.
                Some(there) if old.key != new.key && !is_ours(&new.key) => (back(there), Fate::Refused, NOT_OURS),
                Some(there) if new.agrees_with(&there) => (back(there), Fate::NotTried, None),
                Some(there) => (back(there), Fate::Refused, CHANGED),
                None if listed(old).is_some() => (back(new.clone()), Fate::AlreadyPresent, None),
                None => (back(new.clone()), Fate::Refused, Some("what it was changed to is not there any more")),
            }
        }
    }
}

fn step(change: Change) -> Step {
    let origins = match change {
        Change::Delete(_) => BTreeSet::new(),
        Change::Create(_) | Change::Replace { .. } => BTreeSet::from([Origin::by_hand()]),
    };
    Step { change, claim: Claim::ByHand, reason: Reason::Undone, origins, notes: Vec::new() }
}

fn leaves(change: &Change) -> Option<RecordKey> {
    match change {
        Change::Create(_) => None,
        Change::Delete(old) | Change::Replace { old, .. } => Some(old.key.clone()),
    }
}

/// Returns the record as it was; where it had no comment and was given one, that is taken out again.
fn with_comment_as_before(old: &Record, new: &Record) -> Record {
    let none = new.comment.as_ref().map(|_| String::new());
    Record { comment: old.comment.clone().or(none), ..without_handles(old) }
}

/// The provider gives new ones.
fn without_handles(record: &Record) -> Record {
    Record { handles: Vec::new(), ..record.clone() }
}
