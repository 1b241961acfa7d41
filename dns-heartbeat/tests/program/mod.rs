//! `dns-heartbeat` as it was built, with a memory of its own, a zone at the fake Cloudflare, and somebody who says which public address it
//! has.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use dnsmgmt_core::repository::DnsRepositoryManager;
use fixtures::address_service::AddressService;
use fixtures::cloudflare::FakeCloudflare;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

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

/// Sends a signal to a running program.
pub(crate) fn tell(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits until something is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come so far");
}

/// A zone at Cloudflare.
pub(crate) struct Zone {
    pub(crate) fake: FakeCloudflare,
    pub(crate) id: String,
}

impl Zone {
    pub(crate) async fn new() -> Self {
        let fake = FakeCloudflare::start().await;
        let id = fake.add_zone("example.com");
        fake.put(&id, "foreign.example.com", "A", "192.0.2.1");
        Self { fake, id }
    }

    /// Returns what the zone holds, as lines; of heartbeats only whose they are.
    pub(crate) fn held(&self) -> Vec<String> {
        let records = self.fake.records(&self.id).into_iter().map(|record| {
            let name = record.name.replace(".example.com", "");
            match name.strip_prefix("_heartbeat-") {
                Some(of) => format!("{of} {}", record.content.trim_matches('"').split(',').nth(1).unwrap_or_default()),
                None => format!("{name} {} {}", record.rtype, record.content),
            }
        });
        let mut lines: Vec<String> = records.collect();
        lines.sort();
        lines
    }

    /// Returns the calls since the last time.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.fake.server.calls();
        self.fake.server.forget_calls();
        calls
    }
}

/// Waits until a heartbeat that is written now is another one than the last: whole seconds are written.
pub(crate) async fn next_second() {
    tokio::time::sleep(Duration::from_millis(1100)).await;
}

/// A machine.
pub(crate) struct Host {
    pub(crate) folder: TempDir,
    pub(crate) service: AddressService,
    pub(crate) instance: String,
    /// Variables beside those of every machine here.
    pub(crate) variables: Vec<(String, String)>,
    has_database: bool,
}

impl Host {
    /// Returns one that registers its public address at `all.example.com`.
    pub(crate) async fn new(zone: &Zone, instance: &str, address: &str) -> Self {
        let service = AddressService::start(address).await;
        let host = Self {
            folder: TempDir::new().unwrap(),
            instance: instance.into(),
            variables: Vec::new(),
            has_database: true,
            service,
        };
        host.move_to("cloud", zone);
        host
    }

    /// Lets it register in this zone from now on, at a provider of that name.
    pub(crate) fn move_to(&self, provider: &str, zone: &Zone) {
        self.configure(&format!(
            "[providers.{provider}]\nkind = \"cloudflare\"\ntoken = \"{}\"\nurl = \"{}\"\n\
             zones = [{{ name = \"example.com\", id = \"{}\" }}]\n",
            zone.fake.token,
            zone.fake.url(),
            zone.id
        ));
    }

    /// Writes the configuration anew, with these providers.
    pub(crate) fn configure(&self, providers: &str) {
        let config = format!(
            "{providers}[heartbeat]\npublic_ipv4 = [\"{}\"]\nexternal = \"all.example.com\"\n",
            self.service.url()
        );
        let file = self.file("dnsmgmt.toml");
        fs::write(&file, config).unwrap();
        // It holds a secret.
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn without_a_database(self) -> Self {
        Self { has_database: false, ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn repository(&self) -> DnsRepositoryManager {
        DnsRepositoryManager::open(&self.file("dnsmgmt.db")).unwrap()
    }

    pub(crate) fn start(&self, line: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dns-heartbeat"));
        command.env_clear().env("INSTANCE_ID", &self.instance).stdin(Stdio::null()).kill_on_drop(true);
        if self.has_database {
            command.env("DNSMGMT_DB", self.file("dnsmgmt.db"));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.arg("--config").arg(self.file("dnsmgmt.toml")).args(line.split(' ').filter(|word| !word.is_empty()));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir(self.folder.path());
        command.spawn().expect("dns-heartbeat starts")
    }

    pub(crate) async fn says(&self, line: &str) -> Said {
        end(self.start(line)).await
    }

    /// Runs it and expects that all went well.
    pub(crate) async fn beats(&self, line: &str) -> Said {
        let said = self.says(line).await;
        assert_eq!(said.status, 0, "{said:?}");
        said
    }

    pub(crate) async fn json(&self, line: &str) -> (Value, i32) {
        let said = self.says(&format!("{line} --output json")).await;
        (serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{line}: {said:?}")), said.status)
    }

    /// Lets every clock of the past have been so many seconds earlier.
    pub(crate) fn let_pass(&self, seconds: u32) {
        let database = rusqlite::Connection::open(self.file("dnsmgmt.db")).unwrap();
        let earlier = format!(
            "UPDATE dns_refreshes SET running_ms = running_ms - {seconds}000,
                 refreshed_at = strftime('%Y-%m-%dT%H:%M:%fZ', refreshed_at, '-{seconds} seconds');
             UPDATE dns_looks SET running_ms = running_ms - {seconds}000"
        );
        database.execute_batch(&earlier).unwrap();
    }
}
