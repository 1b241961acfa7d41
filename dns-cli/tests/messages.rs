//! What a person sees when something is wrong.

mod program;

use std::path::Path;
use std::process::Output;

use fixtures::adguard::{AdGuardOptions, FakeAdGuard};
use fixtures::cloudflare::FakeCloudflare;
use tempfile::TempDir;
use tokio::process::Command;

/// Runs a line with these variables in a folder of its own, and returns all that a person sees.
async fn seen(folder: &Path, variables: &[(&str, &str)], line: &str) -> String {
    let mut command = Command::from(program::dns_cli(folder));
    command.current_dir(folder).env("HOME", folder).envs(variables.iter().copied());
    let output = command.args(line.split(' ')).output().await.expect("dns-cli starts");
    shown(&output, folder, line)
}

fn shown(output: &Output, folder: &Path, line: &str) -> String {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let all = format!(
        "$ dns-cli {line}\n{}{}exit status {}",
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap_or(-1)
    );
    all.replace(&folder.display().to_string(), "FOLDER")
}

/// Compares with what was recorded; what differs from run to run is left out.
fn assert_seen(name: &str, text: String) {
    let filters = vec![(r"127\.0\.0\.1:\d{4,}", "127.0.0.1:PORT"), (r"ray [0-9a-f]+(-[A-Z]+)?", "ray RAY")];
    insta::with_settings!({filters => filters}, { insta::assert_snapshot!(name, text) });
}

#[tokio::test]
async fn a_wrong_password() {
    let folder = TempDir::new().unwrap();
    let fake = FakeAdGuard::start(AdGuardOptions { user: Some(("admin", "right")), ..AdGuardOptions::default() }).await;
    let url = fake.url();
    let variables =
        [("ADGUARD_URL", url.as_str()), ("ADGUARD_USERNAME", "admin"), ("ADGUARD_PASSWORD", "certainly-wrong")];
    let text = seen(folder.path(), &variables, "list").await;
    assert!(!text.contains("certainly-wrong"), "a password is never shown");
    assert_seen("wrong_password", text);
    let text = seen(folder.path(), &[("ADGUARD_URL", &url)], "list").await;
    assert_seen("no_password", text);
}

#[tokio::test]
async fn an_unreachable_host() {
    let folder = TempDir::new().unwrap();
    let variables = [("ADGUARD_URL", "http://127.0.0.1:9")];
    assert_seen("unreachable_host", seen(folder.path(), &variables, "delete web.docker --retry-for 0s").await);
}

#[tokio::test]
async fn an_unknown_zone_and_a_wrong_token() {
    let folder = TempDir::new().unwrap();
    let fake = FakeCloudflare::start().await;
    fake.add_zone("example.com");
    let url = fake.url();
    let zone = [("CF_API_URL", url.as_str()), ("CF_API_TOKEN", &fake.token), ("CF_ZONE", "example.net")];
    assert_seen("unknown_zone", seen(folder.path(), &zone, "list").await);
    let none = [("CF_API_URL", url.as_str()), ("CF_API_TOKEN", &fake.token)];
    assert_seen("no_zone_of_that_name", seen(folder.path(), &none, "add web.example.net 10.0.0.1").await);
    let token = [("CF_API_URL", url.as_str()), ("CF_API_TOKEN", "certainly-wrong"), ("CF_ZONE", "example.com")];
    let text = seen(folder.path(), &token, "list").await;
    assert!(!text.contains("certainly-wrong"), "a token is never shown");
    assert_seen("wrong_token", text);
}

#[tokio::test]
async fn a_malformed_configuration() {
    let folder = TempDir::new().unwrap();
    let config = |text: &str| std::fs::write(folder.path().join("dnsmgmt.toml"), text).unwrap();
    config("[providers.home]\nkind = \"adguard\"\nurl = \"http://127.0.0.1\"\npasword = \"secret\"\n");
    assert_seen("unknown_key", seen(folder.path(), &[], "list --config dnsmgmt.toml").await);
    config("[providers.home\nkind = \"adguard\"\n");
    assert_seen("broken_toml", seen(folder.path(), &[], "list --config dnsmgmt.toml").await);
    assert_seen("no_such_file", seen(folder.path(), &[], "list --config nowhere.toml").await);
    assert_seen("nothing_configured", seen(folder.path(), &[], "list").await);
}

#[tokio::test]
async fn a_zone_file_with_an_error() {
    let folder = TempDir::new().unwrap();
    let zone = |text: &str| std::fs::write(folder.path().join("lab.zone"), text).unwrap();
    let variables = [("ZONEFILE_PATH", "lab.zone"), ("ZONEFILE_ORIGIN", "lab.example")];
    zone("$TTL 1h\n@ SOA ns.lab.example. host.lab.example. 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.300\n");
    assert_seen("zone_syntax", seen(folder.path(), &variables, "add web.lab.example 10.0.0.1").await);
    zone("$TTL 1h\n$INCLUDE other.zone\n");
    assert_seen("zone_include", seen(folder.path(), &variables, "list").await);
    zone("$TTL 1h\n    A 10.0.0.1\n");
    assert_seen("zone_without_owner", seen(folder.path(), &variables, "list").await);
}

#[tokio::test]
async fn a_request_that_makes_no_sense() {
    let folder = TempDir::new().unwrap();
    let variables = [("ZONEFILE_PATH", "lab.zone"), ("ZONEFILE_ORIGIN", "lab.example")];
    assert_seen("mistyped_address", seen(folder.path(), &variables, "add web.lab.example 10.0.0.300").await);
    assert_seen("long_label", seen(folder.path(), &variables, &format!("get {}.lab.example", "x".repeat(64))).await);
    assert_seen("outside", seen(folder.path(), &variables, "add web.other.example 10.0.0.1").await);
    std::fs::write(folder.path().join("lab.zone"), "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\n").unwrap();
    assert_seen("no_witness", seen(folder.path(), &variables, "add web.lab.example 10.0.0.1 --verify dns").await);
}
