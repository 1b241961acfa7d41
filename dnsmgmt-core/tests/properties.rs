//! What holds for every name, value and plan.

use std::time::Duration;

use dnsmgmt_core::apply::apply;
use dnsmgmt_core::by_hand::{ByHand, Selector};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::own_mark::{OwnMark, owner_in};
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::provider::{DnsProvider, RunId};
use dnsmgmt_core::record::{Record, RecordData, RecordKey};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::report::{Action, Fate, Report};
use fixtures::faults::{Fault, On};
use fixtures::generate;
use fixtures::memory::MemoryProvider;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(generate::config())]

    #[test]
    fn a_name_reads_back_what_it_prints(name in generate::any_name()) {
        prop_assert_eq!(&Name::parse(name.as_str()).unwrap(), &name);
        prop_assert_eq!(&Name::parse(&name.with_dot()).unwrap(), &name);
        let labels: Vec<Vec<u8>> = name.octet_labels().collect();
        prop_assert_eq!(Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap(), name);
    }

    #[test]
    fn reading_a_name_never_panics_and_is_stable(text in "\\PC{0,80}") {
        if let Ok(name) = Name::parse(&text) {
            prop_assert_eq!(Name::parse(name.as_str()).unwrap(), name);
        }
    }

    #[test]
    fn a_value_reads_back_what_it_prints(data in generate::any_data()) {
        prop_assert_eq!(&RecordData::parse(&data.rtype(), &data.to_string()).unwrap(), &data);
        prop_assert_eq!(&RecordData::parse(&data.rtype(), &data.to_zone_text()).unwrap(), &data);
    }

    #[test]
    fn an_owner_id_is_read_back_from_every_mark(
        before in "[^{}\\pC\\pZ]{0,20}", after in "[^{}\\pC\\pZ]{0,20}", owner_id in "[A-Za-z0-9._-]{1,63}",
    ) {
        let template = format!("{before}{{owner}}{after}");
        let comment = OwnMark::new(&template, &owner_id).unwrap().comment(500).unwrap();
        prop_assert_eq!(owner_in(&template, &comment), Some(owner_id));
    }

    #[test]
    fn a_plan_never_changes_a_key_outside_it_and_its_report_is_what_a_listing_shows(
        held in vec(generate::crowded_record(), 0..12),
        wishes in vec((any::<bool>(), generate::crowded_record()), 1..6),
        faults in vec((on(), fault()), 0..4),
        batch in 1..4_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check_plan(&held, &wishes, &faults, batch));
    }
}

fn on() -> impl Strategy<Value = On> {
    prop_oneof![Just(On::Listing), Just(On::Change)]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::LyingDelete),
        Just(Fault::TooManyRequests(Some(1))),
        Just(Fault::Unauthorized),
        Just(Fault::ErrorBefore),
        Just(Fault::ErrorAfter),
        Just(Fault::CutJson),
        Just(Fault::Empty),
        Just(Fault::LaggingListing),
        Just(Fault::HalfListing),
    ]
}

async fn check_plan(held: &[Record], wishes: &[(bool, Record)], faults: &[(On, Fault)], batch: usize) {
    let provider = MemoryProvider::new("example", batch);
    for record in held {
        if !provider.held().contains(&record.key) {
            provider.hold(record.clone());
        }
    }
    let before = provider.held();
    let listing = provider.list(&Scope::Zone).await.unwrap();
    let mut by_hand = ByHand::on(&provider, Scope::Zone, listing);
    let mut wished = std::collections::BTreeSet::new();
    for (delete, record) in wishes {
        // To wish for a record and against it makes no sense.
        if !wished.insert(record.key.clone()) {
            continue;
        }
        if *delete {
            by_hand.delete(&Selector { name: record.name().clone(), rtype: None, data: Some(record.key.data.clone()) });
        } else {
            by_hand.add(record.clone());
        }
    }
    let plan = by_hand.plan();
    let planned: Vec<RecordKey> = plan.steps().map(|step| step.change.record().key.clone()).collect();
    for (on, fault) in faults {
        provider.faults.next(1, *on, *fault);
    }
    let patience = Patience { total: Duration::from_secs(600), ..Patience::default() };
    let report = apply(&provider, plan.approve_by_hand(), &patience, RunId(1), &silent).await;
    let after = provider.held();
    for record in &before {
        assert!(after.contains(&record.key) || planned.contains(&record.key), "{record} was nobody's wish");
    }
    for record in &after {
        assert!(before.contains(&record.key) || planned.contains(&record.key), "{record} was nobody's wish");
    }
    // A listing that leaves out just what a change was about, and nothing else, cannot be told from the truth.
    if !faults.iter().any(|(_, fault)| *fault == Fault::HalfListing) {
        is_true(&report, &provider);
    }
}

/// What the report calls done is done.
fn is_true(report: &Report, provider: &MemoryProvider) {
    let held = provider.held();
    for outcome in report.outcomes.iter().filter(|outcome| outcome.fate.is_settled()) {
        let Some(data) = outcome.data.clone() else { continue };
        let there = held.contains(&RecordKey { name: outcome.name.clone(), data });
        let wanted = outcome.action != Action::Delete;
        assert_eq!(there, wanted, "{outcome:?}");
        assert_eq!(matches!(outcome.fate, Fate::Present | Fate::AlreadyPresent), wanted);
    }
}
