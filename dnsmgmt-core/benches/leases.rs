//! The clean-up's decision over a million records: 500,000 addresses and their heartbeats, one in a hundred over. And what it costs to
//! remember them.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dnsmgmt_core::heartbeat::{Beat, Carrier, InstanceId, Member};
use dnsmgmt_core::lease::{Memory, Term, leases, memory};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Record, Ttl};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_core::stale::leases::{LeaseDecision, LeaseEvidence, expired};
use fixtures::memory::MemoryProvider;
use jiff::Timestamp;
use rusqlite::{Connection, params};

const COUNT: u32 = 500_000;
/// How many addresses a name has.
const SHARE: u32 = 100;
const THRESHOLD: Duration = Duration::from_secs(900);
const START: i64 = 1_700_000_000;

/// Everybody's heartbeat is of the first look, or by now all but one in a hundred were written anew.
#[derive(Clone, Copy, PartialEq)]
enum When {
    First,
    Now,
}

fn decision(criterion: &mut Criterion) {
    let provider = MemoryProvider::new("example.com", 200);
    let (first, now) = (listing(When::First), listing(When::Now));
    eprintln!("peak memory with two listings: {}", peak_memory());
    let known = look(&first, &Memory::new(), Duration::ZERO);
    drop(first);
    eprintln!("peak memory with what is remembered: {}", peak_memory());
    let mut group = criterion.benchmark_group("leases of 500,000 addresses, one in a hundred over");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    group.bench_function("found, remembered and decided", |bencher| {
        let input = || (now.clone(), known.clone());
        bencher.iter_batched(input, |(now, known)| decide(&provider, now, known), BatchSize::PerIteration);
    });
    eprintln!("peak memory with a copy of both, the leases and the plan: {}", peak_memory());
    let steady = look(&now, &known, THRESHOLD);
    group.bench_function("the same where nothing changed since", |bencher| {
        let input = || (now.clone(), steady.clone());
        bencher.iter_batched(input, |(now, known)| decide(&provider, now, known), BatchSize::PerIteration);
    });
    let (before, after) = (values(&known), values(&steady));
    group.bench_function("raw limit: a merge of sorted texts", |bencher| {
        bencher.iter(|| assert_eq!(merge(black_box(&before), black_box(&after)), (COUNT / 100) as usize));
    });
    group.finish();
}

fn remembering(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("leases.db");
    let known = look(&listing(When::First), &Memory::new(), Duration::ZERO);
    let changed = look(&listing(When::Now), &known, THRESHOLD);
    let mut repository = DnsRepositoryManager::open(&path).expect("a database");
    let mut remember = |before: &Memory, after: &Memory| {
        let start = Instant::now();
        repository.remember_leases(&zone(), before, after).expect("a memory");
        start.elapsed()
    };
    remember(&Memory::new(), &known);
    let mut group = criterion.benchmark_group("memory of 500,000 leases");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    let mut second = false;
    group.bench_function("written where all but one in a hundred changed", |bencher| {
        let mut turn = || {
            second = !second;
            if second { remember(&known, &changed) } else { remember(&changed, &known) }
        };
        bencher.iter_custom(|times| (0..times).map(|_| turn()).sum());
    });
    group.bench_function("written where none changed", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| remember(&known, &known)).sum());
    });
    let repository = DnsRepositoryManager::open(&path).expect("a database");
    group.bench_function("read", |bencher| {
        bencher.iter(|| assert_eq!(repository.leases(&zone()).expect("a memory").len(), COUNT as usize));
    });
    drop(repository);
    raw(&mut group, &path);
    group.finish();
}

/// What SQLite alone takes for the same rows.
fn raw(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>, path: &Path) {
    let connection = Connection::open(path).expect("a database");
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -65536").expect("settings");
    let sql = "SELECT name, address, type, heartbeat, observed_ms, was_kept, first_seen FROM dns_leases";
    let read = || {
        let mut statement = connection.prepare(sql).expect("a query");
        let row = |row: &rusqlite::Row<'_>| {
            let text = |column| row.get::<_, String>(column);
            Ok((text(0)?, text(1)?, text(2)?, text(3)?, row.get::<_, i64>(4)?, row.get::<_, i64>(5)?, text(6)?))
        };
        statement.query_map([], row).expect("rows").collect::<Result<Vec<_>, _>>().expect("rows")
    };
    let rows = read();
    group.bench_function("raw limit: the same rows read by SQLite alone", |bencher| {
        bencher.iter(|| assert_eq!(read().len(), COUNT as usize));
    });
    let insert = "INSERT INTO dns_leases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let ProviderId { name, zone } = zone();
    group.bench_function("raw limit: delete and insert of the same rows", |bencher| {
        bencher.iter(|| {
            let transaction = connection.unchecked_transaction().expect("a transaction");
            transaction.execute("DELETE FROM dns_leases", []).expect("a deletion");
            let mut statement = transaction.prepare(insert).expect("a statement");
            for (domain, address, rtype, value, observed, was_kept, first_seen) in &rows {
                let row = params![name, zone.as_str(), domain, address, rtype, value, observed, was_kept, first_seen];
                statement.execute(row).expect("an insertion");
            }
            drop(statement);
            transaction.commit().expect("a commit");
        });
    });
}

fn decide(provider: &MemoryProvider, now: Listing, known: Memory) -> LeaseDecision {
    let found = leases(&now, &|_| true, &|_| false, &known, THRESHOLD, term());
    let remembered = memory(&found, known, &|_| true, THRESHOLD);
    let evidence =
        LeaseEvidence { leases: &found, term: term(), preserved: &Preserved::default(), keep_last_member: false };
    let decision = expired(provider, Scope::Zone, now, evidence);
    assert_eq!((decision.plan.losses(), remembered.len()), ((COUNT / 100) as usize, COUNT as usize));
    decision
}

fn look(listing: &Listing, known: &Memory, observed: Duration) -> Memory {
    let found = leases(listing, &|_| true, &|_| false, known, observed, term());
    memory(&found, Memory::new(), &|_| true, observed)
}

fn term() -> Term {
    Term { threshold: THRESHOLD, now: at(1000) }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).expect("a time")
}

fn zone() -> ProviderId {
    ProviderId { name: "cloudflare".into(), zone: Name::parse("example.com").expect("a name") }
}

fn listing(when: When) -> Listing {
    Listing { records: (0..COUNT).flat_map(|index| records(index, when)).collect(), ..Listing::default() }
}

fn records(index: u32, when: When) -> [Record; 2] {
    let [_, b, c, d] = index.to_be_bytes();
    let domain = Name::parse(&format!("pool-{}.internal.example.com", index / SHARE)).expect("a name");
    let member = Member { domain, address: [10, b, c, d].into() };
    let seconds = if when == When::Now && !index.is_multiple_of(100) { 990 } else { 0 };
    let instance = InstanceId::parse(&format!("host-{index}")).expect("an instance");
    let name = member.heartbeat_name().expect("a short name");
    let beat = Record::new(name, Beat { time: at(seconds), instance }.carried_by(Carrier::Txt));
    let key = member.key();
    [beat, Record::new(key.name, key.data)].map(|record| Record { ttl: Some(Ttl::Seconds(120)), ..record })
}

/// Returns each address and its heartbeat as text.
fn values(memory: &Memory) -> Vec<(String, String)> {
    let text = |(member, seen): (&Member, &dnsmgmt_core::lease::Remembered)| {
        let value = seen.values.keys().next().map(ToString::to_string);
        (member.to_string(), value.unwrap_or_default())
    };
    memory.iter().map(text).collect()
}

/// Counts what is the same in both.
fn merge(before: &[(String, String)], after: &[(String, String)]) -> usize {
    before.iter().zip(after).filter(|(before, after)| before == after).count()
}

/// Returns the most memory that this process has held, as Linux counts it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known here".into(), |line| line.trim().to_owned())
}

criterion_group!(benches, decision, remembering);
criterion_main!(benches);
