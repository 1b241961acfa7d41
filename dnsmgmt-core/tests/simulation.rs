//! A month of a thousand hosts, and a day of a few, in virtual time: hosts that crash, move, sleep and lose their memory, networks that
//! part, clocks that are wrong, a provider that fails and lies, and two cleaners that live no better.
//!
//! What is true here: the decisions, `observe` and `apply`, and for both cleaners and for one host in some the repository and the whole
//! path through `reconcile`. All of them meet in one zone, each call on its own way at its own time, and others act in between.
//!
//! What is simplified: the other hosts remember in a model of the repository (`memory`), because SQLite for each would take most of the
//! time. The provider (`zone`) is a map with the habits of four kinds of API, not their protocols. The programs are their calls to the
//! library (`host`, `cleaner`), without arguments and files; a kill lets a future fall wherever it waits, so a database in memory is
//! between two transactions then, as one on disk would be. The thousand hosts have leases of one and a half days in place of minutes, and
//! everything around them in proportion; those with leases of a quarter of an hour are few.
//!
//! Who decides is a model beside the code (`laws`, `observer`), which reads heartbeats with code of its own (`reading`) and knows what
//! truly happened. It checks with each change and at the end of each run:
//!
//! - No address goes whose heartbeat reached the provider within the threshold. Where the provider has no conditions one may go whose
//!   heartbeat came between look and call; it is counted, and is there again when its host next says that all is well.
//! - A cleaner ends nothing that it has not itself seen unchanged for a threshold of its running time; and after a run in which nothing went
//!   wrong nothing is left that it has seen so. As it looks once in an interval, what is dead is gone within threshold and two intervals.
//! - Nobody touches what is foreign, and a host nothing but its own; a heartbeat is there before its address.
//! - What is said to be so is so: a host that says that its heartbeat was written, a cleaner that doubts or stops.
//! - When it has been calm for some leases, everybody who lives has all of theirs, nothing else is left, and nothing but refreshes happens.
//!
//! `SIMULATION_SEED=7`, or `1-20`, lives through other worlds than the usual ones.

#![cfg(feature = "repository")]

mod simulation {
    pub(crate) mod access;
    pub(crate) mod cleaner;
    pub(crate) mod clock;
    pub(crate) mod host;
    pub(crate) mod laws;
    pub(crate) mod memory;
    pub(crate) mod observer;
    pub(crate) mod reading;
    pub(crate) mod weather;
    pub(crate) mod world;
    pub(crate) mod zone;
}

use std::collections::BTreeSet;
use std::io::{Write, stderr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dnsmgmt_core::name::Name;
use simulation::cleaner::Cleaner;
use simulation::clock::Clock;
use simulation::host::Host;
use simulation::laws::Laws;
use simulation::observer::Observer;
use simulation::weather::{old_updater, person, weather};
use simulation::world::{DAY, HOUR, MINUTE, Scenario, State, World, name};
use simulation::zone::{Kind, record};
use tokio::task::{LocalSet, spawn_local};

const WHOLE: &str = "whole.example";

/// Lives through a scenario, and returns what happened.
fn live_through(scenario: Scenario) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, live(scenario))
}

async fn live(scenario: Scenario) -> String {
    let world = World::new(scenario, Laws::new(scenario, name(WHOLE)));
    stand(&world);
    for index in 0..scenario.hosts {
        spawn_local(Host::new(&world, index).live());
    }
    let domains = domains(&scenario);
    for index in 0..2 {
        // The second one looks half as often, and nobody tells it how often.
        let (period, is_told) = if index == 0 { (scenario.interval, true) } else { (2 * scenario.interval, false) };
        let clock = Arc::new(Mutex::new(Clock::new(format!("cleaner-{index}"), 20, world.now())));
        let observer =
            Observer::new(scenario.lease, is_told.then_some(period), domains.clone(), name(WHOLE), clock.clone());
        world.state().laws.cleaners.push(observer);
        spawn_local(Cleaner::new(&world, index, clock, period, is_told, &domains, name(WHOLE)).live());
    }
    spawn_local(weather(world.clone()));
    spawn_local(person(world.clone()));
    spawn_local(old_updater(world.clone()));
    pass(&world, scenario.calm()).await;
    let left = is_as_it_should_be(&world);
    world.state().laws.rest();
    pass(&world, scenario.calm() + scenario.lease).await;
    assert_eq!(left, is_as_it_should_be(&world), "{scenario:?}");
    let state = world.state();
    format!("{}; left because nobody knows whose they were: {left}", state.laws.tally)
}

/// Returns the names whose addresses are leased.
fn domains(scenario: &Scenario) -> Arc<BTreeSet<Name>> {
    let shared = (0..=scenario.hosts / scenario.share).map(|index| format!("d{index}.example"));
    let routers = (0..10).map(|index| format!("out{index}.example"));
    let others = ["old.example", WHOLE].map(str::to_owned);
    Arc::new(shared.chain(routers).chain(others).map(|text| name(&text)).collect())
}

/// Lets time pass, and stops when a law is broken.
async fn pass(world: &World, end: Duration) {
    while world.now() < end {
        tokio::time::sleep(10 * MINUTE).await;
        check(world);
    }
}

fn check(world: &World) {
    if let Some(broken) = world.state().laws.broken() {
        let scenario = world.scenario;
        panic!("SIMULATION_SEED={} shows it again: {scenario:?}\n{broken}", scenario.seed);
    }
}

/// Returns how many addresses are left of which no cleaner knows that they had a heartbeat.
fn is_as_it_should_be(world: &World) -> usize {
    let now = world.now();
    let mut state = world.state();
    let State { zone, laws, .. } = &mut *state;
    let left = laws.is_as_it_should_be(zone, now);
    drop(state);
    check(world);
    left
}

/// Puts there what is somebody else's.
fn stand(world: &Arc<World>) {
    let scenario = world.scenario;
    let mut foreign = vec![
        record("www.example", "CNAME", "d0.example"),
        record("d0.example", "A", "192.0.2.1"),
        record("d0.example", "A", "10.0.0.3"),
        record("out0.example", "A", "192.0.2.2"),
        record("elsewhere.example", "A", "192.0.2.3"),
    ];
    if scenario.kind.has_txt() {
        foreign.extend([
            record("d0.example", "TXT", "v=spf1 -all"),
            record("d0.example", "MX", "10 mail.elsewhere.example"),
            record("_heartbeat-192-0-2-3.elsewhere.example", "TXT", "1,elsewhere"),
        ]);
    }
    for record in foreign {
        let mut state = world.state();
        state.laws.foreign(record.key.clone());
        state.zone.put(record, Duration::ZERO);
    }
}

/// A few hosts, for whom a day is many leases.
fn a_day(kind: Kind, seed: u64) -> Scenario {
    Scenario {
        seed,
        kind,
        tells_time: seed.is_multiple_of(3),
        hosts: 25,
        share: 8,
        every_real: 5,
        lasts: DAY,
        lease: 15 * MINUTE,
        interval: 5 * MINUTE,
        longest: 8 * HOUR,
        mishap: 4 * HOUR,
    }
}

/// A thousand hosts.
fn a_month(kind: Kind, seed: u64) -> Scenario {
    Scenario {
        seed,
        kind,
        tells_time: seed.is_multiple_of(2),
        hosts: 1000,
        share: 4,
        every_real: 40,
        lasts: 30 * DAY,
        lease: 36 * HOUR,
        interval: 57 * HOUR / 4,
        longest: 2 * DAY,
        mishap: 5 * DAY,
    }
}

/// Lives through a scenario with the usual seed, or with those that are asked for, and says what was counted.
fn hold_laws(scenario: fn(Kind, u64) -> Scenario, kind: Kind, usual: u64) {
    for seed in seeds(usual) {
        let scenario = scenario(kind, seed);
        let counted = live_through(scenario);
        let days = scenario.lasts.as_secs() / DAY.as_secs();
        // Not `eprintln!`, which a test that passes keeps to itself.
        writeln!(stderr(), "hosts: {}, days: {days}, {kind:?}, seed {seed}: {counted}", scenario.hosts)
            .expect("standard error can be written to");
    }
}

fn seeds(usual: u64) -> RangeInclusive<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test is told its seed")]
    let Ok(asked) = std::env::var("SIMULATION_SEED") else { return usual..=usual };
    let (first, last) = asked.split_once('-').unwrap_or((&asked, &asked));
    let seed = |text: &str| text.parse().expect("SIMULATION_SEED is a number, or two with a hyphen between");
    seed(first)..=seed(last)
}

#[test]
fn no_law_is_broken_in_a_month_of_a_thousand_hosts_where_the_provider_has_conditions() {
    hold_laws(a_month, Kind::Update, 1);
}

#[test]
fn no_law_is_broken_in_a_month_of_a_thousand_hosts_where_the_provider_has_none() {
    hold_laws(a_month, Kind::Ids, 2);
}

#[test]
fn no_law_is_broken_in_a_day_of_short_leases_where_the_provider_has_conditions() {
    hold_laws(a_day, Kind::Update, 3);
}

#[test]
fn no_law_is_broken_in_a_day_of_short_leases_where_only_names_are_listed() {
    hold_laws(a_day, Kind::UpdateByName, 4);
}

#[test]
fn no_law_is_broken_in_a_day_of_short_leases_where_the_provider_has_no_conditions() {
    hold_laws(a_day, Kind::Ids, 5);
}

#[test]
fn no_law_is_broken_in_a_day_of_short_leases_where_cnames_carry_heartbeats() {
    hold_laws(a_day, Kind::Entries, 6);
}
