//! How fast 100,000 records are transferred from the real servers, checked, read and planned, beside `dig` and `kdig`, which only
//! print them; and what memory that takes.

use std::hint::black_box;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::provider::DnsProvider as _;
use dnsmgmt_core::record::{Record, RecordData};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::source::{Place, Wanted};
use dnsmgmt_core::sync::{Evidence, sync};
use dnsmgmt_providers::rfc2136::{Rfc2136, Rfc2136Config, TsigKey, ZoneListing};
use fixtures::primary::{ALGORITHM, KEY, Primary, SECRET, Software, Zone};
use tokio::runtime::Runtime;

const COUNT: u32 = 100_000;
const ZONE: &str = "example.test";

fn transfer(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let entries: String = (0..COUNT).map(|index| format!("{} A {}\n", label(index), address(index, false))).collect();
    let wanted: Vec<Wanted> = (0..COUNT).map(wanted).collect();
    for software in Software::installed() {
        let server = runtime.block_on(Primary::start(software, &[Zone::new(ZONE, &entries)]));
        let provider = connect(server.address());
        let list = || runtime.block_on(provider.list(&Scope::Zone)).expect("the zone is transferred");
        eprintln!("peak memory before {software:?}: {}", peak_memory());
        assert_eq!(list().records.len(), COUNT as usize + 2);
        eprintln!("peak memory after one listing from {software:?}: {}", peak_memory());
        let mut group = criterion.benchmark_group(format!("100,000 records from {software:?}"));
        group.throughput(Throughput::Elements(COUNT.into())).sample_size(10).measurement_time(Duration::from_secs(3));
        for program in ["dig", "kdig"] {
            if print(program, server.address()) {
                group.bench_function(program, |bencher| bencher.iter(|| print(program, server.address())));
            }
        }
        group.bench_function("listed", |bencher| bencher.iter(|| black_box(list())));
        group.bench_function("listed and planned", |bencher| bencher.iter(|| plan(&provider, &wanted, list())));
        group.finish();
        eprintln!("peak memory after the plans from {software:?}: {}", peak_memory());
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark tells its provider the time")]
fn connect(server: SocketAddr) -> Rfc2136 {
    let config = Rfc2136Config {
        name: "rfc2136".into(),
        server: server.to_string().parse().expect("an address and a port"),
        zone: Name::parse(ZONE).expect("a name"),
        key: TsigKey::new(KEY, ALGORITHM, &SECRET.into()).expect("a key"),
        listing: ZoneListing::Transfer,
    };
    Rfc2136::new(config, jiff::Timestamp::now)
}

fn plan(provider: &Rfc2136, wanted: &[Wanted], listing: Listing) {
    let (preserved, judges) = (Preserved::default(), |_: &Origin| true);
    let evidence = Evidence {
        wanted,
        judges: &judges,
        tracked: &[],
        preserved: &preserved,
        wildcard_dns: true,
        grace: Duration::from_secs(900),
        delete: true,
        comment: None,
    };
    assert_eq!(sync(provider, listing, evidence).plan.steps().count(), (COUNT / 100) as usize);
}

/// Has a program of the servers' own transfer the zone and print it to nobody. Returns whether there is such a program.
fn print(program: &str, server: SocketAddr) -> bool {
    let mut command = Command::new(program);
    command.arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]);
    command.args(["-y", &format!("{ALGORITHM}:{KEY}:{SECRET}"), "+tcp", ZONE, "AXFR"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn label(index: u32) -> String {
    format!("host-{index:06}.internal")
}

/// One in a hundred is wanted with another value.
fn address(index: u32, is_wanted: bool) -> String {
    let [_, b, c, d] = index.to_be_bytes();
    let first = if is_wanted && index.is_multiple_of(100) { 11 } else { 10 };
    format!("{first}.{b}.{c}.{d}")
}

fn wanted(index: u32) -> Wanted {
    let origin = Origin::of_source("file", "/etc/dnsmgmt/records.toml").piece(ZONE);
    let name = Name::parse(&format!("{}.{ZONE}", label(index))).expect("a name");
    let data = RecordData::infer(&address(index, true)).expect("an address");
    Wanted { origin, place: Place::default(), record: Record::new(name, data) }
}

/// Returns the most memory that this process has held, as Linux counts it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known here".into(), |line| line.trim().to_owned())
}

criterion_group!(benches, transfer);
criterion_main!(benches);
