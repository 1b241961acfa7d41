//! `dns-cli` against real BIND and Knot, by DNS UPDATE.

mod program;

use std::process::Output;

use fixtures::primary::{KEY, Primary, SECRET, Software, Zone};
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
    }
}
