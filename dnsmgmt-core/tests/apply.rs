//! A change is made, verified, and reported as what it is.

use std::time::Duration;

use dnsmgmt_core::apply::apply;
use dnsmgmt_core::by_hand::{ByHand, Selector};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::observe::observe;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::plan::{Claim, Plan};
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::provider::{Answer, Change, DnsProvider, ProviderError, Reaction, RunId, TtlSupport, Types};
use dnsmgmt_core::record::{Handle, Record, RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::report::{Fate, Report};
use dnsmgmt_core::undo::undo;
use fixtures::faults::{Fault, On};
use fixtures::memory::MemoryProvider;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn provider() -> MemoryProvider {
    let provider = MemoryProvider::new("example", 200);
    provider.put("a.example", "10.0.0.1");
    provider.put("a.example", "10.0.0.2");
    provider.put("b.example", "10.0.0.3");
    provider
}

async fn plan(provider: &MemoryProvider, decide: impl FnOnce(&mut ByHand<'_>)) -> Plan {
    let before = provider.list(&Scope::Zone).await.unwrap();
    let mut by_hand = ByHand::on(provider, Scope::Zone, before);
    decide(&mut by_hand);
    by_hand.plan()
}

async fn run(provider: &MemoryProvider, decide: impl FnOnce(&mut ByHand<'_>)) -> Report {
    let plan = plan(provider, decide).await;
    apply(provider, plan.approve_by_hand(), &Patience::default(), RunId(7), &silent).await
}

async fn delete(provider: &MemoryProvider, answer: &str) -> Report {
    let data = Some(RecordData::infer(answer).unwrap());
    run(provider, |by_hand| by_hand.delete(&Selector { name: name("a.example"), rtype: None, data })).await
}

async fn add(provider: &MemoryProvider, answer: &str) -> Report {
    let record = Record::new(name("a.example"), RecordData::infer(answer).unwrap());
    run(provider, |by_hand| by_hand.add(record)).await
}

fn fates(report: &Report) -> Vec<Fate> {
    report.outcomes.iter().map(|outcome| outcome.fate).collect()
}

#[tokio::test(start_paused = true)]
async fn a_deletion_takes_one_value_and_costs_three_calls() {
    let provider = provider();
    let report = delete(&provider, "10.0.0.1").await;
    assert_eq!(fates(&report), [Fate::Gone]);
    assert!(report.is_settled());
    assert_eq!(provider.held().len(), 2);
    assert_eq!(provider.calls(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_absent_is_already_gone_and_asks_for_nothing() {
    let provider = provider();
    assert_eq!(fates(&delete(&provider, "10.9.9.9").await), [Fate::AlreadyGone]);
    assert_eq!(provider.calls(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_lies_for_a_while_is_asked_in_another_way() {
    let provider = provider();
    provider.faults.next(2, On::Change, Fault::LyingDelete);
    assert_eq!(fates(&delete(&provider, "10.0.0.1").await), [Fate::Gone]);
    assert_eq!(provider.attempts(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_always_lies_never_ends_as_success() {
    let provider = provider();
    provider.faults.always(On::Change, Fault::LyingDelete);
    let report = delete(&provider, "10.0.0.1").await;
    assert_eq!(fates(&report), [Fate::StillThere]);
    assert!(report.outcomes[0].asked >= 5, "{report:?}");
    assert!(!report.is_settled());
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_the_change_was_made_ends_as_gone() {
    for fault in [Fault::ErrorAfter, Fault::ResetInBody, Fault::CutJson] {
        let provider = provider();
        provider.faults.next(1, On::Change, fault);
        assert_eq!(fates(&delete(&provider, "10.0.0.1").await), [Fate::Gone], "{fault:?}");
        assert_eq!(provider.calls(), (2, 1), "{fault:?}: seen in the first look");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_change_is_tried_again() {
    for fault in [Fault::ErrorBefore, Fault::Html, Fault::Empty, Fault::TooManyRequests(None)] {
        let provider = provider();
        provider.faults.next(2, On::Change, fault);
        assert_eq!(fates(&add(&provider, "10.0.0.9").await), [Fate::Present], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_asked_for_is_kept() {
    let provider = provider();
    provider.faults.next(1, On::Change, Fault::TooManyRequests(Some(17)));
    let start = tokio::time::Instant::now();
    assert_eq!(fates(&delete(&provider, "10.0.0.1").await), [Fate::Gone]);
    assert!(start.elapsed() >= Duration::from_secs(17));
    assert_eq!(provider.attempts(), [1, 1], "what was not taken is not asked for in another way");
}

#[tokio::test(start_paused = true)]
async fn a_pause_beyond_patience_leaves_it_untried() {
    let provider = provider();
    provider.faults.always(On::Change, Fault::TooManyRequests(Some(300)));
    let report = delete(&provider, "10.0.0.1").await;
    assert_eq!(fates(&report), [Fate::NotTried]);
    assert!(report.outcomes[0].error.is_some());
    assert_eq!(provider.calls(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_are_not_tried_twice() {
    let provider = provider();
    provider.faults.always(On::Change, Fault::Unauthorized);
    let report = delete(&provider, "10.0.0.1").await;
    assert_eq!(fates(&report), [Fate::Refused]);
    assert_eq!(report.outcomes[0].error.as_ref().unwrap().reaction, Reaction::Unauthorized);
    assert_eq!(provider.calls(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_fails_afterwards_leaves_it_unconfirmed() {
    for fault in
        [Fault::ErrorBefore, Fault::CutJson, Fault::Html, Fault::Empty, Fault::HalfListing, Fault::Unauthorized]
    {
        let provider = provider();
        let decided = plan(&provider, |by_hand| {
            by_hand.delete(&Selector { name: name("b.example"), rtype: None, data: None });
        });
        let decided = decided.await;
        provider.faults.always(On::Listing, fault);
        let report = apply(&provider, decided.approve_by_hand(), &Patience::default(), RunId(7), &silent).await;
        assert_eq!(fates(&report), [Fate::Unconfirmed], "{fault:?}");
        assert!(report.outcomes[0].error.is_some(), "{fault:?}");
        assert_eq!(provider.held().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_lags_is_not_taken_for_a_lie() {
    let provider = provider();
    let decided =
        plan(&provider, |by_hand| by_hand.add(Record::new(name("c.example"), RecordData::infer("10.0.0.1").unwrap())));
    let decided = decided.await;
    provider.faults.next(1, On::Listing, Fault::LaggingListing);
    let report = apply(&provider, decided.approve_by_hand(), &Patience::default(), RunId(7), &silent).await;
    assert_eq!(fates(&report), [Fate::Present]);
    assert_eq!(provider.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn the_last_record_may_go() {
    let provider = MemoryProvider::new("example", 200);
    provider.put("a.example", "10.0.0.1");
    assert_eq!(fates(&delete(&provider, "10.0.0.1").await), [Fate::Gone]);
    assert!(provider.held().is_empty());
}

#[tokio::test(start_paused = true)]
async fn many_changes_go_in_few_requests() {
    let provider = MemoryProvider::new("example", 200);
    for index in 0..1000 {
        provider.put(&format!("n{index}.example"), "10.0.0.1");
    }
    let report = run(&provider, |by_hand| {
        for index in 0..1000 {
            by_hand.delete(&Selector { name: name(&format!("n{index}.example")), rtype: None, data: None });
        }
    });
    assert!(report.await.is_settled());
    assert_eq!(provider.calls(), (2, 5));
}

#[tokio::test(start_paused = true)]
async fn a_replacement_leaves_alone_what_changed_in_the_meantime() {
    let provider = provider();
    let old = provider.held().at(&name("b.example"))[0].clone();
    let new = Record::new(name("b.example"), RecordData::infer("10.0.0.4").unwrap());
    let decided = plan(&provider, |by_hand| by_hand.replace(vec![(old.clone(), new)])).await;
    provider.lose(&old);
    provider.put("b.example", "10.0.0.5");
    let report = apply(&provider, decided.approve_by_hand(), &Patience::default(), RunId(7), &silent).await;
    assert_eq!(fates(&report), [Fate::Refused]);
    assert_eq!(provider.held().at(&name("b.example"))[0].key.data.to_string(), "10.0.0.5");
}

#[tokio::test(start_paused = true)]
async fn an_alias_and_an_address_change_places_in_one_step() {
    let provider = provider();
    let old = provider.held().at(&name("b.example"))[0].clone();
    let new = Record::new(name("b.example"), RecordData::infer("a.example").unwrap());
    let decided = plan(&provider, |by_hand| by_hand.replace(vec![(old, new)])).await;
    assert_eq!(decided.groups().len(), 1);
    let report = apply(&provider, decided.approve_by_hand(), &Patience::default(), RunId(7), &silent).await;
    assert_eq!(fates(&report), [Fate::Present]);
    assert_eq!(provider.held().at(&name("b.example")).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_failed_in_passing_is_not_made_over_somebody_elses() {
    let provider = provider();
    let old = provider.held().at(&name("b.example"))[0].clone();
    let new = Record::new(name("b.example"), RecordData::infer("10.0.0.4").unwrap());
    let decided = plan(&provider, |by_hand| by_hand.replace(vec![(old.clone(), new.clone())])).await;
    provider.faults.next(1, On::Change, Fault::ErrorBefore);
    provider.lose(&old);
    provider.put("b.example", "10.0.0.5");
    let report = apply(&provider, decided.approve_by_hand(), &Patience::default(), RunId(7), &silent).await;
    assert!(!report.is_settled(), "{report:?}");
    assert!(!provider.held().contains(&new.key));
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_deletion_left_goes_with_any_change() {
    let provider = provider();
    let left = provider.put("0000000000000009.tombstone.invalid", "10.0.0.1");
    let report = delete(&provider, "10.9.9.9").await;
    assert_eq!(fates(&report), [Fate::AlreadyGone, Fate::Gone]);
    assert_eq!(report.outcomes[1].claim, Claim::Tombstone);
    assert!(!provider.held().contains(&left.key));
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_would_not_take_is_asked_for_first_after_the_pause() {
    let provider = provider();
    provider.faults.next(1, On::Change, Fault::TooManyRequests(Some(1)));
    assert_eq!(fates(&delete(&provider, "10.0.0.1").await), [Fate::Gone]);
    assert_eq!(provider.calls(), (2, 2), "no look between the two");
}

#[tokio::test(start_paused = true)]
async fn an_existing_record_keeps_its_ttl_unless_asked_otherwise() {
    let provider = provider();
    for (answer, ttl) in [("10.0.0.1", 300), ("10.0.0.2", 600)] {
        let mut record = Record::new(name("t.example"), RecordData::infer(answer).unwrap());
        record.ttl = Some(Ttl::Seconds(ttl));
        provider.hold(record);
    }
    let wish = |ttl: Option<u32>| Record {
        ttl: ttl.map(Ttl::Seconds),
        ..Record::new(name("t.example"), RecordData::infer("10.0.0.1").unwrap())
    };
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(wish(None))).await), [Fate::AlreadyPresent]);
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(wish(Some(60)))).await), [Fate::Refused]);
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(wish(Some(600)))).await), [Fate::Present]);
}

#[tokio::test(start_paused = true)]
async fn the_zones_own_records_are_never_in_a_plan() {
    let provider = provider();
    let ns = |owner: &str| Record::new(name(owner), RecordData::Ns(name("ns.example")));
    provider.hold(ns("example"));
    let all = |owner: &str| Selector { name: name(owner), rtype: None, data: None };
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.delete(&all("example"))).await), [Fate::Refused]);
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(ns("example"))).await), [Fate::AlreadyPresent]);
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(ns("sub.example"))).await), [Fate::Present]);
    let soa = RecordData::parse(&RecordType::parse("SOA").unwrap(), "a. b. 1 2 3 4 5").unwrap();
    let report = run(&provider, |by_hand| by_hand.add(Record::new(name("example"), soa))).await;
    assert_eq!(fates(&report), [Fate::Refused]);
}

#[tokio::test(start_paused = true)]
async fn what_is_excluded_is_refused_before_any_call() {
    let provider = provider();
    provider.put_opaque("o.example", None, "ALIAS x");
    for (owner, answer) in [("a.example", "b.example"), ("o.example", "10.0.0.1"), ("elsewhere.test", "10.0.0.1")] {
        let record = Record::new(name(owner), RecordData::infer(answer).unwrap());
        let report = run(&provider, |by_hand| by_hand.add(record)).await;
        assert_eq!(fates(&report), [Fate::Refused], "{owner}");
        assert_eq!(report.outcomes[0].notes.len(), 1, "{owner}");
    }
    assert_eq!(provider.calls().1, 0);
}

#[tokio::test(start_paused = true)]
async fn what_exists_is_a_success_that_says_so() {
    let provider = provider();
    assert_eq!(fates(&add(&provider, "10.0.0.1").await), [Fate::AlreadyPresent]);
    let report = add(&provider, "10.0.0.9").await;
    assert_eq!(fates(&report), [Fate::Present]);
    assert_eq!(report.outcomes[0].notes, ["stands beside 10.0.0.1, 10.0.0.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_answer_is_not_asked_a_thousand_times() {
    for (fault, requests) in [(Fault::ErrorBefore, 1), (Fault::TooManyRequests(Some(300)), 1), (Fault::Unauthorized, 1)]
    {
        let provider = MemoryProvider::new("example", 1);
        for index in 0..100 {
            provider.put(&format!("n{index}.example"), "10.0.0.1");
        }
        let decided = plan(&provider, |by_hand| {
            for index in 0..100 {
                by_hand.delete(&Selector { name: name(&format!("n{index}.example")), rtype: None, data: None });
            }
        });
        let decided = decided.await;
        provider.faults.always(On::Change, fault);
        let patience = Patience { total: Duration::ZERO, ..Patience::default() };
        let report = apply(&provider, decided.approve_by_hand(), &patience, RunId(7), &silent).await;
        assert_eq!(provider.calls().1, requests, "{fault:?}");
        assert_eq!(report.count(Fate::NotTried), if fault == Fault::TooManyRequests(Some(300)) { 100 } else { 99 });
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_did_meanwhile_is_not_claimed() {
    let provider = provider();
    let gone = provider.put("c.example", "10.0.0.1");
    let all = |owner: &str| Selector { name: name(owner), rtype: None, data: None };
    let decided = plan(&provider, |by_hand| {
        by_hand.delete(&all("b.example"));
        by_hand.delete(&all("c.example"));
    });
    let decided = decided.await;
    provider.lose(&gone);
    provider.faults.next(1, On::Change, Fault::TooManyRequests(Some(1)));
    let report = apply(&provider, decided.approve_by_hand(), &Patience::default(), RunId(7), &silent).await;
    assert_eq!(fates(&report), [Fate::Gone, Fate::AlreadyGone]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_modelled_excludes_too() {
    let provider = provider();
    provider.put_opaque("o.example", Some(RecordType::A), "A of another kind");
    let record = |answer: &str| Record::new(name("o.example"), RecordData::infer(answer).unwrap());
    for (answer, fate) in [("a.example", Fate::Refused), ("10.0.0.1", Fate::Refused), ("fd00::1", Fate::Present)] {
        assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(record(answer))).await), [fate], "{answer}");
    }
    let selector = Selector { name: name("o.example"), rtype: Some(RecordType::A), data: None };
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.delete(&selector)).await), [Fate::Refused]);
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_is_said_twice_is_made_once_and_ttls_keep_to_their_range() {
    let provider = provider();
    let mut record = Record::new(name("new.example"), RecordData::infer("10.0.0.1").unwrap());
    let report = run(&provider, |by_hand| {
        by_hand.add(record.clone());
        by_hand.add(record.clone());
    });
    assert_eq!(fates(&report.await), [Fate::Present]);
    record.ttl = Some(Ttl::Seconds(86401));
    record.key.name = name("other.example");
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(record.clone())).await), [Fate::Refused]);
    record.ttl = Some(Ttl::Automatic);
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(record)).await), [Fate::Refused]);
}

#[tokio::test(start_paused = true)]
async fn a_question_is_asked_again_as_long_as_that_makes_sense() {
    let scope = Scope::Zone;
    for (fault, calls) in [(Fault::ErrorBefore, 3), (Fault::TooManyRequests(Some(2)), 3), (Fault::Unauthorized, 1)] {
        let provider = provider();
        provider.faults.always(On::Listing, fault);
        let start = tokio::time::Instant::now();
        assert!(observe(&provider, &scope, &Patience::default(), RunId(7), &silent).await.is_err());
        assert_eq!(provider.calls().0, calls, "{fault:?}");
        if fault == Fault::TooManyRequests(Some(2)) {
            assert!(start.elapsed() >= Duration::from_secs(4), "the pauses that were asked for are kept");
        }
    }
}

fn record(owner: &str, answer: &str) -> Record {
    Record::new(name(owner), RecordData::infer(answer).unwrap())
}

fn all(owner: &str) -> Selector {
    Selector { name: name(owner), rtype: None, data: None }
}

async fn carry_out(provider: &MemoryProvider, plan: Plan) -> Report {
    apply(provider, plan.approve_by_hand(), &Patience::default(), RunId(7), &silent).await
}

fn failed(reaction: Reaction) -> Answer {
    Answer::Failed(ProviderError::new(reaction, "ask", "no"))
}

#[tokio::test(start_paused = true)]
async fn who_is_not_let_in_asks_for_nothing_more() {
    let provider = MemoryProvider::new("example", 1);
    provider.put("a.example", "10.0.0.1");
    provider.put("b.example", "10.0.0.2");
    provider.faults.next(1, On::Change, Fault::Unauthorized);
    let report = run(&provider, |by_hand| {
        by_hand.delete(&all("a.example"));
        by_hand.delete(&all("b.example"));
    });
    assert_eq!(fates(&report.await), [Fate::Refused, Fate::NotTried]);
    assert_eq!(provider.calls(), (1, 1), "patience would have lasted for more");
    assert_eq!(provider.held().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_put_off_and_then_refused_is_refused() {
    for then in [Reaction::Refused, Reaction::Unauthorized] {
        let provider = provider();
        provider.answer_next([failed(Reaction::Busy { retry_after: None })]);
        provider.answer_next([failed(then)]);
        let report = delete(&provider, "10.0.0.1").await;
        assert_eq!(fates(&report), [Fate::Refused], "{then:?}: nothing was made the first time either");
        let provider = self::provider();
        provider.answer_next([failed(Reaction::Unreachable)]);
        provider.answer_next([failed(then)]);
        let report = delete(&provider, "10.0.0.1").await;
        assert_ne!(fates(&report), [Fate::Refused], "{then:?}: the first time something may have been made");
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_refused_change_in_its_group_is_not_asked_for() {
    let provider = provider();
    let alias = record("b.example", "a.example");
    let before = provider.list(&Scope::Zone).await.unwrap();
    let made = [Change::Delete(alias), Change::Create(record("b.example", "10.0.0.3"))];
    let plan = undo(&provider, Scope::Zone, before, &made, &|_| true);
    assert_eq!((plan.groups().len(), plan.steps().count()), (1, 2));
    provider.answer_next([failed(Reaction::Refused), failed(Reaction::Unreachable)]);
    let report = carry_out(&provider, plan).await;
    assert_eq!(fates(&report), [Fate::Refused, Fate::StillMissing]);
    assert_eq!(
        provider.calls(),
        (2, 1),
        "an address beside the alias would not be answered, and nothing is waited for"
    );
    assert_eq!(provider.held().at(&name("b.example")).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_answers_of_a_group_that_was_cut_short_are_its_own() {
    let provider = provider();
    let before = provider.list(&Scope::Zone).await.unwrap();
    let made = [record("b.example", "10.0.0.3"), record("a.example", "10.0.0.2"), record("a.example", "10.0.0.1")];
    let last = Change::Delete(record("a.example", "10.0.0.9"));
    let plan = undo(&provider, Scope::Zone, before, &[&[last][..], &made.map(Change::Create)].concat(), &|_| true);
    assert_eq!(plan.groups().iter().map(|group| group.steps.len()).collect::<Vec<_>>(), [3, 1]);
    provider.answer_next([Answer::Accepted, failed(Reaction::Refused), failed(Reaction::Malformed), Answer::Accepted]);
    let report = carry_out(&provider, plan).await;
    assert_eq!(fates(&report), [Fate::Gone, Fate::Refused, Fate::StillMissing, Fate::Gone]);
    let asked: Vec<u32> = report.outcomes.iter().map(|outcome| outcome.asked).collect();
    assert_eq!(asked, [2, 1, 1, 2], "what follows the refused change is not asked for again");
    assert_eq!(report.outcomes[2].error.as_ref().unwrap().answered, "no");
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_again_goes_by_the_latest_listing() {
    let with_handle = |handle: &str| Record { handles: vec![Handle(handle.into())], ..record("h.example", "10.0.0.1") };
    let provider = MemoryProvider::new("example", 10);
    provider.hold(with_handle("before"));
    let decided = plan(&provider, |by_hand| by_hand.delete(&all("h.example"))).await;
    provider.lose(&with_handle("before"));
    provider.hold(with_handle("after"));
    provider.faults.next(1, On::Change, Fault::LyingDelete);
    assert_eq!(fates(&carry_out(&provider, decided).await), [Fate::Gone]);
    let asked = |handle| Change::Delete(with_handle(handle));
    assert_eq!(
        provider.asked().iter().map(|request| &request[0].changes[0]).collect::<Vec<_>>(),
        [&asked("before"), &asked("after")]
    );
}

#[tokio::test(start_paused = true)]
async fn what_somebody_created_otherwise_meanwhile_is_changed() {
    let provider = provider();
    let with_ttl = |seconds| Record { ttl: Some(Ttl::Seconds(seconds)), ..record("c.example", "10.0.0.1") };
    let decided = plan(&provider, |by_hand| by_hand.add(with_ttl(60))).await;
    provider.hold(with_ttl(300));
    provider.faults.next(1, On::Change, Fault::ErrorBefore);
    assert_eq!(fates(&carry_out(&provider, decided).await), [Fate::Present]);
    assert_eq!(provider.held().at(&name("c.example")), [with_ttl(60)]);
}

#[tokio::test(start_paused = true)]
async fn copies_that_the_provider_holds_are_noted() {
    let provider = provider();
    let copy = |handle: &str| Record { handles: vec![Handle(handle.into())], ..record("c.example", "10.0.0.1") };
    let decided = plan(&provider, |by_hand| by_hand.add(record("c.example", "10.0.0.1"))).await;
    provider.hold(copy("1"));
    provider.hold(copy("2"));
    let report = carry_out(&provider, decided).await;
    assert_eq!(fates(&report), [Fate::AlreadyPresent]);
    assert_eq!(report.outcomes[0].notes, ["the provider holds 2 copies of it"]);
    let report = run(&provider, |by_hand| by_hand.delete(&all("c.example"))).await;
    assert_eq!(report.outcomes[0].notes, ["stored 2 times; all copies go"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_missing_is_no_yes() {
    let provider = provider();
    for _ in 0..100 {
        provider.answer_next([]);
    }
    let report = add(&provider, "10.0.0.9").await;
    assert_eq!(fates(&report), [Fate::StillMissing]);
    assert_eq!(report.outcomes[0].error.as_ref().unwrap().reaction, Reaction::Malformed);
}

#[tokio::test(start_paused = true)]
async fn an_alias_that_somebody_added_meanwhile_is_noted() {
    let provider = provider();
    let decided = plan(&provider, |by_hand| by_hand.add(record("c.example", "10.0.0.1"))).await;
    provider.put("c.example", "a.example");
    let report = carry_out(&provider, decided).await;
    assert_eq!(fates(&report), [Fate::Present]);
    let [note] = &report.outcomes[0].notes[..] else { panic!("one note: {report:?}") };
    assert!(note.starts_with("c.example CNAME a.example was added by somebody else meanwhile"), "{note}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_a_listing_asks_for_is_kept() {
    let provider = provider();
    let decided = plan(&provider, |by_hand| by_hand.delete(&all("b.example"))).await;
    provider.faults.next(1, On::Listing, Fault::TooManyRequests(Some(17)));
    let start = tokio::time::Instant::now();
    assert_eq!(fates(&carry_out(&provider, decided).await), [Fate::Gone]);
    assert!(start.elapsed() >= Duration::from_secs(17));
    assert_eq!(provider.calls(), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_cannot_hold_is_refused_before_any_call() {
    let wish = || record("c.example", "10.0.0.1");
    let text = Record::new(name("c.example"), RecordData::parse(&RecordType::Txt, "x").unwrap());
    let comment = |comment: &str| Record { comment: Some(comment.into()), ..wish() };
    let provider = provider().with(|can| can.types = Types::Only(vec![RecordType::A])).objecting(|change| {
        (change.record().name().as_str() == "odd.example").then(|| "odd names are not allowed".into())
    });
    for (wish, why) in [
        (text, "memory (example) cannot hold TXT records"),
        (Record { proxied: Some(true), ..wish() }, "memory (example) does not proxy"),
        (Record { enabled: Some(false), ..wish() }, "memory (example) cannot switch records off"),
        (comment("mine"), "memory (example) keeps no comments"),
        (record("odd.example", "10.0.0.1"), "odd names are not allowed"),
    ] {
        let report = run(&provider, |by_hand| by_hand.add(wish.clone())).await;
        assert_eq!((fates(&report), &report.outcomes[0].notes[..]), (vec![Fate::Refused], &[why.to_owned()][..]));
    }
    assert_eq!(provider.calls().1, 0);
    for wish in [Record { proxied: Some(false), ..wish() }, Record { enabled: Some(true), ..wish() }, comment("")] {
        let decided = plan(&provider, |by_hand| by_hand.add(wish.clone())).await;
        assert_eq!(decided.steps().count(), 1, "{wish:?} asks for nothing that it cannot do");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_can_do_is_not_refused() {
    let provider = MemoryProvider::new("example", 10).with(|can| {
        (can.proxied, can.enabled, can.comment) = (true, true, Some(4));
        can.ttl = TtlSupport::Fixed;
    });
    let wish = Record {
        proxied: Some(true),
        enabled: Some(false),
        comment: Some("mine".into()),
        ..record("c.example", "10.0.0.1")
    };
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(wish.clone())).await), [Fate::Present]);
    assert_eq!(provider.held().at(&name("c.example")), std::slice::from_ref(&wish));
    let too_long = Record { comment: Some("ours!".into()), ..record("d.example", "10.0.0.1") };
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(too_long)).await), [Fate::Refused]);
    let with_ttl = Record { ttl: Some(Ttl::Seconds(60)), ..record("d.example", "10.0.0.1") };
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(with_ttl)).await), [Fate::Refused]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_put_among_what_is_on_its_way_out() {
    let provider = MemoryProvider::new(".", 10);
    let report = run(&provider, |by_hand| by_hand.add(record("0000000000000009.tombstone.invalid", "10.0.0.1"))).await;
    assert_eq!(fates(&report), [Fate::Refused]);
    assert_eq!(provider.calls().1, 0);
}

#[tokio::test(start_paused = true)]
async fn a_delegation_excludes_and_the_zones_own_name_servers_do_not() {
    let ns = |owner: &str| Record::new(name(owner), RecordData::Ns(name("ns.elsewhere.test")));
    let provider = MemoryProvider::new("example", 10).with(|can| can.ns_excludes = Types::All);
    provider.hold(ns("example"));
    provider.hold(ns("sub.example"));
    for (owner, fate) in [("example", Fate::Present), ("sub.example", Fate::Refused)] {
        let report = run(&provider, |by_hand| by_hand.add(record(owner, "10.0.0.1"))).await;
        assert_eq!(fates(&report), [fate], "{owner}");
    }
    let second = Record::new(name("sub.example"), RecordData::Ns(name("ns2.elsewhere.test")));
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(second)).await), [Fate::Present]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_to_delete_the_name_servers_of_the_zone() {
    let provider = MemoryProvider::new("example", 10);
    provider.hold(Record::new(name("example"), RecordData::Ns(name("ns.elsewhere.test"))));
    let alias = Record::new(name("example"), RecordData::Cname(name("all.example")));
    let report = run(&provider, |by_hand| by_hand.add(alias)).await;
    let why = report.outcomes[0].error.as_ref().map(ToString::to_string).unwrap_or_default()
        + &report.outcomes[0].notes.join("; ");
    assert!(
        why.contains("the name servers of the zone itself are never changed") && !why.contains("delete it"),
        "{why}"
    );
}

#[tokio::test(start_paused = true)]
async fn another_attribute_does_not_change_the_ttl() {
    let provider = MemoryProvider::new("example", 10).with(|can| can.comment = Some(100));
    for (answer, ttl) in [("10.0.0.1", 300), ("10.0.0.2", 600)] {
        provider.hold(Record { ttl: Some(Ttl::Seconds(ttl)), ..record("t.example", answer) });
    }
    let wish = Record { comment: Some("mine".into()), ..record("t.example", "10.0.0.1") };
    assert_eq!(fates(&run(&provider, |by_hand| by_hand.add(wish)).await), [Fate::Present]);
    let held = provider.held().at(&name("t.example"))[0].clone();
    assert_eq!((held.ttl, held.comment.as_deref()), (Some(Ttl::Seconds(300)), Some("mine")));
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_failed_and_holds_at_the_next_look_is_asked_for_again() {
    let provider = provider();
    provider.answer_next([Answer::ConditionFailed]);
    let new = Record::new(name("a.example"), RecordData::infer("10.0.0.9").unwrap());
    let old = Record::new(name("a.example"), RecordData::infer("10.0.0.1").unwrap());
    let report = run(&provider, |by_hand| by_hand.replace(vec![(old.clone(), new.clone())])).await;
    assert_eq!(fates(&report), [Fate::Present]);
    assert!(provider.held().contains(&new.key));
    assert_eq!(provider.attempts(), [1, 1], "it is not asked for in another way");
}

#[tokio::test(start_paused = true)]
async fn what_was_never_made_when_we_asked_was_made_by_somebody_else() {
    let provider = provider();
    let plan = plan(&provider, |by_hand| {
        by_hand.add(Record::new(name("c.example"), RecordData::infer("10.0.0.4").unwrap()));
    })
    .await;
    provider.answer_next([Answer::ConditionFailed]);
    provider.put("c.example", "10.0.0.4");
    let report = apply(&provider, plan.approve_by_hand(), &Patience::default(), RunId(7), &silent).await;
    assert_eq!(fates(&report), [Fate::AlreadyPresent], "so it is not ours");
}
