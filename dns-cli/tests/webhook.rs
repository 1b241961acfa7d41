//! `dns-cli` against external-dns' own webhook server.

mod program;

use std::fs;

use fixtures::external_dns_webhook::{ExternalDnsWebhook, program};
use fixtures::faults::{Fault, On};
use fixtures::webhook::FakeWebhook;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

const WANTED: &str = r#"
[[zones]]
name = "lab.example"
ttl = 60
[zones.records]
app = ["10.0.0.1", "10.0.0.2"]
"#;

/// A running server and the program that speaks to it.
struct Lab {
    server: ExternalDnsWebhook,
    folder: TempDir,
}

impl Lab {
    async fn new() -> Option<Self> {
        let server = ExternalDnsWebhook::start(&program()?, &["lab.example"]).await;
        Some(Self { server, folder: TempDir::new().unwrap() })
    }

    /// Runs a line as a person types it, and returns standard output, standard error and the exit status.
    async fn says(&self, line: &str) -> (String, String, i32) {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.current_dir(self.folder.path()).env("WEBHOOK_URL", self.server.url());
        let output = command.args(line.split(' ')).output().await.expect("dns-cli starts");
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).expect("UTF-8");
        (text(&output.stdout), text(&output.stderr), output.status.code().expect("an exit status"))
    }

    async fn succeeds(&self, line: &str) -> String {
        let (out, errors, status) = self.says(line).await;
        assert_eq!(status, 0, "{line}: {out}{errors}");
        out
    }

    async fn put(&self, endpoint: &Value) {
        self.server.put(&json!({ "create": [endpoint] }).to_string()).await;
    }

    /// Returns the endpoints in the order of their names.
    async fn endpoints(&self) -> Vec<Value> {
        let mut endpoints = self.server.records().await.as_array().cloned().unwrap_or_default();
        endpoints.sort_by_key(|endpoint| endpoint["dnsName"].as_str().map(ToOwned::to_owned));
        endpoints
    }
}

#[tokio::test]
async fn records_come_and_go_by_hand_and_siblings_stay() {
    let Some(lab) = Lab::new().await else { return };
    let sibling = json!({ "dnsName": "web.lab.example", "recordType": "A", "targets": ["10.0.0.1"], "recordTTL": 300,
        "providerSpecific": [{ "name": "weight", "value": "7" }] });
    lab.put(&sibling).await;
    let added = lab.succeeds("add web.lab.example 10.0.0.2").await;
    assert!(added.starts_with("created web.lab.example A 10.0.0.2 (TTL 300)\n"), "it joins its sibling: {added}");
    assert!(added.contains("verified by a listing taken after the change"), "{added}");
    let mut both = sibling.clone();
    both["targets"] = json!(["10.0.0.1", "10.0.0.2"]);
    assert_eq!(lab.endpoints().await, [both]);

    let (_, why, status) = lab.says("update web.lab.example --old 10.0.0.2 10.0.0.3").await;
    assert_eq!(status, 0, "{why}");
    let deleted = lab.succeeds("delete web.lab.example 10.0.0.3").await;
    assert!(deleted.contains("deleted web.lab.example A 10.0.0.3\nverified"), "{deleted}");
    assert_eq!(lab.endpoints().await, [sibling], "the neighbour's value is as it was, and so is all around it");

    let outside = lab.says("add web.other.example 10.0.0.2").await;
    assert!(outside.1.contains("not in the zone `lab.example`"), "{outside:?}");
}

#[tokio::test]
async fn a_synced_record_is_explained_undone_and_made_again() {
    let Some(lab) = Lab::new().await else { return };
    let foreign = json!({ "dnsName": "k8s.lab.example", "recordType": "TXT",
        "targets": ["\"heritage=external-dns,external-dns/owner=me\""] });
    lab.put(&foreign).await;
    fs::write(lab.folder.path().join("records.toml"), WANTED).unwrap();
    lab.succeeds("sync --source records.toml").await;
    let app = json!({ "dnsName": "app.lab.example", "recordType": "A", "targets": ["10.0.0.1", "10.0.0.2"], "recordTTL": 60 });
    assert_eq!(lab.endpoints().await, [app.clone(), foreign.clone()]);
    assert!(lab.succeeds("sync --source records.toml").await.contains("in sync"));

    let why = lab.succeeds("why app.lab.example").await;
    assert!(why.contains("records.toml") && why.contains("10.0.0.1"), "{why}");

    let history: Value = serde_json::from_str(&lab.succeeds("history --limit 1 -o json").await).unwrap();
    let run = history["changes"][0]["run"].as_str().unwrap();
    lab.succeeds(&format!("undo {run} --yes")).await;
    assert_eq!(lab.endpoints().await, std::slice::from_ref(&foreign));

    lab.succeeds("sync --source records.toml").await;
    lab.succeeds("delete app.lab.example --all").await;
    assert_eq!(lab.endpoints().await, [foreign]);
}

#[tokio::test]
async fn a_zone_outside_the_domain_filter_is_refused_with_what_to_do() {
    let Some(lab) = Lab::new().await else { return };
    let (_, errors, status) = lab.says("list --zone other.example").await;
    assert_eq!(status, 1, "{errors}");
    assert!(
        errors.contains("its domain filter does not cover the zone other.example: it includes lab.example"),
        "{errors}"
    );
    assert!(errors.contains("configure a zone that it covers"), "{errors}");
    let listed = lab.succeeds("provider list").await;
    assert!(listed.contains("webhook") && listed.contains("WEBHOOK_URL"), "{listed}");
}

#[tokio::test]
async fn a_change_costs_five_calls_and_only_the_listing_says_what_was_made() {
    let fake = FakeWebhook::start(&["lab.example"]).await;
    fake.put(json!({ "dnsName": "web.lab.example", "recordType": "A", "targets": ["10.0.0.1", "10.0.0.2"] }));
    let folder = TempDir::new().unwrap();
    let says = async |line: &str| {
        let mut command = Command::from(program::dns_cli(folder.path()));
        let output = command.env("WEBHOOK_URL", fake.url()).args(line.split(' ')).output().await.unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    };
    assert_eq!(says("add web.lab.example 10.0.0.3").await.1, 0);
    let calls = ["GET /", "GET /records", "POST /adjustendpoints", "POST /records", "GET /records"];
    assert_eq!(fake.server.calls(), calls);

    // The answer did not arrive, the change was made.
    fake.server.faults.next(1, On::Change, Fault::ErrorAfter);
    let (deleted, status) = says("delete web.lab.example 10.0.0.3").await;
    assert_eq!((deleted.starts_with("deleted web.lab.example A 10.0.0.3"), status), (true, 0), "{deleted}");

    // The answer is 204, the change was not made: the listing tells, and it is asked for again.
    fake.put(json!({ "dnsName": "alone.lab.example", "recordType": "A", "targets": ["10.0.0.9"] }));
    fake.server.faults.next(1, On::Change, Fault::LyingDelete);
    fake.server.forget_calls();
    let (deleted, status) = says("delete alone.lab.example").await;
    assert_eq!((deleted.starts_with("deleted alone.lab.example A 10.0.0.9"), status), (true, 0), "{deleted}");
    assert_eq!(fake.server.calls().iter().filter(|call| *call == "POST /records").count(), 2);
    assert_eq!(fake.endpoints().len(), 1);
}
