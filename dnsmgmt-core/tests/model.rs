//! A reference model beside the real thing: whatever happens in whatever order, what is remembered, reported and held is what the
//! model says.

#![cfg(feature = "repository")]

mod model {
    pub(crate) mod claims;
    pub(crate) mod history;
    pub(crate) mod world;
}

use std::cell::Cell;

use model::history::{Event, history};
use model::world::World;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// How many events a history has at most; half as many on average.
const LONGEST: usize = 500;

/// Lives through that many histories, of at least so many events in all, and checks everything after each of them.
fn live_through(seed: u64, histories: u32, least: usize, start: impl Fn() -> World) {
    let rng_seed = RngSeed::Fixed(seed);
    let max_shrink_iters = 1_500;
    let config =
        Config { cases: histories, rng_seed, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let steps = Cell::new(0);
    let outcome = TestRunner::new(config).run(&history(LONGEST), |history: Vec<Event>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = start();
            for event in &history {
                world.live(event).await;
                steps.set(steps.get() + 1);
            }
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(steps.get() >= least, "only {} events were lived through", steps.get());
}

#[test]
fn nothing_in_a_first_quarter_of_random_histories_surprises_the_model() {
    live_through(1, 112, 25_000, World::in_memory);
}

#[test]
fn nothing_in_a_second_quarter_of_random_histories_surprises_the_model() {
    live_through(2, 112, 25_000, World::in_memory);
}

#[test]
fn nothing_in_a_third_quarter_of_random_histories_surprises_the_model() {
    live_through(3, 112, 25_000, World::in_memory);
}

#[test]
fn nothing_in_a_last_quarter_of_random_histories_surprises_the_model() {
    live_through(4, 112, 25_000, World::in_memory);
}

#[test]
fn a_memory_on_disk_survives_every_restart() {
    live_through(5, 6, 1_000, World::on_disk);
}
