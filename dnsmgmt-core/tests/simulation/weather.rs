//! What happens to all: networks that part, a provider that has a bad day, a person with the provider's console, an old updater.

use std::sync::Arc;
use std::time::Duration;

use dnsmgmt_core::heartbeat::Member;
use dnsmgmt_core::record::{Record, RecordData, RecordKey};
use fastrand::Rng;

use super::clock::right;
use super::reading::{Reading, read};
use super::world::{MINUTE, Who, World, between, name, next};
use super::zone::{Effect, Kind, record};

/// Lets networks part and the provider have bad days.
pub(crate) async fn weather(world: Arc<World>) {
    let mut chance = world.chance();
    let scenario = world.scenario;
    loop {
        let pause = next(&mut chance, scenario.longest / 2);
        tokio::time::sleep(pause).await;
        let now = world.now();
        let left = scenario.lasts.saturating_sub(now);
        let lasts = between(&mut chance, 2 * MINUTE, scenario.longest).min(left);
        if left.is_zero() {
            return;
        }
        match chance.u8(..10) {
            0..4 => bad_day(&world, &mut chance, lasts.min(scenario.longest / 4)).await,
            4..8 => {
                let share = chance.u8(1..60);
                for index in (0..scenario.hosts).filter(|_| chance.u8(..100) < share) {
                    world.state().cut_off(Who::Host(index), now + lasts);
                }
            }
            _ => {
                // Everybody, and the cleaners are back first.
                for index in 0..scenario.hosts {
                    let later = scenario.interval.mul_f64(1.5 * chance.f64());
                    world.state().cut_off(Who::Host(index), now + lasts + later);
                }
                for index in 0..2 {
                    world.state().cut_off(Who::Cleaner(index), now + lasts);
                }
            }
        }
    }
}

async fn bad_day(world: &Arc<World>, chance: &mut Rng, lasts: Duration) {
    world.state().faults = chance.u8(10..70);
    tokio::time::sleep(lasts).await;
    world.state().faults = 1;
}

/// Lets a person meddle with what is not his, through the provider's console.
pub(crate) async fn person(world: Arc<World>) {
    let mut chance = world.chance();
    loop {
        let pause = next(&mut chance, world.scenario.longest / 4);
        tokio::time::sleep(pause).await;
        if world.is_calm() {
            return;
        }
        let now = world.now();
        let mut state = world.state();
        let kind = world.scenario.kind;
        let ours: Vec<Record> =
            state.zone.all().filter(|record| !state.laws.is_foreign(&record.key)).cloned().collect();
        let heartbeats: Vec<&Record> = ours.iter().filter(|record| read(record).is_some()).collect();
        if heartbeats.is_empty() {
            continue;
        }
        let heartbeat = heartbeats[chance.usize(..heartbeats.len())];
        let any = &ours[chance.usize(..ours.len())];
        let effects: Vec<Effect> = match chance.u8(..4) {
            0 => {
                let scribbled = Record { key: scribble(kind, &heartbeat.key), ..heartbeat.clone() };
                if state.zone.holds(&scribbled.key) {
                    continue;
                }
                let taken = state.zone.take(&heartbeat.key, now);
                taken.into_iter().chain([state.zone.put(scribbled, now)]).collect()
            }
            1 => {
                // What an old backup held.
                let Some(older) = older(kind, heartbeat, &mut chance) else { continue };
                let taken = state.zone.take(&heartbeat.key, now);
                taken.into_iter().chain([state.zone.put(older, now)]).collect()
            }
            2 => state.zone.take(&any.key, now).into_iter().collect(),
            _ => {
                let stray = format!("10.250.{}.{}", chance.u8(..), chance.u8(1..));
                vec![state.zone.put(record("whole.example", "A", &stray), now)]
            }
        };
        let (zone, laws) = state.both();
        laws.changed(Who::Person, &effects, zone, now);
    }
}

fn scribble(kind: Kind, key: &RecordKey) -> RecordKey {
    let (rtype, value) = if kind.has_txt() { ("TXT", "to be tidied up") } else { ("CNAME", "nonsense.example") };
    record(key.name.as_str(), rtype, value).key
}

fn older(kind: Kind, heartbeat: &Record, chance: &mut Rng) -> Option<Record> {
    let Reading { time: Some(time), instance: Some(instance), .. } = read(heartbeat)? else { return None };
    let data = carried(kind, (time - chance.i64(60..100_000)).max(0), &instance);
    Some(Record { key: RecordKey { name: heartbeat.name().clone(), data }, ..heartbeat.clone() })
}

fn carried(kind: Kind, time: i64, instance: &str) -> RecordData {
    match kind.has_txt() {
        true => RecordData::Txt(format!("{time},{instance}").into_bytes().into()),
        false => RecordData::Cname(name(&format!("{time}.{instance}.heartbeat.invalid"))),
    }
}

/// Lets a host register as the prior system's updater does: the address first, and each heartbeat by a new record and the deletion of
/// the old one. It is alone at its name, because it deletes its neighbours.
pub(crate) async fn old_updater(world: Arc<World>) {
    let mut last: Option<RecordKey> = None;
    let address = record("old.example", "A", "10.99.0.1");
    world.state().laws.old(Member { domain: address.name().clone(), address: [10, 99, 0, 1].into() });
    let change = |effects: &[Effect]| {
        let mut state = world.state();
        let (zone, laws) = state.both();
        laws.changed(Who::Old, effects, zone, world.now());
    };
    loop {
        let now = world.now();
        if !world.state().zone.holds(&address.key) {
            let put = world.state().zone.put(address.clone(), now);
            change(&[put]);
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let now = world.now();
        let data = carried(world.scenario.kind, right(now).as_second(), "old");
        let heartbeat = Record::new(name("_heartbeat-10-99-0-1.old.example"), data);
        let put = world.state().zone.put(heartbeat.clone(), now);
        change(&[put]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Some(last) = last.replace(heartbeat.key) {
            let now = world.now();
            let taken = world.state().zone.take(&last, now);
            change(taken.as_slice());
        }
        tokio::time::sleep(world.scenario.interval).await;
    }
}
