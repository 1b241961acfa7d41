//! How fast a listing of 100,000 Cloudflare records is decoded, in pages of 5,000, and what memory that takes.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnsmgmt_core::record_set::RecordSet;
use dnsmgmt_providers::cloudflare::read_page;

const PAGES: usize = 20;
const PAGE: usize = 5_000;

fn decode(criterion: &mut Criterion) {
    let pages: Vec<String> = (0..PAGES).map(page).collect();
    eprintln!("peak memory with the pages' text alone: {}", peak_memory());
    assert_eq!(read_all(&pages).len(), PAGES * PAGE);
    eprintln!("peak memory after one listing: {}", peak_memory());
    let mut group = criterion.benchmark_group("cloudflare");
    group.throughput(Throughput::Elements((PAGES * PAGE) as u64)).sample_size(10);
    group.bench_function("listing of 100,000 records", |bencher| bencher.iter(|| read_all(black_box(&pages))));
    group.finish();
}

fn read_all(pages: &[String]) -> RecordSet {
    pages.iter().flat_map(|page| read_page(page.clone()).expect("a page").records).collect()
}

/// A page as the API answers it.
fn page(number: usize) -> String {
    let mut text = String::from(r#"{"success":true,"errors":[],"messages":[],"result":["#);
    for index in number * PAGE..(number + 1) * PAGE {
        let comma = if index % PAGE == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"id":"{index:032x}","name":"host-{index}.internal.example.com","type":"A","content":"10.{}.{}.{}","proxiable":false,"proxied":false,"ttl":300,"settings":{{}},"meta":{{}},"comment":null,"tags":[],"created_on":"2026-01-01T05:20:00.12345Z","modified_on":"2026-01-01T05:20:00.12345Z"}}"#,
            index >> 16,
            index >> 8 & 255,
            index & 255
        )
        .expect("a string can be written to");
    }
    write!(
        text,
        r#"],"result_info":{{"page":{},"per_page":{PAGE},"count":{PAGE},"total_count":{},"total_pages":{PAGES}}}}}"#,
        number + 1,
        PAGES * PAGE
    )
    .expect("a string can be written to");
    text
}

/// Returns the most memory that this process has held, as Linux counts it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known here".into(), |line| line.trim().to_owned())
}

criterion_group!(benches, decode);
criterion_main!(benches);
