//! The database with a million records, beside what SQLite alone takes for the same rows.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Record, RecordData, Ttl};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::repository::{DnsRepositoryManager, Tracking};
use jiff::Timestamp;
use rusqlite::{Connection, params};

const COUNT: u32 = 1_000_000;
const INSERT: &str =
    "INSERT INTO dns_records (provider, zone, name, type, content, ttl, proxied, enabled, comment, record_id,
     other_ids, fingerprint, updated_at, last_refreshed, generation)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14)";

fn repository(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    replacing(criterion, &folder.path().join("cache.db"));
    opening(criterion, &folder.path().join("tracked.db"));
}

fn replacing(criterion: &mut Criterion, path: &Path) {
    let (same, other) = (listing(0), listing(1));
    let mut repository = DnsRepositoryManager::open(path).expect("a database");
    let mut replace = |listing: &Listing| {
        let start = Instant::now();
        repository.refresh(&provider(), &Scope::Zone, listing, now()).expect("a refresh");
        start.elapsed()
    };
    replace(&same);
    let mut group = criterion.benchmark_group("cache of 1,000,000 records");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    group.bench_function("replaced by the same", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| replace(&same)).sum());
    });
    let mut second = false;
    group.bench_function("replaced by others", |bencher| {
        bencher.iter_custom(|times| {
            let mut turn = || {
                second = !second;
                replace(if second { &other } else { &same })
            };
            (0..times).map(|_| turn()).sum()
        });
    });
    drop(repository);
    let raw = Raw::of(path);
    group.bench_function("raw limit: delete and insert of the same rows", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| raw.replace()).sum());
    });
    group.finish();
}

fn opening(criterion: &mut Criterion, path: &Path) {
    let mut repository = DnsRepositoryManager::open(path).expect("a database");
    repository.synchronize(&provider(), &listing(0), now()).expect("a synchronisation");
    let mine = record(COUNT / 2, 0);
    let tracking = Tracking {
        claim: Some(Claim::Created),
        origins: [Origin::of_source("file", "records.toml")].into(),
        ..Tracking::default()
    };
    repository.track_record(&provider(), &mine, &tracking, now()).expect("a record tracked");
    drop(repository);
    let mut group = criterion.benchmark_group("database of 1,000,000 tracked records");
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    group.bench_function("opened", |bencher| {
        bencher.iter(|| DnsRepositoryManager::open(black_box(path)).expect("a database"));
    });
    group.bench_function("opened, and the records of a name read", |bencher| {
        bencher.iter(|| {
            let repository = DnsRepositoryManager::open(path).expect("a database");
            let found = repository.managed_records().get_tracked_records_at(&provider(), mine.name(), Duration::ZERO);
            assert_eq!(found.expect("an answer").len(), 1);
        });
    });
    group.bench_function("raw limit: the same row by SQLite alone", |bencher| {
        let sql = "SELECT content FROM dns_tracked_records WHERE provider = ?1 AND zone = ?2 AND name = ?3";
        bencher.iter(|| {
            let connection = Connection::open(path).expect("a database");
            let params = params!["cloudflare", "example.com", mine.name().as_str()];
            connection.query_row(sql, params, |row| row.get::<_, String>(0)).expect("a row")
        });
    });
    group.finish();
}

fn provider() -> ProviderId {
    ProviderId { name: "cloudflare".into(), zone: name("example.com") }
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn record(index: u32, generation: u8) -> Record {
    let [_, b, c, d] = index.to_be_bytes();
    let data = RecordData::A([10 + generation, b, c, d].into());
    let mut record = Record::new(name(&format!("host-{index}.internal.example.com")), data);
    (record.ttl, record.proxied) = (Some(Ttl::Seconds(300)), Some(false));
    record.handles.push(dnsmgmt_core::record::Handle(format!("{index:032x}").into()));
    record
}

fn listing(generation: u8) -> Listing {
    Listing { records: (0..COUNT).map(|index| record(index, generation)).collect(), ..Listing::default() }
}

/// The rows of the cache as they were bound, and a connection set up as ours.
struct Raw {
    connection: Connection,
    rows: Vec<[rusqlite::types::Value; 14]>,
}

impl Raw {
    fn of(path: &Path) -> Self {
        let connection = Connection::open(path).expect("a database");
        connection
            .execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; PRAGMA journal_mode = WAL")
            .expect("WAL");
        let columns =
            "provider, zone, name, type, content, ttl, proxied, enabled, comment, record_id, other_ids, fingerprint,
                       updated_at, generation";
        let rows = {
            let mut statement =
                connection.prepare(&format!("SELECT {columns} FROM dns_records ORDER BY id")).expect("a query");
            let rows = statement.query_map([], |row| {
                let mut values = [const { rusqlite::types::Value::Null }; 14];
                for (index, value) in values.iter_mut().enumerate() {
                    *value = row.get(index)?;
                }
                Ok(values)
            });
            rows.expect("rows").map(|row| row.expect("a row")).collect()
        };
        Self { connection, rows }
    }

    fn replace(&self) -> Duration {
        let start = Instant::now();
        let transaction = self.connection.unchecked_transaction().expect("a transaction");
        transaction
            .execute("DELETE FROM dns_records WHERE provider = 'cloudflare' AND zone = 'example.com'", [])
            .expect("a deletion");
        let mut statement = transaction.prepare(INSERT).expect("a statement");
        for row in &self.rows {
            statement.execute(rusqlite::params_from_iter(row)).expect("an insertion");
        }
        drop(statement);
        transaction.commit().expect("a commit");
        start.elapsed()
    }
}

criterion_group!(benches, repository);
criterion_main!(benches);
