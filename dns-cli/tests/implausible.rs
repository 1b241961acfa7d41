//! Listings that lack so much that nothing may follow from them.

mod program;

use std::fs;
use std::process::{Output, Stdio};

use fixtures::adguard::{AdGuardOptions, FakeAdGuard};
use fixtures::faults::{Fault, On};
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const OURS: usize = 30;
const FOREIGN: usize = 10;

/// What goes wrong with a provider that holds 40 records: it says that there is nothing, half, or 4 of them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    Empty,
    Half,
    Tenth,
}

const ALL: [(Wrong, usize); 3] = [(Wrong::Empty, 40), (Wrong::Half, 20), (Wrong::Tenth, 36)];

/// A provider with 30 records of ours and 10 of others, all in sync.
struct Place {
    fake: FakeAdGuard,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let fake = FakeAdGuard::start(AdGuardOptions::default()).await;
        for index in 0..FOREIGN {
            fake.put(&format!("foreign{index}.example.com"), "192.0.2.1");
        }
        let place = Self { fake, folder: TempDir::new().unwrap() };
        place.want(0..OURS);
        let output = place.sync().await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(place.fake.entries().len(), OURS + FOREIGN);
        place
    }

    fn want(&self, numbers: std::ops::Range<usize>) {
        let lines = numbers.map(|index| format!("\"n{index}.example.com\" = \"10.0.0.{index}\"\n"));
        let text = format!("[[zones]]\nname = \".\"\n[zones.records]\n{}", lines.collect::<String>());
        fs::write(self.folder.path().join("records.toml"), text).unwrap();
    }

    /// Lets it go wrong, from now on.
    fn goes(&self, wrong: Wrong) {
        let keep = match wrong {
            Wrong::Half => return self.fake.server.faults.always(On::Listing, Fault::HalfListing),
            Wrong::Empty => 0,
            Wrong::Tenth => 4,
        };
        self.fake.entries().iter().skip(keep).for_each(|entry| self.fake.take(&entry.domain));
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.env("ADGUARD_URL", self.fake.url()).args(arguments).args(["--retry-for", "1s"]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("dns-cli starts");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).await.unwrap();
        child.wait_with_output().await.unwrap()
    }

    async fn sync(&self) -> Output {
        let source = self.folder.path().join("records.toml");
        self.run(&["sync", "--grace", "0s", "--source", source.to_str().unwrap()], "").await
    }

    /// Everything that is remembered of what is ours, and what the journal says.
    fn memory(&self) -> Vec<Vec<Value>> {
        let database = Connection::open(self.folder.path().join("dnsmgmt.db")).unwrap();
        let mut rows = Vec::new();
        for table in ["dns_tracked_records", "dns_origins", "dns_changes", "dns_looks", "dns_freshness"] {
            let mut statement = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
            let columns = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
            let found: Result<Vec<Vec<Value>>, _> = statement.query_map([], row).unwrap().collect();
            rows.extend(found.unwrap());
        }
        rows
    }

    fn changes(&self) -> usize {
        let is_change = |call: &&String| call.starts_with("POST") || call.starts_with("PUT");
        self.fake.server.calls().iter().filter(is_change).count()
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[tokio::test]
async fn nothing_is_deleted_marked_or_called_gone() {
    for (wrong, missing) in ALL {
        let place = Place::new().await;
        // What is not wanted any more would go at once, and what is gone would be made again.
        place.want(0..OURS - 10);
        place.goes(wrong);
        let (memory, changes, held) = (place.memory(), place.changes(), place.fake.entries());
        let output = place.sync().await;
        assert_eq!(output.status.code(), Some(1), "{wrong:?}: {output:?}");
        let told = text(&output.stderr);
        assert!(told.contains(&format!("{missing} of the 40 records")), "{wrong:?}: {told}");
        assert_eq!(text(&output.stdout), "nothing was done\n", "{wrong:?}: nothing is called gone, nor in sync");
        assert_eq!(place.memory(), memory, "{wrong:?}");
        assert_eq!(place.changes(), changes, "{wrong:?}");
        assert_eq!(place.fake.entries(), held, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_plan_and_a_dry_run_conclude_nothing_either() {
    for (arguments, dry) in [("plan", None), ("sync", Some("--dry-run"))] {
        let place = Place::new().await;
        place.goes(Wrong::Tenth);
        let memory = place.memory();
        let source = place.folder.path().join("records.toml");
        let arguments: Vec<&str> =
            [arguments].into_iter().chain(dry).chain(["--source", source.to_str().unwrap()]).collect();
        let output = place.run(&arguments, "").await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(place.memory(), memory);
    }
}

#[tokio::test]
async fn list_shows_what_was_listed_with_a_warning() {
    for (wrong, missing) in ALL {
        let place = Place::new().await;
        place.goes(wrong);
        let memory = place.memory();
        let output = place.run(&["list", "--output", "json"], "").await;
        assert_eq!(output.status.code(), Some(0), "{wrong:?}: {output:?}");
        let told = text(&output.stderr);
        assert!(told.contains(&format!("{missing} of the 40 records")), "{wrong:?}: {told}");
        assert_eq!(text(&output.stdout).matches("\"value\"").count(), 40 - missing, "{wrong:?}: {output:?}");
        assert_eq!(place.memory(), memory, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_listing_without_anything_in_it_is_none() {
    let place = Place::new().await;
    place.fake.server.faults.always(On::Listing, Fault::Empty);
    let (memory, changes) = (place.memory(), place.changes());
    let output = place.sync().await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("was not listed, so nothing was done"), "{output:?}");
    assert_eq!((place.memory(), place.changes()), (memory, changes));
}

#[tokio::test]
async fn a_later_run_that_lacks_the_same_believes_it() {
    for wrong in [Wrong::Empty, Wrong::Tenth] {
        let place = Place::new().await;
        place.goes(wrong);
        assert_eq!(place.sync().await.status.code(), Some(1), "{wrong:?}");
        let output = place.sync().await;
        assert_eq!(output.status.code(), Some(0), "{wrong:?}: {output:?}");
        let ours = place.fake.entries().iter().filter(|entry| entry.domain.starts_with('n')).count();
        assert_eq!(ours, OURS, "{wrong:?}: what is wanted is made again");
    }
}

#[tokio::test]
async fn a_later_run_that_lacks_others_too_is_not_believed() {
    let place = Place::new().await;
    place.goes(Wrong::Half);
    assert_eq!(place.sync().await.status.code(), Some(1));
    place.fake.server.faults.clear();
    place.goes(Wrong::Empty);
    let memory = place.memory();
    let output = place.sync().await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(place.memory(), memory);
}

#[tokio::test]
async fn what_is_deleted_by_hand_is_not_called_gone_by_such_a_listing() {
    for wrong in [Wrong::Empty, Wrong::Half, Wrong::Tenth] {
        let place = Place::new().await;
        place.goes(wrong);
        let (memory, changes) = (place.memory(), place.changes());
        let names: String = (OURS - 8..OURS).map(|index| format!("n{index}.example.com\n")).collect();
        let output = place.run(&["delete", "-"], &names).await;
        assert_eq!(output.status.code(), Some(1), "{wrong:?}: {output:?}");
        assert!(text(&output.stderr).contains("8 of the 8 records"), "{wrong:?}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{wrong:?}");
        assert_eq!((place.memory(), place.changes()), (memory, changes), "{wrong:?}");
    }
}
