//! `dns-cli provider switch`: what is ours moves, and nothing else.

mod program;

use std::fs;
use std::process::{Output, Stdio};
use std::time::Duration;

use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::repository::DnsRepositoryManager;
use fixtures::cloudflare::FakeCloudflare;
use fixtures::faults::{Fault, On};
use tempfile::TempDir;
use tokio::process::Command;

const ZONE: &str = "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\ntheirs A 10.0.0.99\n";

/// A zone file that holds two records of ours and two of others, and an empty zone at the fake Cloudflare.
struct Lab {
    folder: TempDir,
    fake: FakeCloudflare,
    zone: String,
}

impl Lab {
    async fn new() -> Self {
        let fake = FakeCloudflare::start().await;
        let lab = Self { folder: TempDir::new().unwrap(), zone: fake.add_zone("lab.example"), fake };
        lab.write("lab.zone", ZONE);
        lab.write(
            "dnsmgmt.toml",
            &format!(
                "sources = [\"wanted.toml\"]\n[providers.home]\nkind = \"zonefile\"\n\
                 zones = [{{ path = \"lab.zone\", name = \"lab.example\" }}]\n\
                 [providers.cloud]\nkind = \"cloudflare\"\nurl = \"{}\"\ntoken = \"{}\"\nzones = [\"lab.example\"]\n",
                lab.fake.url(),
                lab.fake.token
            ),
        );
        lab.want("home");
        lab.ends("sync", 0).await;
        lab.ends("add hand.lab.example 10.0.0.3 -p home", 0).await;
        lab
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn want(&self, provider: &str) {
        let records = "[zones.records]\nweb = [\"10.0.0.2\", \"10.0.0.4\"]\n";
        let text = format!("[[zones]]\nname = \"lab.example\"\nprovider = \"{provider}\"\n\n{records}");
        self.write("wanted.toml", &text);
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.current_dir(self.folder.path()).args(["--config", "dnsmgmt.toml"]).args(line.split(' '));
        command
    }

    /// Expects that exit status.
    async fn ends(&self, line: &str, status: i32) -> Output {
        let output = self.command(line).output().await.expect("dns-cli starts");
        assert_eq!(output.status.code(), Some(status), "{line}: {output:?}");
        output
    }

    fn at_home(&self) -> String {
        fs::read_to_string(self.folder.path().join("lab.zone")).unwrap()
    }

    fn at_cloud(&self) -> Vec<String> {
        let mut records: Vec<String> =
            self.fake.records(&self.zone).iter().map(|record| format!("{} {}", record.name, record.content)).collect();
        records.sort();
        records
    }

    /// Returns what is ours at a provider, each with its claim and those who want it.
    fn ours(&self, provider: &str) -> Vec<String> {
        let id = ProviderId { name: provider.into(), zone: "lab.example".parse().unwrap() };
        let repository = DnsRepositoryManager::open(&self.folder.path().join("dnsmgmt.db")).unwrap();
        let ours = repository.get_managed_records(&id, Duration::ZERO).unwrap();
        let folder = self.folder.path().to_str().unwrap();
        let origins = |origins: &std::collections::BTreeSet<Origin>| {
            origins.iter().map(|origin| origin.as_str().replace(folder, "")).collect::<Vec<_>>().join(", ")
        };
        ours.iter().map(|ours| format!("{} {}: {}", ours.record, ours.claim.unwrap(), origins(&ours.origins))).collect()
    }

    fn has_moved(&self) {
        assert_eq!(self.at_home(), home_without_ours(&self.at_home()));
        assert!(self.at_home().contains("theirs A 10.0.0.99") && !self.at_home().contains("10.0.0.2"));
        let cloud = ["hand.lab.example 10.0.0.3", "web.lab.example 10.0.0.2", "web.lab.example 10.0.0.4"];
        assert_eq!(self.at_cloud(), cloud);
        assert_eq!(self.ours("home"), [""; 0]);
        assert_eq!(self.ours("cloud"), OURS);
    }
}

const OURS: [&str; 3] = [
    "hand.lab.example A 10.0.0.3 by hand: by hand",
    "web.lab.example A 10.0.0.2 created: file:/wanted.toml#lab.example",
    "web.lab.example A 10.0.0.4 created: file:/wanted.toml#lab.example",
];

fn home_without_ours(text: &str) -> String {
    let is_ours = |line: &&str| ["10.0.0.2", "10.0.0.3", "10.0.0.4"].iter().any(|value| line.ends_with(value));
    text.lines().filter(|line| !is_ours(line)).map(|line| format!("{line}\n")).collect()
}

fn said(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[tokio::test]
async fn what_is_ours_moves_with_its_claims_and_the_rest_stays() {
    let lab = Lab::new().await;
    assert_eq!(lab.ours("home"), OURS);
    let output = lab.ends("provider switch home cloud --yes", 0).await;
    lab.has_moved();
    let warned = said(&output.stderr);
    assert!(warned.contains("still leads to home") && warned.contains("name cloud there"), "{warned}");
    let report = said(&output.stdout);
    assert_eq!((report.matches("created ").count(), report.matches("deleted ").count()), (3, 3), "{report}");
    lab.want("cloud");
    let output = lab.ends("sync", 0).await;
    assert!(said(&output.stdout).starts_with("all in sync: 2 "), "{output:?}");
    let output = lab.ends("provider switch home cloud --yes", 0).await;
    assert!(said(&output.stdout).contains("nothing to do"), "{output:?}");
    lab.ends("provider switch cloud home --yes", 0).await;
    assert_eq!((lab.at_cloud(), lab.ours("cloud")), (vec![], vec![]));
    assert_eq!(lab.ours("home"), OURS);
}

#[tokio::test]
async fn without_a_yes_and_in_a_dry_run_nothing_happens() {
    let lab = Lab::new().await;
    let home = lab.at_home();
    let output = lab.ends("provider switch home cloud", 2).await;
    let error = said(&output.stderr);
    assert!(error.contains("create web.lab.example A 10.0.0.2 at cloud (lab.example)"), "{error}");
    assert!(error.contains("delete web.lab.example A 10.0.0.2 at home (lab.example)"), "{error}");
    let output = lab.ends("provider switch home cloud --dry-run", 0).await;
    assert!(said(&output.stdout).contains("would create") && said(&output.stdout).contains("would delete"));
    lab.ends("provider switch home home --yes", 2).await;
    assert_eq!((lab.at_home(), lab.at_cloud(), lab.ours("home").len()), (home, vec![], 3));
}

#[tokio::test]
async fn what_the_new_provider_cannot_hold_is_refused_before_anything() {
    let lab = Lab::new().await;
    lab.fake.put(&lab.zone, "web.lab.example", "CNAME", "elsewhere.example");
    let home = lab.at_home();
    let output = lab.ends("provider switch home cloud --yes", 3).await;
    assert!(said(&output.stderr).contains("nothing was moved"), "{output:?}");
    assert_eq!((lab.at_home(), lab.at_cloud().len(), lab.ours("home").len()), (home, 1, 3));
}

#[tokio::test]
async fn what_is_there_already_is_fine_and_stays_unclaimed() {
    let lab = Lab::new().await;
    lab.fake.put(&lab.zone, "web.lab.example", "A", "10.0.0.2");
    let output = lab.ends("provider switch home cloud --yes", 0).await;
    assert!(said(&output.stdout).contains("it is there already, with other attributes, and stays unclaimed"));
    assert_eq!(lab.ours("cloud"), [OURS[0], OURS[2]]);
    assert_eq!((lab.ours("home").len(), lab.at_cloud().len()), (0, 3));
}

#[tokio::test]
async fn nothing_leaves_before_everything_has_arrived() {
    let lab = Lab::new().await;
    let home = lab.at_home();
    lab.fake.server.faults.always(On::Change, Fault::ErrorBefore);
    let output = lab.ends("provider switch home cloud --yes --retry-for 1s", 3).await;
    assert!(said(&output.stderr).contains("nothing was removed from home"), "{output:?}");
    assert_eq!((lab.at_home(), lab.ours("home").len()), (home, 3));
    lab.fake.server.faults.clear();
    lab.ends("provider switch home cloud --yes", 0).await;
    lab.has_moved();
}

#[tokio::test]
async fn a_move_that_was_killed_is_finished_by_the_next_one() {
    let lab = Lab::new().await;
    // The listing before the change is quick, the one that would verify it never comes.
    lab.fake.server.faults.after(1, 1, On::Listing, Fault::SlowBody(Duration::from_secs(600)));
    let mut command = lab.command("provider switch home cloud --yes");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dns-cli starts");
    while lab.at_cloud().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().await.unwrap();
    assert_eq!((lab.ours("home").len(), lab.ours("cloud").len()), (3, 0));
    lab.fake.server.faults.clear();
    let output = lab.ends("provider switch home cloud --yes", 0).await;
    assert!(!said(&output.stdout).contains("stays unclaimed"), "{output:?}");
    lab.has_moved();
}
