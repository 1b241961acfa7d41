//! From the intent to what is ours.

use std::time::Duration;

use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::{Claim, Reason, Step};
use dnsmgmt_core::provider::{Change, RunId};
use dnsmgmt_core::record::{Handle, Record, Ttl};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::report::{Action, Fate};
use dnsmgmt_core::repository::{ChangeId, DnsRepositoryManager, RepositoryError, Tracking};
use dnsmgmt_core::tracked::OrphanReason;
use jiff::SignedDuration;

use super::{Place, file, home, listing, managed, noon_and, ours, provider, record};

/// Returns a step of a run that a file asked for.
fn step(change: Change) -> Step {
    let origins = if matches!(change, Change::Delete(_)) { [].into() } else { [file("lab")].into() };
    Step { change, claim: Claim::Created, reason: Reason::Wanted, origins, notes: vec![] }
}

fn intend(repository: &mut DnsRepositoryManager, change: Change) -> ChangeId {
    repository.intend(RunId(7), &home(), &[step(change)], noon_and(0)).unwrap()[0]
}

fn conclude(repository: &mut DnsRepositoryManager, id: ChangeId, fate: Fate) {
    repository.conclude(&home(), [(id, fate)], None, noon_and(1)).unwrap();
}

/// Returns the records that are ours.
fn owned(repository: &DnsRepositoryManager) -> Vec<Record> {
    managed(repository).into_iter().map(|tracked| tracked.record).collect()
}

fn pair() -> (Record, Record) {
    (record("web.example", "10.0.0.1"), record("web.example", "10.0.0.2"))
}

#[test]
fn the_journal_has_the_intent_first_and_the_outcome_after() {
    let place = Place::new();
    let mut old = record("web.example", "10.0.0.1");
    (old.ttl, old.proxied, old.comment) = (Some(Ttl::Automatic), Some(false), Some("mine".into()));
    old.handles = vec![Handle("1".into()), Handle("2".into())];
    let new = record("web.example", "10.0.0.2");
    place.open().track_record(&home(), &old, &ours("other"), noon_and(0)).unwrap();
    let changes = [
        Change::Create(new.clone()),
        Change::Replace { old: old.clone(), new: new.clone() },
        Change::Delete(old.clone()),
    ];
    let steps = changes.clone().map(step);
    let ids = place.open().intend(RunId(7), &home(), &steps, noon_and(0)).unwrap();
    let mut repository = place.open();
    let entries = repository.journal().unsettled(&home()).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), ids, "what was intended outlives the program");
    assert_eq!(entries.iter().map(|entry| entry.change().clone()).collect::<Vec<_>>(), changes);
    assert_eq!(entries.iter().map(|entry| entry.action()).collect::<Vec<_>>(), Action::ALL);
    assert_eq!(entries, repository.journal().of_run(RunId(7)).unwrap());
    assert_eq!(entries, repository.journal().of_name(new.name()).unwrap());
    assert_eq!(repository.journal().recent(2).unwrap(), entries[1..]);
    assert_eq!(repository.journal().of_change(ids[1]).unwrap().as_ref(), Some(&entries[1]));
    assert_eq!(repository.journal().of_change(ChangeId(99)).unwrap(), None);
    let origins: Vec<_> = entries.iter().map(|entry| entry.origins.clone()).collect();
    assert_eq!(origins, ["lab", "lab", "other"].map(|name| [file(name)].into()), "who wanted what goes is kept");
    assert_eq!((entries[0].before(), entries[0].after()), (None, Some(&new)));
    assert_eq!((entries[2].before(), entries[2].after()), (Some(&old), None));
    conclude(&mut repository, ids[0], Fate::Present);
    let first = repository.journal().of_change(ids[0]).unwrap().unwrap();
    assert_eq!((first.fate, first.settled_at), (Some(Fate::Present), Some(noon_and(1))));
}

#[test]
fn a_fate_that_another_look_may_change_stays_open() {
    let place = Place::new();
    let mut repository = place.open();
    for fate in Fate::ALL {
        let id = intend(&mut repository, Change::Create(pair().0));
        conclude(&mut repository, id, fate);
        let entry = repository.journal().of_change(id).unwrap().unwrap();
        let open = matches!(fate, Fate::StillThere | Fate::StillMissing | Fate::Differs | Fate::Unconfirmed);
        assert_eq!((entry.fate, entry.settled_at.is_none()), (Some(fate), open), "{fate}");
        let unsettled = repository.journal().unsettled(&home()).unwrap();
        assert_eq!(unsettled.iter().any(|unsettled| unsettled.id == id), open, "{fate}");
    }
}

#[test]
fn what_is_ours_follows_every_fate() {
    let (old, new) = pair();
    let mut dearer = old.clone();
    dearer.ttl = Some(Ttl::Seconds(60));
    let replace = Change::Replace { old: old.clone(), new: new.clone() };
    let change = Change::Replace { old: old.clone(), new: dearer.clone() };
    for fate in Fate::ALL {
        let owned_after = |before: &[&Record], change: &Change| {
            let mut repository = DnsRepositoryManager::in_memory().unwrap();
            for record in before {
                repository.track_record(&home(), record, &ours("lab"), noon_and(0)).unwrap();
            }
            let id = intend(&mut repository, change.clone());
            conclude(&mut repository, id, fate);
            owned(&repository)
        };
        let created = owned_after(&[], &Change::Create(new.clone()));
        let expected = if matches!(fate, Fate::Present | Fate::Differs) { vec![new.clone()] } else { vec![] };
        assert_eq!(created, expected, "create, {fate}");
        let deleted = owned_after(&[&old], &Change::Delete(old.clone()));
        let expected = if matches!(fate, Fate::Gone | Fate::AlreadyGone) { vec![] } else { vec![old.clone()] };
        assert_eq!(deleted, expected, "delete, {fate}");
        let expected = match fate {
            Fate::Present => vec![new.clone()],
            Fate::AlreadyPresent => vec![],
            Fate::Differs | Fate::StillThere => vec![old.clone(), new.clone()],
            _ => vec![old.clone()],
        };
        assert_eq!(owned_after(&[&old], &replace), expected, "replace, {fate}");
        let expected = if fate == Fate::Present { &dearer } else { &old };
        assert_eq!(owned_after(&[&old], &change), std::slice::from_ref(expected), "attributes, {fate}");
        assert!(owned_after(&[], &change).is_empty(), "nothing becomes ours by its attributes, {fate}");
    }
}

#[test]
fn what_becomes_ours_has_the_claim_and_the_origins_of_its_change() {
    let place = Place::new();
    let mut repository = place.open();
    let by_hand = Step { claim: Claim::ByHand, origins: [Origin::by_hand()].into(), ..step(Change::Create(pair().0)) };
    let ids = repository.intend(RunId(7), &home(), &[by_hand, step(Change::Create(pair().1))], noon_and(0)).unwrap();
    let mut listed = pair().0;
    listed.handles = vec![Handle("17".into())];
    let seen = listing([listed.clone(), pair().1]);
    let scope = Scope::from_iter([listed.name().clone()]);
    let outcomes = ids.into_iter().map(|id| (id, Fate::Present));
    repository.conclude(&home(), outcomes, Some((&scope, &seen)), noon_and(1)).unwrap();
    let ours = managed(&repository);
    assert_eq!((ours[0].claim, &ours[0].origins), (Some(Claim::ByHand), &[Origin::by_hand()].into()));
    assert_eq!((ours[1].claim, &ours[1].origins), (Some(Claim::Created), &[file("lab")].into()));
    assert_eq!(ours[0].record, listed, "with its id, as it was listed");
    assert_eq!(repository.provider_cache().get_records_at(&home(), listed.name()).unwrap(), seen.records);
}

#[test]
fn an_unknown_change_concludes_nothing_at_all() {
    let place = Place::new();
    let mut repository = place.open();
    let id = intend(&mut repository, Change::Create(pair().0));
    let outcomes = [(id, Fate::Present), (ChangeId(99), Fate::Present)];
    let seen = listing([pair().0]);
    let error = repository.conclude(&home(), outcomes, Some((&Scope::Zone, &seen)), noon_and(1)).unwrap_err();
    assert!(matches!(error, RepositoryError::Absent { .. }), "{error}");
    assert!(owned(&repository).is_empty());
    assert_eq!(repository.journal().unsettled(&home()).unwrap().len(), 1);
    assert_eq!(repository.provider_cache().get_records(&home()).unwrap(), None);
    let other = provider("home", "other");
    assert!(repository.conclude(&other, [(id, Fate::Present)], None, noon_and(1)).is_err(), "of another zone");
}

#[test]
fn an_intent_of_a_killed_program_is_settled_by_looking() {
    let (old, new) = pair();
    let mut dearer = new.clone();
    dearer.ttl = Some(Ttl::Seconds(60));
    let replace = Change::Replace { old: old.clone(), new: new.clone() };
    let (none, both) = (vec![], vec![old.clone(), new.clone()]);
    for (before, change, seen, fate, after) in [
        (&none, Change::Create(new.clone()), vec![new.clone()], Fate::Present, vec![new.clone()]),
        (&none, Change::Create(new.clone()), vec![old.clone()], Fate::StillMissing, vec![]),
        (&none, Change::Create(dearer.clone()), vec![new.clone()], Fate::Differs, vec![new.clone()]),
        (&both, Change::Delete(old.clone()), vec![new.clone()], Fate::Gone, vec![new.clone()]),
        (&both, Change::Delete(old.clone()), both.clone(), Fate::StillThere, both.clone()),
        (&vec![old.clone()], replace.clone(), vec![new.clone()], Fate::Present, vec![new.clone()]),
        (&vec![old.clone()], replace.clone(), both.clone(), Fate::StillThere, both.clone()),
        (&vec![old.clone()], replace.clone(), vec![old.clone()], Fate::StillMissing, vec![old.clone()]),
    ] {
        let place = Place::new();
        for record in before {
            place.open().track_record(&home(), record, &ours("lab"), noon_and(0)).unwrap();
        }
        let id = intend(&mut place.open(), change.clone());
        let mut repository = place.open();
        let settled = repository.settle_by_looking(&home(), &Scope::Zone, &listing(seen), noon_and(5)).unwrap();
        assert_eq!(
            settled.iter().map(|(entry, fate)| (entry.id, *fate)).collect::<Vec<_>>(),
            [(id, fate)],
            "{change:?}"
        );
        assert_eq!(owned(&repository), after, "{change:?}");
        let entry = repository.journal().of_change(id).unwrap().unwrap();
        assert_eq!((entry.fate, entry.settled_at), (Some(fate), Some(noon_and(5))), "now it is final");
        let again = repository.settle_by_looking(&home(), &Scope::Zone, &Listing::default(), noon_and(6)).unwrap();
        assert!(again.is_empty());
    }
}

#[test]
fn only_open_changes_in_the_scope_are_settled() {
    let place = Place::new();
    let mut repository = place.open();
    let (web, mail) = (record("web.example", "10.0.0.1"), record("mail.example", "10.0.0.1"));
    let id = intend(&mut repository, Change::Create(web.clone()));
    intend(&mut repository, Change::Create(mail.clone()));
    intend(&mut repository, Change::Replace { old: web.clone(), new: mail.clone() });
    let foreign = intend(&mut repository, Change::Create(pair().1));
    conclude(&mut repository, foreign, Fate::AlreadyPresent);
    let scope = Scope::from_iter([web.name().clone()]);
    let seen = listing([web.clone(), pair().1]);
    let settled = repository.settle_by_looking(&home(), &scope, &seen, noon_and(5)).unwrap();
    assert_eq!(settled.iter().map(|(entry, _)| entry.id).collect::<Vec<_>>(), [id]);
    assert_eq!(owned(&repository), [web], "what somebody else made never becomes ours");
    assert_eq!(repository.journal().unsettled(&home()).unwrap().len(), 2);
}

#[test]
fn a_late_look_does_not_take_back_what_a_person_released() {
    let place = Place::new();
    let mut repository = place.open();
    let (old, new) = pair();
    repository.track_record(&home(), &old, &ours("lab"), noon_and(0)).unwrap();
    let id = intend(&mut repository, Change::Replace { old: old.clone(), new: new.clone() });
    conclude(&mut repository, id, Fate::StillThere);
    repository.untrack_record(&home(), &new.key).unwrap();
    let settled = repository.settle_by_looking(&home(), &Scope::Zone, &listing([new]), noon_and(5)).unwrap();
    assert_eq!(settled[0].1, Fate::Present);
    assert!(owned(&repository).is_empty(), "{:?}", owned(&repository));
}

#[test]
fn old_changes_are_forgotten_and_open_ones_never() {
    let place = Place::new();
    let mut repository = place.open();
    let (gone, known) = (record("gone.example", "10.0.0.1"), record("known.example", "10.0.0.1"));
    repository.track_record(&home(), &gone, &Tracking::default(), noon_and(0)).unwrap();
    repository.track_record(&home(), &pair().1, &ours("lab"), noon_and(0)).unwrap();
    repository.track_record(&home(), &known, &Tracking::default(), noon_and(0)).unwrap();
    for (key, reason) in [(gone.key, OrphanReason::Gone), (pair().1.key, OrphanReason::Gone)] {
        repository.mark_record_orphaned(&home(), &key, reason, noon_and(0)).unwrap();
    }
    let settled = intend(&mut repository, Change::Create(pair().0));
    conclude(&mut repository, settled, Fate::Refused);
    let open = intend(&mut repository, Change::Create(pair().0));
    conclude(&mut repository, open, Fate::Unconfirmed);
    let keep = SignedDuration::from_secs(100);
    assert_eq!(repository.prune(noon_and(100), keep).unwrap(), 0);
    assert_eq!(repository.prune(noon_and(102), keep).unwrap(), 2);
    let left = repository.journal().of_name(pair().0.name()).unwrap();
    assert_eq!(left.iter().map(|entry| entry.id).collect::<Vec<_>>(), [open]);
    let tracked = repository.managed_records().get_tracked_records(&home(), Duration::ZERO).unwrap();
    assert_eq!(tracked.into_iter().map(|tracked| tracked.record).collect::<Vec<_>>(), [known, pair().1]);
    assert_eq!(repository.prune(noon_and(102), SignedDuration::MAX).unwrap(), 0);
}
