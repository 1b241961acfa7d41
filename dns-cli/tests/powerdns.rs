//! `dns-cli` against a real PowerDNS.

mod program;

use std::process::Output;

use fixtures::powerdns_server::{API_KEY, PowerDnsServer, TSIG};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

const ZONE: &str = "example.test";

/// A running server with a zone, and the program that speaks to it.
struct Home {
    server: PowerDnsServer,
    folder: TempDir,
}

impl Home {
    async fn start() -> Option<Self> {
        let server = PowerDnsServer::start().await?;
        server.add_zone(ZONE).await;
        Some(Self { server, folder: TempDir::new().unwrap() })
    }

    /// Runs a line as a person types it.
    async fn run(&self, line: &str) -> Output {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.env("PDNS_API_URL", self.server.url()).env("PDNS_API_KEY", API_KEY).env("PDNS_ZONE", ZONE);
        command.args(line.split(' ')).output().await.expect("dns-cli starts")
    }

    async fn succeeds(&self, line: &str) -> String {
        let output = self.run(line).await;
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Returns what the server holds beside its own NS.
    async fn held(&self) -> Vec<String> {
        let held = self.server.held(ZONE).await;
        held.into_iter().filter(|line| !line.contains(" NS ")).collect()
    }
}

#[tokio::test]
async fn values_are_added_changed_deleted_and_taken_back() {
    let Some(home) = Home::start().await else { return };
    let added = home.succeeds("add web.example.test 10.0.0.1 10.0.0.2 --ttl 60").await;
    assert!(added.contains("created web.example.test A 10.0.0.1 (TTL 60)\n") && added.contains("verified"), "{added}");
    assert_eq!(home.held().await, ["web.example.test. A 60 10.0.0.1", "web.example.test. A 60 10.0.0.2"]);
    let marks = home.server.comments(ZONE).await;
    assert!(marks[0].starts_with("web.example.test. A dnsmgmt 10.0.0.1: managed by dnsmgmt, owner "), "{marks:?}");
    assert_eq!(marks.len(), 2);
    let listed = home.succeeds("list web*").await;
    assert!(listed.contains("10.0.0.1") && listed.contains("60"), "{listed}");
    home.succeeds("update web.example.test 10.0.0.3 --old 10.0.0.1").await;
    home.succeeds("delete web.example.test 10.0.0.2").await;
    assert_eq!(home.held().await, ["web.example.test. A 60 10.0.0.3"]);
    let history: serde_json::Value = serde_json::from_str(&home.succeeds("history --output json").await).unwrap();
    assert!(history.to_string().contains("10.0.0.2"), "{history}");
    let changes = history["changes"].as_array().unwrap();
    let deletion = changes.iter().find(|change| change["action"] == "delete").unwrap()["id"].to_string();
    home.succeeds(&format!("undo {deletion} --yes")).await;
    assert_eq!(home.held().await, ["web.example.test. A 60 10.0.0.2", "web.example.test. A 60 10.0.0.3"]);
    let why = home.succeeds("why web.example.test").await;
    assert!(why.contains("10.0.0.3"), "{why}");
    assert_eq!(home.run("get nobody.example.test").await.status.code(), Some(5));
}

#[tokio::test]
async fn what_sources_want_is_kept_and_what_nobody_wants_goes() {
    let Some(home) = Home::start().await else { return };
    let foreign = json!({ "rrsets": [{ "name": "web.example.test.", "type": "A", "ttl": 300, "changetype": "REPLACE",
        "records": [{ "content": "10.0.0.9" }], "comments": [{ "content": "ask Ann", "account": "ann" }] }] });
    home.server.api("PATCH", "/zones/example.test.", Some(&foreign)).await;
    let source = home.folder.path().join("records.toml");
    let wants = |text: &str| {
        std::fs::write(&source, format!("[[zones]]\nname = \"example.test\"\n[zones.records]\n{text}")).unwrap();
    };
    wants("web = \"10.0.0.1\"\ndb = { type = \"TXT\", value = \"say \\\"hi\\\"; twice\" }\n");
    let sync = format!("sync --source {} --grace 0s", source.display());
    home.succeeds(&sync).await;
    let wanted = [
        "db.example.test. TXT 3600 \"say \\\"hi\\\"; twice\"",
        "web.example.test. A 300 10.0.0.1",
        "web.example.test. A 300 10.0.0.9",
    ];
    assert_eq!(
        home.held().await.iter().map(|line| line.to_lowercase()).collect::<Vec<_>>(),
        wanted.map(str::to_lowercase)
    );
    let again = home.succeeds(&sync).await;
    assert!(again.contains("in sync"), "{again}");
    wants("web = \"10.0.0.1\"\n");
    home.succeeds(&sync).await;
    home.run(&sync).await;
    assert_eq!(home.held().await.len(), 2);
    wants("other = \"10.0.0.7\"\n");
    home.run(&sync).await;
    home.run(&sync).await;
    let left = ["other.example.test. A 3600 10.0.0.7", "web.example.test. A 300 10.0.0.9"];
    assert_eq!(home.held().await, left, "the neighbour stays");
    let comments = home.server.comments(ZONE).await;
    assert!(comments.len() == 2 && comments[1] == "web.example.test. A ann ask Ann", "{comments:?}");
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_zone_are_explained() {
    let Some(home) = Home::start().await else { return };
    let mut command = Command::from(program::dns_cli(home.folder.path()));
    command.env("PDNS_API_URL", home.server.url()).env("PDNS_API_KEY", "wr0ng").env("PDNS_ZONE", ZONE);
    let output = command.arg("list").output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("pdns.conf") && !said.contains("wr0ng"), "{said}");
    let tested = home.succeeds("provider test").await;
    assert!(tested.contains("powerdns example.test: answers"), "{tested}");
}

/// The same server by the field's own protocol.
#[tokio::test]
async fn it_can_be_spoken_to_by_dns_update_too() {
    let Some(home) = Home::start().await else { return };
    home.server.put(ZONE, "printer.example.test", "A", &["10.0.0.9"]).await;
    let source = home.folder.path().join("records.toml");
    std::fs::write(&source, "[[zones]]\nname = \"example.test\"\n[zones.records]\nweb = \"10.0.0.5\"\n").unwrap();
    let run = async |line: &str, status: i32| {
        let mut command = Command::from(program::dns_cli(home.folder.path()));
        command.env("RFC2136_SERVER", home.server.dns().to_string()).env("RFC2136_ZONE", ZONE);
        command.env("RFC2136_TSIG_NAME", TSIG.name).env("RFC2136_TSIG_SECRET", TSIG.secret);
        let output = command.args(line.split(' ')).output().await.expect("dns-cli starts");
        assert_eq!(output.status.code(), Some(status), "{line}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let sync = format!("sync --source {} --verify dns", source.display());
    assert!(run(&sync, 0).await.contains("1 created"));
    assert!(run(&sync, 0).await.starts_with("all in sync: 1 as wanted"));
    assert!(run("why web.example.test", 0).await.contains("records.toml"));
    run("delete web.example.test --verify dns", 0).await;
    assert_eq!(home.held().await, ["printer.example.test. A 300 10.0.0.9"]);
    let history: serde_json::Value = serde_json::from_str(&run("history -o json", 0).await).unwrap();
    let deletion = history["changes"].as_array().unwrap().iter().find(|change| change["action"] == "delete");
    run(&format!("undo {} --yes --verify dns", deletion.expect("it was written down")["id"]), 0).await;
    assert!(home.held().await.contains(&"web.example.test. A 300 10.0.0.5".to_owned()));
}
