//! The plan of a million wanted records against a million that are there, one in a hundred different, beside a merge of plain tuples.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::record::{Record, RecordData, Ttl};
use dnsmgmt_core::record_set::Listing;
use dnsmgmt_core::source::{Place, Wanted};
use dnsmgmt_core::sync::{Decision, Evidence, sync};
use dnsmgmt_core::tracked::TrackedRecord;
use fixtures::memory::MemoryProvider;

const COUNT: u32 = 1_000_000;

fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan of 1,000,000 wanted against 1,000,000 actual");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    let (wanted, actual) = (tuples(true), tuples(false));
    group.bench_function("raw limit: a merge of sorted tuples", |bencher| {
        bencher.iter(|| assert_eq!(merge(black_box(&wanted), black_box(&actual)), (COUNT / 100) as usize));
    });
    drop((wanted, actual));
    let provider = MemoryProvider::new("example.com", 200);
    let listing = Listing { records: (0..COUNT).map(|index| record(index, false)).collect(), ..Listing::default() };
    eprintln!("peak memory with the listing: {}", peak_memory());
    for (title, tracked) in [("nothing is ours", Vec::new()), ("all is ours", tracked())] {
        let wanted = wanted_records();
        eprintln!("peak memory with what is wanted and tracked, where {title}: {}", peak_memory());
        let (listing, tracked) = (|| listing.clone(), &tracked);
        group.bench_function(title, |bencher| {
            bencher.iter_batched(
                listing,
                |listing| decide(&provider, &wanted, listing, tracked),
                BatchSize::PerIteration,
            );
        });
        eprintln!("peak memory with a copy of the listing and the plan, where {title}: {}", peak_memory());
    }
    group.finish();
}

fn decide(provider: &MemoryProvider, wanted: &[Wanted], listing: Listing, tracked: &[TrackedRecord]) -> Decision {
    let (preserved, judges) = (Preserved::default(), |_: &Origin| true);
    let evidence = Evidence {
        wanted,
        judges: &judges,
        tracked,
        preserved: &preserved,
        wildcard_dns: true,
        grace: Duration::from_secs(900),
        delete: true,
        comment: None,
    };
    let decision = sync(provider, listing, evidence);
    assert_eq!(decision.plan.steps().count(), (COUNT / 100) as usize);
    decision
}

fn text(index: u32) -> String {
    format!("host-{index:07}.internal.example.com")
}

/// One in a hundred is wanted with another value.
fn address(index: u32, is_wanted: bool) -> [u8; 4] {
    let [_, b, c, d] = index.to_be_bytes();
    [if is_wanted && index.is_multiple_of(100) { 11 } else { 10 }, b, c, d]
}

fn record(index: u32, is_wanted: bool) -> Record {
    let data = RecordData::A(address(index, is_wanted).into());
    let mut record = Record::new(Name::parse(&text(index)).expect("a name"), data);
    record.ttl = Some(Ttl::Seconds(300));
    record
}

fn wanted_records() -> Vec<Wanted> {
    let origin = Origin::of_source("file", "/etc/dnsmgmt/records.toml").piece("example.com");
    let wanted = |index| Wanted { origin: origin.clone(), place: Place::default(), record: record(index, true) };
    (0..COUNT).map(wanted).collect()
}

fn tracked() -> Vec<TrackedRecord> {
    let origin = Origin::of_source("file", "/etc/dnsmgmt/records.toml").piece("example.com");
    let tracked = |index| TrackedRecord {
        record: record(index, false),
        claim: Some(Claim::Created),
        orphaned: None,
        origins: [origin.clone()].into(),
        first_seen: None,
        tracked_at: None,
        updated_at: None,
    };
    (0..COUNT).map(tracked).collect()
}

type Tuple = (String, [u8; 4], u32);

fn tuples(is_wanted: bool) -> Vec<Tuple> {
    (0..COUNT).map(|index| (text(index), address(index, is_wanted), 300)).collect()
}

/// Counts what is wanted and not there.
fn merge(wanted: &[Tuple], actual: &[Tuple]) -> usize {
    let (mut missing, mut actual) = (0, actual.iter().peekable());
    for want in wanted {
        while actual.next_if(|there| there < &want).is_some() {}
        missing += usize::from(actual.peek() != Some(&want));
    }
    missing
}

/// Returns the most memory that this process has held, as Linux counts it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known here".into(), |line| line.trim().to_owned())
}

criterion_group!(benches, plan);
criterion_main!(benches);
