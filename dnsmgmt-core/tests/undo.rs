//! What taking changes back asks for.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::plan::Plan;
use dnsmgmt_core::provider::{Change, DnsProvider};
use dnsmgmt_core::record::{Handle, Record, RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::undo::undo;
use fixtures::memory::MemoryProvider;

fn record(text: &str) -> Record {
    let data = match text.split_once(' ') {
        Some((rtype, value)) => RecordData::parse(&RecordType::parse(rtype).unwrap(), value),
        None => RecordData::infer(text),
    };
    Record::new(Name::parse("web.lab.example").unwrap(), data.unwrap())
}

async fn plan(held: &[Record], made: &[Change]) -> Plan {
    let provider = MemoryProvider::new("lab.example", 10);
    held.iter().for_each(|record| provider.hold(record.clone()));
    let before = provider.list(&Scope::Zone).await.unwrap();
    undo(&provider, Scope::Zone, before, made, &|_| true)
}

async fn lines(held: &[Record], made: &[Change]) -> Vec<String> {
    let plan = plan(held, made).await;
    let steps = plan
        .groups()
        .iter()
        .map(|group| group.steps.iter().map(|step| step.change.to_string()).collect::<Vec<_>>().join("; "));
    let settled = plan.settled().iter().map(|outcome| format!("{}: {}", outcome.fate, outcome.data.as_ref().unwrap()));
    steps.chain(settled).collect()
}

#[tokio::test]
async fn each_change_has_its_opposite() {
    let (one, two) = (record("10.0.0.1"), record("10.0.0.2"));
    assert_eq!(
        lines(std::slice::from_ref(&one), &[Change::Create(one.clone())]).await,
        ["delete web.lab.example A 10.0.0.1"]
    );
    assert_eq!(lines(&[], &[Change::Delete(one.clone())]).await, ["create web.lab.example A 10.0.0.1"]);
    let replaced = Change::Replace { old: one, new: two.clone() };
    assert_eq!(lines(&[two], &[replaced]).await, ["replace web.lab.example A 10.0.0.2 with 10.0.0.1"]);
}

#[tokio::test]
async fn what_is_as_it_was_is_left() {
    let (one, two) = (record("10.0.0.1"), record("10.0.0.2"));
    assert_eq!(lines(&[], &[Change::Create(one.clone())]).await, ["already gone: 10.0.0.1"]);
    assert_eq!(lines(std::slice::from_ref(&one), &[Change::Delete(one.clone())]).await, ["already present: 10.0.0.1"]);
    let replaced = Change::Replace { old: one.clone(), new: two };
    assert_eq!(lines(&[one], &[replaced]).await, ["already present: 10.0.0.1"]);
}

#[tokio::test]
async fn what_somebody_changed_since_is_refused() {
    let (mut old, mut new, mut there) = (record("10.0.0.1"), record("10.0.0.1"), record("10.0.0.1"));
    (old.ttl, new.ttl, there.ttl) = (Some(Ttl::Seconds(60)), Some(Ttl::Seconds(300)), Some(Ttl::Seconds(900)));
    let changed = Change::Replace { old: old.clone(), new: new.clone() };
    assert_eq!(lines(&[there], std::slice::from_ref(&changed)).await, ["refused: 10.0.0.1"]);
    assert_eq!(lines(&[new], std::slice::from_ref(&changed)).await, ["change web.lab.example A 10.0.0.1"]);
    assert_eq!(lines(&[], &[changed]).await, ["refused: 10.0.0.1"]);
}

#[tokio::test]
async fn a_group_is_taken_back_in_the_opposite_order() {
    let (cname, one, two) = (record("CNAME www.lab.example"), record("10.0.0.1"), record("10.0.0.2"));
    let made = [Change::Replace { old: cname, new: one.clone() }, Change::Create(two.clone())];
    let undone = lines(&[one, two], &made).await;
    assert_eq!(undone, ["delete web.lab.example A 10.0.0.2; replace web.lab.example A 10.0.0.1 with www.lab.example"]);
}

#[tokio::test]
async fn what_is_in_the_way_is_not_undone_over() {
    let (cname, one) = (record("CNAME www.lab.example"), record("10.0.0.1"));
    assert_eq!(lines(&[cname], &[Change::Delete(one)]).await, ["refused: 10.0.0.1"]);
}

#[tokio::test]
async fn what_comes_back_is_not_known_by_its_old_handle() {
    let with_handle = |text: &str, handle: &str| Record { handles: vec![Handle(handle.into())], ..record(text) };
    let (old, new) = (with_handle("10.0.0.1", "old"), with_handle("10.0.0.2", "new"));
    let changes = async |held: &[Record], made: Change| {
        plan(held, &[made]).await.steps().map(|step| step.change.clone()).collect::<Vec<_>>()
    };
    assert_eq!(changes(&[], Change::Delete(old.clone())).await, [Change::Create(record("10.0.0.1"))]);
    let now = with_handle("10.0.0.2", "now");
    let back = Change::Replace { old: now.clone(), new: record("10.0.0.1") };
    assert_eq!(changes(std::slice::from_ref(&now), Change::Replace { old, new: new.clone() }).await, [back]);
    assert_eq!(changes(std::slice::from_ref(&now), Change::Create(new)).await, [Change::Delete(now)]);
}

#[tokio::test]
async fn what_is_not_ours_any_more_is_left() {
    let (one, two) = (record("10.0.0.1"), record("10.0.0.2"));
    let made = [Change::Create(one.clone()), Change::Replace { old: record("10.0.0.9"), new: two.clone() }];
    let provider = MemoryProvider::new("lab.example", 10);
    [one, two].into_iter().for_each(|record| provider.hold(record));
    let before = provider.list(&Scope::Zone).await.unwrap();
    let plan = undo(&provider, Scope::Zone, before, &made, &|_| false);
    assert_eq!((plan.steps().count(), plan.settled().len()), (0, 2));
    assert!(plan.settled().iter().all(|outcome| outcome.fate.to_string() == "refused"));
}

#[tokio::test]
async fn a_record_that_somebody_changed_since_it_was_made_is_left() {
    let (mut made, mut there) = (record("10.0.0.1"), record("10.0.0.1"));
    (made.ttl, there.ttl) = (Some(Ttl::Seconds(300)), Some(Ttl::Seconds(60)));
    assert_eq!(lines(&[there], &[Change::Create(made)]).await, ["refused: 10.0.0.1"]);
}
