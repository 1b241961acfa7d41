//! `dns-cli sync` killed in the middle of its work: the next one ends where an undisturbed one would have.

mod program;

use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use fixtures::cloudflare::{FakeCloudflare, HeldRecord};
use fixtures::faults::{Fault, On};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::JoinSet;

/// How often a synchronisation is killed.
const KILLS: usize = 200;
/// How many zones are synchronised side by side.
const PLACES: usize = 4;
/// How long an answer takes.
const SLOW: Duration = Duration::from_millis(3);

const BEFORE: &str = r#"
[[zones]]
name = "example.com"
ttl = 300
records = { keep = "10.0.0.1", drifts = "10.0.0.2", moves = "10.0.0.3", turns = "10.0.0.4", goes = "10.0.0.5" }
"#;

/// Six creations, an address that becomes a CNAME, another value, another TTL, and one that nobody wants any more.
const AFTER: &str = r#"
[[zones]]
name = "example.com"
ttl = 300

[zones.records]
keep = "10.0.0.1"
drifts = { value = "10.0.0.2", ttl = 600 }
moves = "10.0.0.33"
turns = { type = "CNAME", value = "keep.example.com" }
new0 = "10.0.1.0"
new1 = ["10.0.1.1", "10.0.1.2"]
new2 = { type = "TXT", value = "hello" }
new3 = "fd00::3"
new4 = "10.0.1.4"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_run_after_a_kill_ends_where_an_undisturbed_one_ends() {
    let mut places = JoinSet::new();
    for seed in 0..PLACES {
        places.spawn(async move { kill_often(Place::new().await, seed as u64, KILLS / PLACES).await });
    }
    let left_open: usize = places.join_all().await.into_iter().sum();
    assert!(left_open >= KILLS / 10, "only {left_open} of {KILLS} kills left anything open");
}

/// Kills that many runs, and returns how many of them left changes open.
async fn kill_often(place: Place, seed: u64, kills: usize) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    place.begin_anew();
    place.succeeds().await;
    let undisturbed = place.state();
    let calls = place.fake.server.calls().len();
    assert!(calls >= 7, "a listing, several batches, a listing: {calls}");
    let (mut killed, mut left_open) = (0, 0);
    for round in 0..10 * kills {
        place.begin_anew();
        let after = round % (calls + 1);
        // Before its first call a program starts, and that takes longer.
        let most = if after == 0 { 30_000 } else { 8_000 };
        let was_killed = place.killed(after, Duration::from_micros(random.u64(0..most))).await;
        let told = place.succeeds().await;
        left_open += usize::from(String::from_utf8_lossy(&told.stdout).contains("had left open"));
        let state = place.state();
        assert_eq!(state, undisturbed, "place {seed}, round {round}, killed after call {after}");
        place.fake.server.forget_calls();
        place.succeeds().await;
        assert_eq!(place.fake.server.calls().len(), 1, "in sync, which a listing says");
        assert_eq!(place.state(), undisturbed);
        killed += usize::from(was_killed);
        if killed == kills {
            return left_open;
        }
    }
    panic!("only {killed} of {kills} runs were still there to be killed");
}

/// A zone, and a memory in which a first synchronisation is done and a second one due.
struct Place {
    fake: FakeCloudflare,
    zone: String,
    folder: TempDir,
    held: Vec<HeldRecord>,
}

/// What is left at the end: what is held, what is ours, what is open, and whether the database is sound.
#[derive(Debug, PartialEq)]
struct State {
    held: Vec<String>,
    tracked: Vec<String>,
    open: Vec<String>,
    integrity: Vec<String>,
}

impl Place {
    async fn new() -> Self {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("example.com");
        fake.put(&zone, "foreign.example.com", "A", "192.0.2.1");
        fake.put(&zone, "new4.example.com", "A", "192.0.2.4");
        let folder = TempDir::new().unwrap();
        let config = format!(
            "[providers.cloud]\nkind = \"cloudflare\"\ntoken = \"{}\"\nurl = \"{}\"\nbatch = 2\n\
             zones = [{{ name = \"example.com\", id = \"{zone}\" }}]\n",
            fake.token,
            fake.url(),
        );
        fs::write(folder.path().join("dnsmgmt.toml"), config).unwrap();
        let mut place = Self { fake, zone, folder, held: Vec::new() };
        fs::write(place.file("records.toml"), BEFORE).unwrap();
        place.succeeds().await;
        place.held = place.fake.records(&place.zone);
        assert_eq!(place.held.len(), 7);
        fs::write(place.file("records.toml"), AFTER).unwrap();
        fs::copy(place.file("dnsmgmt.db"), place.file("before.db")).unwrap();
        for on in [On::Listing, On::Change] {
            place.fake.server.faults.always(on, Fault::SlowBody(SLOW));
        }
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts the zone and the memory back to where the first synchronisation left them.
    fn begin_anew(&self) {
        for record in self.fake.records(&self.zone) {
            self.fake.remove(&self.zone, &record.id);
        }
        for record in &self.held {
            let id = self.fake.put(&self.zone, &record.name, &record.rtype, &record.content);
            self.fake.edit(&self.zone, &id, |held| held.ttl = record.ttl);
        }
        for left in ["dnsmgmt.db-wal", "dnsmgmt.db-shm"] {
            drop(fs::remove_file(self.file(left)));
        }
        fs::copy(self.file("before.db"), self.file("dnsmgmt.db")).unwrap();
        self.fake.server.forget_calls();
    }

    fn sync(&self) -> Command {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.arg("--config").arg(self.file("dnsmgmt.toml"));
        command.args(["sync", "--grace", "0s", "--source"]).arg(self.file("records.toml"));
        command
    }

    async fn succeeds(&self) -> Output {
        let output = self.sync().output().await.expect("dns-cli starts");
        assert!(output.status.success(), "{output:?}");
        output
    }

    /// Kills a run so long after that many of its calls arrived, and returns whether it was still there.
    async fn killed(&self, calls: usize, later: Duration) -> bool {
        let mut child = self.sync().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dns-cli starts");
        while self.fake.server.calls().len() < calls && child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        tokio::time::sleep(later).await;
        // SIGKILL, on Unix.
        child.start_kill().ok();
        !child.wait().await.unwrap().success()
    }

    fn state(&self) -> State {
        let shown = |held: HeldRecord| format!("{} {} {} {}", held.name, held.rtype, held.content, held.ttl);
        let mut held: Vec<String> = self.fake.records(&self.zone).into_iter().map(shown).collect();
        held.sort();
        let database = Connection::open(self.file("dnsmgmt.db")).unwrap();
        let rows = |sql: &str| -> Vec<String> {
            let mut statement = database.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        let tracked = rows(
            "SELECT concat_ws(' ', name, type, content, ttl, claim, app_managed, is_orphaned,
                 (SELECT group_concat(origin) FROM dns_origins WHERE tracked_id = dns_tracked_records.id))
             FROM dns_tracked_records ORDER BY name, type, content",
        );
        let open = rows("SELECT name FROM dns_changes WHERE settled_at IS NULL");
        State { held, tracked, open, integrity: rows("PRAGMA integrity_check") }
    }
}

#[tokio::test]
async fn an_undisturbed_run_leaves_what_is_wanted_and_what_is_foreign() {
    let place = Place::new().await;
    place.begin_anew();
    place.succeeds().await;
    let State { held, tracked, open, integrity } = place.state();
    let held: Vec<&str> = held.iter().map(String::as_str).collect();
    assert_eq!(
        held,
        [
            "drifts.example.com A 10.0.0.2 600",
            "foreign.example.com A 192.0.2.1 1",
            "keep.example.com A 10.0.0.1 300",
            "moves.example.com A 10.0.0.33 300",
            "new0.example.com A 10.0.1.0 300",
            "new1.example.com A 10.0.1.1 300",
            "new1.example.com A 10.0.1.2 300",
            "new2.example.com TXT \"hello\" 300",
            "new3.example.com AAAA fd00::3 300",
            "new4.example.com A 10.0.1.4 1",
            "new4.example.com A 192.0.2.4 1",
            "turns.example.com CNAME keep.example.com 300",
        ]
    );
    assert_eq!(tracked.len(), 12, "ten of ours and two that are only known: {tracked:?}");
    assert!(open.is_empty());
    assert_eq!(integrity, ["ok"]);
}
