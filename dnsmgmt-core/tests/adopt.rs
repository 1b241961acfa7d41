//! What may become ours because a person says so.

use dnsmgmt_core::adopt::{Adoption, Owner, adopt};
use dnsmgmt_core::by_hand::{ByHand, Selector};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::provider::{DnsProvider, RunId};
use dnsmgmt_core::record::{Record, RecordData, RecordType};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::tracked::TrackedRecord;
use fixtures::memory::MemoryProvider;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn record(owner: &str, rtype: &str, value: &str) -> Record {
    let rtype = RecordType::parse(rtype).unwrap();
    Record::new(name(owner), RecordData::parse(&rtype, value).unwrap())
}

fn commented(comment: &str) -> Record {
    Record { comment: Some(comment.into()), ..record("note.example", "A", "10.0.0.9") }
}

async fn adopted(held: &[Record], ours: &[Record]) -> Adoption {
    let provider = MemoryProvider::new("example", 10);
    held.iter().for_each(|record| provider.hold(record.clone()));
    let listing = provider.list(&Scope::Zone).await.unwrap();
    let tracked = |(claim, record): (Option<Claim>, &Record)| TrackedRecord {
        record: record.clone(),
        claim,
        orphaned: None,
        origins: [].into(),
        first_seen: None,
        tracked_at: None,
        updated_at: None,
    };
    let known = held.iter().filter(|record| !ours.contains(record)).map(|record| (None, record));
    let tracked: Vec<_> = ours.iter().map(|record| (Some(Claim::Created), record)).chain(known).map(tracked).collect();
    let owner = Owner { template: Some("ours: {owner}"), id: "us" };
    adopt(&provider, &listing, &tracked, owner, |record| record.name().as_str() != "other.example")
}

#[tokio::test]
async fn what_is_named_and_nobodys_is_adopted() {
    let (web, other) = (record("web.example", "A", "10.0.0.1"), record("other.example", "A", "10.0.0.2"));
    let mine = record("mine.example", "A", "10.0.0.3");
    let adoption = adopted(&[web.clone(), other, mine.clone()], std::slice::from_ref(&mine)).await;
    assert_eq!(adoption, Adoption { adopted: vec![web], ours: vec![mine], refused: vec![] });
}

#[tokio::test]
async fn what_others_or_the_zone_itself_need_is_refused() {
    let mark = "\"heritage=external-dns,external-dns/owner=default\"";
    let held = [
        record("web.example", "A", "10.0.0.1"),
        record("a-web.example", "TXT", mark),
        record("example", "NS", "ns.example"),
        record("example", "DNSKEY", "257 3 13 AA=="),
        record(Name::tombstone(RunId(1)).as_str(), "A", "10.0.0.2"),
        commented("ours: them"),
    ];
    let adoption = adopted(&held, &[]).await;
    assert_eq!((adoption.adopted, adoption.ours), (vec![], vec![]));
    let why = |record: &Record| {
        let refused = adoption.refused.iter().find(|(refused, _)| refused.key == record.key);
        refused.map(|(_, why)| why.clone()).unwrap_or_default()
    };
    let others = "it carries the mark of external-dns (owner default), which would fight over it";
    assert_eq!((why(&held[0]), why(&held[1])), (others.into(), others.into()));
    assert!(why(&held[2]).contains("name servers of the zone") && why(&held[3]).contains("belong to the zone itself"));
    assert!(why(&held[4]).contains("on its way out"));
    assert!(why(&held[5]).contains("another dnsmgmt (owner them)") && why(&held[5]).contains("--owner them"));
}

#[tokio::test]
async fn our_own_mark_and_what_a_person_wrote_are_no_hindrance() {
    for comment in ["ours: us", "the printer"] {
        assert_eq!(adopted(&[commented(comment)], &[]).await.adopted, [commented(comment)]);
    }
}

#[tokio::test]
async fn a_change_by_hand_says_whose_mark_the_record_carries() {
    let provider = MemoryProvider::new("example", 10);
    provider.put("web.example", "10.0.0.1");
    let mark = record("a-web.example", "TXT", "\"heritage=external-dns,external-dns/owner=default\"");
    let selector = Selector { name: name("web.example"), rtype: None, data: None };
    let scope = Scope::from_iter([selector.name.clone()]);
    for (elsewhere, expected) in [
        (vec![], vec![]),
        (vec![mark], vec!["carries the mark of external-dns (owner default), which may bring it back".to_owned()]),
    ] {
        let before = provider.list(&scope).await.unwrap();
        let mut by_hand = ByHand::on(&provider, scope.clone(), before).with_marks_at(elsewhere);
        by_hand.delete(&selector);
        by_hand.add(record("web.example", "A", "10.0.0.2"));
        let plan = by_hand.plan();
        let notes: Vec<_> = plan.deletions().map(|step| step.notes.clone()).collect();
        assert_eq!(notes, [expected]);
    }
}
