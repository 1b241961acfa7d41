//! `dns-cli` against real BIND and Knot, by DNS UPDATE.

mod program;

use std::collections::BTreeSet;
use std::process::{Output, Stdio};
use std::time::Duration;

use fixtures::primary::{KEY, Primary, SECRET, Software, Zone};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// What a source wants.
const WANTED: &str = "[[zones]]\nname = \"lab.example\"\n\n[zones.records]\nweb = \"10.0.0.5\"\n";

/// A running server and the program that speaks to it, which is configured in `dnsmgmt.toml`.
struct Lab {
    server: Primary,
    folder: TempDir,
}

impl Lab {
    async fn start(software: Software, listing: &str) -> Self {
        let zone = Zone::new("lab.example", "printer A 10.0.0.9\n");
        let lab = Self { server: Primary::start(software, &[zone]).await, folder: TempDir::new().unwrap() };
        let key = format!("key \"{KEY}\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{SECRET}\";\n}};\n");
        let provider = format!(
            "[providers.lab]\nkind = \"rfc2136\"\nserver = \"{}\"\nzone = \"lab.example\"\ntsig_key_file = \"tsig.key\"\nlisting = \"{listing}\"\n",
            lab.server.address()
        );
        lab.write("tsig.key", &key);
        lab.write("dnsmgmt.toml", &provider);
        lab
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    async fn run(&self, line: &str) -> Output {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.env("DNSMGMT_CONFIG", self.folder.path().join("dnsmgmt.toml")).current_dir(self.folder.path());
        command.args(line.split(' ')).output().await.expect("dns-cli starts")
    }

    async fn succeeds(&self, line: &str) -> String {
        let output = self.run(line).await;
        assert!(output.status.success(), "{:?}: {line}: {output:?}", self.server.software());
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

#[tokio::test]
async fn names_are_changed_by_hand_however_the_zone_is_listed() {
    for software in Software::installed() {
        for listing in ["transfer", "names"] {
            let lab = Lab::start(software, listing).await;
            let added = lab.succeeds("add www.lab.example 10.0.0.1").await;
            assert!(added.contains("created www.lab.example A 10.0.0.1\nverified"), "{added}");
            lab.succeeds("update www.lab.example 10.0.0.2").await;
            let got = lab.succeeds("get www.lab.example").await;
            assert!(got.contains("10.0.0.2") && !got.contains("10.0.0.1 "), "{got}");
            let deleted = lab.succeeds("delete www.lab.example").await;
            assert!(deleted.contains("deleted www.lab.example A 10.0.0.2\nverified"), "{deleted}");
            assert_eq!(lab.run("get www.lab.example").await.status.code(), Some(5));
            let excluded = lab.run("add printer.lab.example target.example").await;
            assert_eq!(excluded.status.code(), Some(3), "a CNAME beside an address is refused before any call");
            assert!(lab.succeeds("provider test").await.contains("answers"));
        }
    }
}

#[tokio::test]
async fn nothing_is_concluded_about_a_zone_that_is_listed_by_names() {
    for software in Software::installed() {
        let lab = Lab::start(software, "names").await;
        lab.write("records.toml", WANTED);
        lab.succeeds("add www.lab.example 10.0.0.1").await;
        for line in [
            "list",
            "sync --source records.toml",
            "plan --source records.toml",
            "adopt * --yes",
            "export",
            "cache refresh",
        ] {
            let output = lab.run(line).await;
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{software:?}: {line}: {output:?}");
            assert!(said.contains("listed by names alone"), "{software:?}: {line}: {said}");
        }
        assert!(lab.succeeds("get printer.lab.example").await.contains("10.0.0.9"), "and nothing has gone");
        assert!(lab.succeeds("get www.lab.example").await.contains("10.0.0.1"), "and nothing has gone");
    }
}

#[tokio::test]
async fn a_sync_makes_what_is_wanted_and_leaves_the_rest() {
    for software in Software::installed() {
        let lab = Lab::start(software, "transfer").await;
        lab.write("records.toml", WANTED);
        let source = "sync --source records.toml";
        let first = lab.run(source).await;
        assert_eq!(first.status.code(), Some(0), "{software:?}: {first:?}");
        let listed = lab.succeeds("list").await;
        assert!(listed.contains("web.lab.example") && listed.contains("printer.lab.example"), "{listed}");
        let why = lab.succeeds("why web.lab.example").await;
        assert!(why.contains("records.toml") && why.contains("10.0.0.5"), "{why}");
        let deleted = lab.succeeds("delete web.lab.example --verify dns").await;
        assert!(
            deleted.ends_with(&format!("{} answers so too, asked about 1 change\n", lab.server.address())),
            "{deleted}"
        );
        assert_eq!(lab.run("get web.lab.example").await.status.code(), Some(5));
        let history: Value = serde_json::from_str(&lab.succeeds("history web.lab.example -o json").await).unwrap();
        let deletion = history["changes"].as_array().unwrap().iter().find(|change| change["action"] == "delete");
        lab.succeeds(&format!("undo {} --yes --verify dns", deletion.expect("it was written down")["id"])).await;
        assert!(lab.succeeds("get web.lab.example").await.contains("10.0.0.5"));
        assert!(lab.succeeds(&format!("{source} --verify dns")).await.starts_with("all in sync: 1 as wanted"));
    }
}

#[tokio::test]
async fn a_second_witness_that_answers_otherwise_is_believed_before_us() {
    for software in Software::installed() {
        let lab = Lab::start(software, "transfer").await;
        // A secondary that hears of no change.
        let stale = Primary::start(software, &[Zone::new("lab.example", "printer A 10.0.0.9\n")]).await;
        let table = std::fs::read_to_string(lab.folder.path().join("dnsmgmt.toml")).unwrap();
        lab.write("dnsmgmt.toml", &format!("{table}witness = \"{}\"\n", stale.address()));
        let output = lab.run("add www.lab.example 10.0.0.1 --retry-for 1s").await;
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{said}");
        let note = format!("listing shows it present, but {} answers with no value of that type", stale.address());
        assert!(
            said.contains("could not confirm: create www.lab.example A 10.0.0.1") && said.contains(&note),
            "{said}"
        );
        let output = lab.run("delete printer.lab.example --retry-for 1s").await;
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(&format!("{} still answers with 10.0.0.9", stale.address())), "{said}");
        drop(stale);
        let output = lab.run("add api.lab.example 10.0.0.3 --retry-for 0s").await;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == Some(3) && said.contains("could not be asked"), "{said}");
        assert!(lab.succeeds("get api.lab.example").await.contains("10.0.0.3"), "and it was made all the same");
    }
}

#[tokio::test]
async fn a_wildcard_that_answers_for_what_is_gone_is_told_apart() {
    for software in Software::installed() {
        let lab = Lab::start(software, "transfer").await;
        lab.succeeds("add *.lab.example 10.0.0.7 --verify dns").await;
        lab.succeeds("add www.lab.example 10.0.0.7 --verify dns").await;
        let deleted = lab.succeeds("delete www.lab.example --verify dns").await;
        assert!(deleted.contains("cannot tell: a wildcard answers with 10.0.0.7 too"), "{deleted}");
        lab.succeeds("delete *.lab.example --verify dns").await;
        let delegated = lab.succeeds("add sub.lab.example ns.other.example --type NS --verify dns").await;
        assert!(delegated.contains("answers so too"), "a referral tells of it: {delegated}");
        let glue = lab.succeeds("add ns.sub.lab.example 10.0.0.8 --verify dns").await;
        assert!(glue.contains("sub.lab.example is delegated"), "{glue}");
    }
}

/// The server is killed somewhere in the middle of additions: before it answers, after, or between that and the listing that verifies.
#[tokio::test]
async fn a_server_that_was_killed_and_our_journal_agree_after_the_next_run() {
    for software in Software::installed() {
        let mut lab = Lab::start(software, "transfer").await;
        let (mut cut, mut whole) = (0, 0);
        for round in 0_u64..8 {
            let names: Vec<String> =
                (0..60).map(|number| format!("r{round}-{number}.lab.example A 10.0.{round}.{number}\n")).collect();
            lab.write("add.txt", &names.concat());
            let mut command = Command::from(program::dns_cli(lab.folder.path()));
            command.env("DNSMGMT_CONFIG", lab.folder.path().join("dnsmgmt.toml")).args([
                "add",
                "-",
                "--retry-for",
                "0s",
            ]);
            command.stdin(std::fs::File::open(lab.folder.path().join("add.txt")).unwrap());
            let adding = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dns-cli starts");
            tokio::time::sleep(Duration::from_millis(20 * (round + 1))).await;
            lab.server.kill().await;
            let status = adding.wait_with_output().await.unwrap().status;
            (cut, whole) = (cut + usize::from(!status.success()), whole + usize::from(status.success()));
            lab.server.start_again().await;
            // Any change settles what is open.
            lab.succeeds(&format!("add settled{round}.lab.example 10.0.0.1")).await;
            let listed: Value = serde_json::from_str(&lab.succeeds("list -o json").await).unwrap();
            let listed: BTreeSet<&str> =
                listed["records"].as_array().unwrap().iter().map(|record| record["name"].as_str().unwrap()).collect();
            let history: Value = serde_json::from_str(&lab.succeeds("history --limit 100000 -o json").await).unwrap();
            let mut written = BTreeSet::new();
            for change in history["changes"].as_array().unwrap() {
                let (name, fate) = (change["after"]["name"].as_str().unwrap(), change["fate"].as_str());
                let is_there = listed.contains(name);
                assert!(
                    matches!(fate, Some("present" | "still missing" | "not tried" | "refused")),
                    "{software:?}: {change}"
                );
                assert_eq!(fate == Some("present"), is_there, "{software:?}: {change}");
                written.insert(name);
            }
            let foreign = |name: &str| ["lab.example", "ns.lab.example", "printer.lab.example"].contains(&name);
            let unwritten: Vec<_> = listed.iter().filter(|name| !foreign(name) && !written.contains(*name)).collect();
            assert!(unwritten.is_empty(), "{software:?}: {unwritten:?} came without being written down");
        }
        eprintln!("{software:?}: {cut} runs were cut short, {whole} were not");
        assert!(cut > 0, "{software:?}: no run was cut short");
    }
}
