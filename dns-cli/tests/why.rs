//! `dns-cli why`: for a name in every situation.

mod program;

use std::fs;
use std::process::Output;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

const ZONE: &str = "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\n*.apps A 10.0.0.50\n\
                    a-theirs TXT \"heritage=external-dns,external-dns/owner=k8s\"\ntheirs A 10.0.0.99\n";

/// A zone file, a source that wants `web` and `kept` in it, and the program.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(TempDir::new().unwrap());
        lab.write("lab.zone", ZONE);
        let provider =
            "[providers.home]\nkind = \"zonefile\"\nzones = [{ path = \"lab.zone\", name = \"lab.example\" }]\n";
        lab.write(
            "dnsmgmt.toml",
            &format!("sources = [\"wanted.toml\"]\npreserved = [\"kept.lab.example\"]\n{provider}"),
        );
        lab.want("web = \"10.0.0.2\"\nkept = \"10.0.0.3\"");
        lab.ends("sync", 0);
        lab
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn want(&self, lines: &str) {
        self.write("wanted.toml", &format!("[[zones]]\nname = \"lab.example\"\n\n[zones.records]\n{lines}\n"));
    }

    fn run(&self, line: &str) -> Output {
        let mut command = program::dns_cli(self.0.path());
        command.current_dir(self.0.path()).args(["--config", "dnsmgmt.toml"]).args(line.split(' ')).output().unwrap()
    }

    /// Expects that exit status, and returns standard output without what differs from run to run.
    fn ends(&self, line: &str, status: i32) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(status), "{line}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.replace(self.0.path().to_str().unwrap(), "[folder]");
        text.split_inclusive([' ', '\n']).map(without_chance).collect()
    }

    fn json(&self, line: &str, status: i32) -> Value {
        serde_json::from_slice(&{
            let output = self.run(line);
            assert_eq!(output.status.code(), Some(status), "{line}: {output:?}");
            output.stdout
        })
        .unwrap()
    }

    fn execute(&self, sql: &str) {
        Connection::open(self.0.path().join("dnsmgmt.db")).unwrap().execute_batch(sql).unwrap();
    }
}

/// Puts a word in the place of times and runs.
fn without_chance(word: &str) -> String {
    let plain = word.trim_end_matches([' ', '\n', '.', ',', ':', ';']);
    let end = &word[plain.len()..];
    let is_time = plain.len() == 20 && plain.starts_with("20") && plain.ends_with('Z');
    let is_run = plain.len() == 16 && plain.bytes().all(|octet| octet.is_ascii_hexdigit());
    if is_time || is_run { format!("{}{end}", if is_time { "[time]" } else { "[run]" }) } else { word.into() }
}

#[test]
fn people_read_sentences_in_a_fixed_order() {
    let lab = Lab::new();
    let mut told = vec![lab.ends("why web.lab.example", 0)];
    lab.want("kept = \"10.0.0.3\"");
    lab.ends("sync", 0);
    lab.execute("UPDATE dns_looks SET observed_ms = observed_ms + 180000");
    told.push(lab.ends("why web.lab.example", 0));
    lab.ends("sync --grace 1m", 0);
    told.push(lab.ends("why web.lab.example", 0));
    for name in ["theirs", "ns", "kept", "x.y.apps", "absent"] {
        told.push(lab.ends(&format!("why {name}.lab.example"), 0));
    }
    insta::assert_snapshot!("why", told.join("\n"));
}

#[test]
fn programs_read_the_same_with_stable_keys() {
    let lab = Lab::new();
    let told = lab.json("why web.lab.example -o json", 0);
    let zone = &told["zones"][0];
    assert_eq!((&zone["provider"], &zone["asked"], &zone["cached_at"]), (&json!("home"), &json!(true), &Value::Null));
    let record = &zone["records"][0];
    assert_eq!((&record["there"], &record["ttl"], &record["claim"]), (&json!(true), &json!(300), &json!("created")));
    assert_eq!(record["origins"], record["wanted_by"]);
    assert!(record["wanted_by"][0].as_str().unwrap().ends_with("/wanted.toml#lab.example"), "{record}");
    assert_eq!((&record["last_change"]["fate"], &record["open_changes"]), (&json!("present"), &json!([])));
    assert_eq!((&record["orphan"], &told["preserved"]), (&Value::Null, &json!(false)));
    let theirs = &lab.json("why theirs.lab.example -o json", 0)["zones"][0]["records"][0];
    assert_eq!((&theirs["mark"]["owner"], &theirs["claim"]), (&json!("k8s"), &Value::Null));
    let covered = &lab.json("why x.apps.lab.example -o json", 0)["zones"][0];
    assert_eq!((&covered["covered_by"], &covered["records"]), (&json!("*.apps.lab.example"), &json!([])));
}

#[test]
fn a_provider_that_cannot_be_asked_hides_nothing_else() {
    let lab = Lab::new();
    lab.write("lab.zone", "this is no zone file");
    let told = lab.json("why web.lab.example -o json --retry-for 0s", 1);
    assert_eq!(told["unasked"][0]["provider"], "home");
    let zone = &told["zones"][0];
    assert_eq!((&zone["asked"], &zone["records"][0]["there"]), (&json!(false), &Value::Null));
    assert_eq!(zone["records"][0]["claim"], "created");
    let said = lab.ends("why web.lab.example --retry-for 0s", 1);
    assert!(said.contains("home (lab.example) could not be asked: ") && said.contains("It is ours: created"), "{said}");
    let young = lab.ends("why web.lab.example --max-age 1h", 0);
    assert!(young.contains("from the cache, ") && young.contains("is there."), "{young}");
}

#[test]
fn a_source_that_cannot_be_read_is_named_and_nothing_is_judged() {
    let lab = Lab::new();
    lab.write("wanted.toml", "[[zones]]\nname = ");
    let said = lab.ends("why web.lab.example", 0);
    assert!(said.contains("could not be read, so what it wants now is not known"), "{said}");
    assert!(said.contains("No configured source that could be read wants it now."), "{said}");
    let told = lab.json("why web.lab.example -o json", 0);
    assert_eq!(
        (told["unreadable"].as_array().unwrap().len(), &told["zones"][0]["records"][0]["orphan"]),
        (1, &Value::Null)
    );
}

#[test]
fn an_open_change_is_told() {
    let lab = Lab::new();
    lab.execute("UPDATE dns_changes SET settled_at = NULL, fate = NULL WHERE name = 'web.lab.example'");
    let said = lab.ends("why web.lab.example", 0);
    assert!(said.contains("open, the program ended before a listing could tell"), "{said}");
    let record = &lab.json("why web.lab.example -o json", 0)["zones"][0]["records"][0];
    assert_eq!(record["open_changes"].as_array().unwrap().len(), 1);
}

#[test]
fn what_lies_below_a_suffix_that_is_ours_whole_is_said_to_be_so() {
    let lab = Lab::new();
    let text = fs::read_to_string(lab.0.path().join("dnsmgmt.toml")).unwrap();
    let whole = "[[docker.whole]]\nsuffix = \"run.lab.example\"\nexclude = [\"kept.run.lab.example\"]\nendpoints = [\"unix:///a\"]\n";
    lab.write("dnsmgmt.toml", &format!("{text}{whole}"));
    lab.write("lab.zone", &format!("{ZONE}old.run A 10.0.0.9\nkept.run A 10.0.0.9\nrun A 10.0.0.9\n"));
    let said = lab.ends("why old.run.lab.example", 0);
    assert!(said.contains("the configuration gives us all below run.lab.example"), "{said}");
    assert_eq!(lab.json("why old.run.lab.example -o json", 0)["zones"][0]["records"][0]["whole"], "run.lab.example");
    for other in ["kept.run.lab.example", "run.lab.example", "theirs.lab.example"] {
        let record = &lab.json(&format!("why {other} -o json"), 0)["zones"][0]["records"][0];
        assert_eq!((&record["whole"], &record["there"]), (&Value::Null, &json!(true)), "{other}");
    }
    lab.ends("add old.run.lab.example 10.0.0.8", 0);
    let records = lab.json("why old.run.lab.example -o json", 0)["zones"][0]["records"].clone();
    let wholes: Vec<_> =
        records.as_array().unwrap().iter().map(|of| (of["value"].clone(), of["whole"].clone())).collect();
    assert_eq!(wholes, [(json!("10.0.0.8"), Value::Null), (json!("10.0.0.9"), json!("run.lab.example"))]);
}
