//! How fast names and records are read.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordType};

const COUNT: u64 = 10_000;

fn parse(criterion: &mut Criterion) {
    let names: Vec<String> = (0..COUNT).map(|index| format!("host-{index}.internal.example.com")).collect();
    let values: Vec<(RecordType, String)> = (0..COUNT).map(value).collect();
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(COUNT));
    group.bench_function("names", |bencher| {
        bencher.iter(|| names.iter().map(|name| Name::parse(black_box(name)).unwrap()).for_each(drop));
    });
    group.bench_function("values", |bencher| {
        bencher.iter(|| {
            values.iter().map(|(rtype, text)| RecordData::parse(rtype, black_box(text)).unwrap()).for_each(drop);
        });
    });
    group.finish();
}

fn value(index: u64) -> (RecordType, String) {
    match index % 5 {
        0 => (RecordType::A, format!("10.0.{}.{}", index / 256 % 256, index % 256)),
        1 => (RecordType::Aaaa, format!("fd00::{index:x}")),
        2 => (RecordType::Cname, format!("host-{index}.example.com")),
        3 => (RecordType::Txt, format!("\"1699564820,web-{index}\"")),
        _ => (RecordType::Srv, format!("0 5 5060 host-{index}.example.com")),
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
