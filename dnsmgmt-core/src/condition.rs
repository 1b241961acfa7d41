//! Conditions: what becomes of one while its group is made, and whether it holds.

use std::collections::BTreeSet;

use crate::provider::{Change, Condition};
use crate::record::{Record, RecordData};
use crate::record_set::Listing;

/// Returns a condition as it has to be once a change is made.
pub(crate) fn after(mut condition: Condition, made: &Change) -> Condition {
    let (gone, come) = match made {
        Change::Create(new) => (None, Some(new)),
        Change::Delete(old) => (Some(old), None),
        Change::Replace { old, new } => (Some(old), Some(new)),
    };
    let (name, rtype) = (condition.name.clone(), condition.rtype.clone());
    let is_of_it = |record: &&Record| *record.name() == name && record.rtype() == rtype;
    if let Some(gone) = gone.filter(is_of_it) {
        condition.values.retain(|value| *value != gone.key.data);
    }
    if let Some(come) = come.filter(is_of_it).filter(|come| !condition.values.contains(&come.key.data)) {
        condition.values.push(come.key.data.clone());
    }
    condition
}

/// Returns whether a listing says that a condition holds.
pub(crate) fn holds(condition: &Condition, seen: &Listing) -> bool {
    let listed: BTreeSet<&RecordData> =
        seen.records.rrset(&condition.name, &condition.rtype).map(|record| &record.key.data).collect();
    listed == condition.values.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;
    use crate::record::RecordType;

    #[test]
    fn a_condition_follows_what_is_made() {
        let name = Name::parse("a.example").unwrap();
        let record = |answer: &str| Record::new(name.clone(), RecordData::infer(answer).unwrap());
        let values = |condition: &Condition| condition.values.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (one, two) = (record("10.0.0.1"), record("10.0.0.2"));
        let condition =
            Condition { name: one.name().clone(), rtype: RecordType::A, values: vec![one.key.data.clone()] };
        let replace = Change::Replace { old: one.clone(), new: two.clone() };
        assert_eq!(values(&after(condition.clone(), &replace)), ["10.0.0.2"]);
        assert_eq!(values(&after(condition.clone(), &Change::Create(two))), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(values(&after(condition.clone(), &Change::Create(one.clone()))), ["10.0.0.1"]);
        assert_eq!(values(&after(condition.clone(), &Change::Delete(one))), [""; 0]);
        let mut elsewhere = record("10.0.0.1");
        elsewhere.key.name = Name::parse("b.example").unwrap();
        assert_eq!(values(&after(condition, &Change::Delete(elsewhere))), ["10.0.0.1"]);
    }

    #[test]
    fn a_condition_holds_only_for_the_whole_set() {
        let name = Name::parse("a.example").unwrap();
        let record = |answer: &str| Record::new(name.clone(), RecordData::infer(answer).unwrap());
        let seen = |answers: &[&str]| Listing {
            records: answers.iter().map(|answer| record(answer)).collect(),
            ..Listing::default()
        };
        let value = record("10.0.0.1").key.data;
        let condition = Condition { name: name.clone(), rtype: RecordType::A, values: vec![value] };
        let absent = Condition { values: Vec::new(), ..condition.clone() };
        for (answers, is_it, is_absent) in [
            (&["10.0.0.1"][..], true, false),
            (&["10.0.0.1", "10.0.0.2"], false, false),
            (&["fd00::1"], false, true),
            (&[], false, true),
        ] {
            assert_eq!(
                (holds(&condition, &seen(answers)), holds(&absent, &seen(answers))),
                (is_it, is_absent),
                "{answers:?}"
            );
        }
    }
}
