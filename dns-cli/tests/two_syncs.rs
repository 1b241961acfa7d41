//! Two synchronisations at once: one applies, the other says who does, or waits.

mod program;

use std::fs;
use std::process::{Output, Stdio};
use std::time::Duration;

use fixtures::adguard::{AdGuardOptions, FakeAdGuard};
use fixtures::faults::{Fault, On};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const RECORDS: &str = "[[zones]]\nname = \".\"\n[zones.records]\n\"web.example.com\" = \"10.0.0.1\"\n\"api.example.com\" = \"10.0.0.2\"\n";

/// A provider that does not answer a change before it is let go.
struct Place {
    fake: FakeAdGuard,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let fake = FakeAdGuard::start(AdGuardOptions::default()).await;
        fake.server.faults.always(On::Change, Fault::Held);
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("records.toml"), RECORDS).unwrap();
        Self { fake, folder }
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.env("ADGUARD_URL", self.fake.url()).args(arguments).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("dns-cli starts")
    }

    fn sync(&self, more: &[&str]) -> Child {
        let source = self.folder.path().join("records.toml");
        self.start(&[&["sync", "--source", source.to_str().unwrap()], more].concat())
    }

    /// Starts a synchronisation and waits until it is in the middle of its changes.
    async fn applying(&self) -> Child {
        let child = self.sync(&[]);
        while !self.fake.server.calls().iter().any(|call| call.contains("/rewrite/add")) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        child
    }

    fn let_go(&self) {
        self.fake.server.faults.clear();
    }
}

async fn end(child: Child) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().await.unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn the_second_of_two_says_who_holds_the_lock_and_asks_for_nothing() {
    let place = Place::new().await;
    let first = place.applying().await;
    let holder = format!("dns-cli (process {})", first.id().unwrap());
    let calls = place.fake.server.calls();
    let (status, stdout, stderr) = end(place.sync(&[])).await;
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.contains(&holder) && stderr.contains("adguard"), "{stderr}");
    assert_eq!(stdout, "nothing was done\n", "nothing is known to be in sync");
    assert_eq!(place.fake.server.calls(), calls, "who cannot work asks for nothing");
    place.let_go();
    let (status, stdout, _) = end(first).await;
    assert_eq!(status, Some(0));
    assert!(stdout.contains("2 created"), "{stdout}");
    assert_eq!(place.fake.entries().len(), 2);
}

#[tokio::test]
async fn the_second_of_two_waits_if_it_is_told_to_and_finds_all_in_sync() {
    let place = Place::new().await;
    let first = place.applying().await;
    let mut second = place.sync(&["--wait"]);
    // One that does not wait shows that the second had the time to try.
    assert_eq!(end(place.sync(&[])).await.0, Some(1));
    assert!(second.try_wait().unwrap().is_none(), "it waits");
    place.let_go();
    assert_eq!(end(first).await.0, Some(0));
    let (status, stdout, stderr) = end(second).await;
    assert_eq!(status, Some(0), "{stderr}");
    assert_eq!(stdout.trim(), "all in sync: 2 as wanted");
    assert_eq!(place.fake.entries().len(), 2, "nothing is there twice");
    let changes = place.fake.server.calls().iter().filter(|call| call.contains("/rewrite/add")).count();
    assert_eq!(changes, 2, "the second asked for no change");
}

#[tokio::test]
async fn a_dry_run_and_a_plan_need_no_lock() {
    let place = Place::new().await;
    let first = place.applying().await;
    assert_eq!(end(place.sync(&["--dry-run"])).await.0, Some(0));
    let source = place.folder.path().join("records.toml");
    assert_eq!(end(place.start(&["plan", "--source", source.to_str().unwrap()])).await.0, Some(5));
    place.let_go();
    assert_eq!(end(first).await.0, Some(0));
}
