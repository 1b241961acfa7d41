//! `dns-cleanup containers` below suffixes that are ours whole.

mod program;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Record, RecordData};
use dnsmgmt_core::repository::{DnsRepositoryManager, Tracking};
use fixtures::adguard::{AdGuardOptions, FakeAdGuard};
use fixtures::docker::{FakeDocker, container};
use fixtures::faults::{Fault, On};
use program::{Said, dns_cleanup, dns_cli, end, moment, tell, until};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

const WHOLE: &str = "[[docker.whole]]\nsuffix = \"docker\"\nexclude = [\"test.docker\", \"*.static.docker\"]\n";

/// A home with AdGuard Home and a Docker, whose containers are named below `docker`.
struct Home {
    adguard: FakeAdGuard,
    docker: FakeDocker,
    folder: TempDir,
}

impl Home {
    async fn new() -> Self {
        let home = Self {
            adguard: FakeAdGuard::start(AdGuardOptions::default()).await,
            docker: FakeDocker::start("one").await,
            folder: TempDir::new().unwrap(),
        };
        home.configure("", &format!("{WHOLE}endpoints = [{:?}]\n", home.docker.address()));
        home
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, before: &str, wholes: &str) {
        let (home, docker) = (self.adguard.url(), self.docker.address());
        let text = format!(
            "{before}\nmax_delete = 50\nsources = [\"docker\"]\n[providers.home]\nkind = \"adguard\"\nurl = {home:?}\n\
             [docker]\nhosts = [{docker:?}]\nsuffix = \"docker\"\n{wholes}"
        );
        fs::write(self.file("dnsmgmt.toml"), text).unwrap();
    }

    /// Runs containers with these names, each with a record made by nobody we know.
    fn run(&self, names: &[&str]) {
        self.docker.run(names.iter().map(|name| container(name, "10.0.0.1", &[])));
    }

    fn put(&self, domains: &[&str]) {
        domains.iter().for_each(|domain| self.adguard.put(domain, "10.0.0.1"));
    }

    async fn says(&self, line: &str) -> Said {
        let mut command = dns_cleanup(self.folder.path());
        command
            .arg("--config")
            .arg(self.file("dnsmgmt.toml"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path());
        let output = command.output().await.expect("dns-cleanup starts");
        let text = |octets| String::from_utf8(octets).unwrap();
        Said { out: text(output.stdout), err: text(output.stderr), status: output.status.code().unwrap_or(-1) }
    }

    /// Cleans up, expects that exit status, and returns what was said.
    async fn cleans(&self, options: &str, status: i32) -> String {
        let said = self.says(&format!("containers {options}")).await;
        assert_eq!(said.status, status, "{options}: {said:?}");
        said.err
    }

    fn held(&self) -> Vec<String> {
        let mut held: Vec<String> = self.adguard.entries().into_iter().map(|entry| entry.domain).collect();
        held.sort();
        held
    }

    fn changes(&self) -> usize {
        self.adguard.server.calls().iter().filter(|call| call.starts_with("POST")).count()
    }

    fn id(&self) -> ProviderId {
        ProviderId { name: "home".into(), zone: Name::root() }
    }

    fn claim(&self, domain: &str, origin: Origin) {
        let mut repository = DnsRepositoryManager::open(&self.file("dnsmgmt.db")).unwrap();
        repository.check_endpoint(&self.id(), &self.adguard.url(), moment().now).unwrap();
        let record = Record::new(Name::parse(domain).unwrap(), RecordData::infer("10.0.0.1").unwrap());
        let tracking = Tracking { claim: Some(Claim::Created), origins: [origin].into(), ..Tracking::default() };
        repository.track_record(&self.id(), &record, &tracking, moment().now).unwrap();
    }
}

#[tokio::test]
async fn leftovers_of_unknown_origin_go_and_neighbours_stay() {
    let home = Home::new().await;
    home.run(&["web"]);
    let neighbours = ["web.docker", "test.docker", "a.static.docker", "docker", "xdocker", "nas.lan", "*.docker"];
    home.put(&neighbours);
    home.put(&["old.docker"]);
    home.adguard.put("web.docker", "10.0.0.9");
    home.adguard.put("alias.docker", "web.docker");
    let said = home.cleans("--grace 0s", 0).await;
    for gone in ["old.docker A 10.0.0.1", "web.docker A 10.0.0.9", "alias.docker CNAME web.docker"] {
        assert!(said.contains(&format!("deleted {gone} at home: no container wants it")), "{said}");
    }
    let mut left = neighbours.to_vec();
    left.sort_unstable();
    assert_eq!(home.held(), left);
    let mut repository = DnsRepositoryManager::open(&home.file("dnsmgmt.db")).unwrap();
    let journal = repository.journal().recent(10).unwrap();
    let told: Vec<_> = journal.iter().map(|entry| (entry.claim.as_str(), entry.reason.as_str())).collect();
    assert_eq!(told, [("whole name", "no container wants it"); 3]);
    assert!(repository.get_managed_records(&home.id(), Default::default()).unwrap().is_empty(), "nothing became ours");
    assert!(repository.prune(moment().now, jiff::SignedDuration::ZERO).unwrap() > 0, "and all is settled");
}

#[tokio::test]
async fn it_costs_a_listing_a_call_for_each_and_a_listing_and_nothing_where_the_cache_shows_nothing_stale() {
    for others in [0, 300] {
        let home = Home::new().await;
        home.run(&["web"]);
        home.put(&["web.docker", "nas.lan", "old.docker"]);
        (0..others).for_each(|n| home.adguard.put(&format!("n{n}.lan"), "10.0.0.1"));
        home.adguard.server.forget_calls();
        home.cleans("--grace 0s", 0).await;
        let calls = home.adguard.server.calls();
        let lists = calls.iter().filter(|call| call.contains("/rewrite/list")).count();
        assert_eq!((lists, home.changes()), (2, 1), "{calls:#?}");
        home.adguard.server.forget_calls();
        home.docker.server.forget_calls();
        home.cleans("--grace 0s", 0).await;
        assert_eq!(home.adguard.server.calls(), [""; 0], "the cache is young");
        assert_eq!(home.docker.server.calls().len(), 3, "and there was no second look");
        home.configure("cache_ttl = \"0s\"", &format!("{WHOLE}endpoints = [{:?}]\n", home.docker.address()));
        home.cleans("--grace 0s", 0).await;
        let calls = home.adguard.server.calls();
        let lists = calls.iter().filter(|call| call.contains("/rewrite/list")).count();
        assert_eq!((lists, home.changes()), (1, 0), "an old cache tells nothing: {calls:#?}");
    }
}

#[tokio::test]
async fn a_container_that_comes_while_the_zone_is_listed_keeps_what_another_tool_made_for_it() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["web.docker", "old.docker"]);
    // The listing that counts is asked for after a pause.
    home.adguard.server.faults.next(1, On::Listing, Fault::ErrorBefore);
    let run = home.says("containers --grace 0s");
    let comes = async {
        until(|| home.adguard.server.calls().iter().any(|call| call.contains("/rewrite/list"))).await;
        home.run(&["web", "new"]);
        home.put(&["new.docker"]);
    };
    let (said, ()) = tokio::join!(run, comes);
    assert_eq!((said.status, home.held()), (0, vec!["new.docker".to_owned(), "web.docker".to_owned()]), "{said:?}");
}

#[tokio::test]
async fn a_dry_run_makes_no_database_and_a_run_does_because_of_its_journal() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["web.docker", "old.docker"]);
    let said = home.cleans("--dry-run", 0).await;
    assert!(said.contains("would delete old.docker A 10.0.0.1"), "{said}");
    assert!(!home.file("dnsmgmt.db").exists());
    assert_eq!((home.held().len(), home.changes()), (2, 0));
    let said = home.says("--grace 0s").await;
    assert_eq!((said.status, home.held()), (0, vec!["web.docker".to_owned()]), "no command is needed: {said:?}");
    assert!(home.file("dnsmgmt.db").exists());
}

#[tokio::test]
async fn a_place_where_no_database_can_be_deletes_nothing_and_says_what_to_do() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["old.docker"]);
    fs::write(home.file("file"), "").unwrap();
    home.configure("database = \"file/dnsmgmt.db\"", &format!("{WHOLE}endpoints = [{:?}]\n", home.docker.address()));
    let mut command = dns_cleanup(home.folder.path());
    command.env_remove("DNSMGMT_DB").arg("--config").arg(home.file("dnsmgmt.toml")).args(["containers", "--force"]);
    let output = command.output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("name another place with `DNSMGMT_DB`"), "{said}");
    assert_eq!(home.held(), ["old.docker"]);
}

#[tokio::test]
async fn without_any_place_for_a_journal_nothing_is_deleted_and_a_loop_that_remembers_leases_says_so_too() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["old.docker"]);
    let started = |line: &str, leased: &str| {
        let mut command = dns_cleanup(home.folder.path());
        command.env_remove("DNSMGMT_DB").arg("--config").arg(home.file("dnsmgmt.toml")).args(line.split_whitespace());
        // A home in which nothing can be made.
        fs::write(home.file("home"), "").unwrap();
        command.env("HOME", home.file("home")).env("INTERNAL_DOMAIN", leased);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("dns-cleanup starts")
    };
    for line in ["containers --grace 0s", "--grace 0s", "containers --force"] {
        let said = end(started(line, "")).await;
        assert_eq!(said.status, 1, "{line}: {said:?}");
        assert!(said.err.contains("set DNSMGMT_DB"), "{line}: {said:?}");
    }
    let child = started("--grace 0s --interval 1s", "leased.lan");
    until(|| home.adguard.server.calls().len() > 3).await;
    tell(&child, Signal::TERM);
    let said = end(child).await;
    assert!(said.err.contains("nothing below suffixes is deleted that is not written down first"), "{said:?}");
    assert_eq!((home.held(), home.changes()), (vec!["old.docker".to_owned()], 0));
}

#[tokio::test]
async fn a_suffix_is_left_alone_while_anything_could_not_be_read() {
    let down = FakeDocker::start("down").await;
    let home = Home::new().await;
    home.put(&["web.docker", "old.docker"]);
    let endpoints = format!("endpoints = [{:?}, {:?}]\n", home.docker.address(), down.address());
    let hosts = |sources: &str| {
        home.configure("", &format!("{WHOLE}{endpoints}"));
        let text = fs::read_to_string(home.file("dnsmgmt.toml")).unwrap();
        let hosts = format!("hosts = [{:?}, {:?}]", home.docker.address(), down.address());
        let text = text.replace(&format!("hosts = [{:?}]", home.docker.address()), &hosts);
        fs::write(home.file("dnsmgmt.toml"), text.replace("[\"docker\"]", sources)).unwrap();
    };
    hosts("[\"docker\"]");
    home.run(&["web"]);
    down.run([container("other", "10.0.0.1", &[])]);
    down.server.faults.always(On::Listing, Fault::ErrorBefore);
    let said = home.cleans("--grace 0s", 1).await;
    assert!(said.contains(&format!("docker: the daemon at {} was not read", down.address())), "{said}");
    down.server.faults.clear();

    hosts("[\"docker\", \"nowhere.toml\"]");
    let said = home.cleans("--grace 0s", 1).await;
    assert!(said.contains("nowhere.toml") && said.contains("nothing is judged by lying below it"), "{said}");

    hosts("[\"docker\"]");
    down.run([container("other", "10.0.0.1", &[("dnsmgmt.x", "1")])]);
    let said = home.cleans("--grace 0s", 3).await;
    assert!(said.contains("it is not known which names docker:down#other wants"), "{said}");
    let rule = ("traefik.http.routers.other.rule", "Host(`other.docker");
    down.run([container("other", "10.0.0.1", &[rule])]);
    let said = home.cleans("--grace 0s", 3).await;
    assert!(said.contains("it is not known which names docker:down#other speaks of: label"), "{said}");
    assert_eq!((home.held().len(), home.changes()), (2, 0));
    down.run([container("other", "10.0.0.1", &[])]);
    home.cleans("--grace 0s", 0).await;
    assert_eq!(home.held(), ["web.docker"]);
}

#[tokio::test]
async fn a_name_that_a_container_speaks_of_stays_whoever_is_to_give_it_and_costs_the_suffix_nothing() {
    let home = Home::new().await;
    let routed = container("app", "10.0.0.1", &[("traefik.http.routers.app.rule", "Host(`shop.docker`)")]);
    let mut restarts = container("loop", "", &[("dnsmgmt.name", "again.docker")]);
    restarts["State"] = "restarting".into();
    let mut alone = container("alone", "", &[("dnsmgmt.name", "cut-off.docker")]);
    alone["HostConfig"]["NetworkMode"] = "none".into();
    alone["NetworkSettings"]["Networks"] = serde_json::json!({});
    let mut ended = container("ended", "", &[("dnsmgmt.name", "ended.docker")]);
    ended["State"] = "exited".into();
    home.docker.run([container("web", "10.0.0.1", &[]), routed, restarts, alone, ended]);
    let spoken = ["again.docker", "alone.docker", "app.docker", "cut-off.docker", "loop.docker", "shop.docker"];
    home.put(&spoken);
    home.put(&["ended.docker", "old.docker", "web.docker"]);
    let said = home.cleans("--grace 0s", 3).await;
    assert!(said.contains("container alone: it has no network"), "{said}");
    assert!(said.contains("container loop: it is restarting and has no address now"), "{said}");
    let mut left = spoken.to_vec();
    left.push("web.docker");
    assert_eq!(home.held(), left);
}

#[tokio::test]
async fn whoever_looks_without_a_timer_sees_what_came_since_the_last_listing() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["web.docker"]);
    home.cleans("--grace 0s", 0).await;
    home.put(&["old.docker"]);
    home.cleans("--grace 0s", 0).await;
    assert_eq!(home.held(), ["old.docker", "web.docker"], "a timer goes by the cache");
    let said = home.cleans("--dry-run", 0).await;
    assert!(said.contains("would delete old.docker"), "{said}");
    home.put(&["older.docker"]);
    home.cleans("--force", 0).await;
    assert_eq!(home.held(), ["web.docker"]);
}

#[tokio::test]
async fn a_daemon_that_no_source_asks_makes_its_suffix_an_error_and_costs_the_others_nothing() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["web.docker", "old.docker", "old.lab"]);
    let lab = format!("[[docker.whole]]\nsuffix = \"lab\"\nendpoints = [{:?}]\n", home.docker.address());
    home.configure("", &format!("{WHOLE}endpoints = [\"tcp://10.9.9.9:2375\"]\n{lab}"));
    let said = home.cleans("--grace 0s", 1).await;
    assert!(
        said.contains("below docker") && said.contains("tcp://10.9.9.9:2375") && said.contains("`hosts`"),
        "{said}"
    );
    assert_eq!(home.held(), ["old.docker", "web.docker"], "below the other suffix it goes");
    // What lies below both would have to be judged by both.
    home.put(&["old.lab.docker", "other.docker"]);
    let lab = lab.replace("\"lab\"", "\"lab.docker\"");
    home.configure("", &format!("{WHOLE}endpoints = [\"tcp://10.9.9.9:2375\"]\n{lab}"));
    let said = home.cleans("--grace 0s", 1).await;
    assert!(said.contains("lab.docker: docker shares names with it"), "{said}");
    assert_eq!((home.held().len(), home.changes()), (4, 1), "{said}");
}

#[tokio::test]
async fn an_empty_daemon_is_doubted_although_nothing_that_it_wanted_is_ours() {
    let home = Home::new().await;
    home.put(&["web.docker"]);
    for options in ["--dry-run", "--force", ""] {
        let said = home.cleans(options, 0).await;
        assert!(
            said.contains("it wants no records at all, which is believed when it is seen so again after 15 min"),
            "{said}"
        );
        assert_eq!(home.held(), ["web.docker"]);
    }
    assert_eq!(home.adguard.server.calls(), [""; 0]);
    let said = home.cleans("--grace 0s", 0).await;
    assert_eq!((said.lines().count(), home.held().len()), (2, 0), "{said}");
}

#[tokio::test]
async fn the_first_of_many_leftovers_are_held_until_a_person_approves() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["web.docker", "a.docker", "b.docker", "c.docker", "d.docker", "e.docker", "nas.lan"]);
    let said = home.cleans("--grace 0s", 4).await;
    assert!(said.contains("5 of the 6 records"), "{said}");
    let id = said.split("--approve ").nth(1).and_then(|rest| rest.split('`').next()).unwrap().to_owned();
    assert_eq!(home.held().len(), 7);
    home.cleans(&format!("--grace 0s --approve {id}"), 0).await;
    assert_eq!(home.held(), ["nas.lan", "web.docker"]);
}

#[tokio::test]
async fn what_somebody_gave_a_container_that_has_no_address_of_its_own_stays_while_it_runs() {
    let home = Home::new().await;
    let mut host = container("ha", "", &[]);
    host["HostConfig"]["NetworkMode"] = "host".into();
    host["NetworkSettings"]["Networks"] = serde_json::json!({});
    let skipped = container("db", "10.0.0.1", &[("dnsmgmt.skip", "true")]);
    home.docker.run([host, skipped, container("web", "10.0.0.1", &[])]);
    home.put(&["web.docker", "ha.docker", "db.docker", "old.docker"]);
    home.cleans("--grace 0s", 0).await;
    assert_eq!(home.held(), ["db.docker", "ha.docker", "web.docker"]);
    home.run(&["web"]);
    home.configure("cache_ttl = \"0s\"", &format!("{WHOLE}endpoints = [{:?}]\n", home.docker.address()));
    home.cleans("--grace 0s", 0).await;
    assert_eq!(home.held(), ["web.docker"]);
}

#[tokio::test]
async fn names_of_a_daemon_that_was_not_asked_leave_the_suffix_alone() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["web.docker", "old.docker", "db.docker"]);
    home.claim("db.docker", Origin::of_source("docker", "two").piece("db"));
    let said = home.cleans("--grace 0s", 3).await;
    assert!(said.contains("docker:two has names there and was not asked"), "{said}");
    assert!(said.contains("if it is gone for good, `dns-cli orphans disown docker:two` says so"), "{said}");
    assert_eq!(home.held().len(), 3);
}

#[tokio::test]
async fn what_a_person_or_a_file_claims_below_it_stays() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["web.docker", "hand.docker", "file.docker", "gone.docker"]);
    home.claim("hand.docker", Origin::by_hand());
    home.claim("file.docker", Origin::of_source("file", "/etc/lab.toml"));
    home.claim("gone.docker", Origin::of_source("docker", "one").piece("gone"));
    home.cleans("--grace 0s", 0).await;
    assert_eq!(home.held(), ["file.docker", "hand.docker", "web.docker"]);
}

#[tokio::test]
async fn a_zones_own_name_is_refused_unless_the_whole_zone_is_meant() {
    let home = Home::new().await;
    home.run(&["web"]);
    let zone = "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.2\nold A 10.0.0.1\nweb A 10.0.0.1\n";
    fs::write(home.file("run.zone"), zone).unwrap();
    let lab = "[providers.run]\nkind = \"zonefile\"\nzones = [{ path = \"run.zone\", name = \"run.example\" }]\n";
    let whole = |more: &str| {
        let endpoint = home.docker.address();
        let whole = format!("[[docker.whole]]\nsuffix = \"run.example\"\nendpoints = [{endpoint:?}]\n{more}\n");
        home.configure("", &format!("{whole}{lab}"));
        let text = fs::read_to_string(home.file("dnsmgmt.toml")).unwrap();
        fs::write(home.file("dnsmgmt.toml"), text.replace("suffix = \"docker\"", "suffix = \"run.example\"")).unwrap();
    };
    whole("");
    let said = home.cleans("--grace 0s", 1).await;
    assert!(said.contains("it is a zone of run itself") && said.contains("whole_zone = true"), "{said}");
    assert_eq!(fs::read_to_string(home.file("run.zone")).unwrap(), zone);
    whole("whole_zone = true");
    home.cleans("--grace 0s", 0).await;
    let left = fs::read_to_string(home.file("run.zone")).unwrap();
    assert!(left.contains("web A") && left.contains("ns A 10.0.0.2") && !left.contains("old"), "{left}");
}

#[tokio::test]
async fn a_suffix_in_no_zone_is_said_and_costs_the_claims_nothing() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["gone.docker"]);
    home.claim("gone.docker", Origin::of_source("docker", "one").piece("gone"));
    let endpoint = home.docker.address();
    let whole = format!("[[docker.whole]]\nsuffix = \"docker\"\nendpoints = [{endpoint:?}]\nprovider = \"nobody\"\n");
    home.configure("", &whole);
    let said = home.cleans("--grace 0s", 1).await;
    assert!(said.contains("nothing is judged by lying below docker") && said.contains("nobody"), "{said}");
    assert_eq!(home.held(), [""; 0]);
}

#[tokio::test]
async fn json_says_what_was_left_alone_and_by_which_claim_something_went() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["web.docker", "old.docker"]);
    let said = home.says("containers --grace 0s --output json").await;
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let change = &json["zones"][0]["changes"][0];
    assert_eq!(
        (change["claim"].as_str(), change["reason"].as_str()),
        (Some("whole name"), Some("no container wants it"))
    );
    home.docker.run([container("web", "", &[])]);
    let said = home.says("containers --grace 0s --output json").await;
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let origins: Vec<&str> =
        json["not_judged"].as_array().unwrap().iter().map(|entry| entry["origin"].as_str().unwrap()).collect();
    assert_eq!(
        (origins, json["settled"].as_bool()),
        (vec!["docker:one#web", "docker:one", "docker"], Some(true)),
        "{json}"
    );
}

#[tokio::test]
async fn what_a_person_takes_back_is_there_again_and_stays() {
    let home = Home::new().await;
    home.run(&["web"]);
    home.put(&["web.docker", "old.docker"]);
    let cli = async |line: &str| {
        let mut command = dns_cli(home.folder.path());
        command.arg("--config").arg(home.file("dnsmgmt.toml")).args(line.split(' '));
        let output = command.output().await.expect("dns-cli starts");
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    home.cleans("--grace 0s", 0).await;
    assert_eq!(home.held(), ["web.docker"]);
    let history: Value = serde_json::from_str(&cli("history -o json").await).unwrap();
    let change = &history["changes"][0];
    assert_eq!((change["claim"].as_str(), change["fate"].as_str()), (Some("whole name"), Some("gone")));
    let why = cli("why old.docker").await;
    assert!(why.contains("deleted at") && why.contains("no container wants it: gone"), "{why}");
    cli(&format!("undo {} --yes", change["run"].as_str().unwrap())).await;
    assert_eq!(home.held(), ["old.docker", "web.docker"]);
    home.configure("cache_ttl = \"0s\"", &format!("{WHOLE}endpoints = [{:?}]\n", home.docker.address()));
    home.cleans("--grace 0s", 0).await;
    assert_eq!(home.held(), ["old.docker", "web.docker"], "a person wants it");
}
