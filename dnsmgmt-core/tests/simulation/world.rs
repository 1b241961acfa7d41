//! A provider, the machines around it, and the time that passes for all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::provider::RunId;
use fastrand::Rng;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::laws::Laws;
use super::zone::{Kind, Zone};

/// What is lived through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) kind: Kind,
    /// Whether the provider says what time it is.
    pub(crate) tells_time: bool,
    pub(crate) hosts: usize,
    /// How many hosts share a name.
    pub(crate) share: usize,
    /// Every so manieth host remembers with the real repository.
    pub(crate) every_real: usize,
    /// How long it goes on before it is calm.
    pub(crate) lasts: Duration,
    /// How long a lease lasts after a heartbeat.
    pub(crate) lease: Duration,
    /// How far apart the runs of a host are, and those of a cleaner.
    pub(crate) interval: Duration,
    /// The longest that anything goes wrong for.
    pub(crate) longest: Duration,
    /// How often something happens to a host, on average.
    pub(crate) mishap: Duration,
}

impl Scenario {
    /// Returns when it has been calm for so long that everything is as it should be.
    pub(crate) fn calm(&self) -> Duration {
        self.lasts + 5 * self.lease + 2 * self.interval
    }
}

/// Somebody who changes the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Who {
    Host(usize),
    /// A host that runs the prior system's updater.
    Old,
    Cleaner(usize),
    Person,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(index) => write!(f, "host-{index}"),
            Self::Old => f.write_str("old"),
            Self::Cleaner(index) => write!(f, "cleaner-{index}"),
            Self::Person => f.write_str("a person"),
        }
    }
}

/// A provider, and what goes on around it.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    start: Instant,
    runs: AtomicU64,
    state: Mutex<State>,
    /// By which each host can be called back before its time.
    calls: Vec<Notify>,
}

pub(crate) struct State {
    pub(crate) zone: Zone,
    pub(crate) laws: Laws,
    pub(crate) rng: Rng,
    /// Of a hundred calls, how many go wrong.
    pub(crate) faults: u8,
    /// Until when somebody does not reach the provider.
    pub(crate) cut_off: BTreeMap<Who, Duration>,
}

impl World {
    pub(crate) const PATIENCE: Patience = Patience {
        first: Duration::from_millis(500),
        longest: Duration::from_secs(30),
        total: Duration::from_secs(30),
    };

    pub(crate) fn new(scenario: Scenario, laws: Laws) -> Arc<Self> {
        let rng = Rng::with_seed(scenario.seed);
        let state = State { zone: Zone::new(scenario.kind), laws, rng, faults: 1, cut_off: BTreeMap::new() };
        let calls = (0..scenario.hosts).map(|_| Notify::new()).collect();
        Arc::new(Self { scenario, start: Instant::now(), runs: AtomicU64::new(1), state: Mutex::new(state), calls })
    }

    /// Returns the world's own time.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) async fn sleep_until(&self, moment: Duration) {
        tokio::time::sleep_until(self.start + moment).await;
    }

    /// Lets a host that is away be back at once, if it lives, and run.
    pub(crate) fn call(&self, host: usize) {
        self.state().cut_off.remove(&Who::Host(host));
        self.calls[host].notify_waiters();
    }

    /// Waits, or until that host is called.
    pub(crate) async fn wait(&self, host: usize, duration: Duration) {
        drop(tokio::time::timeout(duration, self.calls[host].notified()).await);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.now() >= self.scenario.lasts
    }

    pub(crate) fn reaches(&self, state: &State, who: Who) -> bool {
        self.is_calm() || state.cut_off.get(&who).is_none_or(|until| *until <= self.now())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_run(&self) -> RunId {
        RunId(self.scenario.seed.wrapping_mul(1_000_003) + self.runs.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns a source of chance of its own for each of them.
    pub(crate) fn chance(&self) -> Rng {
        self.state().rng.fork()
    }
}

impl State {
    /// Returns the zone, and the laws beside it.
    pub(crate) fn both(&mut self) -> (&Zone, &mut Laws) {
        (&self.zone, &mut self.laws)
    }

    pub(crate) fn cut_off(&mut self, who: Who, until: Duration) {
        let cut = self.cut_off.entry(who).or_default();
        *cut = until.max(*cut);
    }
}

/// Returns a duration between two, short ones as likely as long ones.
pub(crate) fn between(rng: &mut Rng, least: Duration, most: Duration) -> Duration {
    let (least, most) = (least.as_secs_f64(), most.as_secs_f64().max(least.as_secs_f64()));
    Duration::from_millis((1000.0 * least * (most / least).powf(rng.f64())) as u64)
}

/// Returns after how long something happens next that happens that often.
pub(crate) fn next(rng: &mut Rng, mean: Duration) -> Duration {
    Duration::from_millis((-1000.0 * mean.as_secs_f64() * (1.0 - rng.f64()).ln()) as u64)
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).expect("a name of the world")
}

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);
