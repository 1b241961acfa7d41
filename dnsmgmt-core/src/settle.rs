//! Whether a listing proves that a change was made.

use std::collections::{BTreeMap, BTreeSet};

use crate::heartbeat::{Heartbeat, Member};
use crate::name::Name;
use crate::provider::{Change, RunId};
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
        self.lacking_but(before, after, scope, &|_| false)
    }

    /// Returns what [`lacking`](Self::lacking) does, but for leases that are gone as a whole: at a name that machines share each comes and
    /// goes when it likes. An address that is lacking while a heartbeat says that it is kept is no such lease, and no other record is.
    pub(crate) fn lacking_but_leases<'a>(
        &self,
        before: &'a RecordSet,
        after: &RecordSet,
        scope: &Scope,
    ) -> Option<&'a Record> {
        let is_over =
            |record: &Record| !after.contains(&record.key) && self.is_lease_over(record, before, after, scope);
        self.lacking_but(before, after, scope, &is_over)
    }

    fn lacking_but<'a>(
        &self,
        before: &'a RecordSet,
        after: &RecordSet,
        scope: &Scope,
        may_go: &dyn Fn(&Record) -> bool,
    ) -> Option<&'a Record> {
        let left = self.outside(after, scope, &|_| false);
        let all = self.outside(before, scope, may_go);
        let ((name, rtype), _) = all.into_iter().find(|(rrset, count)| left.get(rrset) < Some(count))?;
        let is_lacking = |record: &&Record| !self.0.contains(&record.key) && !after.contains(&record.key);
        before.rrset(name, &rtype).find(|record| is_lacking(record) && !may_go(record))
    }

    /// Returns whether a record that is lacking belongs to a lease that is gone as a whole: an address without any heartbeat, or a heartbeat
    /// without an address, or of an address that others keep. Who takes a heartbeat away sees those of others go that end at the same moment.
    fn is_lease_over(&self, record: &Record, before: &RecordSet, after: &RecordSet, scope: &Scope) -> bool {
        let has_heartbeat =
            |records: &RecordSet, name: &Name| records.at(name).iter().any(|record| Heartbeat::of(record).is_some());
        if let Some(heartbeat) = Heartbeat::of(record) {
            return !after.contains(&heartbeat.member.key())
                || has_heartbeat(after, record.name())
                || self.0.iter().any(|touched| touched.name == *record.name());
        }
        let Some(Ok(name)) = Member::of(record).map(|member| member.heartbeat_name()) else { return false };
        // Whose heartbeats were not asked for nobody knows to have had any.
        let was_lease = has_heartbeat(before, &name) || !scope.covers(&name);
        was_lease && !has_heartbeat(after, &name)
    }

    /// Counts the values outside the change, for each RRset, without those that are left out.
    fn outside<'a>(
        &self,
        records: &'a RecordSet,
        scope: &Scope,
        is_left_out: &dyn Fn(&Record) -> bool,
    ) -> BTreeMap<(&'a Name, RecordType), usize> {
        let mut counts = BTreeMap::new();
        for record in records {
            let is_meant = scope.covers(record.name()) && !record.name().is_tombstone();
            if is_meant && !self.0.contains(&record.key) && !is_left_out(record) {
                *counts.entry((record.name(), record.rtype())).or_default() += 1;
            }
        }
        counts
    }
}

/// Returns the scope of a change with the heartbeats of the addresses that a listing lacks.
pub(crate) fn with_heartbeats(scope: &Scope, before: &RecordSet, after: &RecordSet) -> Scope {
    let Scope::Names(names) = scope else { return scope.clone() };
    let lacking = before.iter().filter(|record| !after.contains(&record.key)).filter_map(Member::of);
    let heartbeats = lacking.filter_map(|member| member.heartbeat_name().ok());
    Scope::Names(names.iter().cloned().chain(heartbeats).collect())
}

/// Returns what the listing says about a change that `run` asked for. `None`: it is made.
pub(crate) fn not_made(change: &Change, after: &Listing, run: RunId) -> Option<Fate> {
    match change {
        Change::Delete(record) => {
            let is_there = after.records.contains(&record.key) || tombstone(record, after, run).is_some();
            is_there.then_some(Fate::StillThere)
        }
        Change::Create(record) => not_as_wanted(record, after),
        Change::Replace { old, new } => not_as_wanted(new, after)
            .or_else(|| (old.key != new.key && after.records.contains(&old.key)).then_some(Fate::StillThere)),
    }
}

/// Returns the record itself under the name that this run gave it on its way out, if it is still there.
pub(crate) fn tombstone<'a>(record: &Record, after: &'a Listing, run: RunId) -> Option<&'a Record> {
    after.records.get(&RecordKey { name: Name::tombstone(run), data: record.key.data.clone() })
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
pub(crate) fn ask_anew(change: &Change, now: &Listing, run: RunId) -> Option<Change> {
    let listed = |record: &Record| now.records.get(&record.key).cloned();
    let create = |wanted: &Record| match listed(wanted) {
        Some(old) => Change::Replace { old, new: wanted.clone() },
        None => Change::Create(wanted.clone()),
    };
    not_made(change, now, run)?;
    Some(match change {
        // What is left of it may be its tombstone alone, which the provider then removes.
        Change::Delete(record) => Change::Delete(listed(record).unwrap_or_else(|| record.clone())),
        Change::Create(record) => create(record),
        Change::Replace { old, new } => match (listed(old), listed(new)) {
            (Some(old), _) => Change::Replace { old, new: new.clone() },
            (None, Some(new_there)) => Change::Replace { old: new_there, new: new.clone() },
            // Somebody else took it away: as it stands the provider will say that it is no longer there.
            (None, None) => change.clone(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Handle, RecordData, Ttl};

    const RUN: RunId = RunId(7);

    fn record(name: &str, answer: &str) -> Record {
        Record::new(Name::parse(name).unwrap(), RecordData::infer(answer).unwrap())
    }

    fn text(name: &str, text: &str) -> Record {
        Record::new(Name::parse(name).unwrap(), RecordData::parse(&RecordType::Txt, text).unwrap())
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
    fn a_lease_that_is_gone_as_a_whole_says_nothing_and_a_part_of_one_does() {
        let beat = |address: &str, value: &str| text(&format!("_heartbeat-10-0-0-{address}.a.example"), value);
        let lease = |host: &str| [record("a.example", &format!("10.0.0.{host}")), beat(host, &format!("1,h{host}"))];
        let ([own, own_beat], [other, other_beat]) = (lease("1"), lease("2"));
        let foreign = record("a.example", "10.0.0.9");
        let before = [own.clone(), own_beat.clone(), other.clone(), other_beat.clone(), foreign.clone()];
        let before = listing(&before).records;
        let touched = Touched::by([Change::Delete(own), Change::Delete(own_beat)].iter());
        let lacking = |after: &[Record], scope: &Scope| {
            let after = listing(after).records;
            assert!(touched.lacking(&before, &after, scope).is_some(), "for others it does");
            touched.lacking_but_leases(&before, &after, scope).cloned()
        };
        let zone = Scope::Zone;
        assert_eq!(lacking(std::slice::from_ref(&foreign), &zone), None);
        assert_eq!(lacking(&[foreign.clone(), other_beat.clone()], &zone), Some(other.clone()), "it is kept");
        assert_eq!(lacking(&[foreign.clone(), other.clone()], &zone), Some(other_beat.clone()), "its address is there");
        assert_eq!(lacking(&[other, other_beat], &zone), Some(foreign.clone()), "it was no lease");
        let name = Scope::from_iter([foreign.name().clone()]);
        assert_eq!(lacking(&[foreign], &name), None, "nobody asked for its heartbeats");
    }

    #[test]
    fn a_heartbeat_of_an_address_that_is_left_may_go() {
        let beat = |value: &str| text("_heartbeat-10-0-0-1.a.example", value);
        let (address, one, two, three) = (record("a.example", "10.0.0.1"), beat("1,a"), beat("1,b"), beat("1,c"));
        let before = listing(&[address.clone(), one.clone(), two, three.clone()]).records;
        let touched = Touched::by([Change::Delete(one)].iter());
        let lacking =
            |after: &[Record]| touched.lacking_but_leases(&before, &listing(after).records, &Scope::Zone).is_some();
        assert!(!lacking(&[address.clone(), three]), "others keep it");
        assert!(!lacking(&[address]), "who takes one away may be one of several that do");
    }

    #[test]
    fn the_last_record_of_a_scope_may_go() {
        let gone = record("a.example", "10.0.0.1");
        let touched = Touched::by([Change::Delete(gone.clone())].iter());
        assert_eq!(touched.lacking(&listing(&[gone]).records, &RecordSet::default(), &Scope::Zone), None);
    }

    #[test]
    fn a_listing_is_asked_only_about_its_scope_and_not_about_tombstones() {
        let gone = record("a.example", "10.0.0.1");
        let touched = Touched::by([Change::Delete(gone.clone())].iter());
        let left_over = record(Name::tombstone(RunId(9)).as_str(), "10.0.0.9");
        let before = listing(&[gone.clone(), record("b.example", "10.0.0.2"), left_over.clone()]).records;
        let scope = Scope::from_iter([gone.name().clone()]);
        assert_eq!(touched.lacking(&before, &RecordSet::default(), &scope), None);
        let before = listing(&[gone, left_over]).records;
        assert_eq!(touched.lacking(&before, &RecordSet::default(), &Scope::Zone), None, "any change removes it");
    }

    #[test]
    fn a_replacement_is_made_when_the_old_value_has_gone_too() {
        let (old, new) = (record("a.example", "10.0.0.1"), record("a.example", "10.0.0.2"));
        let change = Change::Replace { old: old.clone(), new: new.clone() };
        assert_eq!(not_made(&change, &listing(&[old.clone(), new.clone()]), RUN), Some(Fate::StillThere));
        assert_eq!(not_made(&change, &listing(&[old]), RUN), Some(Fate::StillMissing));
        assert_eq!(not_made(&change, &listing(std::slice::from_ref(&new)), RUN), None);
        let same = Change::Replace { old: new.clone(), new: new.clone() };
        assert_eq!(not_made(&same, &listing(&[new]), RUN), None, "its attributes were changed, and it stays");
    }

    #[test]
    fn a_tombstone_is_the_record_itself() {
        let gone = record("a.example", "10.0.0.1");
        let change = Change::Delete(gone);
        let tombstone = |run, answer| listing(&[record(Name::tombstone(run).as_str(), answer)]);
        assert_eq!(not_made(&change, &tombstone(RUN, "10.0.0.1"), RUN), Some(Fate::StillThere));
        assert_eq!(not_made(&change, &tombstone(RUN, "10.0.0.2"), RUN), None);
        assert_eq!(not_made(&change, &tombstone(RunId(9), "10.0.0.1"), RUN), None, "another run's is another record");
    }

    #[test]
    fn a_replacement_is_never_turned_into_a_creation() {
        let change = Change::Replace { old: record("a.example", "10.0.0.1"), new: record("a.example", "10.0.0.2") };
        assert_eq!(ask_anew(&change, &listing(&[record("a.example", "10.0.0.9")]), RUN), Some(change));
    }

    #[test]
    fn what_is_left_is_asked_for_with_what_is_there_now() {
        let mut wanted = record("a.example", "10.0.0.1");
        wanted.ttl = Some(Ttl::Seconds(60));
        let there = record("a.example", "10.0.0.1");
        let anew = ask_anew(&Change::Create(wanted.clone()), &listing(std::slice::from_ref(&there)), RUN);
        assert_eq!(anew, Some(Change::Replace { old: there, new: wanted }));
    }

    #[test]
    fn what_is_left_is_asked_for_by_the_handles_of_now() {
        let with_handle =
            |answer: &str, handle: &str| Record { handles: vec![Handle(handle.into())], ..record("a.example", answer) };
        let (then, now) = (with_handle("10.0.0.1", "then"), with_handle("10.0.0.1", "now"));
        let anew = |change: &Change, now: &Record| ask_anew(change, &listing(std::slice::from_ref(now)), RUN);
        assert_eq!(anew(&Change::Delete(then.clone()), &now), Some(Change::Delete(now.clone())));
        let new = record("a.example", "10.0.0.2");
        let change = Change::Replace { old: then.clone(), new: new.clone() };
        assert_eq!(anew(&change, &now), Some(Change::Replace { old: now, new }));
        let renamed = Record { key: RecordKey { name: Name::tombstone(RUN), ..then.key.clone() }, ..then.clone() };
        assert_eq!(anew(&Change::Delete(then.clone()), &renamed), Some(Change::Delete(then)), "its tombstone is left");
    }
}
