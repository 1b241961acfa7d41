//! What the commands do with what they are told, on a zone file and on fakes.

mod program;

use std::io::Write;
use std::process::{Output, Stdio};

use fixtures::adguard::{AdGuardOptions, Entry, FakeAdGuard};
use fixtures::cloudflare::FakeCloudflare;
use fixtures::faults::{Fault, On};
use serde_json::Value;
use tempfile::TempDir;

const ZONE: &str = "$TTL 1h\n@ SOA localhost. hostmaster 1 1h 15m 1w 5m\n@ NS localhost.\n\
    web A 10.0.0.1\nweb A 10.0.0.2\nweb TXT \"one;two\"\nalias CNAME web\nmail 300 MX 10 web\n";

/// A zone file and the program that works on it.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("lab.zone"), ZONE).unwrap();
        Self(folder)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let variables = [("ZONEFILE_PATH", "lab.zone".to_owned()), ("ZONEFILE_ORIGIN", "lab.example".into())];
        dns_cli(&self.0, &variables, arguments, input)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.0.path().join("lab.zone")).unwrap()
    }
}

fn dns_cli(folder: &TempDir, variables: &[(&str, String)], arguments: &[&str], input: &str) -> Output {
    let mut command = program::dns_cli(folder.path());
    command.current_dir(folder.path()).env("HOME", folder.path()).args(arguments);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("dns-cli starts");
    // A program that ends before it has read all is right to do so.
    drop(child.stdin.take().expect("piped").write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn changes(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    report["changes"].as_array().expect("a report").clone()
}

#[test]
fn what_list_prints_is_stable_in_every_format() {
    let lab = Lab::new();
    for format in ["table", "json", "csv", "zone"] {
        insta::assert_snapshot!(format!("list_{format}"), out(&lab.run(&["list", "--output", format], "")));
    }
    insta::assert_snapshot!(
        "report_table",
        out(&lab.run(&["add", "new", "--domain", "web.lab.example", "--dry-run"], ""))
    );
    let report = lab.run(&["delete", "web.lab.example", "A", "--all", "-n", "-o", "json"], "");
    insta::assert_snapshot!("report_json", out(&report));
}

#[test]
fn a_filter_shows_only_what_it_says() {
    let lab = Lab::new();
    let names = |arguments: &[&str]| -> Vec<String> {
        let listing: Value = serde_json::from_slice(&lab.run(arguments, "").stdout).unwrap();
        let records = listing["records"].as_array().unwrap().iter();
        records
            .map(|record| format!("{} {}", record["type"].as_str().unwrap(), record["value"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(names(&["list", "-o", "json", "-t", "MX"]), ["MX 10 web.lab.example"]);
    assert_eq!(names(&["list", "WEB.*", "-o", "json", "--value", "10.0.0.?"]), ["A 10.0.0.1", "A 10.0.0.2"]);
    assert_eq!(names(&["list", "-o", "json", "--name", "ali*"]), ["CNAME web.lab.example"]);
    assert_eq!(names(&["list", "-o", "json", "--value", "one;*"]), ["TXT \"one;two\""]);
    assert_eq!(lab.run(&["list", "[a"], "").status.code(), Some(2));
}

#[test]
fn a_name_with_several_values_is_deleted_only_if_that_is_said() {
    let lab = Lab::new();
    for arguments in [&["delete", "web.lab.example"][..], &["delete", "web.lab.example", "A"], &["delete", "-"]] {
        let output = lab.run(arguments, "alias.lab.example\nweb.lab.example\n");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(lab.text(), ZONE, "nothing at all is done");
    }
    assert!(lab.run(&["delete", "-"], "web.lab.example TXT\nalias.lab.example\n").status.success());
    assert!(!lab.text().contains("TXT") && !lab.text().contains("alias") && lab.text().contains("web A 10.0.0.2"));
    assert!(lab.run(&["delete", "web.lab.example", "A", "10.0.0.1"], "").status.success());
    assert!(lab.text().contains("web A 10.0.0.2") && !lab.text().contains("10.0.0.1"));
    assert!(lab.run(&["delete", "web.lab.example", "--all"], "").status.success());
    assert!(!lab.text().contains("web A"));
}

#[test]
fn a_zone_file_that_is_missing_is_made_by_add_and_an_error_for_the_others() {
    let lab = Lab::new();
    std::fs::remove_file(lab.0.path().join("lab.zone")).unwrap();
    for arguments in [
        &["list"][..],
        &["get", "web.lab.example"],
        &["delete", "web.lab.example"],
        &["update", "web.lab.example", "10.0.0.1"],
    ] {
        let output = lab.run(arguments, "");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("does not exist"), "{output:?}");
    }
    assert!(lab.run(&["add", "web.lab.example", "10.0.0.1"], "").status.success());
    assert!(lab.text().contains("SOA"));
}

#[test]
fn a_dry_run_changes_nothing() {
    let lab = Lab::new();
    for arguments in [
        &["add", "new.lab.example", "10.0.0.3"][..],
        &["update", "alias.lab.example", "mail.lab.example"],
        &["delete", "web.lab.example"],
    ] {
        let output = lab.run(&[arguments, &["--dry-run"]].concat(), "");
        assert!(output.status.success() && out(&output).contains("nothing was done"), "{output:?}");
        assert_eq!(lab.text(), ZONE);
    }
}

#[test]
fn what_another_tool_marked_is_shown_as_its_own() {
    let lab = Lab::new();
    let marks = "a-web TXT \"heritage=external-dns,external-dns/owner=default\"\n_owner.mx.mail TXT \"*octodns*\"\n";
    std::fs::write(lab.0.path().join("lab.zone"), format!("{ZONE}{marks}")).unwrap();
    let table = out(&lab.run(&["list", "web.*", "-t", "A"], ""));
    assert_eq!(table.matches("external-dns (owner default)").count(), 2, "its filter does not hide the mark: {table}");
    let listing: Value = serde_json::from_slice(&lab.run(&["list", "-o", "json"], "").stdout).unwrap();
    let shown = |name: &str, rtype: &str| {
        let records = listing["records"].as_array().unwrap().iter();
        let mut same = records.filter(|record| record["name"] == name && record["type"] == rtype);
        same.next().expect("it is listed")["mark"].clone()
    };
    let external = serde_json::json!({ "tool": "external-dns", "owner": "default" });
    assert_eq!(shown("web.lab.example", "A"), external);
    assert_eq!(shown("a-web.lab.example", "TXT"), external, "the mark is its own too");
    assert_eq!(shown("web.lab.example", "TXT"), Value::Null);
    assert_eq!(shown("mail.lab.example", "MX"), serde_json::json!({ "tool": "octoDNS", "owner": null }));
}

#[test]
fn what_is_listed_goes_out_and_comes_back_the_same() {
    for format in ["json", "csv", "zone"] {
        let lab = Lab::new();
        let listed = out(&lab.run(&["list", "--output", format], ""));
        let again = lab.run(&["add", "-"], &listed);
        assert!(again.status.success() && out(&again).contains("nothing had to be changed"), "{format}: {again:?}");
        let own: String = listed
            .lines()
            .filter(|line| !line.contains("NS\tlocalhost") && !line.contains("NS,localhost"))
            .map(|line| format!("{line}\n"))
            .collect();
        if format == "json" {
            continue;
        }
        assert!(lab.run(&["delete", "-"], &own).status.success());
        assert!(lab.run(&["add", "-"], &own).status.success());
        assert_eq!(out(&lab.run(&["list", "--output", format], "")), listed);
    }
}

#[test]
fn what_was_listed_elsewhere_is_not_changed_here() {
    let lab = Lab::new();
    let row = r#"[{"provider":"public","zone":"lab.example","name":"alias.lab.example","type":"CNAME","value":"web.lab.example"}]"#;
    let output = lab.run(&["delete", "-"], row);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(lab.text(), ZONE);
    assert!(lab.run(&["delete", "-", "--provider", "zonefile"], row).status.success());
}

#[test]
fn a_closed_pipe_does_not_change_how_a_run_ends() {
    let lab = Lab::new();
    let path = env!("CARGO_BIN_EXE_dns-cli");
    for (line, status) in
        [("list -o json", 0), ("list -o csv", 0), ("add x.other.example 10.0.0.1", 1), ("delete lab.example NS", 3)]
    {
        let script = format!("{{ {path} {line}; echo $? >&2; }} | true");
        let mut command = program::alone("sh", lab.0.path());
        command.current_dir(lab.0.path()).env("ZONEFILE_PATH", "lab.zone").env("ZONEFILE_ORIGIN", "lab.example");
        let output = command.args(["-c", &script]).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(shown.lines().last(), Some(status.to_string().as_str()), "{line}: {shown}");
    }
}

#[test]
fn attributes_alone_change_the_whole_rrset() {
    let lab = Lab::new();
    let several = lab.run(&["update", "web.lab.example", "--ttl", "60"], "");
    assert_eq!(several.status.code(), Some(2), "which type? {several:?}");
    let output = lab.run(&["update", "web.lab.example", "-t", "A", "--ttl", "60", "-o", "json"], "");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(changes(&output).len(), 2);
    let one = lab.run(&["update", "web.lab.example", "10.0.0.9", "--old", "10.0.0.1", "--ttl", "90", "-o", "json"], "");
    assert_eq!(changes(&one)[0]["fate"], "refused", "its sibling has another TTL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_added_answers() {
    let folder = TempDir::new().unwrap();
    let fake = FakeAdGuard::start(AdGuardOptions::default()).await;
    fake.put_entry(Entry { domain: "off.docker".into(), answer: "10.0.0.1".into(), enabled: false });
    let run = |arguments: &[&str]| dns_cli(&folder, &[("ADGUARD_URL", fake.url())], arguments, "");
    let zone = out(&run(&["list", "-o", "zone"]));
    assert!(zone.starts_with("; off.docker."), "what does not answer stands in a comment: {zone}");
    assert!(run(&["add", "off.docker", "10.0.0.1"]).status.success());
    assert_eq!(fake.entries(), [Entry { domain: "off.docker".into(), answer: "10.0.0.1".into(), enabled: true }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_travel_and_nothing_steers_the_terminal() {
    let folder = TempDir::new().unwrap();
    let fake = FakeCloudflare::start().await;
    let zone = fake.add_zone("example.com");
    let variables =
        [("CF_API_URL", fake.url()), ("CF_API_TOKEN", fake.token.clone()), ("CF_ZONE", "example.com".into())];
    let row = r#"[{"name":"a.example.com","type":"A","value":"192.0.2.1","ttl":"auto","comment":"a note"}]"#;
    assert!(dns_cli(&folder, &variables, &["add", "-"], row).status.success());
    assert_eq!(fake.records(&zone)[0].comment.as_deref(), Some("a note"));
    let id = fake.put(&zone, "b.example.com", "A", "192.0.2.2");
    fake.edit(&zone, &id, |record| record.comment = Some("\u{1b}[2Jgone".into()));
    let table = out(&dns_cli(&folder, &variables, &["list"], ""));
    assert!(table.contains("gone") && !table.contains('\u{1b}'), "{table:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tries_for_as_long_as_it_is_told() {
    let folder = TempDir::new().unwrap();
    for (retry_for, at_least) in [("0s", 1), ("4s", 3)] {
        let fake = FakeAdGuard::start(AdGuardOptions { update_lies_too: true, ..AdGuardOptions::default() }).await;
        fake.put("web.docker", "10.0.0.1");
        fake.server.faults.always(On::Change, Fault::LyingDelete);
        let arguments = ["delete", "web.docker", "-o", "json", "--retry-for", retry_for];
        let output = dns_cli(&folder, &[("ADGUARD_URL", fake.url())], &arguments, "");
        let asked = changes(&output)[0]["asked"].as_u64().unwrap();
        assert!(if at_least == 1 { asked == 1 } else { asked >= at_least }, "{retry_for}: {asked}");
        assert_eq!(output.status.code(), Some(3));
    }
}
