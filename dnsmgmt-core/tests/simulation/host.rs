//! A host: what `dns-heartbeat` does on it from a timer, and what happens to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dnsmgmt_core::brake::Brake;
use dnsmgmt_core::heartbeat::{InstanceId, Member};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::reconcile::{Registering, Run};
use dnsmgmt_core::record::Ttl;
use dnsmgmt_core::register::{Due, Last, Refresh, due};
use fastrand::Rng;

use super::access::Access;
use super::clock::Clock;
use super::memory::Memory;
use super::world::{DAY, HOUR, MINUTE, Who, World, between, name, next};

/// A machine that registers its addresses.
pub(crate) struct Host {
    index: usize,
    instance: InstanceId,
    world: Arc<World>,
    access: Access,
    chance: Rng,
    clock: Arc<Mutex<Clock>>,
    memory: Memory,
    /// Whether its memory ends with its process, as in a container without volumes.
    is_volatile: bool,
    /// Whether it is told how far apart its runs are.
    knows_interval: bool,
    has: BTreeMap<Member, Option<bool>>,
    /// Until when it cannot find out its IPv4 addresses.
    blind: Duration,
    /// Changes whenever something else is wanted.
    wish: u32,
    readdressed: u32,
}

/// What happens to a host.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// It is gone for good.
    Death,
    /// It is down for a while, and comes back in another boot.
    Crash { forgets: bool, in_1970: bool },
    /// It has another address.
    Readdress,
    /// It sleeps.
    Sleep,
    /// Its wall clock is set wrong, or right.
    SetClock(i64),
    /// It does not reach the provider.
    CutOff,
    /// It cannot find out its addresses.
    Blindness,
    /// It ends, says so, and comes back later.
    Farewell,
}

impl Host {
    pub(crate) fn new(world: &Arc<World>, index: usize) -> Self {
        let mut chance = world.chance();
        let scenario = world.scenario;
        // One in four is not set right by anybody.
        let fast = if chance.u8(..4) == 0 { chance.i64(-50..50) } else { 0 };
        let clock = Clock::new(format!("host-{index}"), fast, world.now());
        let is_volatile = index % 7 == 3;
        let instance = InstanceId::parse(&format!("Host-{index}.lab")).expect("an instance");
        let mut host = Self {
            index,
            instance,
            world: world.clone(),
            access: Access::new(world, Who::Host(index)),
            chance,
            clock: Arc::new(Mutex::new(clock)),
            memory: if index.is_multiple_of(scenario.every_real) { Memory::real() } else { Memory::light() },
            is_volatile,
            knows_interval: !index.is_multiple_of(3),
            has: BTreeMap::new(),
            blind: Duration::ZERO,
            wish: 0,
            readdressed: 0,
        };
        host.has = host.addresses().into_iter().map(|member| (member, None)).collect();
        world.state().laws.hosts[index].instance = host.instance.as_str().to_lowercase();
        host.stands(false);
        host
    }

    /// Returns what it has: its own address at a name that others share, and perhaps IPv6, and one that others have too.
    fn addresses(&self) -> Vec<Member> {
        let (index, moved) = (self.index, self.readdressed);
        let member = |domain: String, address: String| Member {
            domain: name(&format!("{domain}.example")),
            address: address.parse().expect("an address"),
        };
        let shared = format!("d{}", index / self.world.scenario.share);
        let (high, low) = (index / 200, index % 200 + 1);
        let mut members = vec![member(shared.clone(), format!("10.{}.{high}.{low}", moved % 200))];
        if index % 8 == 0 {
            members.push(member(shared, format!("2001:db8:{moved:x}::{index:x}")));
        }
        if index % 8 == 1 {
            let router = index / 24 + moved as usize;
            members.push(member(format!("out{}", router / 4 % 10), format!("203.0.113.{}", router % 250 + 1)));
        }
        members
    }

    /// Tells the laws what it has, or that it is down.
    fn stands(&self, is_up: bool) {
        let mut state = self.world.state();
        let standing = &mut state.laws.hosts[self.index];
        standing.had.extend(self.has.keys().cloned());
        standing.has = if is_up { self.has.keys().cloned().collect() } else { BTreeSet::new() };
    }

    /// Lives until the world ends, or it dies.
    pub(crate) async fn live(mut self) {
        let scenario = self.world.scenario;
        let late = if self.chance.u8(..5) == 0 { scenario.lasts / 2 } else { scenario.interval };
        let late = between(&mut self.chance, Duration::from_secs(1), late);
        self.pause(late).await;
        self.stands(true);
        loop {
            let mishap = self.world.now() + next(&mut self.chance, scenario.mishap);
            self.run_until(mishap).await;
            let mishap = self.choose();
            if !self.suffer(mishap).await {
                return;
            }
            self.stands(true);
        }
    }

    /// Runs from a timer until something happens, or for ever once it is calm.
    async fn run_until(&mut self, mishap: Duration) {
        loop {
            let is_killed = self.chance.u8(..100) == 0 && !self.world.is_calm();
            if is_killed {
                let after = Duration::from_millis(self.chance.u64(1..1500));
                drop(tokio::time::timeout(after, self.run()).await);
                if self.is_volatile {
                    self.memory = Memory::light();
                }
            } else {
                self.run().await;
            }
            let interval = self.world.scenario.interval;
            let earlier = interval.mul_f64(self.chance.f64() / 20.0);
            if self.world.now() + interval >= mishap && !self.world.is_calm() {
                self.world.sleep_until(mishap.max(self.world.now())).await;
                if !self.world.is_calm() {
                    return;
                }
            }
            self.pause(interval - earlier).await;
        }
    }

    /// Waits, or until it is called back.
    async fn pause(&self, duration: Duration) {
        self.world.wait(self.index, duration).await;
    }

    fn moment(&self) -> Moment {
        let now = self.world.now();
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        if self.world.is_calm() {
            clock.set_off(0, now);
        }
        clock.moment(now)
    }

    fn wants(&self, registered: &BTreeSet<Member>) -> BTreeMap<Member, Option<bool>> {
        if !self.is_blind() {
            return self.has.clone();
        }
        let known = self.has.keys().filter(|member| !member.address.is_ipv4());
        let kept = registered.iter().filter(|member| member.address.is_ipv4());
        known.chain(kept).map(|member| (member.clone(), None)).collect()
    }

    fn is_blind(&self) -> bool {
        self.blind > self.world.now() && !self.world.is_calm()
    }

    /// Does what the program does in one run.
    pub(crate) async fn run(&mut self) {
        let moment = self.moment();
        let scenario = self.world.scenario;
        let gap = self.memory.look(&self.instance, &moment);
        let interval = self.knows_interval.then_some(scenario.interval).or(gap);
        let registered = self.memory.registered(&self.instance);
        let wanted = self.wants(&registered);
        let withdrawn = registered.into_iter().filter(|member| !wanted.contains_key(member)).collect();
        let mark = format!("{} {}", self.wish, self.is_blind());
        let is_due = |last: Option<&Last>| due(last, &mark, &moment, interval, scenario.lease);
        if BTreeSet::is_empty(&withdrawn) && is_due(self.memory.last(&self.instance).as_ref()) == Due::No {
            return;
        }
        let is_verified = self.register(&wanted, &withdrawn, interval).await;
        let Moment { now, boot, running } = moment;
        self.memory
            .set_last(&self.instance, Some(Last { wanted: mark, is_verified, is_well: true, now, boot, running }));
    }

    async fn register(
        &mut self,
        wanted: &BTreeMap<Member, Option<bool>>,
        withdrawn: &BTreeSet<Member>,
        interval: Option<Duration>,
    ) -> bool {
        let (world, who) = (self.world.clone(), Who::Host(self.index));
        let lease = world.scenario.lease;
        let keeps = |member: &Member| member.address.is_ipv4();
        let must_look = self.is_volatile && self.is_blind();
        let registering = Registering {
            instance: &self.instance,
            wanted,
            withdrawn,
            keeps: must_look.then_some(&keeps),
            aliases: &BTreeMap::new(),
            ttl: Ttl::Seconds(120),
            adopt: false,
            refresh: if self.is_volatile { Refresh::IfLate { lease, interval } } else { Refresh::All },
            brake: &Brake { max_delete: 30, force: false, approved: None },
        };
        let clock = self.clock.clone();
        let clock = || clock.lock().unwrap_or_else(PoisonError::into_inner).moment(world.now());
        let run =
            Run { id: world.next_run(), patience: &World::PATIENCE, progress: &silent, clock: &clock, max_missing: 30 };
        world.state().laws.begins(who, world.now());
        let kept = self.memory.register(&self.access, registering, run).await;
        let mut state = world.state();
        let now = world.now();
        let (zone, laws) = state.both();
        let is_verified = kept.as_ref().is_some_and(|kept| kept.is_verified);
        let leased = kept.map(|kept| kept.leased).unwrap_or_default();
        laws.host_ends(self.index, &leased, !self.is_volatile, is_verified, zone, now);
        is_verified
    }

    fn choose(&mut self) -> Mishap {
        match self.chance.u8(..100) {
            0..4 => Mishap::Death,
            4..30 => Mishap::Crash { forgets: self.chance.u8(..4) == 0, in_1970: self.chance.u8(..4) == 0 },
            30..45 => Mishap::Readdress,
            45..55 => Mishap::Sleep,
            55..62 => Mishap::SetClock(self.chance.i64(-20_000..20_000)),
            62..66 => Mishap::SetClock(self.chance.i64(-300..300)),
            66..70 => Mishap::SetClock(if self.chance.bool() { -1_600_000_000 } else { 300_000_000 }),
            70..76 => Mishap::SetClock(0),
            76..90 => Mishap::CutOff,
            90..95 => Mishap::Blindness,
            _ => Mishap::Farewell,
        }
    }

    /// Returns whether it still lives.
    async fn suffer(&mut self, mishap: Mishap) -> bool {
        let lasts = between(&mut self.chance, 2 * MINUTE, self.world.scenario.longest);
        let now = self.world.now();
        let clock = || self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        match mishap {
            Mishap::Death => {
                self.stands(false);
                return false;
            }
            Mishap::Crash { forgets, in_1970 } => {
                self.stands(false);
                self.pause(lasts).await;
                let now = self.world.now();
                let start = Duration::from_millis(self.chance.u64(10_000..200_000));
                let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
                clock.reboot(now);
                if in_1970 {
                    clock.forget_the_time(start, now);
                }
                drop(clock);
                if forgets || self.is_volatile {
                    self.memory = if matches!(self.memory, Memory::Real(_)) { Memory::real() } else { Memory::light() };
                }
            }
            Mishap::Readdress => {
                self.readdressed += 1;
                self.wish += 1;
                self.has = self.addresses().into_iter().map(|member| (member, None)).collect();
            }
            Mishap::Sleep => {
                self.stands(false);
                clock().sleep(lasts);
                self.pause(lasts).await;
            }
            Mishap::SetClock(off) => clock().set_off(off, now),
            Mishap::CutOff => self.world.state().cut_off(Who::Host(self.index), now + lasts),
            Mishap::Blindness => self.blind = now + lasts.min(DAY),
            Mishap::Farewell => {
                self.stands(false);
                self.take_leave().await;
                let away = between(&mut self.chance, MINUTE, 12 * HOUR);
                self.pause(away).await;
            }
        }
        // Who would come back when it is calm stays away.
        let was_away = matches!(mishap, Mishap::Crash { .. } | Mishap::Sleep | Mishap::Farewell);
        !(was_away && self.world.is_calm())
    }

    async fn take_leave(&mut self) {
        let registered = self.memory.registered(&self.instance);
        let withdrawn = registered.into_iter().chain(self.has.keys().cloned()).collect();
        self.register(&BTreeMap::new(), &withdrawn, None).await;
        self.memory.set_last(&self.instance, None);
        if self.is_volatile {
            self.memory = Memory::light();
        }
    }
}
