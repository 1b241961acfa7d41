//! `dns-cli sync --source docker` with a real Docker and a zone file.

mod program;

use std::process::Output;

use fixtures::dockerd::{Dockerd, Programs};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

const ZONE: &str = "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\n";

/// A zone file, a configuration that names the daemon, and the program.
struct Lab {
    folder: TempDir,
    docker: Dockerd,
}

impl Lab {
    async fn start() -> Option<Self> {
        let docker = Dockerd::start(Programs::find()?).await;
        let lab = Self { folder: TempDir::new().unwrap(), docker };
        lab.write("lab.zone", ZONE);
        let settings =
            "[providers.home]\nkind = \"zonefile\"\nzones = [{ path = \"lab.zone\", name = \"lab.example\" }]\n";
        lab.write("dnsmgmt.toml", &format!("sources = [\"docker\"]\ngrace = \"1m\"\nmax_delete = 100\n{settings}"));
        Some(lab)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    async fn run(&self, line: &str) -> Output {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.current_dir(self.folder.path()).env("DOCKER_HOST", self.docker.address());
        command.args(["--config", "dnsmgmt.toml"]).args(line.split(' ')).output().await.expect("dns-cli starts")
    }

    /// Synchronises, expects that exit status, and returns what was said on standard output and error.
    async fn sync(&self, status: i32) -> (String, String) {
        let output = self.run("sync").await;
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// Returns the names in the zone that are not its own.
    fn names(&self) -> Vec<String> {
        let zone = std::fs::read_to_string(self.folder.path().join("lab.zone")).unwrap();
        let records = zone.lines().skip(4).map(|line| line.split_whitespace().collect::<Vec<_>>());
        records.map(|words| format!("{} {}", words[0], words.last().unwrap())).collect()
    }

    /// Lets every last look be so much longer ago.
    fn let_a_grace_pass(&self) {
        let database = Connection::open(self.folder.path().join("dnsmgmt.db")).unwrap();
        database.execute("UPDATE dns_looks SET running_ms = running_ms - 61000", []).unwrap();
    }

    /// Synchronises until what nobody wants is gone: a look that marks it, and one after the grace.
    async fn settle(&self) {
        self.sync(0).await;
        self.let_a_grace_pass();
        self.sync(0).await;
    }
}

#[tokio::test]
async fn records_follow_containers_that_come_pause_restart_are_made_anew_and_go() {
    let Some(lab) = Lab::start().await else { return };
    let web = lab.docker.run("web", &[("dnsmgmt.name", "web.lab.example,www.lab.example")]).await;
    let api = lab.docker.run("api", &[("dnsmgmt.name", "api.lab.example")]).await;
    lab.docker.run("plain", &[]).await;
    assert!(lab.sync(0).await.0.contains("3 created"));
    let all = [format!("api {api}"), format!("web {web}"), format!("www {web}")];
    assert_eq!(lab.names(), all);

    lab.docker.tell("web", "pause").await;
    lab.settle().await;
    assert_eq!(lab.names(), all, "a paused container keeps its names");
    lab.docker.tell("web", "unpause").await;
    lab.docker.tell("web", "restart").await;
    lab.sync(0).await;
    assert_eq!(lab.names(), all, "and so does one that was restarted");

    // Made anew, with another id and another address: the record moves in one step.
    lab.docker.remove("api").await;
    lab.docker.run("between", &[]).await;
    let anew = lab.docker.run("api", &[("dnsmgmt.name", "api.lab.example")]).await;
    assert_ne!(anew, api);
    let (said, _) = lab.sync(0).await;
    assert!(said.contains("1 updated"), "{said}");
    assert!(lab.names().contains(&format!("api {anew}")) && lab.names().len() == 3, "{:?}", lab.names());

    lab.docker.tell("web", "kill").await;
    lab.docker.wait_for("web", "exited").await;
    lab.sync(0).await;
    assert_eq!(lab.names().len(), 3, "marked, and waiting for the grace");
    lab.let_a_grace_pass();
    lab.sync(0).await;
    assert_eq!(lab.names(), [format!("api {anew}")]);

    // The last one: first it is only noted, then believed, then marked, then gone.
    lab.docker.remove("api").await;
    let (_, note) = lab.sync(0).await;
    assert!(note.contains("wants none now"), "{note}");
    lab.let_a_grace_pass();
    lab.settle().await;
    assert_eq!(lab.names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_container_that_restarts_for_ever_keeps_the_address_that_it_had() {
    let Some(lab) = Lab::start().await else { return };
    let labels = [("dnsmgmt.name", "loop.lab.example")];
    let body = json!({
        "Cmd": ["/bin/sh", "-c", "test -e /again && exit 1; touch /again; sleep 100000"],
        "HostConfig": { "RestartPolicy": { "Name": "always" } },
    });
    lab.docker.run_with("loop", &labels, body).await;
    lab.sync(0).await;
    let there = lab.names();
    assert_eq!(there.len(), 1);
    // Killed by hand it would stay so; its own process ends, and the next ones fail at once.
    let pid = lab.docker.inspect("loop").await["State"]["Pid"].to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    lab.docker.wait_for("loop", "restarting").await;
    for _ in 0..3 {
        lab.sync(0).await;
        lab.let_a_grace_pass();
    }
    assert_eq!(lab.names(), there);
}

#[tokio::test]
async fn a_daemon_that_is_down_takes_nothing_away_and_is_said() {
    let Some(mut lab) = Lab::start().await else { return };
    lab.docker.run("web", &[("dnsmgmt.name", "web.lab.example")]).await;
    lab.sync(0).await;
    let there = lab.names();

    lab.docker.stop_daemon().await;
    for _ in 0..3 {
        let (_, said) = lab.sync(1).await;
        assert!(said.contains(&lab.docker.address()) && said.contains("start Docker"), "{said}");
        lab.let_a_grace_pass();
    }
    assert_eq!(lab.names(), there);

    // It starts anew, and its container is down: what it wanted goes by the rule for an emptied daemon alone.
    lab.docker.start_again().await;
    let (_, note) = lab.sync(0).await;
    assert!(note.contains("wants none now"), "{note}");
    assert_eq!(lab.names(), there);
    lab.docker.tell("web", "start").await;
    lab.let_a_grace_pass();
    lab.sync(0).await;
    assert_eq!(lab.names(), there);
}

#[tokio::test]
async fn a_socket_that_may_not_be_used_takes_nothing_away_and_says_what_to_do() {
    let Some(lab) = Lab::start().await else { return };
    lab.docker.run("web", &[("dnsmgmt.name", "web.lab.example")]).await;
    lab.sync(0).await;
    let there = lab.names();
    // A file where the socket was: nobody answers there.
    let socket = lab.docker.socket();
    let aside = socket.with_extension("aside");
    std::fs::rename(&socket, &aside).unwrap();
    std::fs::write(&socket, "").unwrap();
    lab.sync(1).await;
    std::fs::remove_file(&socket).unwrap();
    let (_, said) = lab.sync(1).await;
    assert!(said.contains("there is no such socket"), "{said}");
    assert_eq!(lab.names(), there);
    std::fs::rename(&aside, &socket).unwrap();
    lab.sync(0).await;
}

#[tokio::test]
async fn a_daemon_is_asked_by_tls_and_only_with_a_certificate_that_it_knows() {
    let Some(mut lab) = Lab::start().await else { return };
    let address = lab.docker.speak_tls().await;
    lab.docker.run("web", &[("dnsmgmt.name", "web.lab.example")]).await;
    let line = format!("sync --source docker:{address}");
    let certificates = lab.docker.certificates();
    let sync = async |variables: &[(&str, &std::path::Path)]| {
        let mut command = Command::from(program::dns_cli(lab.folder.path()));
        command.current_dir(lab.folder.path()).envs(variables.iter().copied()).args(["--config", "dnsmgmt.toml"]);
        command.args(line.split(' ')).output().await.expect("dns-cli starts")
    };
    let plain = sync(&[]).await;
    assert_eq!(plain.status.code(), Some(1), "{plain:?}");
    let nowhere = sync(&[("DOCKER_CERT_PATH", "/nowhere".as_ref())]).await;
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("ca.pem, cert.pem and key.pem"), "{nowhere:?}");
    let known = sync(&[("DOCKER_CERT_PATH", &certificates)]).await;
    assert_eq!(known.status.code(), Some(0), "{known:?}");
    assert_eq!(lab.names().len(), 1);
    // Another authority signed what the daemon shows.
    let strange = TempDir::new().unwrap();
    for name in ["cert.pem", "key.pem"] {
        std::fs::copy(certificates.join(name), strange.path().join(name)).unwrap();
    }
    std::fs::copy(certificates.join("cert.pem"), strange.path().join("ca.pem")).unwrap();
    let refused = sync(&[("DOCKER_CERT_PATH", strange.path())]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
}

#[tokio::test]
async fn a_container_whose_health_check_fails_keeps_its_names_unless_it_is_told_otherwise() {
    let Some(lab) = Lab::start().await else { return };
    let check = json!({ "Test": ["CMD", "/bin/false"], "Interval": 10_000_000, "Retries": 1 });
    let body = json!({ "Cmd": ["/bin/sleep", "100000"], "StopSignal": "SIGKILL", "Healthcheck": check });
    lab.docker.run_with("sick", &[("dnsmgmt.name", "sick.lab.example")], body).await;
    for _ in 0..500 {
        if lab.docker.inspect("sick").await["State"]["Health"]["Status"] == "unhealthy" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    lab.docker.run("well", &[("dnsmgmt.name", "well.lab.example")]).await;
    lab.sync(0).await;
    assert_eq!(lab.names().len(), 2);
    let shown = lab.run("containers").await;
    assert!(String::from_utf8_lossy(&shown.stdout).contains("running, unhealthy"), "{shown:?}");
    let settings = std::fs::read_to_string(lab.folder.path().join("dnsmgmt.toml")).unwrap();
    lab.write("dnsmgmt.toml", &format!("{settings}[docker]\nunhealthy = false\n"));
    lab.settle().await;
    assert_eq!(lab.names().len(), 1, "{:?}", lab.names());
}

#[tokio::test]
async fn what_running_containers_use_is_shown_and_written_down() {
    let Some(lab) = Lab::start().await else { return };
    let busy = json!({ "Cmd": ["/bin/sh", "-c", "while :; do :; done"], "StopSignal": "SIGKILL" });
    lab.docker.run_with("busy", &[], busy).await;
    lab.docker.run("idle", &[]).await;
    lab.docker.run("over", &[]).await;
    lab.docker.tell("over", "kill").await;
    lab.docker.wait_for("over", "exited").await;
    let shown = lab.run("containers --usage --output json").await;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let database = Connection::open(lab.folder.path().join("dnsmgmt.db")).unwrap();
    let sql = "SELECT container_id, container_name, sampled_at, cpu_usage, memory_usage, memory_limit FROM resource_usages ORDER BY id";
    let mut rows = database.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| {
        let (cpu, memory, limit): (Option<f64>, Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let (id, name): (String, String) = (row.get(0)?, row.get(1)?);
        let shown = json!({
            "host": lab.docker.address(), "container_id": id, "container_name": name,
            "cpu_usage": cpu, "memory_usage": memory, "memory_limit": limit,
        });
        Ok((row.get::<_, String>(2)?, shown))
    });
    let (times, rows): (Vec<_>, Vec<_>) = rows.unwrap().map(Result::unwrap).unzip();
    assert_eq!(Value::from(rows.clone()), shown["usages"]);
    assert!(times.len() == 2 && times.iter().all(|time| time.ends_with('Z')), "{times:?}");
    let [busy, idle] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((&busy["container_name"], &idle["container_name"]), (&json!("busy"), &json!("idle")));
    let percent = |one: &Value| one["cpu_usage"].as_f64().expect("it was measured");
    assert!(percent(busy) > 5.0 && percent(idle) < percent(busy), "{rows:?}");

    let table = lab.run("containers --usage").await;
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("CPU %") && table.contains("busy") && !table.contains("over"), "{table}");
    lab.docker.remove("busy").await;
}
