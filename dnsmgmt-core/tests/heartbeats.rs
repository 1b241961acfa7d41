//! Hosts that register, cleaners that end leases, and everything that went wrong with that elsewhere.

#![cfg(feature = "repository")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use dnsmgmt_core::brake::Brake;
use dnsmgmt_core::heartbeat::{InstanceId, Member};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::provider::{
    Answer, Attempt, Capabilities, DnsProvider, Group, ProviderError, ProviderId, Reaction, RunId,
};
use dnsmgmt_core::reconcile::{
    End, Ending, ReconcileError, Reconciled, Registered, Registering, Run, end_leases, register_zone, see_leases,
};
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use dnsmgmt_core::register::Refresh;
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_core::stale::leases::{LeaseDecision, What};
use fixtures::faults::{Fault, On};
use fixtures::memory::MemoryProvider;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Barrier;

const THRESHOLD: Duration = Duration::from_secs(900);
const INTERVAL: u64 = 300;
const START: i64 = 1_700_000_000;

/// A zone, and the time that passes for everybody.
struct World {
    provider: MemoryProvider,
    /// Seconds since the start.
    time: Mutex<u64>,
    runs: Mutex<u64>,
    brake: Brake,
}

/// A host or a cleaner: a memory, and a clock that may be wrong.
struct Machine {
    repository: DnsRepositoryManager,
    clock_off: i64,
    boot: &'static str,
}

impl Machine {
    fn new() -> Self {
        Self { repository: DnsRepositoryManager::in_memory().unwrap(), clock_off: 0, boot: "a" }
    }

    fn with_clock_off(seconds: i64) -> Self {
        Self { clock_off: seconds, ..Self::new() }
    }
}

impl World {
    fn new() -> Self {
        let brake = Brake { max_delete: 100, force: false, approved: None };
        Self { provider: MemoryProvider::new("example", 200), time: Mutex::new(0), runs: Mutex::new(0), brake }
    }

    fn with(change: impl FnOnce(&mut Capabilities)) -> Self {
        let Self { provider, time, runs, brake } = Self::new();
        Self { provider: provider.with(change), time, runs, brake }
    }

    fn pass(&self, seconds: u64) {
        *self.time.lock().unwrap() += seconds;
    }

    fn moment(&self, machine: &Machine) -> Moment {
        let time = *self.time.lock().unwrap();
        let now = Timestamp::from_second(START + i64::try_from(time).unwrap() + machine.clock_off).unwrap();
        Moment { now, boot: machine.boot.into(), running: Duration::from_secs(time) }
    }

    fn next_run(&self) -> RunId {
        let mut runs = self.runs.lock().unwrap();
        *runs += 1;
        RunId(*runs)
    }

    /// Lets a host register these addresses, and withdraw those.
    async fn beat(
        &self,
        host: &mut Machine,
        instance: &str,
        addresses: &[&str],
        gone: &[&str],
    ) -> Result<Registered, ReconcileError> {
        self.beat_at(&self.provider, host, instance, addresses, gone).await
    }

    async fn beat_at(
        &self,
        provider: &dyn DnsProvider,
        host: &mut Machine,
        instance: &str,
        addresses: &[&str],
        gone: &[&str],
    ) -> Result<Registered, ReconcileError> {
        let instance = InstanceId::parse(instance).unwrap();
        let wanted = addresses.iter().map(|address| (member(address), None)).collect();
        let withdrawn = gone.iter().map(|address| member(address)).collect();
        let registering = Registering {
            instance: &instance,
            wanted: &wanted,
            withdrawn: &withdrawn,
            keeps: None,
            aliases: &BTreeMap::new(),
            ttl: Ttl::Seconds(120),
            adopt: false,
            refresh: Refresh::All,
            brake: &self.brake,
        };
        let moment = self.moment(host);
        let clock = || moment.clone();
        register_zone(&mut host.repository, provider, registering, self.run(&clock)).await
    }

    async fn clean(&self, cleaner: &mut Machine) -> Result<Reconciled<LeaseDecision>, ReconcileError> {
        let moment = self.moment(cleaner);
        self.clean_by(cleaner, &|| moment.clone()).await
    }

    async fn clean_by(
        &self,
        cleaner: &mut Machine,
        clock: &(dyn Fn() -> Moment + Sync),
    ) -> Result<Reconciled<LeaseDecision>, ReconcileError> {
        let domains = BTreeSet::from([member("10.0.0.1").domain]);
        let ending = Ending {
            domains: &domains,
            whole: &BTreeSet::new(),
            threshold: THRESHOLD,
            interval: Some(Duration::from_secs(INTERVAL)),
            preserved: &Preserved::default(),
            keep_last_member: false,
            brake: &self.brake,
            journal_keep: Duration::from_secs(86_400),
        };
        let (repository, run) = (&mut cleaner.repository, self.run(clock));
        let seen = see_leases(repository, &self.provider, ending, run, true).await?;
        end_leases(repository, &self.provider, &seen, ending, run).await
    }

    /// Lets the cleaner look every five minutes, so many times, and returns how many records went.
    async fn clean_times(&self, cleaner: &mut Machine, times: usize) -> usize {
        let mut gone = 0;
        for _ in 0..times {
            self.pass(INTERVAL);
            gone += deleted(&self.clean(cleaner).await.unwrap());
        }
        gone
    }

    fn run<'a>(&self, clock: &'a (dyn Fn() -> Moment + Sync)) -> Run<'a> {
        const PATIENCE: Patience = Patience {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(2),
            total: Duration::from_millis(9),
        };
        Run { id: self.next_run(), patience: &PATIENCE, progress: &silent, clock, max_missing: 30 }
    }

    fn holds(&self, rtype: &RecordType) -> Vec<String> {
        let held = self.provider.held();
        held.iter().filter(|record| record.rtype() == *rtype).map(|record| record.key.data.to_string()).collect()
    }

    fn addresses(&self) -> Vec<String> {
        self.holds(&RecordType::A)
    }
}

/// A provider that several ask at the same moment: none of them before all have looked, and none looks again before all have asked.
struct Together<'a>(&'a MemoryProvider, Barrier);

impl<'a> Together<'a> {
    fn new(provider: &'a MemoryProvider, count: usize) -> Self {
        Self(provider, Barrier::new(count))
    }

    /// Returns the provider as one of them has it.
    fn one(&self) -> OneOf<'_> {
        OneOf { all: self, has_asked: AtomicBool::new(false) }
    }
}

struct OneOf<'a> {
    all: &'a Together<'a>,
    has_asked: AtomicBool,
}

#[async_trait]
impl DnsProvider for OneOf<'_> {
    fn id(&self) -> &ProviderId {
        self.all.0.id()
    }

    fn capabilities(&self) -> &Capabilities {
        self.all.0.capabilities()
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        self.all.0.list(scope).await
    }

    async fn apply(&self, work: &[Group], before: &RecordSet, attempt: Attempt) -> Vec<Answer> {
        if self.has_asked.swap(true, Ordering::Relaxed) {
            return self.all.0.apply(work, before, attempt).await;
        }
        self.all.1.wait().await;
        let answers = self.all.0.apply(work, before, attempt).await;
        self.all.1.wait().await;
        answers
    }

    async fn examine(&self) -> Result<Vec<String>, ProviderError> {
        self.all.0.examine().await
    }
}

fn member(address: &str) -> Member {
    Member { domain: Name::parse("all.example").unwrap(), address: address.parse().unwrap() }
}

fn deleted(done: &Reconciled<LeaseDecision>) -> usize {
    match &done.end {
        End::CarriedOut(done) => done.report.count(Fate::Gone),
        _ => 0,
    }
}

#[tokio::test]
async fn three_hosts_share_a_name_and_only_the_dead_one_goes() {
    let world = World::new();
    let (mut one, mut two, mut three, mut cleaner) = (Machine::new(), Machine::new(), Machine::new(), Machine::new());
    for round in 0..12 {
        for (host, name, address) in
            [(&mut one, "web-01", "10.0.0.1"), (&mut two, "web-02", "10.0.0.2"), (&mut three, "web-03", "10.0.0.3")]
        {
            if name != "web-02" || round < 3 {
                assert!(world.beat(host, name, &[address], &[]).await.unwrap().is_verified);
            }
        }
        world.clean(&mut cleaner).await.unwrap();
        world.pass(INTERVAL);
        let all = world.addresses().len();
        assert!(all == 3 || round >= 5, "round {round}: too early");
    }
    assert_eq!(world.addresses(), ["10.0.0.1", "10.0.0.3"]);
    assert_eq!(world.holds(&RecordType::Txt).len(), 2, "its heartbeat went too");
    assert!(world.beat(&mut two, "web-02", &["10.0.0.2"], &[]).await.unwrap().is_verified);
    assert_eq!(world.addresses().len(), 3, "it comes back and is there again");
}

#[tokio::test]
async fn hosts_behind_one_router_that_end_at_the_same_moment_leave_nothing_behind() {
    for conditions in [true, false] {
        let world = World::with(|can| can.conditions = conditions);
        let mut hosts: Vec<Machine> = (0..3).map(|_| Machine::new()).collect();
        world.provider.put("all.example", "10.0.0.9");
        for (host, name) in hosts.iter_mut().zip(["a", "b", "c"]) {
            assert!(world.beat(host, name, &["203.0.113.7"], &[]).await.unwrap().is_verified);
        }
        let (listings, changes) = world.provider.calls();
        let together = Together::new(&world.provider, 3);
        let [one, two, three] = &mut hosts[..] else { unreachable!() };
        let (providers, gone) = ([together.one(), together.one(), together.one()], &["203.0.113.7"][..]);
        let ended = tokio::join!(
            world.beat_at(&providers[0], one, "a", &[], gone),
            world.beat_at(&providers[1], two, "b", &[], gone),
            world.beat_at(&providers[2], three, "c", &[], gone),
        );
        for registered in [ended.0, ended.1, ended.2] {
            let registered = registered.unwrap();
            assert!(registered.outcomes.iter().all(|outcome| outcome.fate.is_settled()), "{registered:?}");
        }
        assert_eq!((world.addresses(), world.holds(&RecordType::Txt).len()), (vec!["10.0.0.9".to_owned()], 0));
        let (listed, changed) = world.provider.calls();
        assert!(listed - listings <= 15 && changed - changes <= 9, "{listed} {changed} {conditions}");
    }
}

#[tokio::test]
async fn hosts_of_one_name_that_end_at_the_same_moment_see_each_other_go() {
    for conditions in [true, false] {
        let world = World::with(|can| can.conditions = conditions);
        let (mut one, mut two) = (Machine::new(), Machine::new());
        world.provider.put("other.example", "10.0.0.9");
        for (host, name, address) in [(&mut one, "a", "10.0.0.1"), (&mut two, "b", "10.0.0.2")] {
            assert!(world.beat(host, name, &[address], &[]).await.unwrap().is_verified);
        }
        let (listings, changes) = world.provider.calls();
        let together = Together::new(&world.provider, 2);
        let providers = [together.one(), together.one()];
        let ended = tokio::join!(
            world.beat_at(&providers[0], &mut one, "a", &[], &["10.0.0.1"]),
            world.beat_at(&providers[1], &mut two, "b", &[], &["10.0.0.2"]),
        );
        for registered in [ended.0, ended.1] {
            let registered = registered.unwrap();
            assert!(registered.outcomes.iter().all(|outcome| outcome.fate.is_settled()), "{registered:?}");
        }
        assert_eq!(world.provider.held().len(), 1);
        let (listed, changed) = world.provider.calls();
        assert_eq!((listed - listings, changed - changes), (6, 2), "each looks once more");
    }
}

#[tokio::test]
async fn a_listing_that_is_cut_proves_nothing_beside_leases_either() {
    for fault in [Fault::HalfListing, Fault::EmptyListing] {
        let world = World::new();
        let (mut one, mut two) = (Machine::new(), Machine::new());
        for (host, name, address) in [(&mut one, "a", "10.0.0.1"), (&mut two, "b", "10.0.0.2")] {
            assert!(world.beat(host, name, &[address], &[]).await.unwrap().is_verified);
        }
        // The deletion is not made, and the first listing after it is cut.
        world.provider.faults.always(On::Change, Fault::LyingDelete);
        world.provider.faults.after(1, 1, On::Listing, fault);
        let registered = world.beat(&mut one, "a", &[], &["10.0.0.1"]).await.unwrap();
        assert!(registered.outcomes.iter().all(|outcome| outcome.fate == Fate::StillThere), "{registered:?}");
        assert_eq!(world.provider.held().len(), 4);
    }
}

#[tokio::test]
async fn one_host_alone_on_its_name_goes_too() {
    let world = World::new();
    let (mut host, mut cleaner) = (Machine::new(), Machine::new());
    world.beat(&mut host, "only", &["10.0.0.1"], &[]).await.unwrap();
    assert_eq!(world.clean_times(&mut cleaner, 5).await, 2);
    assert!(world.provider.held().is_empty());
}

#[tokio::test]
async fn a_refresh_that_is_settled_leaves_no_row_in_the_journal_and_everything_else_does() {
    let world = World::new();
    let mut host = Machine::new();
    world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
    let rows = |host: &Machine| host.repository.journal().recent(100).unwrap().len();
    assert_eq!(rows(&host), 2, "two records were made");
    for _ in 0..5 {
        world.pass(INTERVAL);
        assert!(world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap().is_verified);
    }
    assert_eq!(rows(&host), 2);
    // What could not be verified stays open, until a later look settles it.
    world.pass(INTERVAL);
    world.provider.faults.after(1, 99, On::Listing, Fault::ErrorBefore);
    let unseen = world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
    assert!(!unseen.is_verified && unseen.outcomes[0].fate == Fate::Unconfirmed, "{unseen:?}");
    world.provider.faults.clear();
    assert_eq!(rows(&host), 3);
    world.pass(1);
    assert!(world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap().is_verified);
    assert_eq!(rows(&host), 2);
}

#[tokio::test]
async fn a_refresh_that_was_refused_is_asked_for_again_and_not_taken_for_written() {
    let world = World::new();
    let mut host = Machine::new();
    world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
    world.pass(INTERVAL);
    let refused = || [Answer::Failed(ProviderError::new(Reaction::Refused, "write", "no"))];
    world.provider.answer_next(refused());
    let registered = world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
    assert!(registered.is_verified, "the second time it is written: {registered:?}");
    world.pass(INTERVAL);
    world.provider.answer_next(refused());
    world.provider.answer_next(refused());
    let registered = world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
    assert!(!registered.is_verified, "what is there is the last one: {registered:?}");
}

#[tokio::test]
async fn a_listing_that_fails_or_is_cut_short_ends_nothing() {
    let world = World::new();
    let (mut host, mut cleaner) = (Machine::new(), Machine::new());
    let all: Vec<String> = (1..=10).map(|host| format!("10.0.0.{host}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    world.beat(&mut host, "web-01", &all, &[]).await.unwrap();
    assert_eq!(world.clean_times(&mut cleaner, 2).await, 0);
    for fault in [Fault::ErrorBefore, Fault::CutJson, Fault::HalfListing] {
        for _ in 0..5 {
            world.pass(INTERVAL);
            world.beat(&mut host, "web-01", &all, &[]).await.unwrap();
            world.provider.faults.always(On::Listing, fault);
            let done = world.clean(&mut cleaner).await;
            world.provider.faults.clear();
            assert!(done.is_err() || deleted(done.as_ref().unwrap()) == 0, "{fault:?}");
            assert_eq!(world.addresses().len(), 10, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_host_that_cannot_see_all_says_that_it_lives_and_withdraws_nothing() {
    let world = World::new();
    let mut host = Machine::new();
    let all: Vec<String> = (1..=10).map(|host| format!("10.0.0.{host}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    world.beat(&mut host, "web-01", &all, &[]).await.unwrap();
    world.pass(INTERVAL);
    world.provider.faults.next(1, On::Listing, Fault::HalfListing);
    let registered = world.beat(&mut host, "web-01", &all[1..], &all[..1]).await.unwrap();
    assert!(registered.doubt.is_some());
    assert!(world.addresses().contains(&"10.0.0.1".to_owned()), "{:?}", world.addresses());
    let kept = host.repository.registrations(&InstanceId::parse("web-01").unwrap()).unwrap();
    assert_eq!(kept.values().flatten().count(), 10, "what was not withdrawn is not forgotten");
    assert!(world.beat(&mut host, "web-01", &all[1..], &all[..1]).await.unwrap().is_verified);
    assert_eq!(world.addresses().len(), 9);
}

#[tokio::test]
async fn a_cleaner_whose_clock_is_an_hour_off_ends_nothing_that_lives_and_everything_that_does_not() {
    for off in [3600, -3600] {
        let world = World::new();
        let (mut alive, mut dead, mut cleaner) = (Machine::new(), Machine::new(), Machine::with_clock_off(off));
        world.beat(&mut dead, "dead", &["10.0.0.2"], &[]).await.unwrap();
        for _ in 0..24 {
            world.beat(&mut alive, "alive", &["10.0.0.1"], &[]).await.unwrap();
            world.clean(&mut cleaner).await.unwrap();
            assert!(world.addresses().contains(&"10.0.0.1".to_owned()), "{off}");
            world.pass(INTERVAL);
        }
        assert_eq!(world.addresses(), ["10.0.0.1"], "{off}");
    }
}

#[tokio::test]
async fn a_host_whose_clock_is_slow_or_fast_lives() {
    for off in [-1200, -1_000_000_000, 1200, 7200] {
        let world = World::new();
        let (mut host, mut cleaner) = (Machine::with_clock_off(off), Machine::new());
        for _ in 0..30 {
            world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
            world.clean(&mut cleaner).await.unwrap();
            world.pass(INTERVAL);
        }
        assert_eq!(world.addresses(), ["10.0.0.1"], "{off}");
        world.clean_times(&mut cleaner, 24).await;
        assert_eq!(world.addresses().len(), 0, "and goes when it is dead: {off}");
    }
}

#[tokio::test]
async fn a_cleaner_that_was_down_for_a_day_ends_nothing_before_it_has_looked_again() {
    let world = World::new();
    let (mut host, mut cleaner) = (Machine::new(), Machine::new());
    world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
    world.clean(&mut cleaner).await.unwrap();
    // The provider was unreachable for everybody, for a whole day; the cleaner is back first.
    world.pass(86_400);
    assert_eq!(deleted(&world.clean(&mut cleaner).await.unwrap()), 0);
    world.pass(200);
    assert_eq!(deleted(&world.clean(&mut cleaner).await.unwrap()), 0);
    assert!(world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap().is_verified);
    assert_eq!(world.clean_times(&mut cleaner, 1).await, 0);
    cleaner.boot = "b";
    world.pass(86_400);
    assert_eq!(deleted(&world.clean(&mut cleaner).await.unwrap()), 0, "in another boot it is one interval");
    assert_eq!(world.addresses(), ["10.0.0.1"]);
}

#[tokio::test]
async fn a_zone_that_was_restored_from_an_old_backup_loses_nothing_that_lives() {
    let world = World::new();
    let (mut host, mut cleaner) = (Machine::new(), Machine::new());
    world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
    let backup = world.provider.held();
    for _ in 0..12 {
        world.pass(INTERVAL);
        world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
        world.clean(&mut cleaner).await.unwrap();
    }
    world.provider.held().iter().for_each(|record| world.provider.lose(record));
    backup.iter().for_each(|record| world.provider.hold(record.clone()));
    for _ in 0..6 {
        world.clean(&mut cleaner).await.unwrap();
        assert_eq!(world.addresses(), ["10.0.0.1"]);
        world.pass(INTERVAL);
        world.beat(&mut host, "web-01", &["10.0.0.1"], &[]).await.unwrap();
    }
}

#[tokio::test]
async fn two_cleaners_end_what_is_dead_once_and_nothing_else() {
    let world = World::new();
    let (mut alive, mut dead) = (Machine::new(), Machine::new());
    let (mut one, mut two) = (Machine::new(), Machine::new());
    world.beat(&mut dead, "dead", &["10.0.0.2"], &[]).await.unwrap();
    for _ in 0..8 {
        world.beat(&mut alive, "alive", &["10.0.0.1"], &[]).await.unwrap();
        let (first, second) = (world.clean(&mut one).await.unwrap(), world.clean(&mut two).await.unwrap());
        assert!(deleted(&first) == 0 || deleted(&second) == 0);
        world.pass(INTERVAL);
    }
    assert_eq!(world.addresses(), ["10.0.0.1"]);
}

#[tokio::test]
async fn an_address_that_is_written_while_the_cleaner_runs_stays() {
    let world = World::new();
    let (mut host, mut cleaner) = (Machine::new(), Machine::new());
    // The prior system wrote the address first, and its cleaner took one without a heartbeat at once.
    world.provider.put("all.example", "10.0.0.1");
    assert_eq!(deleted(&world.clean(&mut cleaner).await.unwrap()), 0);
    assert_eq!(world.clean_times(&mut cleaner, 12).await, 0, "nor an address that never had one");
    world.beat(&mut host, "web-01", &["10.0.0.2"], &[]).await.unwrap();
    assert_eq!(deleted(&world.clean(&mut cleaner).await.unwrap()), 0);
    assert_eq!(world.addresses().len(), 2);
}

#[tokio::test]
async fn a_malformed_heartbeat_keeps_its_address_for_four_thresholds_and_is_reported() {
    let world = World::new();
    let mut cleaner = Machine::new();
    world.provider.put("all.example", "10.0.0.1");
    let name = member("10.0.0.1").heartbeat_name().unwrap();
    world.provider.hold(Record::new(name, RecordData::parse(&RecordType::Txt, "soon,web-01").unwrap()));
    let mut reported = 0;
    for _ in 0..12 {
        let done = world.clean(&mut cleaner).await.unwrap();
        reported += done.decision.findings.iter().filter(|found| matches!(found.what, What::Malformed(..))).count();
        assert_eq!(deleted(&done), 0);
        world.pass(INTERVAL);
    }
    assert_eq!(reported, 12);
    assert_eq!(deleted(&world.clean(&mut cleaner).await.unwrap()), 2);
}

#[tokio::test]
async fn two_instances_at_one_address_and_ipv6_are_kept_and_ended_like_all_others() {
    let world = World::new();
    let (mut one, mut two, mut cleaner) = (Machine::new(), Machine::new(), Machine::new());
    for round in 0..10 {
        if round < 2 {
            world.beat(&mut one, "one", &["10.0.0.1", "2001:db8::1"], &[]).await.unwrap();
        }
        world.beat(&mut two, "two", &["10.0.0.1"], &[]).await.unwrap();
        world.clean(&mut cleaner).await.unwrap();
        world.pass(INTERVAL);
    }
    assert_eq!((world.addresses(), world.holds(&RecordType::Aaaa).len()), (vec!["10.0.0.1".to_owned()], 0));
    assert_eq!(world.holds(&RecordType::Txt).len(), 1, "{:?}", world.holds(&RecordType::Txt));
    world.clean_times(&mut cleaner, 6).await;
    assert!(world.provider.held().is_empty());
}

#[tokio::test]
async fn a_hundred_and_one_leases_of_which_one_is_dead_cost_one_listing_one_batch_and_one_more_listing() {
    let world = World::new();
    let (mut host, mut dead, mut cleaner) = (Machine::new(), Machine::new(), Machine::new());
    let all: Vec<String> = (1..=100).map(|host| format!("10.0.1.{host}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    world.beat(&mut dead, "dead", &["10.0.0.1"], &[]).await.unwrap();
    let mut calls = Vec::new();
    for _ in 0..6 {
        world.beat(&mut host, "web", &all, &[]).await.unwrap();
        let before = world.provider.calls();
        world.clean(&mut cleaner).await.unwrap();
        let after = world.provider.calls();
        calls.push((after.0 - before.0, after.1 - before.1));
        world.pass(INTERVAL);
    }
    assert_eq!(world.addresses().len(), 100);
    assert_eq!(calls.iter().filter(|calls| **calls == (2, 1)).count(), 1, "{calls:?}");
    assert!(calls.iter().all(|calls| matches!(calls, (1, 0) | (2, 1))), "{calls:?}");
}

#[tokio::test]
async fn a_deletion_that_begins_late_looks_at_its_names_once_more() {
    let world = World::new();
    let (mut back, mut dead, mut cleaner) = (Machine::new(), Machine::new(), Machine::new());
    world.beat(&mut back, "back", &["10.0.0.1"], &[]).await.unwrap();
    world.beat(&mut dead, "dead", &["10.0.0.2"], &[]).await.unwrap();
    world.clean_times(&mut cleaner, 3).await;
    world.pass(INTERVAL);
    // The listing takes a minute, and at its end one of the two is back.
    let moments = Mutex::new(0);
    let start = world.moment(&cleaner);
    let beat =
        world.provider.held().iter().find(|record| record.key.data.to_string().contains("back")).unwrap().clone();
    let clock = || {
        let mut moments = moments.lock().unwrap();
        *moments += 1;
        let later = Duration::from_secs(if *moments > 1 { 60 } else { 0 });
        if *moments == 2 {
            world.provider.lose(&beat);
            let fresh = format!("{},back", START + 2000);
            let data = RecordData::parse(&RecordType::Txt, &fresh).unwrap();
            world.provider.hold(Record::new(beat.name().clone(), data));
        }
        Moment {
            now: start.now + SignedDuration::try_from(later).unwrap(),
            boot: start.boot.clone(),
            running: start.running + later,
        }
    };
    let done = world.clean_by(&mut cleaner, &clock).await.unwrap();
    assert_eq!(world.addresses(), ["10.0.0.1"], "{done:?}");
    assert!(done.decision.plan.settled().iter().any(|outcome| outcome.fate == Fate::NotTried), "{done:?}");
}

#[tokio::test]
async fn what_was_registered_is_known_until_it_is_withdrawn() {
    let world = World::new();
    let mut host = Machine::new();
    let id = InstanceId::parse("WEB-01").unwrap();
    world.beat(&mut host, "web-01", &["10.0.0.1", "10.0.0.2"], &[]).await.unwrap();
    let known = host.repository.registrations(&id).unwrap();
    assert_eq!(known[world.provider.id()], BTreeSet::from([member("10.0.0.1"), member("10.0.0.2")]));
    world.beat(&mut host, "web-01", &["10.0.0.1"], &["10.0.0.2"]).await.unwrap();
    let known = host.repository.registrations(&id).unwrap();
    assert_eq!(known[world.provider.id()], BTreeSet::from([member("10.0.0.1")]));
    assert_eq!(world.addresses(), ["10.0.0.1"]);
}

#[tokio::test]
async fn the_brake_holds_withdrawals_and_not_the_heartbeats_beside_them() {
    let mut world = World::new();
    world.brake.max_delete = 30;
    let mut host = Machine::new();
    let old: Vec<String> = (1..=6).map(|host| format!("10.0.0.{host}")).collect();
    let old: Vec<&str> = old.iter().map(String::as_str).collect();
    world.beat(&mut host, "web-01", &old, &[]).await.unwrap();
    world.pass(INTERVAL);
    let registered = world.beat(&mut host, "web-01", &["10.0.1.1"], &old).await.unwrap();
    assert!(registered.held.as_ref().is_some_and(|held| held.deletions == 6), "{registered:?}");
    assert_eq!(world.addresses().len(), 7);
    world.brake.force = true;
    world.beat(&mut host, "web-01", &["10.0.1.1"], &old).await.unwrap();
    assert_eq!(world.addresses(), ["10.0.1.1"]);
}

#[tokio::test]
async fn leases_survive_in_a_database_on_disk_as_they_were_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dnsmgmt.db");
    let on_disk = || Machine { repository: DnsRepositoryManager::open(&path).unwrap(), ..Machine::new() };
    let world = World::new();
    let mut host = Machine::new();
    world.beat(&mut host, "web-01", &["10.0.0.1", "fd00::1"], &[]).await.unwrap();
    let mut gone = 0;
    for _ in 0..5 {
        gone += deleted(&world.clean(&mut on_disk()).await.unwrap());
        world.pass(INTERVAL);
    }
    assert_eq!((gone, world.provider.held().len()), (4, 0));
    world.clean(&mut on_disk()).await.unwrap();
    assert!(on_disk().repository.leases(world.provider.id()).unwrap().is_empty(), "nothing is left to remember");
}
