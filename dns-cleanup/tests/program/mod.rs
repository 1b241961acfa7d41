//! `dns-cleanup` as it was built, with a memory of its own and a zone at the fake Cloudflare.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Record, RecordData, RecordKey};
use dnsmgmt_core::repository::{DnsRepositoryManager, MARKING_JOB, Tracking};
use dnsmgmt_core::tracked::{OrphanReason, TrackedRecord};
use fixtures::cloudflare::FakeCloudflare;
use fixtures::program::program;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Returns a command that knows nothing of whoever runs the tests. Its database is in `folder`.
pub(crate) fn dns_cleanup(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dns-cleanup"));
    command.env_clear().env("DNSMGMT_DB", folder.join("dnsmgmt.db")).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Returns a command of `dns-cli` that knows nothing of whoever runs the tests. Its database is in `folder`.
pub(crate) fn dns_cli(folder: &Path) -> Command {
    let mut command = Command::new(program("dns-cli"));
    command.env_clear().env("DNSMGMT_DB", folder.join("dnsmgmt.db")).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Sends a signal to a running program.
pub(crate) fn tell(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits until something is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..30_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come so far");
}

/// What a run said, and its exit status.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: i32,
}

pub(crate) async fn end(child: Child) -> Said {
    let output = child.wait_with_output().await.unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Said { out: text(output.stdout), err: text(output.stderr), status: output.status.code().unwrap_or(-1) }
}

/// A zone at Cloudflare and a memory of it.
pub(crate) struct Place {
    pub(crate) fake: FakeCloudflare,
    pub(crate) zone: String,
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("example.com");
        fake.put(&zone, "foreign.example.com", "A", "192.0.2.1");
        let folder = TempDir::new().unwrap();
        let config = format!(
            "grace = \"1h\"\n[providers.cloud]\nkind = \"cloudflare\"\ntoken = \"{}\"\nurl = \"{}\"\n\
             zones = [{{ name = \"example.com\", id = \"{zone}\" }}]\n",
            fake.token,
            fake.url(),
        );
        let file = folder.path().join("dnsmgmt.toml");
        fs::write(&file, config).unwrap();
        // It holds a secret.
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        Self { fake, zone, folder }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn repository(&self) -> DnsRepositoryManager {
        DnsRepositoryManager::open(&self.file("dnsmgmt.db")).unwrap()
    }

    pub(crate) fn id(&self) -> ProviderId {
        ProviderId { name: "cloud".into(), zone: Name::parse("example.com").unwrap() }
    }

    /// Adds lines to the configuration: before its tables, and behind them.
    pub(crate) fn configure(&self, before: &str, behind: &str) {
        let file = self.file("dnsmgmt.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{before}\n{text}\n{behind}\n")).unwrap();
    }

    /// Puts records there that are ours, and that this file wants.
    pub(crate) fn ours(&self, names: &[&str], file: &str) {
        self.wanted_by(names, &Origin::of_source("file", file));
    }

    /// Puts records there that are ours, each wanted by the container of its name.
    pub(crate) fn of_containers(&self, names: &[&str], daemon: &str) {
        let daemon = Origin::of_source("docker", daemon);
        names.iter().for_each(|name| self.wanted_by(&[name], &daemon.piece(name)));
    }

    /// Puts records there that are ours.
    pub(crate) fn wanted_by(&self, names: &[&str], origin: &Origin) {
        let mut repository = self.repository();
        let endpoint = self.fake.url();
        repository.check_endpoint(&self.id(), &endpoint, moment().now).unwrap();
        for name in names {
            let name = format!("{name}.example.com");
            if self.fake.records(&self.zone).iter().all(|held| held.name != name) {
                self.fake.put(&self.zone, &name, "A", "10.0.0.1");
            }
            let origins = [origin.clone()].into();
            let tracking = Tracking { claim: Some(Claim::Created), origins, ..Tracking::default() };
            repository.track_record(&self.id(), &record(&name), &tracking, moment().now).unwrap();
        }
    }

    /// Marks records as a synchronisation does which looks now.
    pub(crate) fn mark(&self, names: &[&str], reason: OrphanReason) {
        let mut repository = self.repository();
        repository.look(&self.id(), MARKING_JOB, &moment(), None, true).unwrap();
        for name in names {
            let key: RecordKey = record(&format!("{name}.example.com")).key;
            repository.mark_record_orphaned(&self.id(), &key, reason, moment().now).unwrap();
        }
    }

    /// Lets so much time pass in which nobody looks at the sources.
    pub(crate) fn let_pass(&self, time: Duration) {
        let now = moment();
        let later = Moment { running: now.running + time, ..now };
        self.repository().look_beside(&self.id(), "orphans", &later, None, true).unwrap();
    }

    /// Records of ours that nobody wants any more.
    pub(crate) fn unwanted(&self, names: &[&str]) {
        self.ours(names, "/etc/lab.toml");
        self.mark(names, OrphanReason::Unwanted);
    }

    pub(crate) fn start(&self, line: &str) -> Child {
        let mut command = dns_cleanup(self.folder.path());
        command.arg("--config").arg(self.file("dnsmgmt.toml")).args(line.split(' ').filter(|word| !word.is_empty()));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir(self.folder.path());
        command.spawn().expect("dns-cleanup starts")
    }

    pub(crate) async fn says(&self, line: &str) -> Said {
        end(self.start(line)).await
    }

    pub(crate) async fn json(&self, line: &str) -> (Value, i32) {
        let said = self.says(&format!("{line} --output json")).await;
        (serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{line}: {said:?}")), said.status)
    }

    /// Returns what the zone holds, without the domain.
    pub(crate) fn held(&self) -> Vec<String> {
        let records = self.fake.records(&self.zone).into_iter();
        let mut names: Vec<String> = records.map(|record| record.name.replace(".example.com", "")).collect();
        names.sort();
        names
    }

    /// Returns what is ours.
    pub(crate) fn claimed(&self) -> Vec<TrackedRecord> {
        self.repository().get_managed_records(&self.id(), Duration::ZERO).unwrap()
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.fake.server.calls()
    }
}

pub(crate) fn record(name: &str) -> Record {
    Record::new(Name::parse(name).unwrap(), RecordData::infer("10.0.0.1").unwrap())
}

/// The moment that it is, by the clocks that the program reads.
pub(crate) fn moment() -> Moment {
    dnsmgmt_program::clock::Clock::of_this_boot().moment()
}
