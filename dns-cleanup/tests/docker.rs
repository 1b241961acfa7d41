//! `dns-cli sync` and `dns-cleanup containers` with a real Docker, real BIND and Knot, and a real AdGuard Home.

mod program;

use std::net::IpAddr;
use std::path::PathBuf;

use fixtures::adguard_home::{AdGuardHome, Release, Users};
use fixtures::dockerd::{Dockerd, Programs};
use fixtures::primary::{KEY, Primary, SECRET, Software, Zone};
use program::{Said, dns_cleanup, dns_cli};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// A daemon, an AdGuard Home for names below `docker`, and a server for those in `lab.example` if there is one.
struct Lab {
    docker: Dockerd,
    home: AdGuardHome,
    server: Option<Primary>,
    folder: TempDir,
}

impl Lab {
    async fn start(software: Option<Software>) -> Option<Self> {
        let (programs, release) = (Programs::find()?, Release::Newest.program()?);
        let zone = Zone::new("lab.example", "printer A 10.0.0.9\n");
        let server = match software {
            Some(software) => Some(Primary::start(software, &[zone]).await),
            None => None,
        };
        let home = AdGuardHome::start(&release, Users::None).await;
        let lab = Self { docker: Dockerd::start(programs).await, home, server, folder: TempDir::new().unwrap() };
        lab.configure("");
        Some(lab)
    }

    fn configure(&self, more: &str) {
        let mut text = format!(
            "sources = [\"docker\"]\nmax_delete = 100\ngrace = \"1m\"\n[providers.home]\nkind = \"adguard\"\nurl = {:?}\n\
             [docker]\nhosts = [{:?}]\nsuffix = \"docker\"\n{more}",
            self.home.url(),
            self.docker.address(),
        );
        if let Some(server) = &self.server {
            let key = format!("key \"{KEY}\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{SECRET}\";\n}};\n");
            std::fs::write(self.file("tsig.key"), key).unwrap();
            let address = server.address();
            text += &format!(
                "[providers.lab]\nkind = \"rfc2136\"\nserver = \"{address}\"\nzone = \"lab.example\"\ntsig_key_file = \"tsig.key\"\n"
            );
        }
        std::fs::write(self.file("dnsmgmt.toml"), text).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, mut command: Command, line: &str) -> Said {
        command.arg("--config").arg(self.file("dnsmgmt.toml")).args(line.split_whitespace());
        let output = command.output().await.expect("it starts");
        let text = |octets| String::from_utf8(octets).unwrap();
        Said { out: text(output.stdout), err: text(output.stderr), status: output.status.code().unwrap_or(-1) }
    }

    async fn cli(&self, line: &str) -> String {
        let said = self.run(dns_cli(self.folder.path()), line).await;
        assert_eq!(said.status, 0, "{line}: {said:?}");
        said.out
    }

    /// Cleans up, expects that exit status, and returns what was said.
    async fn cleans(&self, line: &str, status: i32) -> String {
        let said = self.run(dns_cleanup(self.folder.path()), line).await;
        assert_eq!(said.status, status, "{line}: {said:?}");
        said.err
    }

    /// Returns the records that both providers hold, but for the zone's own.
    async fn held(&self) -> Vec<String> {
        let said: Value = serde_json::from_str(&self.cli("list --output json").await).unwrap();
        let text = |record: &Value, key: &str| record[key].as_str().unwrap().to_owned();
        let records = said["records"].as_array().unwrap().iter();
        let shown = records.map(|record| format!("{} {}", text(record, "name"), text(record, "value")));
        let is_own = |line: &String| line.starts_with("lab.example ") || line.starts_with("ns.lab.example ");
        let mut held: Vec<String> = shown.filter(|line| !is_own(line)).collect();
        held.sort();
        held
    }

    fn let_a_grace_pass(&self) {
        let database = Connection::open(self.file("dnsmgmt.db")).unwrap();
        database.execute("UPDATE dns_looks SET observed_ms = observed_ms + 61000", []).unwrap();
    }
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// The names of a container of this name, both of them, with its address.
fn names(container: &str, address: IpAddr) -> [String; 2] {
    [format!("{container}.docker {address}"), format!("{container}.lab.example {address}")]
}

#[tokio::test]
async fn records_follow_containers_at_both_providers_and_the_last_one_goes_too() {
    for software in Software::installed() {
        let Some(lab) = Lab::start(Some(software)).await else { return };
        let run = async |name: &str| lab.docker.run(name, &[("dnsmgmt.name", &format!("{name}.lab.example"))]).await;
        let (web, api, job) = (run("web").await, run("api").await, run("job").await);
        lab.cli("sync").await;
        let printer = || vec!["printer.lab.example 10.0.0.9".to_owned()];
        let with = |lines: &[&[String]]| sorted([printer(), lines.concat()].concat());
        let all = with(&[&names("web", web), &names("api", api), &names("job", job)]);
        assert_eq!(lab.held().await, all, "{software:?}");
        assert_eq!(lab.home.addresses("web.docker", 1).await.unwrap(), [web]);

        lab.docker.tell("web", "pause").await;
        lab.docker.tell("api", "restart").await;
        lab.cli("sync").await;
        lab.cleans("containers --grace 0s", 0).await;
        let addresses = with(&[&names("web", web), &names("api", api), &names("job", job)]);
        assert_eq!(lab.held().await, addresses, "paused and restarted ones keep their names");

        lab.docker.tell("job", "kill").await;
        lab.docker.wait_for("job", "exited").await;
        let said = lab.cleans("containers --grace 0s", 0).await;
        assert_eq!(said.matches("no container wants it").count(), 2, "{said}");
        assert!(!lab.held().await.iter().any(|line| line.starts_with("job.")), "{software:?}");
        assert!(lab.home.addresses("job.docker", 1).await.unwrap().is_empty(), "and it is not answered");

        // Made anew, with another address: its names follow with a synchronisation, and nothing is left of the old one.
        lab.docker.remove("web").await;
        let between = lab.docker.run("between", &[]).await;
        let web = run("web").await;
        lab.cli("sync").await;
        lab.docker.remove("between").await;
        let said = lab.cleans("containers --grace 1s", 0).await;
        assert!(said.contains(&format!("deleted between.docker A {between}")), "{said}");
        let held = lab.held().await;
        assert!(names("web", web).iter().all(|line| held.contains(line)), "{held:?}");

        // The last ones: an empty daemon is only noted, then believed.
        lab.docker.remove("web").await;
        lab.docker.remove("api").await;
        lab.docker.remove("job").await;
        let note = lab.cleans("containers", 0).await;
        assert!(note.contains("wants none now"), "{note}");
        assert_eq!(lab.held().await, held);
        lab.let_a_grace_pass();
        lab.cleans("containers --force", 0).await;
        assert_eq!(lab.held().await, printer(), "{software:?}");
    }
}

#[tokio::test]
async fn the_plain_rule_of_a_home_leftovers_of_unknown_origin_go_and_neighbours_stay() {
    let Some(lab) = Lab::start(None).await else { return };
    lab.configure(&format!(
        "[[docker.whole]]\nsuffix = \"docker\"\nexclude = [\"test.docker\", \"*.static.docker\"]\nendpoints = [{:?}]\n",
        lab.docker.address()
    ));
    let web = lab.docker.run("web", &[]).await;
    let neighbours = [("test.docker", "10.0.0.2"), ("a.static.docker", "10.0.0.3"), ("nas.lan", "10.0.0.4")];
    for (domain, answer) in neighbours.into_iter().chain([("Old.Docker", "10.0.0.5"), ("v6.docker", "FD00:0::5")]) {
        lab.home.put(domain, answer).await;
    }
    // What somebody else made for a container that runs, and what stands beside it.
    lab.home.put("web.docker", &web.to_string()).await;
    lab.home.put("web.docker", "10.0.0.6").await;
    let said = lab.cleans("--dry-run", 0).await;
    assert!(said.contains("would delete old.docker A 10.0.0.5") && !lab.file("dnsmgmt.db").exists(), "{said}");
    let said = lab.cleans("--grace 1s", 0).await;
    assert!(said.contains("3 deleted"), "{said}");
    let kept = neighbours.map(|(domain, answer)| format!("{domain} -> {answer}"));
    let mut expected: Vec<String> = kept.into_iter().chain([format!("web.docker -> {web}")]).collect();
    expected.sort();
    assert_eq!(sorted(lab.home.pairs().await), expected);
    assert_eq!(lab.home.addresses("web.docker", 1).await.unwrap(), [web], "what runs is answered");

    // The container goes, and its record is nobody's and goes all the same; with the last one only after the grace.
    lab.docker.run("other", &[]).await;
    lab.docker.tell("web", "kill").await;
    lab.docker.wait_for("web", "exited").await;
    lab.let_a_grace_pass();
    let database = Connection::open(lab.file("dnsmgmt.db")).unwrap();
    database.execute("UPDATE dns_freshness SET refreshed_at = '2020-01-01T00:00:00.000Z'", []).unwrap();
    lab.cleans("containers --grace 1s", 0).await;
    assert_eq!(sorted(lab.home.pairs().await), sorted(expected[..expected.len() - 1].to_vec()));
    let history: Value = serde_json::from_str(&lab.cli("history --output json").await).unwrap();
    let run = history["changes"].as_array().unwrap().last().unwrap()["run"].as_str().unwrap().to_owned();
    lab.cli(&format!("undo {run} --yes")).await;
    assert_eq!(lab.home.addresses("web.docker", 1).await.unwrap(), [web]);
}

#[tokio::test]
async fn a_daemon_that_is_down_or_may_not_be_asked_deletes_nothing_and_is_said() {
    let Some(mut lab) = Lab::start(None).await else { return };
    lab.configure(&format!("[[docker.whole]]\nsuffix = \"docker\"\nendpoints = [{:?}]\n", lab.docker.address()));
    lab.docker.run("web", &[]).await;
    lab.docker.run("gone", &[]).await;
    lab.cli("sync").await;
    lab.home.put("old.docker", "10.0.0.5").await;
    lab.docker.remove("gone").await;
    let there = sorted(lab.home.pairs().await);
    assert_eq!(there.len(), 3);

    lab.docker.stop_daemon().await;
    for line in ["containers", "containers --force", ""] {
        let said = lab.cleans(line, 1).await;
        assert!(said.contains(&lab.docker.address()) && said.contains("start Docker"), "{line}: {said}");
        assert_eq!(sorted(lab.home.pairs().await), there, "{line}");
    }
    // A file where the socket was, and then nothing.
    let socket = lab.docker.socket();
    std::fs::write(&socket, "").unwrap();
    lab.cleans("containers --force", 1).await;
    std::fs::remove_file(&socket).unwrap();
    let said = lab.cleans("containers --force", 1).await;
    assert!(said.contains("there is no such socket"), "{said}");
    assert_eq!(sorted(lab.home.pairs().await), there);

    // It starts anew with its containers down, which is the rule for an emptied daemon alone.
    lab.docker.start_again().await;
    let said = lab.cleans("containers --force", 0).await;
    assert!(said.contains("wants none now"), "{said}");
    assert_eq!(sorted(lab.home.pairs().await), there);
    lab.docker.tell("web", "start").await;
    lab.cleans("containers --grace 1s", 0).await;
    let left = lab.home.pairs().await;
    assert!(left.len() == 1 && left[0].starts_with("web.docker"), "{left:?}");
}
