//! How long `dns-cli --version` takes, from starting the process to its end, and how large the program is.

use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dns-cli");

fn start(criterion: &mut Criterion) {
    let size = std::fs::metadata(PROGRAM).map(|file| file.len()).unwrap_or_default();
    eprintln!("size of dns-cli: {size} octets");
    criterion.bench_function("dns-cli --version", |bencher| {
        bencher.iter(|| {
            let status = Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).status().expect("dns-cli starts");
            assert!(status.success());
        });
    });
}

criterion_group!(benches, start);
criterion_main!(benches);
