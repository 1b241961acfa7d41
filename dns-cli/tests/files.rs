//! `dns-cli export` and `import`: zones that go to files and come back.

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use dnsmgmt_core::name::Name;
use fixtures::adguard::{AdGuardOptions, Entry, FakeAdGuard};
use fixtures::checkers::Checker;
use fixtures::cloudflare::FakeCloudflare;
use serde_json::Value;
use tempfile::TempDir;

const HEAD: &str = "$TTL 1h\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\n";
const REST: &str = "web 60 A 10.0.0.2\nweb 60 A 10.0.0.3\nweb TXT \"a;b\" \"c\"\nmail ( MX 10 ; the first\n web )\n";

/// A zone file and the program that works on it.
struct Lab(TempDir);

impl Lab {
    fn with(zone: &str) -> Self {
        let lab = Self(TempDir::new().unwrap());
        lab.write("lab.zone", zone);
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn run(&self, line: &str) -> Output {
        run(self.0.path(), &[("ZONEFILE_PATH", "lab.zone"), ("ZONEFILE_ORIGIN", "lab.example")], line)
    }

    fn succeeds(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn run(folder: &Path, variables: &[(&str, &str)], line: &str) -> Output {
    let mut command = program::dns_cli(folder);
    command.current_dir(folder).envs(variables.iter().copied()).args(line.split(' ')).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_is_exported_is_imported_the_same() {
    let lab = Lab::with(&format!("{HEAD}{REST}"));
    let listed = lab.succeeds("list");
    for format in ["zone", "json"] {
        let other = Lab::with(HEAD);
        lab.succeeds(&format!("export copy --format {format}"));
        fs::copy(lab.path("copy"), other.path("copy")).unwrap();
        let dry = other.succeeds("import copy --dry-run");
        assert!(
            dry.contains("nothing was done") && fs::read_to_string(other.path("lab.zone")).unwrap() == HEAD,
            "{dry}"
        );
        let imported = other.succeeds("import copy");
        assert!(imported.contains("4 verified by a listing taken after the change, 1 already so"), "{imported}");
        assert_eq!(other.succeeds("list"), listed, "{format}");
        assert!(other.succeeds("import copy").contains("nothing had to be changed"));
    }
}

#[test]
fn an_exported_zone_loads_once_it_has_an_soa() {
    let lab = Lab::with(&format!("{HEAD}{REST}"));
    lab.succeeds("export out.zone");
    let text = fs::read_to_string(lab.path("out.zone")).unwrap();
    assert!(text.starts_with("; zonefile (lab.example), as listed at 20"), "{text}");
    assert!(text.contains("\n$ORIGIN lab.example.\n") && !text.contains("$TTL"), "{text}");
    assert_eq!(lab.succeeds("export").lines().skip(1).collect::<Vec<_>>(), text.lines().skip(1).collect::<Vec<_>>());
    lab.write("whole.zone", &format!("@ 3600 SOA ns host 1 3600 900 604800 300\n{text}"));
    let origin = Name::parse("lab.example").unwrap();
    for checker in Checker::installed() {
        assert_eq!(checker.objection(&origin, &lab.path("whole.zone")), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_zone_file_cannot_say_stands_in_comments() {
    let lab = Lab::with(HEAD);
    let fake = FakeCloudflare::start().await;
    let zone = fake.add_zone("example.com");
    let id = fake.put(&zone, "web.example.com", "A", "192.0.2.1");
    fake.edit(&zone, &id, |record| {
        (record.ttl, record.proxied, record.comment) = (1, true, Some("first\n$INCLUDE /etc/passwd".into()));
    });
    let url = fake.url();
    let variables = [("CF_API_URL", &*url), ("CF_API_TOKEN", &fake.token), ("CF_ZONE", "example.com")];
    let output = run(lab.0.path(), &variables, "export");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let record = "web.example.com.\tIN\tA\t192.0.2.1 ; proxied, # first\u{fffd}$INCLUDE /etc/passwd";
    let expected = ["$ORIGIN example.com.", "; of the records whose TTL the provider chooses", "$TTL 300", record];
    assert_eq!(lines, expected);
    fake.add_zone("example.net");
    let both = [("CF_API_URL", &*url), ("CF_API_TOKEN", &fake.token)];
    let output = run(lab.0.path(), &both, "export out.zone");
    assert_eq!(output.status.code(), Some(2), "a zone file holds one zone: {output:?}");
    assert!(!lab.path("out.zone").exists());
    assert!(run(lab.0.path(), &both, "export out.json --format json").status.success());
    let json: Value = serde_json::from_slice(&fs::read(lab.path("out.json")).unwrap()).unwrap();
    assert_eq!(json["listings"].as_array().unwrap().len(), 2);
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let lab = Lab::with(HEAD);
    lab.write("out.zone", "what was there before");
    lab.write("lab.zone", "$INCLUDE other.zone\n");
    assert_eq!(lab.run("export out.zone").status.code(), Some(1));
    assert_eq!(fs::read_to_string(lab.path("out.zone")).unwrap(), "what was there before");
    lab.write("lab.zone", HEAD);
    assert_eq!(lab.run("export nowhere/out.zone").status.code(), Some(1));
    lab.succeeds("export out.zone");
    assert!(fs::read_to_string(lab.path("out.zone")).unwrap().contains("ns.lab.example."));
    let mut names: Vec<_> = fs::read_dir(lab.0.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.retain(|name| !name.to_string_lossy().starts_with("dnsmgmt.db"));
    assert_eq!(names.len(), 2, "nothing else is left: {names:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| fs::metadata(lab.path(name)).unwrap().permissions().mode() & 0o777;
        lab.write("as_the_mask_allows", "");
        assert_eq!(mode("out.zone"), mode("as_the_mask_allows"));
    }
}

#[test]
fn an_import_leaves_out_what_is_the_zones_own_and_changes_nothing() {
    let lab = Lab::with(&format!("{HEAD}web 60 A 10.0.0.2\n"));
    let file = "$ORIGIN lab.example.\n@ 1h SOA other host 9 1h 15m 1w 5m\n@ NS other\nsub NS ns\nweb 999 A 10.0.0.2\n\
        web CNAME other\n@ 1h ZONEMD 1 1 1 0102030405060708090a0b0c0102030405060708090a0b0c0102030405060708090a0b0c0102030405060708090a0b0c\n";
    lab.write("in.zone", file);
    let output = lab.run("import in.zone");
    assert_eq!(output.status.code(), Some(3), "a CNAME cannot stand beside an address: {output:?}");
    let errors = errors(&output);
    assert!(errors.contains("left out, because it is the zone's own: lab.example NS other.lab.example"), "{errors}");
    assert!(errors.contains("left out, because the zone's own server makes them: 1 records of ZONEMD"), "{errors}");
    let zone = fs::read_to_string(lab.path("lab.zone")).unwrap();
    assert!(zone.contains("web 60 A 10.0.0.2") && !zone.contains("999") && !zone.contains("other"), "{zone}");
    assert!(zone.contains("sub") && zone.contains("@ NS ns\n"), "{zone}");
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let lab = Lab::with(HEAD);
    for (text, status, problem) in [
        ("web.lab.example 10.0.0.300\n", 2, "line 1 of in.txt: `10.0.0.300`"),
        ("$TTL 1h\nweb A 10.0.0.1\n", 1, "in.txt"),
        ("$ORIGIN lab.example.\nweb A 10.0.0.300\n", 1, "in.txt:2:"),
        (r#"{"schema_version":9,"records":[]}"#, 2, "the JSON of in.txt"),
    ] {
        lab.write("in.txt", text);
        let output = lab.run("import in.txt");
        assert_eq!(output.status.code(), Some(status), "{text}: {output:?}");
        assert!(errors(&output).contains(problem), "{text}: {output:?}");
    }
    assert_eq!(lab.run("import absent").status.code(), Some(1));
    assert_eq!(fs::read_to_string(lab.path("lab.zone")).unwrap(), HEAD);
    lab.write("in.txt", "$TTL 1h\nweb A 10.0.0.1\n");
    lab.succeeds("import in.txt --zone lab.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_adguard_home_holds_goes_to_a_zone_file_and_back() {
    let lab = Lab::with(HEAD);
    let fake = FakeAdGuard::start(AdGuardOptions::default()).await;
    fake.put("web.docker", "10.0.0.1");
    fake.put("alias.docker", "web.docker");
    fake.put_entry(Entry { domain: "off.docker".into(), answer: "10.0.0.1".into(), enabled: false });
    let url = fake.url();
    let variables = [("ADGUARD_URL", &*url)];
    assert!(run(lab.0.path(), &variables, "export out.zone").status.success());
    let text = fs::read_to_string(lab.path("out.zone")).unwrap();
    assert!(text.contains("\n; off.docker.\tIN\tA\t10.0.0.1 ; switched off\n"), "{text}");
    let held = fake.entries();
    let again = run(lab.0.path(), &variables, "import out.zone");
    assert!(String::from_utf8_lossy(&again.stdout).contains("nothing had to be changed"), "{again:?}");
    assert_eq!(fake.entries(), held);
    let empty = FakeAdGuard::start(AdGuardOptions::default()).await;
    let url = empty.url();
    let back = run(lab.0.path(), &[("ADGUARD_URL", &*url)], "import out.zone");
    assert!(back.status.success(), "{back:?}");
    assert_eq!(empty.entries().len(), 2);
}
