//! What a move from one provider to another decides.

use std::collections::BTreeSet;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::{Claim, Plan, Reason};
use dnsmgmt_core::provider::DnsProvider;
use dnsmgmt_core::record::{Record, RecordData, RecordKey, Ttl};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::relocate::{arrive, depart, still_there};
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::tracked::TrackedRecord;
use fixtures::memory::MemoryProvider;

fn record(name: &str, text: &str) -> Record {
    Record::new(Name::parse(name).unwrap(), RecordData::infer(text).unwrap())
}

fn ours(record: Record, claim: Claim) -> TrackedRecord {
    let origins = [Origin::of_source("file", "a")].into();
    let (orphaned, first_seen, tracked_at, updated_at) = (None, None, None, None);
    TrackedRecord { record, claim: Some(claim), orphaned, origins, first_seen, tracked_at, updated_at }
}

fn listing(provider: &MemoryProvider) -> Listing {
    let list = provider.list(&Scope::Zone);
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(list).unwrap()
}

fn arrival(provider: &MemoryProvider, ours: &[TrackedRecord], claimed: &[RecordKey]) -> Plan {
    let claimed: BTreeSet<RecordKey> = claimed.iter().cloned().collect();
    arrive(provider, Scope::Zone, listing(provider), ours, &claimed, None)
}

fn settled(plan: &Plan) -> Vec<(Fate, Vec<String>)> {
    plan.settled().iter().map(|outcome| (outcome.fate, outcome.notes.clone())).collect()
}

#[test]
fn what_is_ours_arrives_with_its_claim_and_its_origins() {
    let there = MemoryProvider::new("lab.example", 100);
    let web = ours(record("web.lab.example", "10.0.0.1"), Claim::Adopted);
    let plan = arrival(&there, std::slice::from_ref(&web), &[]);
    let step = plan.steps().next().unwrap();
    assert_eq!(step.change.to_string(), "create web.lab.example A 10.0.0.1");
    assert_eq!((step.claim, step.reason, &step.origins), (Claim::Adopted, Reason::Relocated, &web.origins));
}

#[test]
fn what_is_there_already_is_fine_and_stays_whose_it_was() {
    let there = MemoryProvider::new("lab.example", 100);
    let web = record("web.lab.example", "10.0.0.1");
    there.hold(Record { ttl: Some(Ttl::Seconds(60)), ..web.clone() });
    let slower = || [ours(Record { ttl: Some(Ttl::Seconds(300)), ..web.clone() }, Claim::Created)];
    let note =
        |how: &str| vec![(Fate::AlreadyPresent, vec![format!("it is there already, {how}, and stays unclaimed")])];
    let plan = arrival(&there, &[ours(web.clone(), Claim::Created)], &[]);
    assert_eq!((plan.is_empty(), settled(&plan)), (true, note("as it is")));
    assert_eq!(settled(&arrival(&there, &slower(), &[])), note("with other attributes"));
    assert_eq!(settled(&arrival(&there, &slower(), std::slice::from_ref(&web.key))), [(Fate::AlreadyPresent, vec![])]);
}

#[test]
fn what_cannot_be_held_there_is_refused() {
    let there = MemoryProvider::new("lab.example", 100);
    there.put("web.lab.example", "target.example");
    let taken = arrival(&there, &[ours(record("web.lab.example", "10.0.0.1"), Claim::Created)], &[]);
    assert_eq!(settled(&taken)[0].0, Fate::Refused);
    let outside = arrival(&there, &[ours(record("web.example.net", "10.0.0.1"), Claim::Created)], &[]);
    assert_eq!(settled(&outside)[0].0, Fate::Refused);
    assert!(taken.is_empty() && outside.is_empty());
}

#[test]
fn only_what_is_ours_and_there_departs() {
    let here = MemoryProvider::new("lab.example", 100);
    let web = here.put("web.lab.example", "10.0.0.1");
    here.put("web.lab.example", "10.0.0.2");
    let known = TrackedRecord { claim: None, ..ours(here.put("known.lab.example", "10.0.0.3"), Claim::Created) };
    let gone = ours(record("gone.lab.example", "10.0.0.4"), Claim::Created);
    let leaving = still_there(&listing(&here), vec![ours(web, Claim::Created), known, gone]);
    assert_eq!(leaving.len(), 1);
    let plan = depart(&here, Scope::Zone, listing(&here), &leaving);
    let steps: Vec<String> = plan.steps().map(|step| step.change.to_string()).collect();
    assert_eq!(steps, ["delete web.lab.example A 10.0.0.1"]);
}
