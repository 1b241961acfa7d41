//! Whether a listing proves that a change was made.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::provider::Change;
use crate::record::{Record, RecordKey, RecordType};
use crate::record_set::{Listing, RecordSet, Scope};
use crate::report::Fate;

/// Which records a plan is about: in these a listing may differ from the one before.
#[derive(Debug)]
pub(crate) struct Touched(BTreeSet<RecordKey>);

impl Touched {
    pub(crate) fn by<'a>(changes: impl Iterator<Item = &'a Change>) -> Self {
        let mut keys = BTreeSet::new();
        for change in changes {
            if let Change::Replace { old, .. } = change {
                keys.insert(old.key.clone());
            }
            keys.insert(change.record().key.clone());
        }
        Self(keys)
    }

    /// Returns a record outside the change that `before` had and `after` lacks, if there is one. Such a listing proves nothing:
    /// it is cut short, or somebody else is at work.
    ///
    /// An RRset lacks something if it has fewer values than before, so that a neighbour who changes a value of their own in
    /// the meantime does not spoil the proof.
    pub(crate) fn lacking<'a>(&self, before: &'a RecordSet, after: &RecordSet, scope: &Scope) -> Option<&'a Record> {
        let left = self.outside(after, scope);
        let missing = self.outside(before, scope).into_iter().find(|(rrset, count)| left.get(rrset) < Some(count));
        let ((name, rtype), _) = missing?;
        before.rrset(name, &rtype).find(|record| !self.0.contains(&record.key) && !after.contains(&record.key))
    }

    /// Counts the values outside the change, for each RRset.
    fn outside<'a>(&self, records: &'a RecordSet, scope: &Scope) -> BTreeMap<(&'a Name, RecordType), usize> {
        let mut counts = BTreeMap::new();
        for record in records {
            if scope.covers(record.name()) && !record.name().is_tombstone() && !self.0.contains(&record.key) {
                *counts.entry((record.name(), record.rtype())).or_default() += 1;
            }
        }
        counts
    }
}

/// Returns what the listing says about a change. `None`: it is made.
pub(crate) fn not_made(change: &Change, after: &Listing) -> Option<Fate> {
    match change {
        Change::Delete(record) => is_there(record, after).then_some(Fate::StillThere),
        Change::Create(record) => not_as_wanted(record, after),
        Change::Replace { old, new } => not_as_wanted(new, after)
            .or_else(|| (old.key != new.key && is_there(old, after)).then_some(Fate::StillThere)),
    }
}

/// A tombstone with that value is the record itself, renamed on its way out.
fn is_there(record: &Record, after: &Listing) -> bool {
    after.records.contains(&record.key)
        || after.records.iter().any(|listed| listed.name().is_tombstone() && listed.key.data == record.key.data)
}

fn not_as_wanted(wanted: &Record, after: &Listing) -> Option<Fate> {
    match after.records.get(&wanted.key) {
        None => Some(Fate::StillMissing),
        Some(listed) if !wanted.agrees_with(listed) => Some(Fate::Differs),
        Some(_) => None,
    }
}

/// Returns the change as it has to be asked for now: with the handles of the latest listing, and without what is made already.
/// `None` where there is nothing left to ask for.
pub(crate) fn ask_anew(change: &Change, now: &Listing) -> Option<Change> {
    let listed = |record: &Record| now.records.get(&record.key).cloned();
    let create = |wanted: &Record| match listed(wanted) {
        Some(old) => Change::Replace { old, new: wanted.clone() },
        None => Change::Create(wanted.clone()),
    };
    not_made(change, now)?;
    Some(match change {
        // What is left of it may be its tombstone alone, which every change removes.
        Change::Delete(record) => Change::Delete(listed(record).unwrap_or_else(|| record.clone())),
        Change::Create(record) => create(record),
        Change::Replace { old, new } => match listed(old) {
            Some(old) => Change::Replace { old, new: new.clone() },
            None => create(new),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RecordData, Ttl};

    fn record(name: &str, answer: &str) -> Record {
        Record::new(Name::parse(name).unwrap(), RecordData::infer(answer).unwrap())
    }

    fn listing(records: &[Record]) -> Listing {
        Listing { records: records.iter().cloned().collect(), ..Listing::default() }
    }

    #[test]
    fn a_listing_that_lacks_a_neighbour_proves_nothing() {
        let (gone, sibling) = (record("a.example", "10.0.0.1"), record("a.example", "10.0.0.2"));
        let touched = Touched::by([Change::Delete(gone.clone())].iter());
        let before = listing(&[gone, sibling.clone()]).records;
        assert_eq!(touched.lacking(&before, &RecordSet::default(), &Scope::Zone), Some(&sibling));
        assert_eq!(touched.lacking(&before, &listing(&[sibling]).records, &Scope::Zone), None);
    }

    #[test]
    fn a_neighbour_who_changes_a_value_does_not_spoil_the_proof() {
        let gone = record("a.example", "10.0.0.1");
        let touched = Touched::by([Change::Delete(gone.clone())].iter());
        let before = listing(&[gone, record("b.example", "10.0.0.2")]).records;
        let after = listing(&[record("b.example", "10.0.0.3")]).records;
        assert_eq!(touched.lacking(&before, &after, &Scope::Zone), None);
    }

    #[test]
    fn the_last_record_of_a_scope_may_go() {
        let gone = record("a.example", "10.0.0.1");
        let touched = Touched::by([Change::Delete(gone.clone())].iter());
        assert_eq!(touched.lacking(&listing(&[gone]).records, &RecordSet::default(), &Scope::Zone), None);
    }

    #[test]
    fn a_tombstone_is_the_record_itself() {
        let gone = record("a.example", "10.0.0.1");
        let change = Change::Delete(gone);
        assert_eq!(not_made(&change, &listing(&[record("r1.tombstone.invalid", "10.0.0.1")])), Some(Fate::StillThere));
        assert_eq!(not_made(&change, &listing(&[record("r1.tombstone.invalid", "10.0.0.2")])), None);
    }

    #[test]
    fn what_is_left_is_asked_for_with_what_is_there_now() {
        let mut wanted = record("a.example", "10.0.0.1");
        wanted.ttl = Some(Ttl::Seconds(60));
        let there = record("a.example", "10.0.0.1");
        let anew = ask_anew(&Change::Create(wanted.clone()), &listing(std::slice::from_ref(&there)));
        assert_eq!(anew, Some(Change::Replace { old: there, new: wanted }));
    }
}
