//! What a second witness says to outcomes.

use std::cell::Cell;
use std::time::Duration;

use dnsmgmt_core::by_hand::{ByHand, Selector};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::provider::{DnsProvider as _, ProviderError, Reaction, RunId};
use dnsmgmt_core::record::{Record, RecordData, RecordType};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::report::{Fate, Outcome};
use dnsmgmt_core::witness::{Answered, testify};
use fixtures::memory::MemoryProvider;

const PATIENCE: Patience =
    Patience { first: Duration::from_secs(1), longest: Duration::from_secs(8), total: Duration::from_secs(60) };

fn address(last: u8) -> RecordData {
    RecordData::A([10, 0, 0, last].into())
}

fn name(label: &str) -> Name {
    format!("{label}.example").parse().unwrap()
}

/// Outcomes of an addition of 10.0.0.1 at `new` and a deletion of 10.0.0.2 at `old`, as a listing shows them to be made.
async fn outcomes() -> Vec<Outcome> {
    let provider = MemoryProvider::new("example", 9);
    provider.put("old.example", "10.0.0.2");
    let scope = Scope::from_iter([name("new"), name("old")]);
    let before = provider.list(&scope).await.unwrap();
    let mut by_hand = ByHand::on(&provider, scope, before);
    by_hand.add(Record::new(name("new"), address(1)));
    by_hand.delete(&Selector { name: name("old"), rtype: None, data: None });
    let plan = by_hand.plan().approve_by_hand();
    let report = dnsmgmt_core::apply::apply(&provider, plan, &PATIENCE, RunId(1), &silent).await;
    assert!(report.is_settled());
    report.outcomes
}

fn witnesses(outcomes: &[Outcome]) -> Vec<Option<&str>> {
    outcomes.iter().map(|outcome| outcome.witness.as_deref()).collect()
}

async fn hear(ask: impl AsyncFn(&Name, &RecordType) -> Result<Answered, ProviderError>) -> Vec<Outcome> {
    let mut outcomes = outcomes().await;
    testify(&mut outcomes, "ns1:53", &|_| false, ask, &PATIENCE, RunId(1), &silent).await;
    outcomes
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_as_it_should_is_asked_once() {
    let asked = Cell::new(0);
    let ask = async |asked_for: &Name, _: &RecordType| {
        asked.set(asked.get() + 1);
        Ok(Answered::Values(if *asked_for == name("new") { vec![address(1)] } else { Vec::new() }))
    };
    let outcomes = hear(ask).await;
    assert_eq!(asked.get(), 2);
    assert_eq!(witnesses(&outcomes), [Some("ns1:53"), Some("ns1:53")]);
    assert!(outcomes.iter().all(|outcome| outcome.fate.is_settled() && outcome.notes.is_empty()), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_late_server_is_waited_for() {
    let started = tokio::time::Instant::now();
    let ask = async |asked_for: &Name, _: &RecordType| {
        let is_late = started.elapsed() < Duration::from_secs(5);
        Ok(Answered::Values(match (*asked_for == name("new"), *asked_for == name("old")) {
            (true, _) if !is_late => vec![address(1)],
            (_, true) if is_late => vec![address(2)],
            _ => Vec::new(),
        }))
    };
    let outcomes = hear(ask).await;
    assert_eq!(witnesses(&outcomes), [Some("ns1:53"), Some("ns1:53")]);
    assert!(started.elapsed() >= Duration::from_secs(5) && outcomes.iter().all(|outcome| outcome.fate.is_settled()));
}

#[tokio::test(start_paused = true)]
async fn what_is_contradicted_to_the_end_is_unconfirmed() {
    let ask = async |asked_for: &Name, _: &RecordType| {
        Ok(Answered::Values(if *asked_for == name("old") || *asked_for == name("new") {
            vec![address(2), address(1)]
        } else {
            Vec::new()
        }))
    };
    let outcomes = hear(ask).await;
    assert_eq!(witnesses(&outcomes), [Some("ns1:53"), None]);
    let fates: Vec<Fate> = outcomes.iter().map(|outcome| outcome.fate).collect();
    assert_eq!(fates, [Fate::Present, Fate::Unconfirmed]);
    let note = "the provider's listing shows it gone, but ns1:53 still answers with 10.0.0.2, 10.0.0.1";
    assert_eq!(outcomes[1].notes, [note]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_asked_confirms_nothing_and_is_not_asked_a_thousand_times() {
    let asked = Cell::new(0);
    let ask = async |_: &Name, _: &RecordType| {
        asked.set(asked.get() + 1);
        Err(ProviderError::new(Reaction::Refused, "ask ns1:53 for new.example A", "REFUSED"))
    };
    let outcomes = hear(ask).await;
    assert_eq!(asked.get(), 1, "a refusal stays one");
    assert!(outcomes.iter().all(|outcome| outcome.fate == Fate::Unconfirmed));
    assert!(outcomes[0].notes[0].contains("REFUSED"), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wildcard_that_still_answers_is_no_contradiction() {
    let ask = async |asked_for: &Name, _: &RecordType| {
        Ok(Answered::Values(if *asked_for == name("new") { vec![address(1)] } else { vec![address(2)] }))
    };
    let outcomes = hear(ask).await;
    assert_eq!((outcomes[1].witness.as_deref(), outcomes[1].fate), (None, Fate::Gone));
    assert_eq!(outcomes[1].notes, ["ns1:53 cannot tell: a wildcard answers with 10.0.0.2 too"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refers_to_others_cannot_tell() {
    let outcomes = hear(async |_: &Name, _: &RecordType| Ok(Answered::Elsewhere(name("sub")))).await;
    assert_eq!(outcomes.iter().map(|outcome| outcome.fate).collect::<Vec<_>>(), [Fate::Present, Fate::Gone]);
    let note = "ns1:53 cannot tell: sub.example is delegated, and what is below it is answered by others";
    assert_eq!((outcomes[0].notes[0].as_str(), outcomes[0].witness.as_deref()), (note, None));
}
