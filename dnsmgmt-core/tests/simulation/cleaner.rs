//! A cleaner: what `dns-cleanup heartbeats` does from a timer, and what happens to it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dnsmgmt_core::brake::{Approved, Brake};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::plan::PlanId;
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::reconcile::{End, Ending, ReconcileError, Run, end_leases, see_leases};
use dnsmgmt_core::repository::DnsRepositoryManager;
use fastrand::Rng;

use super::access::Access;
use super::clock::Clock;
use super::laws::Ended;
use super::world::{DAY, HOUR, MINUTE, Who, World, between, next};

/// A machine that ends leases.
pub(crate) struct Cleaner {
    index: usize,
    world: Arc<World>,
    access: Access,
    chance: Rng,
    clock: Arc<Mutex<Clock>>,
    repository: DnsRepositoryManager,
    /// How far apart its runs are, and whether it is told.
    period: Duration,
    interval: Option<Duration>,
    domains: Arc<BTreeSet<Name>>,
    whole: BTreeSet<Name>,
    /// A plan that is held, and when a person comes by who approves it.
    held: Option<(PlanId, Duration)>,
}

/// What happens to a cleaner.
enum Mishap {
    /// It is down for a while, and comes back in another boot.
    Crash,
    /// It starts again and again.
    BootLoop,
    /// It loses its database.
    Loss,
    /// It is not run for a while.
    Pause,
    Sleep,
    SetClock(i64),
    CutOff,
}

impl Cleaner {
    pub(crate) fn new(
        world: &Arc<World>,
        index: usize,
        clock: Arc<Mutex<Clock>>,
        period: Duration,
        is_told: bool,
        domains: &Arc<BTreeSet<Name>>,
        whole: Name,
    ) -> Self {
        Self {
            index,
            world: world.clone(),
            access: Access::new(world, Who::Cleaner(index)),
            chance: world.chance(),
            clock,
            repository: DnsRepositoryManager::in_memory().expect("a database in memory"),
            period,
            interval: is_told.then_some(period),
            domains: domains.clone(),
            whole: BTreeSet::from([whole]),
            held: None,
        }
    }

    /// Cleans up until the world ends.
    pub(crate) async fn live(mut self) {
        loop {
            let mishap = self.world.now() + next(&mut self.chance, self.world.scenario.longest / 2);
            while self.world.now() < mishap || self.world.is_calm() {
                self.maybe_killed().await;
                let earlier = self.period.mul_f64(self.chance.f64() / 20.0);
                tokio::time::sleep(self.period - earlier).await;
            }
            self.suffer().await;
        }
    }

    async fn maybe_killed(&mut self) {
        if self.chance.u8(..100) > 2 || self.world.is_calm() {
            return self.run().await;
        }
        let after = Duration::from_millis(self.chance.u64(1..1500));
        if tokio::time::timeout(after, self.run()).await.is_err() {
            self.ends(Ended::Killed, 0.0);
        }
    }

    /// Does what the program does in one run.
    pub(crate) async fn run(&mut self) {
        let (world, who) = (self.world.clone(), Who::Cleaner(self.index));
        if world.is_calm() {
            self.clock().set_off(0, world.now());
        }
        let brake = self.brake();
        let ending = Ending {
            domains: &self.domains.clone(),
            whole: &self.whole.clone(),
            threshold: world.scenario.lease,
            interval: self.interval,
            preserved: &Preserved::default(),
            keep_last_member: false,
            brake: &brake,
            journal_keep: DAY,
        };
        let clock = self.clock.clone();
        let clock = || clock.lock().unwrap_or_else(PoisonError::into_inner).moment(world.now());
        let run =
            Run { id: world.next_run(), patience: &World::PATIENCE, progress: &silent, clock: &clock, max_missing: 30 };
        world.state().laws.begins(who, world.now());
        let off = self.clock().off(world.now());
        let ended = match self.clean(ending, run).await {
            Ok(end) => match end {
                End::CarriedOut(done) => {
                    done.written.expect("a database");
                    self.held = None;
                    if brake.approved.is_some() { Ended::Approved } else { Ended::Well }
                }
                End::Held(held) => {
                    self.is_held(held.id);
                    Ended::Held
                }
                End::Previewed(_) => unreachable!("it was not a preview"),
            },
            Err(ReconcileError::Listing { .. }) => Ended::Blind,
            Err(ReconcileError::Clock { .. }) => Ended::OffClock,
            Err(ReconcileError::Doubt(_)) => Ended::Doubting,
            Err(error) => panic!("{error}"),
        };
        self.ends(ended, off);
    }

    async fn clean(&mut self, ending: Ending<'_>, run: Run<'_>) -> Result<End, ReconcileError> {
        let seen = see_leases(&mut self.repository, &self.access, ending, run, true).await?;
        Ok(end_leases(&mut self.repository, &self.access, &seen, ending, run).await?.end)
    }

    /// Tells the laws how a run ended, at whose beginning the clock was that far off.
    fn ends(&self, ended: Ended, off: f64) {
        let now = self.world.now();
        let off = off.abs().max(self.clock().off(now).abs());
        let mut state = self.world.state();
        let (zone, laws) = state.both();
        laws.cleaner_ends(self.index, ended, off, zone, now);
    }

    fn is_held(&mut self, id: PlanId) {
        let comes_by = between(&mut self.chance, MINUTE, self.world.scenario.longest / 4);
        if self.held.is_none() {
            self.held = Some((id, self.world.now() + comes_by));
        } else if let Some((_, when)) = self.held {
            self.held = Some((id, when));
        }
    }

    /// Returns the brake, which a person lifts for the plan that was held when he came by.
    fn brake(&self) -> Brake {
        let is_here = |(_, when): &(PlanId, Duration)| self.world.now() >= *when || self.world.is_calm();
        let approved = self.held.filter(is_here).map(|(id, _)| Approved {
            id,
            deletions: self.repository.held(id).expect("a database").unwrap_or_default(),
        });
        Brake { max_delete: 30, force: false, approved }
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn choose(&mut self) -> Mishap {
        match self.chance.u8(..100) {
            0..15 => Mishap::Crash,
            15..25 => Mishap::BootLoop,
            25..30 => Mishap::Loss,
            30..50 => Mishap::Pause,
            50..60 => Mishap::Sleep,
            60..65 => Mishap::SetClock(self.chance.i64(-20_000..20_000)),
            65..70 => Mishap::SetClock(if self.chance.bool() { -1_600_000_000 } else { 300_000_000 }),
            70..85 => Mishap::SetClock(self.chance.i64(-50..50)),
            _ => Mishap::CutOff,
        }
    }

    async fn suffer(&mut self) {
        let lasts = between(&mut self.chance, 2 * MINUTE, self.world.scenario.longest);
        let left = self.world.scenario.lasts.saturating_sub(self.world.now());
        let (lasts, now) = (lasts.min(left), self.world.now());
        match self.choose() {
            Mishap::Crash => {
                tokio::time::sleep(lasts).await;
                self.clock().reboot(self.world.now());
            }
            Mishap::BootLoop => {
                for _ in 0..self.chance.u8(2..8) {
                    let up = self.chance.u64(20..120);
                    tokio::time::sleep(Duration::from_secs(up)).await;
                    self.clock().reboot(self.world.now());
                    tokio::time::sleep(Duration::from_secs(self.chance.u64(10..60))).await;
                    self.maybe_killed().await;
                }
            }
            Mishap::Loss => {
                self.repository = DnsRepositoryManager::in_memory().expect("a database in memory");
                self.held = None;
                self.world.state().laws.cleaners[self.index].forget();
            }
            Mishap::Pause => tokio::time::sleep(lasts).await,
            Mishap::Sleep => {
                self.clock().sleep(lasts);
                tokio::time::sleep(lasts).await;
            }
            Mishap::SetClock(off) => {
                self.clock().set_off(off, now);
                // Somebody notices.
                let (world, clock) = (self.world.clone(), self.clock.clone());
                let noticed = now + between(&mut self.chance, 10 * MINUTE, 12 * HOUR).min(left);
                tokio::task::spawn_local(async move {
                    world.sleep_until(noticed).await;
                    clock.lock().unwrap_or_else(PoisonError::into_inner).set_off(0, world.now());
                });
            }
            Mishap::CutOff => self.world.state().cut_off(Who::Cleaner(self.index), now + lasts),
        }
    }
}
