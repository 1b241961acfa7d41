//! `dns-cli sync` and `dns-cli plan`, against a zone file, the fake Cloudflare and real AdGuard Homes.

mod program;

use std::fs;
use std::process::Output;

use fixtures::adguard_home::{AdGuardHome, Release, Users};
use fixtures::cloudflare::FakeCloudflare;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

const ZONE: &str = "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\nold A 10.0.0.99\n";

/// A folder with a configuration, sources and a memory, and the program that works in it.
struct Lab {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Lab {
    /// A zone file, `lab.zone`, that holds two addresses which are not ours.
    fn new() -> Self {
        let lab = Self::with(Vec::new());
        lab.write("lab.zone", ZONE);
        lab.write(
            "dnsmgmt.toml",
            "[providers.home]\nkind = \"zonefile\"\nzones = [{ path = \"lab.zone\", name = \"lab.example\" }]\n",
        );
        lab
    }

    fn with(variables: Vec<(&'static str, String)>) -> Self {
        let lab = Self { folder: TempDir::new().unwrap(), variables };
        lab.write("dnsmgmt.toml", "");
        lab
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Writes `wanted.toml` with these lines for the zone.
    fn want(&self, zone: &str, lines: &str) {
        self.write("wanted.toml", &wanted(zone, lines));
    }

    async fn run(&self, line: &str) -> Output {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.current_dir(self.folder.path()).envs(self.variables.iter().cloned()).args(["--config", "dnsmgmt.toml"]);
        command.args(line.split(' ')).output().await.expect("dns-cli starts")
    }

    /// Expects that exit status, and returns standard output.
    async fn ends(&self, line: &str, status: i32) -> String {
        let output = self.run(line).await;
        assert_eq!(output.status.code(), Some(status), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Expects that exit status, and returns standard error.
    async fn complains(&self, line: &str, status: i32) -> String {
        let output = self.run(line).await;
        assert_eq!(output.status.code(), Some(status), "{line}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs with JSON as the output, and returns the counts that are not zero.
    async fn counts(&self, line: &str, status: i32) -> String {
        let said: Value = serde_json::from_str(&self.ends(&format!("{line} -o json"), status).await).unwrap();
        let count = |what: &str| said[what].as_u64().filter(|count| *count > 0).map(|count| format!("{count} {what}"));
        const ALL: [&str; 8] =
            ["created", "updated", "deleted", "already_synced", "unconfirmed", "skipped", "shared", "to_be_done"];
        ALL.into_iter().filter_map(count).collect::<Vec<_>>().join(", ")
    }

    /// Lets the last look at every zone be so many seconds longer ago.
    fn let_pass(&self, seconds: i64) {
        let database = Connection::open(self.folder.path().join("dnsmgmt.db")).unwrap();
        let sql = "UPDATE dns_looks SET running_ms = running_ms - 1000 * ?1";
        database.execute(sql, [seconds]).unwrap();
    }

    /// Returns every row of every table but those of the cache.
    fn memory(&self) -> Vec<(String, Vec<Vec<Cell>>)> {
        const CACHE: [&str; 3] = ["dns_records", "dns_opaque_entries", "dns_freshness"];
        let database = Connection::open(self.folder.path().join("dnsmgmt.db")).unwrap();
        let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
        let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let rows = |table: &String| {
            let mut rows = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
            let columns = rows.column_count();
            let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
            rows.query_map([], row).unwrap().map(Result::unwrap).collect()
        };
        let kept = tables.iter().filter(|table| !CACHE.contains(&&***table));
        kept.map(|table| (table.clone(), rows(table))).collect()
    }
}

fn wanted(zone: &str, lines: &str) -> String {
    format!("[[zones]]\nname = \"{zone}\"\n\n[zones.records]\n{lines}\n")
}

#[tokio::test]
async fn records_come_stay_change_and_go_after_the_grace() {
    let lab = Lab::new();
    lab.want("lab.example", "web = \"10.0.0.2\"\napi = \"10.0.0.3\"");
    let sync = "sync -s wanted.toml --grace 1m";
    assert_eq!(lab.counts(sync, 0).await, "2 created");
    assert!(lab.read("lab.zone").contains("10.0.0.2"));
    assert_eq!(lab.counts(sync, 0).await, "2 already_synced");
    assert!(lab.ends(sync, 0).await.starts_with("all in sync: 2 as wanted"));
    lab.want("lab.example", "web = \"10.0.0.20\"");
    assert_eq!(lab.counts(sync, 0).await, "1 updated", "another value is no orphan; what is not wanted waits");
    let zone = lab.read("lab.zone");
    assert!(zone.contains("10.0.0.20") && zone.contains("10.0.0.3"), "{zone}");
    lab.let_pass(60);
    assert_eq!(lab.counts(&format!("{sync} --no-delete"), 0).await, "1 already_synced");
    assert!(lab.read("lab.zone").contains("10.0.0.3"));
    assert_eq!(lab.counts(sync, 0).await, "1 deleted, 1 already_synced");
    let zone = lab.read("lab.zone");
    assert!(!zone.contains("10.0.0.3"), "{zone}");
    assert!(zone.contains("old A 10.0.0.99") && zone.contains("ns A 10.0.0.1"), "what is not ours stays: {zone}");
}

#[tokio::test]
async fn what_is_there_already_stays_unclaimed_and_is_never_deleted() {
    let lab = Lab::new();
    lab.want("lab.example", "old = \"10.0.0.99\"\nns = \"10.0.0.7\"");
    assert_eq!(lab.counts("sync -s wanted.toml", 0).await, "1 created, 1 already_synced, 1 shared");
    lab.want("lab.example", "ns = \"10.0.0.7\"");
    assert_eq!(lab.counts("sync -s wanted.toml --grace 0s", 0).await, "1 already_synced, 1 shared");
    assert!(lab.read("lab.zone").contains("old A 10.0.0.99"));
}

#[tokio::test]
async fn what_a_command_is_narrowed_to_is_found_or_a_mistake() {
    let lab = Lab::new();
    lab.write("wanted.toml", &wanted("lab.example", "web = \"10.0.0.2\"").replace("\n\n", "\nprovider = \"home\"\n\n"));
    let said = lab.complains("sync -s wanted.toml --zone typo.example", 2).await;
    assert!(said.contains("no source wants anything in typo.example"), "{said}");
    assert_eq!(lab.counts("sync -s wanted.toml -p zonefile", 0).await, "1 created", "the only one of its kind");
}

#[tokio::test]
async fn a_dry_run_and_a_plan_write_nothing_but_the_cache() {
    let lab = Lab::new();
    lab.want("lab.example", "web = \"10.0.0.2\"\napi = \"10.0.0.3\"");
    assert_eq!(lab.counts("sync -s wanted.toml", 0).await, "2 created");
    lab.want("lab.example", "web = \"10.0.0.2\"\nnew = \"10.0.0.4\"");
    let (zone, memory) = (lab.read("lab.zone"), lab.memory());
    assert!(memory.iter().any(|(table, rows)| table == "dns_tracked_records" && rows.len() >= 2));
    assert_eq!(lab.counts("sync -s wanted.toml --dry-run --grace 0s", 0).await, "1 already_synced, 2 to_be_done");
    assert_eq!(lab.counts("plan -s wanted.toml", 5).await, "1 already_synced, 1 to_be_done");
    let plan = lab.ends("plan -s wanted.toml --max-age 1h", 5).await;
    assert!(plan.contains("+ new.lab.example A 10.0.0.4"), "{plan}");
    assert_eq!((lab.read("lab.zone"), lab.memory()), (zone, memory));
    assert_eq!(lab.counts("sync -s wanted.toml", 0).await, "1 created, 1 already_synced");
    lab.ends("plan -s wanted.toml --no-delete", 0).await;
}

#[tokio::test]
async fn a_source_that_is_emptied_is_believed_only_if_a_person_says_so() {
    let lab = Lab::new();
    lab.want("lab.example", "web = \"10.0.0.2\"");
    lab.ends("sync -s wanted.toml", 0).await;
    lab.write("wanted.toml", "");
    let sync = "sync -s wanted.toml --grace 0s";
    for _ in 0..2 {
        let error = lab.complains(sync, 3).await;
        assert!(error.contains("--allow-empty` believes it"), "{error}");
    }
    assert!(lab.read("lab.zone").contains("10.0.0.2"));
    assert_eq!(lab.counts(&format!("{sync} --allow-empty"), 0).await, "1 deleted");
}

#[tokio::test]
async fn a_source_that_cannot_be_read_changes_nothing() {
    let lab = Lab::new();
    lab.want("lab.example", "web = \"10.0.0.2\"");
    lab.ends("sync -s wanted.toml", 0).await;
    let (zone, memory) = (lab.read("lab.zone"), lab.memory());
    lab.write("other.toml", &wanted("lab.example", "new = \"10.0.0.4\""));
    lab.write("wanted.toml", "[[zones]]\nname = ");
    let error = lab.complains("sync -s other.toml -s wanted.toml --grace 0s", 1).await;
    assert!(error.contains("wanted.toml"), "{error}");
    let error = lab.complains("sync -s other.toml -s absent.toml --grace 0s", 1).await;
    assert!(error.contains("absent.toml"), "{error}");
    assert_eq!((lab.read("lab.zone"), lab.memory()), (zone, memory));
}

#[tokio::test]
async fn of_a_hosts_file_that_cannot_be_read_nothing_is_judged() {
    let lab = Lab::new();
    fs::create_dir(lab.folder.path().join("hosts")).unwrap();
    lab.write("hosts/one", "10.0.0.2 one.lab.example\n");
    lab.write("hosts/two", "10.0.0.3 two.lab.example\n");
    assert_eq!(lab.counts("sync -s hosts", 0).await, "2 created");
    lab.write("hosts/one", "10.0.0.4 one.lab.example\n");
    lab.write("hosts/two", "10.0.0.5 two.lab.example\nno line of a hosts file\n");
    let output = lab.run("sync -s hosts --grace 0s").await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("two") && error.contains("nothing of it was judged"), "{error}");
    let zone = lab.read("lab.zone");
    assert!(zone.contains("10.0.0.4") && !zone.contains("10.0.0.2"), "what was read is followed: {zone}");
    assert!(zone.contains("10.0.0.3") && !zone.contains("10.0.0.5"), "what was not is left: {zone}");
}

#[tokio::test]
async fn a_plan_that_deletes_too_much_waits_for_a_person() {
    for release in ["--approve", "--force"] {
        let lab = Lab::new();
        let lines =
            |count: usize| (0..count).map(|index| format!("n{index} = \"10.0.1.{index}\"\n")).collect::<String>();
        lab.want("lab.example", &lines(10));
        assert_eq!(lab.counts("sync -s wanted.toml", 0).await, "10 created");
        lab.want("lab.example", &lines(4));
        let sync = "sync -s wanted.toml --grace 0s";
        assert_eq!(lab.counts(sync, 4).await, "4 already_synced, 6 to_be_done");
        let held: Value = serde_json::from_str(&lab.ends(&format!("{sync} -o json"), 4).await).unwrap();
        let held = &held["zones"][0]["held"];
        assert_eq!((held["deletions"].as_u64(), held["claims"].as_u64()), (Some(6), Some(10)));
        assert_eq!(lab.read("lab.zone").matches("10.0.1.").count(), 10);
        lab.ends(&format!("{sync} --approve 1"), 4).await;
        let release = match release {
            "--approve" => format!("--approve {}", held["plan"].as_str().unwrap()),
            force => force.to_owned(),
        };
        assert_eq!(lab.counts(&format!("{sync} {release}"), 0).await, "6 deleted, 4 already_synced");
    }
}

#[tokio::test]
async fn what_two_sources_want_goes_when_neither_does() {
    let lab = Lab::new();
    let web = wanted("lab.example", "web = \"10.0.0.2\"");
    let other = wanted("lab.example", "other = \"10.0.0.3\"");
    lab.write("a.toml", &web);
    lab.write("b.toml", &web);
    let sync = "sync -s a.toml -s b.toml --grace 0s";
    assert_eq!(lab.counts(sync, 0).await, "1 created");
    assert_eq!(lab.counts(&format!("{sync} --max-age 1h"), 0).await, "1 already_synced");
    lab.write("a.toml", &other);
    assert_eq!(lab.counts("sync -s a.toml --grace 0s", 0).await, "1 created", "the other source was not read");
    assert_eq!(lab.counts(sync, 0).await, "2 already_synced");
    lab.write("b.toml", &other);
    assert_eq!(lab.counts(sync, 0).await, "1 deleted, 1 already_synced");
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_keeps_no_other_from_its_records() {
    let lab = Lab::with(vec![("ADGUARD_PASSWORD", "secret".to_owned())]);
    lab.write("lab.zone", ZONE);
    lab.write(
        "dnsmgmt.toml",
        "[providers.home]\nkind = \"zonefile\"\nzones = [{ path = \"lab.zone\", name = \"lab.example\" }]\n\
         [providers.cloud]\nkind = \"cloudflare\"\nurl = \"http://127.0.0.1:9/client/v4\"\ntoken = \"t\"\nzones = [\"example.com\"]\n",
    );
    let both = wanted("lab.example", "web = \"10.0.0.2\"") + &wanted("example.com", "web = \"10.0.0.2\"");
    lab.write("wanted.toml", &both);
    let output = lab.run("sync -s wanted.toml --retry-for 0s").await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("created web.lab.example A 10.0.0.2"), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("127.0.0.1:9"), "{output:?}");
    assert!(lab.read("lab.zone").contains("10.0.0.2"));
}

#[tokio::test]
async fn a_zone_that_is_held_elsewhere_is_refused_until_a_person_trusts_it() {
    let lab = Lab::new();
    lab.want("lab.example", "web = \"10.0.0.2\"");
    lab.ends("sync -s wanted.toml", 0).await;
    lab.write("moved.zone", ZONE);
    lab.write("dnsmgmt.toml", &lab.read("dnsmgmt.toml").replace("lab.zone", "moved.zone"));
    for line in
        ["sync -s wanted.toml", "plan -s wanted.toml", "sync -s wanted.toml --max-age 1h", "sync -s wanted.toml -n"]
    {
        let error = lab.complains(line, 1).await;
        assert!(error.contains("dns-cli provider trust home"), "{line}: {error}");
    }
    assert_eq!(lab.read("moved.zone"), ZONE);
    let said = lab.ends("provider trust home", 0).await;
    assert!(said.contains("lab.zone") && said.contains("moved.zone"), "{said}");
    assert_eq!(lab.counts("sync -s wanted.toml", 0).await, "1 created");
    let said = lab.ends("provider trust home", 0).await;
    assert!(said.contains("nothing to trust"), "{said}");
}

#[tokio::test]
async fn a_young_cache_that_is_as_wanted_is_not_asked_again() {
    let lab = Lab::new();
    lab.want("lab.example", "web = \"10.0.0.2\"");
    let sync = "sync -s wanted.toml --max-age 1h";
    assert_eq!(lab.counts(sync, 0).await, "1 created");
    lab.write("lab.zone", "this is no zone file");
    let error = lab.complains(sync, 0).await;
    assert!(error.contains("home (lab.example): from the cache, ") && error.contains(" old"), "{error}");
    assert_eq!(lab.counts(sync, 0).await, "1 already_synced");
    lab.ends("plan -s wanted.toml --max-age 1h", 0).await;
    for line in ["sync -s wanted.toml", "sync -s wanted.toml --max-age 0s", "plan -s wanted.toml"] {
        lab.complains(line, 1).await;
    }
    lab.want("lab.example", "web = \"10.0.0.20\"");
    lab.complains(sync, 1).await;
    lab.want("lab.example", "api = \"10.0.0.20\"");
    lab.complains(sync, 1).await;
}

#[tokio::test]
async fn json_has_counts_and_lists() {
    let lab = Lab::new();
    lab.write("lab.zone", &format!("{ZONE}*.apps A 10.0.0.50\nalias CNAME ns\n"));
    lab.want("lab.example", "web = \"10.0.0.2\"\ngone = \"10.0.0.3\"");
    lab.ends("sync -s wanted.toml", 0).await;
    lab.want(
        "lab.example",
        "web = { value = \"10.0.0.2\", ttl = 60 }\nold = \"10.0.0.5\"\nalias = \"10.0.0.6\"\n\"x.apps\" = \"10.0.0.50\"",
    );
    let said = lab.ends("sync -s wanted.toml -o json --grace 1h", 3).await;
    let said = said.replace(lab.folder.path().to_str().unwrap(), "[folder]");
    insta::assert_snapshot!("sync_json", said);
}

#[tokio::test]
async fn a_zone_at_cloudflare_is_synchronised_and_carries_our_mark() {
    let fake = FakeCloudflare::start().await;
    let zone = fake.add_zone("example.com");
    fake.put(&zone, "theirs.example.com", "A", "10.0.0.99");
    let variables = vec![("CF_API_URL", fake.url()), ("CF_API_TOKEN", fake.token.clone())];
    let lab = Lab::with(variables);
    lab.want("example.com", "web = \"10.0.0.2\"\napi = { value = \"10.0.0.3\", comment = \"mine\" }");
    let sync = "sync -s wanted.toml --grace 1m";
    assert_eq!(lab.counts(sync, 0).await, "2 created");
    let held = |name: &str| fake.records(&zone).into_iter().find(|record| record.name == name);
    assert!(held("web.example.com").unwrap().comment.unwrap().starts_with("managed by dnsmgmt, owner "));
    assert_eq!(held("api.example.com").unwrap().comment.as_deref(), Some("mine"));
    assert_eq!(lab.counts(sync, 0).await, "2 already_synced");
    fake.edit(&zone, &held("web.example.com").unwrap().id, |record| record.proxied = true);
    lab.want("example.com", "web = { value = \"10.0.0.2\", proxied = false }");
    assert_eq!(lab.counts(sync, 0).await, "1 updated");
    lab.let_pass(60);
    assert_eq!(lab.counts(sync, 0).await, "1 deleted, 1 already_synced");
    assert_eq!(held("api.example.com"), None);
    assert!(held("theirs.example.com").is_some() && !held("web.example.com").unwrap().proxied);
}

#[tokio::test]
async fn a_real_adguard_home_is_synchronised() {
    for program in Release::ALL.into_iter().filter_map(Release::program) {
        let server = AdGuardHome::start(&program, Users::None).await;
        server.put("theirs.docker", "10.0.0.99").await;
        let lab = Lab::with(vec![("ADGUARD_URL", server.url())]);
        lab.want(".", "\"web.docker\" = { value = \"10.0.0.2\", ttl = 60 }\n\"api.docker\" = \"10.0.0.3\"");
        let sync = "sync -s wanted.toml --grace 1m";
        assert_eq!(lab.counts(sync, 0).await, "2 created");
        assert_eq!(lab.counts(sync, 0).await, "2 already_synced");
        assert_eq!(lab.counts(&format!("{sync} --max-age 1h"), 0).await, "2 already_synced");
        lab.want(".", "\"web.docker\" = \"10.0.0.20\"");
        assert_eq!(lab.counts(sync, 0).await, "1 updated");
        lab.let_pass(60);
        assert_eq!(lab.counts(sync, 0).await, "1 deleted, 1 already_synced");
        assert_eq!(server.pairs().await, ["theirs.docker -> 10.0.0.99", "web.docker -> 10.0.0.20"]);
    }
}

#[tokio::test]
async fn a_piece_of_a_source_that_was_emptied_concludes_nothing() {
    let lab = Lab::new();
    fs::create_dir(lab.folder.path().join("hosts")).unwrap();
    lab.write("hosts/one", "10.0.0.2 one.lab.example\n");
    lab.write("hosts/two", "10.0.0.3 two.lab.example\n");
    assert_eq!(lab.counts("sync -s hosts", 0).await, "2 created");
    lab.write("hosts/one", "");
    assert_eq!(lab.counts("sync -s hosts --grace 0s", 3).await, "1 already_synced");
    assert!(lab.read("lab.zone").contains("10.0.0.2"), "a file that was cut short looks the same");
    assert_eq!(lab.counts("sync -s hosts --grace 0s --allow-empty", 0).await, "1 deleted, 1 already_synced");
}

#[tokio::test]
async fn what_a_person_adds_stays_though_a_source_wanted_it_first() {
    let lab = Lab::new();
    lab.want("lab.example", "web = \"10.0.0.2\"\napi = \"10.0.0.3\"");
    assert_eq!(lab.counts("sync -s wanted.toml", 0).await, "2 created");
    assert!(lab.ends("add web.lab.example 10.0.0.2", 0).await.contains("already there"));
    lab.want("lab.example", "api = \"10.0.0.3\"");
    assert_eq!(lab.counts("sync -s wanted.toml --grace 0s", 0).await, "1 already_synced");
    assert!(lab.read("lab.zone").contains("10.0.0.2"));
}
