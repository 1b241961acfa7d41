//! Which leases are over: the decision of a clean-up, carried out at a provider in memory.

use std::net::IpAddr;
use std::time::Duration;

use dnsmgmt_core::apply::apply;
use dnsmgmt_core::brake::Brake;
use dnsmgmt_core::heartbeat::{Beat, Carrier, InstanceId, Member};
use dnsmgmt_core::lease::{Memory, Term, leases, memory};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::plan::{Claim, Reason};
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::provider::{Answer, DnsProvider, ProviderError, Reaction, RunId};
use dnsmgmt_core::record::{Record, RecordData, RecordType};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::report::{Fate, Report};
use dnsmgmt_core::stale::leases::{LeaseDecision, LeaseEvidence, What, expired};
use fixtures::memory::MemoryProvider;
use jiff::Timestamp;

const THRESHOLD: u64 = 900;

/// A zone, and a cleaner that remembers what it saw.
struct Lab {
    provider: MemoryProvider,
    memory: Memory,
    observed: Duration,
    preserved: Preserved,
    keep_last_member: bool,
    is_whole: bool,
}

impl Lab {
    fn new() -> Self {
        Self {
            provider: MemoryProvider::new("example", 200),
            memory: Memory::new(),
            observed: Duration::ZERO,
            preserved: Preserved::default(),
            keep_last_member: false,
            is_whole: false,
        }
    }

    fn beat(&self, domain: &str, address: &str, time: i64, instance: &str) {
        let beat = Beat { time: at(time), instance: InstanceId::parse(instance).unwrap() };
        let name = member(domain, address).heartbeat_name().unwrap();
        self.provider.hold(Record::new(name, beat.carried_by(Carrier::Txt)));
    }

    /// Puts an address with a heartbeat of time 0 there.
    fn lives(&self, domain: &str, address: &str) {
        self.provider.put(domain, address);
        self.beat(domain, address, 0, "host");
    }

    /// Looks once, after so many more seconds of observation.
    async fn look(&mut self, later: u64) -> LeaseDecision {
        self.observed += Duration::from_secs(later);
        let now = at(100_000);
        let listing = self.provider.list(&Scope::Zone).await.unwrap();
        let is_whole = self.is_whole;
        let term = Term { threshold: Duration::from_secs(THRESHOLD), now };
        let found = leases(&listing, &|_| true, &|_| is_whole, &self.memory, self.observed, term);
        self.memory = memory(&found, std::mem::take(&mut self.memory), &|_| true, self.observed);
        let evidence =
            LeaseEvidence { leases: &found, term, preserved: &self.preserved, keep_last_member: self.keep_last_member };
        expired(&self.provider, Scope::Zone, listing, evidence)
    }

    async fn carry_out(&self, decision: LeaseDecision) -> Report {
        let plan = decision.plan.approve_by_hand();
        apply(&self.provider, plan, &Patience::default(), RunId(1), &silent).await
    }

    fn holds(&self) -> Vec<String> {
        self.provider.held().iter().map(ToString::to_string).collect()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn member(domain: &str, address: &str) -> Member {
    Member { domain: Name::parse(domain).unwrap(), address: address.parse::<IpAddr>().unwrap() }
}

#[tokio::test]
async fn an_expired_address_goes_with_its_heartbeats_in_one_step_that_asks_for_them() {
    let mut lab = Lab::new();
    lab.lives("all.example", "10.0.0.1");
    lab.beat("all.example", "10.0.0.1", 7, "other");
    lab.provider.put("all.example", "10.0.0.2");
    assert!(lab.look(0).await.plan.is_empty());
    let decision = lab.look(THRESHOLD).await;
    let [group] = decision.plan.groups() else { panic!("{:?}", decision.plan) };
    let types: Vec<_> = group.steps.iter().map(|step| step.change.record().rtype().to_string()).collect();
    assert_eq!(types, ["TXT", "TXT", "A"], "heartbeats first");
    assert!(group.steps.iter().all(|step| (step.claim, step.reason) == (Claim::Heartbeat, Reason::Expired)));
    let [condition] = &group.only_if[..] else { panic!("{group:?}") };
    assert_eq!((condition.rtype.clone(), condition.values.len()), (RecordType::Txt, 2));
    assert_eq!((decision.claims, decision.plan.losses()), (2, 2), "two machines kept it");
    let report = lab.carry_out(decision).await;
    assert!(report.is_settled());
    assert_eq!(lab.holds(), ["all.example A 10.0.0.2"], "what never had a heartbeat stays");
}

#[tokio::test]
async fn a_host_that_comes_back_between_the_look_and_the_deletion_keeps_its_address() {
    let mut lab = Lab::new();
    lab.lives("all.example", "10.0.0.1");
    lab.look(0).await;
    let decision = lab.look(THRESHOLD).await;
    assert_eq!(decision.plan.losses(), 1);
    let old = lab.provider.held().iter().find(|record| record.rtype() == RecordType::Txt).unwrap().clone();
    lab.provider.lose(&old);
    lab.beat("all.example", "10.0.0.1", 100_000, "host");
    let report = lab.carry_out(decision).await;
    assert_eq!(report.count(Fate::Refused) + report.count(Fate::AlreadyGone), 2, "{report:?}");
    assert!(lab.holds().contains(&"all.example A 10.0.0.1".to_owned()), "{:?}", lab.holds());
}

#[tokio::test(start_paused = true)]
async fn without_conditions_a_host_that_comes_back_before_the_provider_is_asked_again_keeps_its_address() {
    for reaction in [Reaction::Busy { retry_after: None }, Reaction::Unreachable] {
        let mut lab = Lab::new();
        lab.provider = lab.provider.with(|can| can.conditions = false);
        lab.lives("all.example", "10.0.0.1");
        lab.lives("all.example", "10.0.0.2");
        lab.look(0).await;
        let decision = lab.look(THRESHOLD).await;
        assert_eq!(decision.plan.groups().len(), 2);
        let name = member("all.example", "10.0.0.1").heartbeat_name().unwrap();
        let old = lab.provider.held().at(&name)[0].clone();
        lab.provider.lose(&old);
        lab.beat("all.example", "10.0.0.1", 100_000, "host");
        let failed = || Answer::Failed(ProviderError::new(reaction, "delete", "later"));
        lab.provider.answer_next((0..4).map(|_| failed()));
        let report = lab.carry_out(decision).await;
        let left = ["_heartbeat-10-0-0-1.all.example TXT \"100000,host\"", "all.example A 10.0.0.1"];
        assert_eq!(lab.holds(), left, "{report:?}");
        let not_done = report.outcomes.iter().filter(|outcome| !outcome.fate.is_settled()).count();
        assert_eq!((not_done, lab.provider.calls().1), (1, 2), "{report:?}");
    }
}

#[tokio::test]
async fn a_dead_heartbeat_beside_a_live_one_goes_alone() {
    let mut lab = Lab::new();
    lab.lives("all.example", "10.0.0.1");
    lab.beat("all.example", "10.0.0.1", 99_900, "alive");
    lab.look(0).await;
    let decision = lab.look(THRESHOLD).await;
    lab.carry_out(decision).await;
    assert_eq!(lab.holds(), ["_heartbeat-10-0-0-1.all.example TXT \"99900,alive\"", "all.example A 10.0.0.1"]);
}

#[tokio::test]
async fn a_heartbeat_whose_address_is_gone_is_collected() {
    let mut lab = Lab::new();
    lab.beat("all.example", "fd00::1", 0, "host");
    lab.look(0).await;
    let decision = lab.look(THRESHOLD).await;
    lab.carry_out(decision).await;
    assert_eq!(lab.holds(), [""; 0]);
}

#[tokio::test]
async fn what_lost_its_heartbeat_goes_when_it_was_seen_so_for_the_whole_threshold() {
    let mut lab = Lab::new();
    lab.provider.put("all.example", "10.0.0.1");
    lab.beat("all.example", "10.0.0.1", 0, "host");
    lab.look(0).await;
    let beat = lab.provider.held().iter().find(|record| record.rtype() == RecordType::Txt).unwrap().clone();
    lab.provider.lose(&beat);
    let decision = lab.look(300).await;
    assert!(matches!(decision.findings[..], [ref found] if matches!(found.what, What::Missing(_))), "{decision:?}");
    assert!(lab.look(THRESHOLD - 1).await.plan.is_empty());
    let decision = lab.look(1).await;
    assert_eq!(decision.plan.groups()[0].only_if[0].values, [], "only if there is still none");
    lab.carry_out(decision).await;
    assert_eq!(lab.holds(), [""; 0]);
}

#[tokio::test]
async fn an_address_that_never_had_a_heartbeat_goes_only_where_the_whole_name_is_ours() {
    let mut lab = Lab::new();
    lab.provider.put("all.example", "10.0.0.1");
    for _ in 0..5 {
        let decision = lab.look(THRESHOLD).await;
        assert!(decision.plan.is_empty() && decision.claims == 0);
        assert_eq!(decision.findings[0].what, What::NoHeartbeat);
    }
    lab.is_whole = true;
    assert!(lab.look(THRESHOLD).await.plan.is_empty(), "from the first look at which it was to have one");
    let decision = lab.look(THRESHOLD).await;
    assert_eq!(decision.plan.steps().next().unwrap().claim, Claim::WholeName);
    lab.is_whole = false;
    assert!(lab.look(THRESHOLD).await.plan.is_empty(), "and no more once the name is not");
}

#[tokio::test]
async fn a_malformed_heartbeat_is_reported_and_held_four_times_as_long() {
    let mut lab = Lab::new();
    lab.provider.put("all.example", "10.0.0.1");
    let name = member("all.example", "10.0.0.1").heartbeat_name().unwrap();
    lab.provider.hold(Record::new(name, RecordData::parse(&RecordType::Txt, "no heartbeat").unwrap()));
    lab.look(0).await;
    let decision = lab.look(4 * THRESHOLD - 1).await;
    assert!(matches!(decision.findings[0].what, What::Malformed(..)) && decision.plan.is_empty(), "{decision:?}");
    assert_eq!(lab.look(1).await.plan.losses(), 1);
}

#[tokio::test]
async fn the_last_address_of_a_name_stays_where_that_is_wanted() {
    let mut lab = Lab::new();
    lab.keep_last_member = true;
    for (address, time) in [("10.0.0.1", 5), ("10.0.0.2", 9), ("fd00::1", 7)] {
        lab.provider.put("all.example", address);
        lab.beat("all.example", address, time, "host");
    }
    lab.lives("one.example", "10.0.0.1");
    lab.lives("two.example", "10.0.0.1");
    lab.provider.put("two.example", "10.0.0.9");
    lab.look(0).await;
    let decision = lab.look(THRESHOLD).await;
    let kept: Vec<_> = decision.findings.iter().filter(|found| found.what == What::LastMember).collect();
    assert_eq!(
        kept.iter().map(|found| found.member.to_string()).collect::<Vec<_>>(),
        ["10.0.0.2 at all.example", "10.0.0.1 at one.example",]
    );
    lab.carry_out(decision).await;
    let addresses: Vec<_> = lab.holds().into_iter().filter(|line| !line.contains("TXT")).collect();
    assert_eq!(addresses, ["all.example A 10.0.0.2", "one.example A 10.0.0.1", "two.example A 10.0.0.9"]);
}

#[tokio::test]
async fn what_is_preserved_or_carries_anothers_mark_stays() {
    let mut lab = Lab::new();
    lab.preserved = Preserved::parse(["kept.example"]).unwrap();
    lab.lives("kept.example", "10.0.0.1");
    lab.lives("theirs.example", "10.0.0.2");
    let mark = "heritage=external-dns,external-dns/owner=other,external-dns/resource=ingress/x/y";
    let name = Name::parse("a-theirs.example").unwrap();
    lab.provider.hold(Record::new(name, RecordData::parse(&RecordType::Txt, mark).unwrap()));
    let before = lab.holds();
    lab.look(0).await;
    let decision = lab.look(THRESHOLD).await;
    assert!(decision.plan.is_empty(), "{:?}", decision.plan);
    assert_eq!(decision.plan.settled().iter().filter(|outcome| outcome.fate == Fate::Refused).count(), 2);
    assert!(decision.findings.iter().any(|found| found.what == What::Preserved));
    lab.carry_out(decision).await;
    assert_eq!(lab.holds(), before);
}

#[tokio::test]
async fn many_leases_that_expire_together_are_held_back() {
    let mut lab = Lab::new();
    for host in 1..=10 {
        let address = format!("10.0.0.{host}");
        lab.provider.put("all.example", &address);
        lab.beat("all.example", &address, 0, &format!("host-{host}"));
    }
    lab.look(0).await;
    let decision = lab.look(THRESHOLD).await;
    let brake = Brake { max_delete: 30, force: false, approved: None };
    let held = brake.approve(decision.plan, decision.claims).unwrap_err();
    assert_eq!((held.deletions, held.claims), (10, 10));
}

#[tokio::test]
async fn the_brake_counts_machines_and_not_their_addresses_and_names() {
    let mut lab = Lab::new();
    for (host, time) in [("one", 0), ("two", 99_990), ("Three", 99_990)] {
        for address in 1..=3 {
            let address = format!("10.0.{}.{address}", host.len());
            for domain in ["all.example", "internal.example"] {
                lab.provider.put(domain, &address);
                lab.beat(domain, &address, time, host);
            }
        }
        lab.beat("all.example", "10.0.9.9", time, &host.to_uppercase());
    }
    lab.look(0).await;
    let decision = lab.look(THRESHOLD).await;
    assert_eq!((decision.claims, decision.plan.losses()), (3, 1));
    let brake = Brake { max_delete: 30, force: false, approved: None };
    assert!(brake.approve(decision.plan, decision.claims).is_ok(), "one of three is not many");

    // Where nobody knows whose a lease is, each is a machine's.
    let mut lab = Lab::new();
    for host in 1..=5 {
        let address = format!("10.0.0.{host}");
        lab.provider.put("all.example", &address);
        let name = member("all.example", &address).heartbeat_name().unwrap();
        lab.provider.hold(Record::new(name, RecordData::parse(&RecordType::Txt, "5").unwrap()));
    }
    lab.look(0).await;
    let decision = lab.look(THRESHOLD).await;
    assert_eq!((decision.claims, decision.plan.losses()), (5, 5));
}
