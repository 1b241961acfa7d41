//! What is shipped to start `dns-heartbeat` from: units, a line for cron, and files for Compose and Kubernetes.

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use dnsmgmt_providers::config::VARIABLES;
use fixtures::crontab::Crontab;
use fixtures::manifest::{
    assert_composed, assert_confined, documents, of_kind, secret_at, texts, variables, volume_at,
};
use fixtures::systemd::{Verdict, assert_shares_memory, verify_shipped};
use program::{Zone, end, tell, until};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_dns-heartbeat");

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(shipped(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose() -> Value {
    documents(&shipped("compose.yaml")).pop().unwrap()
}

fn daemon_set() -> Value {
    of_kind(&documents(&shipped("kubernetes.yaml")), "DaemonSet").clone()
}

/// A variable that no program reads would be taken for one that does something.
fn is_known(name: &str) -> bool {
    let name = name.strip_suffix("_FILE").unwrap_or(name);
    VARIABLES.iter().any(|variable| variable.name == name)
}

/// A machine on which something starts the program, and the zone that it is to register in.
struct Place {
    zone: Zone,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let place = Self { zone: Zone::new().await, folder: TempDir::new().unwrap() };
        let token = place.folder.path().join("token");
        fs::write(&token, &place.zone.fake.token).unwrap();
        fs::set_permissions(token, fs::Permissions::from_mode(0o400)).unwrap();
        place
    }

    /// Lets a command know what is shipped, but for where the token, the API and the memory are; and lets any address of this machine do.
    fn tell(&self, command: &mut Command, mut variables: BTreeMap<String, String>) {
        let token =
            variables.insert("CF_API_TOKEN_FILE".into(), self.folder.path().join("token").display().to_string());
        assert!(token.is_some(), "the token comes from a file");
        let own = [("IPV4_RANGE_1", "0.0.0.0/0"), ("IPV6_RANGE_1", "::/0")];
        let domains = own.map(|(range, _)| (format!("{range}_DOMAIN"), variables["INTERNAL_DOMAIN"].clone()));
        command.env_clear().envs(variables).envs(own).envs(domains);
        command.env("CF_API_URL", self.zone.fake.url()).env("CF_ZONE", "example.com").env("CF_ZONE_ID", &self.zone.id);
        command.env("DNSMGMT_DB", self.folder.path().join("dnsmgmt.db"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    }
}

#[test]
fn systemd_is_happy_with_the_units() {
    let verdict = verify_shipped(&shipped("systemd"), Path::new(PROGRAM), "dns");
    assert!(matches!(verdict, Verdict::Happy | Verdict::Unknown), "{verdict:?}");
}

#[test]
fn the_units_name_one_user_and_what_programs_read() {
    let user = text("systemd/dnsmgmt.sysusers");
    assert!(user.lines().any(|line| line.starts_with("u dnsmgmt ")), "{user}");
    for unit in ["dns-heartbeat.service", "dns-heartbeat-loop.service"] {
        for name in assert_shares_memory(&text(&format!("systemd/{unit}"))) {
            assert!(is_known(&name), "{name}");
        }
    }
}

#[tokio::test]
async fn the_line_for_cron_runs() {
    let place = Place::new().await;
    let cron = Crontab::read(&shipped("crontab"));
    let [job] = &cron.jobs[..] else { panic!("{cron:?}") };
    assert_eq!((job.when.as_str(), job.user.as_str()), ("* * * * *", "dnsmgmt"));
    let mut variables = cron.variables.clone();
    let shell = variables.remove("SHELL").unwrap();
    assert!(variables.keys().all(|name| is_known(name)), "{variables:?}");
    let command = job.command.replace("/usr/local/bin/dns-heartbeat", PROGRAM);
    assert_ne!(command, job.command);
    for calls in [3, 0] {
        let mut shell = Command::new(&shell);
        shell.args(["-c", &command]);
        place.tell(&mut shell, variables.clone());
        let said = end(shell.spawn().unwrap()).await;
        assert_eq!((said.status, place.zone.calls().len()), (0, calls), "it knows how far apart runs are: {said:?}");
    }
    assert!(place.zone.held().len() > 1, "{:?}", place.zone.held());
}

#[tokio::test]
async fn what_compose_and_kubernetes_start_registers_is_healthy_and_withdraws() {
    let (compose, daemon_set) = (compose(), daemon_set());
    let pod = &daemon_set["spec"]["template"]["spec"];
    for (arguments, container) in [
        (&compose["services"]["dns-heartbeat"]["command"], &compose["services"]["dns-heartbeat"]),
        (&pod["containers"][0]["args"], &pod["containers"][0]),
    ] {
        let place = Place::new().await;
        let variables = variables(container);
        assert!(variables.keys().all(|name| is_known(name)), "{variables:?}");
        let mut command = Command::new(PROGRAM);
        place.tell(command.args(texts(arguments)), variables.clone());
        let child = command.spawn().unwrap();
        until(|| place.zone.held().len() > 1).await;
        let mut health = Command::new(PROGRAM);
        place.tell(health.args(&health_of(&daemon_set)[1..]), variables);
        // The records are there before it has seen them itself.
        let mut said = end(health.spawn().unwrap()).await;
        for _ in 0..100 {
            if said.status == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            said = end(health.spawn().unwrap()).await;
        }
        assert_eq!(said.status, 0, "{said:?}");
        tell(&child, Signal::TERM);
        let said = end(child).await;
        assert_eq!((said.status, place.zone.held()), (0, vec!["foreign A 192.0.2.1".to_owned()]), "{said:?}");
    }
}

fn health_of(daemon_set: &Value) -> Vec<String> {
    texts(&daemon_set["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["exec"]["command"])
}

#[test]
fn compose_gives_it_the_hosts_network_a_memory_and_the_time_to_withdraw() {
    let compose = compose();
    let service = &compose["services"]["dns-heartbeat"];
    assert_eq!(variables(service)["CF_API_TOKEN_FILE"], assert_composed(&compose, "dns-heartbeat"));
    assert_eq!(service["network_mode"], "host");
    let grace = service["stop_grace_period"].as_str().unwrap().trim_end_matches('s').parse::<u64>().unwrap();
    assert!(grace > 9, "two seconds for what is under way, and seven for the withdrawal");
}

#[test]
fn kubernetes_runs_it_on_every_node_without_any_right() {
    let daemon_set = daemon_set();
    let labels = &daemon_set["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&daemon_set["spec"]["selector"]["matchLabels"], labels);
    let update = &daemon_set["spec"]["updateStrategy"]["rollingUpdate"];
    assert_eq!(update["maxSurge"], 0, "two pods of one node would have one instance");
    let pod = &daemon_set["spec"]["template"]["spec"];
    assert_confined(pod, &shipped("Dockerfile"));
    assert_eq!(pod["hostNetwork"], true);
    assert_eq!(pod["tolerations"][0], serde_json::json!({ "operator": "Exists" }));
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 9);
    assert_eq!(variables(&pod["containers"][0])["INSTANCE_ID"], "spec.nodeName");
}

#[test]
fn kubernetes_mounts_the_secret_where_the_program_looks_and_a_memory_that_it_can_write_to() {
    let daemon_set = daemon_set();
    let pod = &daemon_set["spec"]["template"]["spec"];
    let (secret, key) = secret_at(pod, &variables(&pod["containers"][0])["CF_API_TOKEN_FILE"]);
    let made = format!("create secret generic {secret} --from-file={key}=");
    assert!(text("kubernetes.yaml").contains(&made), "{made}");
    assert!(volume_at(pod, "/var/lib/dnsmgmt")["emptyDir"].is_object());
}

#[test]
fn kubernetes_waits_as_long_as_a_lease_lasts_before_it_begins_anew() {
    let daemon_set = daemon_set();
    let container = &daemon_set["spec"]["template"]["spec"]["containers"][0];
    let health = health_of(&daemon_set);
    let image = text("Dockerfile");
    assert!(
        image.contains(&format!("CMD [\"{}\", \"{}\"]", health[0], health[1])),
        "the image's own is the same: {image}"
    );
    let liveness = &container["livenessProbe"];
    assert_eq!(liveness["exec"], container["readinessProbe"]["exec"]);
    let patience = liveness["periodSeconds"].as_u64().unwrap() * liveness["failureThreshold"].as_u64().unwrap();
    assert!(patience >= variables(container)["STALE_THRESHOLD_SECONDS"].parse().unwrap());
}
