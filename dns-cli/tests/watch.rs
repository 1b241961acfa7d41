//! `dns-cli watch`, with a real Docker and with fakes.

mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use dnsmgmt_core::repository::ProviderLock;
use fixtures::cloudflare::FakeCloudflare;
use fixtures::docker::{FakeDocker, container};
use fixtures::dockerd::{Dockerd, Programs};
use fixtures::faults::{Fault, On};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

const ZONE: &str = "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\n";
const HOME: &str = "[providers.home]\nkind = \"zonefile\"\nzones = [{ path = \"lab.zone\", name = \"lab.example\" }]\n";
/// How long anything here may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(40);

/// A provider, daemons, and the program that watches them.
struct Lab {
    folder: TempDir,
    process: Option<Child>,
}

impl Lab {
    /// Holds the zone in a file.
    fn new(daemon: &str) -> Self {
        Self::with(HOME, daemon)
    }

    fn with(provider: &str, daemon: &str) -> Self {
        let lab = Self { folder: TempDir::new().unwrap(), process: None };
        fs::write(lab.path("lab.zone"), ZONE).unwrap();
        let head = "sources = [\"docker\"]\ngrace = \"1m\"\nmax_delete = 100\n";
        fs::write(lab.path("dnsmgmt.toml"), format!("{head}{provider}[docker]\nhosts = [\"{daemon}\"]\n")).unwrap();
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.current_dir(self.folder.path()).args(["--config", "dnsmgmt.toml"]).args(line.split(' '));
        command.kill_on_drop(true);
        command
    }

    fn watch(&mut self, options: &str) {
        let file = |name| Stdio::from(fs::File::create(self.path(name)).unwrap());
        let mut command = self.command(&format!("watch {options}"));
        self.process = Some(command.stdout(file("out")).stderr(file("err")).spawn().expect("dns-cli starts"));
    }

    fn tell_to_end(&self) {
        let id = self.process.as_ref().and_then(Child::id).expect("it runs");
        assert!(std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status().unwrap().success());
    }

    /// Waits until it has ended, well.
    async fn ends(&mut self) {
        let mut process = self.process.take().expect("it was started");
        let ended = timeout(PATIENCE, process.wait()).await.expect("it ends").unwrap();
        assert_eq!(ended.code(), Some(0), "{}", self.said("err"));
    }

    fn said(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Waits until so much is so.
    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < PATIENCE, "not {what}: {} {}", self.said("out"), self.said("err"));
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until these are the names in the zone that are not its own.
    async fn holds(&self, names: &[&str]) {
        self.until(&format!("{names:?}"), || self.names() == names).await;
    }

    fn names(&self) -> Vec<String> {
        let zone = fs::read_to_string(self.path("lab.zone")).unwrap();
        let names = zone.lines().skip(4).filter_map(|line| Some(line.split_whitespace().next()?.to_owned()));
        let names: BTreeSet<_> = names.collect();
        names.into_iter().collect()
    }
}

fn named(name: &str, address: &str) -> Value {
    container(name, address, &[("dnsmgmt.name", &format!("{name}.lab.example"))])
}

fn listings(docker: &FakeDocker) -> usize {
    docker.server.calls().iter().filter(|call| call.contains("/containers/json")).count()
}

#[tokio::test]
async fn what_starts_in_a_real_docker_is_there_within_seconds_and_sigterm_ends_it_well() {
    let Some(programs) = Programs::find() else { return };
    let docker = Dockerd::start(programs).await;
    let mut lab = Lab::new(&docker.address());
    docker.run("first", &[("dnsmgmt.name", "first.lab.example")]).await;
    lab.watch("--every 1h");
    lab.holds(&["first"]).await;
    // The connection to the events is followed by a look of its own; what comes after it was told.
    sleep(Duration::from_secs(5)).await;
    docker.run("web", &[("dnsmgmt.name", "web.lab.example")]).await;
    let start = Instant::now();
    lab.holds(&["first", "web"]).await;
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    lab.tell_to_end();
    lab.ends().await;
    assert_eq!(lab.said("err"), "");
    assert_eq!(lab.said("out").lines().filter(|line| line.contains("1 created")).count(), 2, "{}", lab.said("out"));
}

#[tokio::test]
async fn a_real_docker_that_starts_anew_is_followed_again_and_nothing_is_missed() {
    let Some(programs) = Programs::find() else { return };
    let mut docker = Dockerd::start(programs).await;
    let mut lab = Lab::new(&docker.address());
    let always = json!({ "Cmd": ["/bin/sleep", "100000"], "StopSignal": "SIGKILL", "HostConfig": { "RestartPolicy": { "Name": "always" } } });
    docker.run_with("web", &[("dnsmgmt.name", "web.lab.example")], always).await;
    lab.watch("--every 1h");
    lab.holds(&["web"]).await;
    docker.stop_daemon().await;
    lab.until("said", || lab.said("err").contains("is only looked at every now and then")).await;
    docker.start_again().await;
    // While nobody follows its events, most likely.
    docker.run("new", &[("dnsmgmt.name", "new.lab.example")]).await;
    lab.holds(&["new", "web"]).await;
    docker.run("later", &[("dnsmgmt.name", "later.lab.example")]).await;
    lab.holds(&["later", "new", "web"]).await;
    assert!(lab.said("err").contains("are followed again"), "{}", lab.said("err"));
    lab.tell_to_end();
    lab.ends().await;
}

#[tokio::test]
async fn what_happened_while_the_events_were_cut_is_found_by_looking() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1")]);
    let mut lab = Lab::new(&docker.address());
    lab.watch("--every 1h");
    lab.holds(&["a"]).await;
    lab.until("followed", || docker.followers() == 1).await;
    docker.cut_events();
    docker.run([named("a", "10.1.0.1"), named("b", "10.1.0.2")]);
    lab.holds(&["a", "b"]).await;
    assert!(lab.said("err").contains("stopped telling its events"), "{}", lab.said("err"));
    lab.tell_to_end();
    lab.ends().await;
}

#[tokio::test]
async fn what_no_event_tells_is_found_every_now_and_then_and_quiet_runs_print_nothing() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1")]);
    let mut lab = Lab::new(&docker.address());
    lab.watch("--every 1s --output json");
    lab.holds(&["a"]).await;
    docker.run([named("a", "10.1.0.1"), named("b", "10.1.0.2")]);
    lab.holds(&["a", "b"]).await;
    let looked = listings(&docker);
    lab.until("looked again", || listings(&docker) > looked + 2).await;
    lab.tell_to_end();
    lab.ends().await;
    let said = lab.said("out");
    let reports: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("a line is a report")).collect();
    let created: Vec<_> = reports.iter().map(|report| report["created"].as_u64().unwrap()).collect();
    assert_eq!(created, [1, 1], "{said}");
    // Each run is one of its own in the journal.
    let history = lab.command("history --output json").output().await.unwrap();
    let history: Value = serde_json::from_slice(&history.stdout).unwrap();
    let runs: Vec<_> = history["changes"].as_array().unwrap().iter().map(|change| change["run"].to_string()).collect();
    assert!(runs.len() == 2 && runs[0] != runs[1], "{history}");
}

#[tokio::test]
async fn a_storm_of_events_is_a_handful_of_runs() {
    let (docker, cloud) = (FakeDocker::start("one").await, FakeCloudflare::start().await);
    cloud.add_zone("lab.example");
    let provider =
        format!("[providers.cloud]\nkind = \"cloudflare\"\nurl = \"{}\"\ntoken = \"{}\"\n", cloud.url(), cloud.token);
    docker.run([named("a", "10.1.0.1")]);
    let mut lab = Lab::with(&provider, &docker.address());
    lab.watch("--every 1h");
    lab.until("followed", || docker.followers() == 1 && listings(&docker) > 0).await;
    sleep(Duration::from_secs(4)).await;
    docker.server.forget_calls();
    cloud.server.forget_calls();
    for _ in 0..200 {
        docker.tell("start");
        docker.tell("exec_start: /bin/true");
        sleep(Duration::from_millis(20)).await;
    }
    lab.until("looked", || listings(&docker) > 0).await;
    sleep(Duration::from_secs(4)).await;
    let asked = cloud.server.calls();
    let lists = asked.iter().filter(|call| call.contains("/dns_records")).count();
    assert!((1..=3).contains(&listings(&docker)) && (1..=3).contains(&lists), "{asked:?}");
    let looked = listings(&docker);
    docker.tell("exec_start: /bin/true");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(listings(&docker), looked, "what runs in a container is no reason to look");
    lab.tell_to_end();
    lab.ends().await;
}

#[tokio::test]
async fn a_run_that_fails_is_said_and_takes_nothing_away_and_the_next_one_is_made() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1"), named("b", "10.1.0.2")]);
    let mut lab = Lab::new(&docker.address());
    lab.watch("--every 1h");
    lab.holds(&["a", "b"]).await;
    docker.run([named("b", "10.1.0.2"), named("c", "10.1.0.3")]);
    docker.server.faults.always(On::Listing, Fault::ErrorBefore);
    docker.tell("die");
    lab.until("said", || lab.said("err").contains("502")).await;
    assert_eq!(lab.names(), ["a", "b"]);
    docker.server.faults.clear();
    // Podman's word.
    docker.tell("died");
    lab.holds(&["a", "b", "c"]).await;
    lab.tell_to_end();
    lab.ends().await;
}

#[tokio::test]
async fn told_to_end_in_the_middle_of_a_change_it_first_writes_down_what_became_of_it() {
    let (docker, cloud) = (FakeDocker::start("one").await, FakeCloudflare::start().await);
    let zone = cloud.add_zone("lab.example");
    let provider =
        format!("[providers.cloud]\nkind = \"cloudflare\"\nurl = \"{}\"\ntoken = \"{}\"\n", cloud.url(), cloud.token);
    docker.run([named("a", "10.1.0.1")]);
    cloud.server.faults.always(On::Change, Fault::Held);
    let mut lab = Lab::with(&provider, &docker.address());
    lab.watch("--every 1h");
    lab.until("asked", || cloud.records(&zone).len() == 1).await;
    lab.tell_to_end();
    sleep(Duration::from_millis(300)).await;
    assert!(lab.process.as_mut().unwrap().try_wait().unwrap().is_none(), "it waits for the answer");
    cloud.server.faults.clear();
    lab.ends().await;
    assert!(lab.said("out").contains("1 created"), "{}", lab.said("out"));
    let history = lab.command("history --output json").output().await.unwrap();
    let history: Value = serde_json::from_slice(&history.stdout).unwrap();
    assert_eq!(history["changes"][0]["fate"], "present", "{history}");
}

#[tokio::test]
async fn told_to_end_while_another_program_has_the_provider_it_ends() {
    let docker = FakeDocker::start("one").await;
    docker.run([named("a", "10.1.0.1")]);
    let mut lab = Lab::new(&docker.address());
    let lock = ProviderLock::try_acquire(&lab.path("dnsmgmt.db"), "home", "another").unwrap();
    lab.watch("--every 1h");
    lab.until("looked", || listings(&docker) > 0).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(lab.names(), Vec::<String>::new());
    lab.tell_to_end();
    lab.ends().await;
    assert_eq!(lab.names(), Vec::<String>::new());
    drop(lock);
}
