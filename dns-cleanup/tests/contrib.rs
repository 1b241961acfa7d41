//! What is shipped to start `dns-cleanup heartbeats` from: units, a line for cron, and files for Compose and Kubernetes.

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use dnsmgmt_providers::config::VARIABLES;
use fixtures::cloudflare::FakeCloudflare;
use fixtures::crontab::Crontab;
use fixtures::manifest::{
    assert_composed, assert_confined, documents, of_kind, secret_at, texts, variables, volume_at,
};
use fixtures::systemd::{Verdict, assert_shares_memory, verify_shipped};
use program::{Place, end, moment, tell, until};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_dns-cleanup");

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(shipped(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose() -> Value {
    documents(&shipped("compose.yaml")).pop().unwrap()
}

/// Returns the deployment and the claim of its volume.
fn deployment() -> (Value, Value) {
    let documents = documents(&shipped("kubernetes.yaml"));
    let [deployment, claim] = ["Deployment", "PersistentVolumeClaim"].map(|kind| of_kind(&documents, kind).clone());
    (deployment, claim)
}

/// A variable that no program reads would be taken for one that does something.
fn is_known(name: &str) -> bool {
    let name = name.strip_suffix("_FILE").unwrap_or(name);
    VARIABLES.iter().any(|variable| variable.name == name)
}

/// A zone with an address that was not heard of for an hour, and a machine on which something starts the program.
struct Leases {
    fake: FakeCloudflare,
    zone: String,
    folder: TempDir,
}

impl Leases {
    async fn new() -> Self {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("example.com");
        fake.put(&zone, "internal.example.com", "A", "10.0.0.1");
        let beat = format!("\"{},web-01\"", moment().now.as_second() - 3600);
        fake.put(&zone, "_heartbeat-10-0-0-1.internal.example.com", "TXT", &beat);
        let folder = TempDir::new().unwrap();
        let token = folder.path().join("token");
        fs::write(&token, &fake.token).unwrap();
        fs::set_permissions(token, fs::Permissions::from_mode(0o400)).unwrap();
        Self { fake, zone, folder }
    }

    /// Lets a command know what is shipped, but for where the token, the API and the memory are; and lets an hour be a second.
    fn tell(&self, command: &mut Command, mut variables: BTreeMap<String, String>) {
        let token = self.folder.path().join("token").display().to_string();
        for (name, value) in
            [("CF_API_TOKEN_FILE", &*token), ("STALE_THRESHOLD_SECONDS", "1"), ("CLEANUP_INTERVAL_SECONDS", "1")]
        {
            assert!(variables.insert(name.into(), value.into()).is_some(), "{name} is said");
        }
        command.env_clear().envs(variables).env("DNSMGMT_DB", self.folder.path().join("dnsmgmt.db"));
        command.env("CF_API_URL", self.fake.url()).env("CF_ZONE", "example.com").env("CF_ZONE_ID", &self.zone);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    }

    fn are_over(&self) -> bool {
        self.fake.records(&self.zone).is_empty()
    }
}

#[test]
fn systemd_is_happy_with_the_units() {
    let verdict = verify_shipped(&shipped("systemd"), Path::new(PROGRAM), "dns");
    assert!(matches!(verdict, Verdict::Happy | Verdict::Unknown), "{verdict:?}");
}

#[test]
fn the_service_has_the_user_of_all_and_names_what_programs_read() {
    for name in assert_shares_memory(&text("systemd/dns-cleanup-heartbeats.service")) {
        assert!(is_known(&name), "{name}");
    }
}

/// Returns the settings that are not about what is done, when and for whom.
fn confinement(service: &str) -> Vec<&str> {
    let about =
        ["Exec", "Environment", "Description", "Documentation", "User", "Timeout", "StateDirectory", "LoadCredential"];
    let is_setting = |line: &&str| !line.starts_with(['#', '[']) && !line.is_empty();
    let is_about = |line: &&str| about.iter().any(|name| line.starts_with(name));
    service.lines().filter(is_setting).filter(|line| !is_about(line)).collect()
}

#[tokio::test]
async fn the_service_is_confined_as_the_one_that_schedule_writes() {
    let place = Place::new().await;
    let said = place.says(&format!("schedule install --dir {}", place.folder.path().display())).await;
    assert_eq!(said.status, 0, "{said:?}");
    let written = fs::read_to_string(place.file("etc/systemd/system/dns-cleanup.service")).unwrap();
    let shipped = text("systemd/dns-cleanup-heartbeats.service");
    let shipped = confinement(&shipped);
    // A shell's own configuration may be at home; that of the shipped one is in /etc.
    let written = confinement(&written)
        .into_iter()
        .filter(|line| !line.starts_with("ReadWritePaths=") && *line != "ProtectHome=read-only");
    let missing: Vec<&str> = written.filter(|line| !shipped.contains(line)).collect();
    assert_eq!(missing, [""; 0]);
    assert!(shipped.contains(&"ProtectHome=yes"));
}

#[tokio::test]
async fn the_line_for_cron_runs() {
    let leases = Leases::new().await;
    let cron = Crontab::read(&shipped("crontab"));
    let [job] = &cron.jobs[..] else { panic!("{cron:?}") };
    assert_eq!((job.when.as_str(), job.user.as_str()), ("*/5 * * * *", "dnsmgmt"));
    let mut variables = cron.variables.clone();
    assert_eq!(variables["CLEANUP_INTERVAL_SECONDS"], "300", "how far apart the runs are");
    let shell = variables.remove("SHELL").unwrap();
    assert!(variables.keys().all(|name| is_known(name)), "{variables:?}");
    let command = job.command.replace("/usr/local/bin/dns-cleanup", PROGRAM);
    assert_ne!(command, job.command);
    for _ in 0..2 {
        let mut shell = Command::new(&shell);
        shell.args(["-c", &command]);
        leases.tell(&mut shell, variables.clone());
        let said = end(shell.spawn().unwrap()).await;
        assert_eq!(said.status, 0, "{said:?}");
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }
    assert!(leases.are_over(), "the second run has seen it for a whole threshold");
}

#[tokio::test]
async fn what_compose_and_kubernetes_start_ends_leases_until_it_is_told_to_stop() {
    let (compose, (deployment, _)) = (compose(), deployment());
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let service = &compose["services"]["dns-cleanup"];
    for (arguments, container) in [(&service["command"], service), (&container["args"], container)] {
        let leases = Leases::new().await;
        let variables = variables(container);
        assert!(variables.keys().all(|name| is_known(name)), "{variables:?}");
        let mut command = Command::new(PROGRAM);
        leases.tell(command.args(texts(arguments)), variables);
        let child = command.spawn().unwrap();
        until(|| leases.are_over()).await;
        tell(&child, Signal::TERM);
        let said = end(child).await;
        assert_eq!(said.status, 0, "{said:?}");
    }
}

#[test]
fn compose_gives_it_a_memory_and_the_time_to_finish() {
    let compose = compose();
    let service = &compose["services"]["dns-cleanup"];
    assert_eq!(variables(service)["CF_API_TOKEN_FILE"], assert_composed(&compose, "dns-cleanup"));
    assert_eq!(service["stop_grace_period"], "2m", "as systemd is told");
}

#[test]
fn kubernetes_runs_one_without_any_right() {
    let (deployment, _) = deployment();
    let spec = &deployment["spec"];
    assert_eq!(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]);
    assert_eq!((&spec["replicas"], &spec["strategy"]["type"]), (&1.into(), &"Recreate".into()));
    assert_confined(&spec["template"]["spec"], &shipped("Dockerfile"));
    assert_eq!(spec["template"]["spec"]["terminationGracePeriodSeconds"], 120);
}

#[test]
fn kubernetes_mounts_the_secret_where_the_program_looks_and_a_memory_that_outlives_the_pod() {
    let (deployment, claim) = deployment();
    let pod = &deployment["spec"]["template"]["spec"];
    let (secret, key) = secret_at(pod, &variables(&pod["containers"][0])["CF_API_TOKEN_FILE"]);
    let made = format!("create secret generic {secret} --from-file={key}=");
    assert!(text("kubernetes.yaml").contains(&made), "{made}");
    let volume = volume_at(pod, "/var/lib/dnsmgmt");
    assert_eq!(volume["persistentVolumeClaim"]["claimName"], claim["metadata"]["name"]);
    assert_eq!(deployment["metadata"]["namespace"], claim["metadata"]["namespace"]);
}
