//! What a `dns-heartbeat` that is not due costs: it runs every minute on every machine.
//!
//! Criterion knows neither the processor time of another process nor its memory, so this asks the kernel, which counts for all children
//! that ended (getrusage(2)). So each measurement is a process of its own. The peak of a child includes what its parent held when it was
//! started, so this program stays small.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dns-heartbeat");
const RUNS: usize = 200;
/// The first argument of a process that measures.
const MEASURE: &str = "measure";
const ZONE: &str = "$ORIGIN example.com.\n$TTL 300\n@ SOA ns root 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n";
const ADDRESS: &str = "203.0.113.7";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, what, folder, option] = &arguments[..]
        && first == MEASURE
    {
        return measure(what, Path::new(folder), option);
    }
    let service = service();
    // Whatever addresses this machine has, it registers them.
    let own = configured(
        "ranges = [{ network = \"0.0.0.0/0\", domain = \"own.example.com\" }, { network = \"::/0\", domain = \"own.example.com\" }]",
    );
    let public =
        configured(&format!("external = \"ext.example.com\"\npublic_ipv4 = [\"{service}/a\", \"{service}/b\"]"));
    eprintln!("the median of {RUNS} runs, and the most memory of all");
    for (what, folder, option) in [
        ("dns-heartbeat --version", &own, "--version"),
        ("addresses of interfaces, not due", &own, ""),
        ("dns-heartbeat --health", &own, "--health"),
        ("public address of two services, not due", &public, ""),
    ] {
        let mut this = Command::new(std::env::current_exe().expect("a program knows where it is"));
        let status = this.args([MEASURE, what]).arg(folder.path()).arg(option).status().expect("it starts");
        assert!(status.success(), "{what}");
    }
}

/// Returns a folder with a configuration, in which the addresses are registered.
fn configured(heartbeat: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[providers.lab]\nkind = \"zonefile\"\nzones = [{{ name = \"example.com\", path = \"lab.zone\" }}]\n\
         [heartbeat]\ninterval = \"1m\"\n{heartbeat}\n"
    );
    std::fs::write(folder.path().join("lab.zone"), ZONE).expect("a zone file");
    std::fs::write(folder.path().join("dnsmgmt.toml"), config).expect("a configuration");
    run(folder.path(), "");
    folder
}

fn run(folder: &Path, option: &str) {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("DNSMGMT_DB", folder.join("dnsmgmt.db")).env("INSTANCE_ID", "web-01");
    command.arg("--config").arg(folder.join("dnsmgmt.toml")).args(Some(option).filter(|option| !option.is_empty()));
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("dns-heartbeat starts");
    assert!(status.success(), "{option}: {status}; is there no interface but loopback?");
}

fn measure(what: &str, folder: &Path, option: &str) {
    let (mut processor, mut wall) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (before, start) = (used(), Instant::now());
        run(folder, option);
        wall.push(start.elapsed());
        processor.push(time(&used()) - time(&before));
    }
    let memory = used().max_rss() as f64 * 1024.0;
    let [processor, wall] = [processor, wall].map(|times| format!("{:.1} ms", median(times).as_secs_f64() * 1e3));
    eprintln!("{what}: {processor} of a processor, {wall} from start to end, {:.1} MB", memory / 1e6);
}

/// Returns what the children that ended have used.
fn used() -> Usage {
    getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts")
}

fn time(usage: &Usage) -> Duration {
    let microseconds = [usage.user_time(), usage.system_time()].map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Duration::from_micros(microseconds.iter().sum::<i64>().cast_unsigned())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Starts a service that says which address it is asked from, and returns where it is.
fn service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    let address = listener.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let asked = stream.read(&mut [0; 4096]);
            let length = ADDRESS.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{ADDRESS}");
            drop(asked.and_then(|_| stream.write_all(answer.as_bytes())));
        }
    });
    format!("http://{address}")
}
