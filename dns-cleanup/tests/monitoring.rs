//! What `dns-cleanup` tells those who watch it: metrics, pings, and a notification command.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use dnsmgmt_providers::config::NOTICE;
use fixtures::checks::Checks;
use fixtures::docker::{FakeDocker, container};
use fixtures::faults::{Fault, On};
use fixtures::prometheus::{objection_to_rules, samples};
use program::{Place, Said, dns_cleanup, end, moment, tell, until};
use rustix::process::Signal;

const UNWANTED: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Returns a place with a memory, whose configuration names a folder for metrics.
async fn with_metrics() -> Place {
    let place = Place::new().await;
    drop(place.repository());
    fs::create_dir(place.file("metrics")).unwrap();
    place.configure("metrics = \"metrics\"", "");
    place
}

/// The metrics of a job.
struct Metrics(&'static str, BTreeMap<String, f64>);

impl Metrics {
    fn of(place: &Place, job: &'static str) -> Self {
        Self(job, samples(&place.file(&format!("metrics/dns-cleanup-{job}.prom"))))
    }

    fn one(&self, name: &str) -> f64 {
        let sample = format!("dnsmgmt_{name}{{program=\"dns-cleanup\",command=\"{}\"}}", self.0);
        *self.1.get(&sample).unwrap_or_else(|| panic!("{sample} is not in {:?}", self.1))
    }

    fn zone(&self, name: &str, more: &str) -> Option<f64> {
        let labels = format!("program=\"dns-cleanup\",command=\"{}\",provider=\"cloud\",zone=\"example.com\"", self.0);
        self.1.get(&format!("dnsmgmt_{name}{{{labels}{more}}}")).copied()
    }

    /// Returns how many changes were deleted, unconfirmed, refused and held.
    fn changes(&self) -> Option<[f64; 4]> {
        let count = |outcome| self.zone("last_run_changes", &format!(",outcome=\"{outcome}\""));
        Some([count("deleted")?, count("unconfirmed")?, count("refused")?, count("held")?])
    }
}

fn now() -> f64 {
    moment().now.as_millisecond() as f64 / 1000.0
}

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_run_that_deletes_says_so_in_a_file_that_everybody_may_read() {
    let place = with_metrics().await;
    place.unwanted(&["stale"]);
    let before = now();
    assert_eq!(place.says("orphans --grace 0s").await.status, 0);
    let metrics = Metrics::of(&place, "orphans");
    assert_eq!(metrics.changes(), Some([1.0, 0.0, 0.0, 0.0]));
    assert_eq!([metrics.one("last_run_exit_status"), metrics.one("last_run_failures")], [0.0, 0.0]);
    let ended = metrics.one("last_run_timestamp_seconds");
    assert!(before - 1.0 <= ended && ended <= now() + 1.0, "{ended}");
    assert_eq!(metrics.one("last_success_timestamp_seconds"), ended);
    assert!(metrics.one("last_run_duration_seconds") > 0.0);
    let mode = fs::metadata(place.file("metrics/dns-cleanup-orphans.prom")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(place.says("orphans --grace 0s").await.status, 0);
    assert_eq!(Metrics::of(&place, "orphans").changes(), None, "no zone was looked at");
    assert_eq!(files(&place.file("metrics")), ["dns-cleanup-orphans.prom"]);
}

#[tokio::test]
async fn what_the_brake_holds_is_counted_and_the_last_good_run_is_remembered() {
    let place = with_metrics().await;
    assert_eq!(place.says("orphans").await.status, 0);
    let good = Metrics::of(&place, "orphans").one("last_success_timestamp_seconds");
    place.unwanted(&UNWANTED);
    let held = place.says("orphans --grace 0s").await;
    assert_eq!(held.status, 4);
    let metrics = Metrics::of(&place, "orphans");
    assert_eq!((metrics.changes(), metrics.one("last_run_exit_status")), (Some([0.0, 0.0, 0.0, 6.0]), 4.0));
    assert_eq!(metrics.one("last_success_timestamp_seconds"), good);
    assert!(metrics.one("last_run_timestamp_seconds") > good);
    let id = held.err.split("--approve ").nth(1).unwrap().split('`').next().unwrap();
    assert_eq!(place.says(&format!("orphans --grace 0s --approve {id}")).await.status, 0);
    let metrics = Metrics::of(&place, "orphans");
    assert_eq!(metrics.changes(), Some([6.0, 0.0, 0.0, 0.0]));
    assert!(metrics.one("last_success_timestamp_seconds") > good);
}

#[tokio::test]
async fn a_deletion_that_no_listing_shows_is_unconfirmed() {
    let place = with_metrics().await;
    place.unwanted(&["stale", "other"]);
    place.fake.server.faults.always(On::Change, Fault::LyingDelete);
    assert_eq!(place.says("orphans --grace 0s --retry-for 0s").await.status, 3);
    let metrics = Metrics::of(&place, "orphans");
    assert_eq!((metrics.changes(), metrics.one("last_run_exit_status")), (Some([0.0, 2.0, 0.0, 0.0]), 3.0));
    assert_eq!(metrics.one("last_success_timestamp_seconds"), 0.0, "none is known");
}

#[tokio::test]
async fn leases_are_counted_in_each_zone() {
    let place = with_metrics().await;
    place.configure("", "[heartbeat]\ninternal = \"all.example.com\"");
    let written = moment().now.as_second();
    for (address, age) in [("10.0.0.1", 60), ("10.0.0.2", 600)] {
        place.fake.put(&place.zone, "all.example.com", "A", address);
        let name = format!("_heartbeat-{}.all.example.com", address.replace('.', "-"));
        place.fake.put(&place.zone, &name, "TXT", &format!("\"{},web\"", written - age));
    }
    assert_eq!(place.says("heartbeats").await.status, 0);
    let metrics = Metrics::of(&place, "heartbeats");
    let written = written as f64;
    assert_eq!(metrics.zone("leases_alive", ""), Some(2.0));
    assert_eq!(metrics.zone("leases_oldest_heartbeat_timestamp_seconds", ""), Some(written - 600.0));
    assert_eq!(metrics.zone("leases_youngest_heartbeat_timestamp_seconds", ""), Some(written - 60.0));
    let expiry = metrics.zone("leases_next_expiry_timestamp_seconds", "").unwrap();
    assert!((expiry - written - 900.0).abs() < 30.0, "both were seen for the first time: {expiry} {written}");
}

#[tokio::test]
async fn what_containers_want_no_more_is_told_as_one_job_among_the_others() {
    let (docker, place, checks) = (FakeDocker::start("one").await, with_metrics().await, Checks::start().await);
    docker.run([container("here", "10.0.0.1", &[("dnsmgmt.name", "here.example.com")])]);
    let notify = Notified::new(&place, "");
    place.configure("sources = [\"docker\"]", &format!("[docker]\nhosts = [{:?}]", docker.address()));
    place.of_containers(&["here", "gone"], "one");
    let (program, url) = (notify.program(), checks.server.url());
    let variables = [("DNSMGMT_NOTIFY", program.as_str()), ("DNSMGMT_PING_URL", &url)];
    assert_eq!(says_with(&place, &variables, "--grace 0s").await.status, 0);
    assert_eq!(files(&place.file("metrics")), ["dns-cleanup-containers.prom", "dns-cleanup-orphans.prom"]);
    assert_eq!(Metrics::of(&place, "containers").changes(), Some([1.0, 0.0, 0.0, 0.0]));
    assert_eq!(Metrics::of(&place, "orphans").changes(), None);
    let text = &checks.texts()[1];
    assert!(
        text.contains("containers: 1 deleted\ndeleted gone.example.com A 10.0.0.1 at cloud (example.com)"),
        "{text}"
    );
    assert_eq!(notify.told().len(), 0);

    docker.server.faults.always(On::Listing, Fault::ErrorBefore);
    for _ in 0..2 {
        let said = says_with(&place, &variables, "--grace 0s --retry-for 0s").await;
        assert_eq!((said.status, notify.told().len()), (1, 1), "{said:?}");
    }
    assert_eq!(notify.news(), "dns-cleanup|containers|1|trouble|");
    let failed = |job| Metrics::of(&place, job).one("last_run_failures");
    assert_eq!([failed("orphans"), failed("containers")], [0.0, 1.0]);
    assert_eq!(Metrics::of(&place, "orphans").one("last_run_exit_status"), 0.0);
}

#[tokio::test]
async fn every_job_of_a_run_has_a_file_and_all_describe_their_metrics_alike() {
    let place = with_metrics().await;
    place.configure("", "[heartbeat]\ninternal = \"all.example.com\"");
    place.unwanted(&["stale"]);
    place.fake.put(&place.zone, "all.example.com", "A", "10.0.0.1");
    place.fake.server.faults.next(1, On::Listing, Fault::Unauthorized);
    assert_eq!(place.says("--grace 0s").await.status, 1);
    let expected = ["dns-cleanup-heartbeats.prom", "dns-cleanup-orphans.prom"];
    assert_eq!(files(&place.file("metrics")), expected);
    let failed = |job| Metrics::of(&place, job).one("last_run_failures");
    assert_eq!([failed("orphans"), failed("heartbeats")], [1.0, 0.0], "each has its own failures");
    let described = |file: &str| {
        let text = fs::read_to_string(place.file("metrics").join(file)).unwrap();
        let lines = text.lines().filter(|line| line.starts_with('#')).map(str::to_owned);
        lines.map(|line| (line.split(' ').nth(2).unwrap().to_owned() + &line[..6], line)).collect::<BTreeMap<_, _>>()
    };
    let (one, other) = (described(expected[0]), described(expected[1]));
    let shared = one.iter().filter(|(key, _)| other.contains_key(*key)).count();
    assert!(shared >= 10, "{one:?}");
    assert!(one.iter().all(|(key, line)| other.get(key).is_none_or(|same| same == line)), "{one:?} {other:?}");
}

#[tokio::test]
async fn metrics_that_cannot_be_written_are_said_and_the_work_is_done_all_the_same() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    let said = place.says("orphans --grace 0s --metrics nowhere").await;
    assert_eq!((said.status, place.held()), (1, vec!["foreign".to_owned()]), "{said:?}");
    assert!(said.err.contains("write the metrics to nowhere/dns-cleanup-orphans.prom; make the folder"), "{said:?}");
    fs::write(place.file("file"), "").unwrap();
    assert_eq!(place.says("orphans --metrics file").await.status, 1);
}

#[tokio::test]
async fn a_run_that_cannot_begin_is_visible() {
    let place = with_metrics().await;
    assert_eq!(place.says("orphans").await.status, 0);
    let good = Metrics::of(&place, "orphans").one("last_success_timestamp_seconds");
    place.configure("metrix = \"metrics\"", "");
    for line in ["orphans", "orphans --interval", ""] {
        let said = place.says(line).await;
        assert!(said.status == 1 && said.err.contains("unknown key `metrix`"), "{line}: {said:?}");
        let metrics = Metrics::of(&place, "orphans");
        assert_eq!([metrics.one("last_run_exit_status"), metrics.one("last_run_failures")], [1.0, 1.0], "{line}");
        assert_eq!(metrics.one("last_success_timestamp_seconds"), good, "{line}");
    }
    fs::write(place.file("dnsmgmt.toml"), "this is no TOML").unwrap();
    fs::remove_file(place.file("metrics/dns-cleanup-orphans.prom")).unwrap();
    let said = place.says("containers --metrics metrics").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(Metrics::of(&place, "containers").one("last_run_exit_status"), 1.0);
}

#[tokio::test]
async fn a_database_that_cannot_be_used_fails_every_job() {
    let place = with_metrics().await;
    place.configure("", "[heartbeat]\ninternal = \"all.example.com\"");
    fs::write(place.file("dnsmgmt.db"), "this is no database at all, and it is long enough to be looked at").unwrap();
    assert_eq!(place.says("").await.status, 1);
    for job in ["orphans", "heartbeats"] {
        assert_eq!(Metrics::of(&place, job).one("last_run_exit_status"), 1.0, "{job}");
    }
}

/// The documentation of all this.
const TEXT: &str = include_str!("../../docs/monitoring.md");

#[tokio::test]
async fn the_documentation_has_every_metric_and_rules_that_prometheus_loads() {
    let place = with_metrics().await;
    place.configure("", "[heartbeat]\ninternal = \"all.example.com\"");
    place.fake.put(&place.zone, "all.example.com", "A", "10.0.0.1");
    let stamp = moment().now.as_second();
    place.fake.put(&place.zone, "_heartbeat-10-0-0-1.all.example.com", "TXT", &format!("\"{stamp},web\""));
    assert_eq!(place.says("heartbeats").await.status, 0);
    let samples = Metrics::of(&place, "heartbeats").1;
    let names: BTreeSet<&str> = samples.keys().map(|sample| sample.split('{').next().unwrap()).collect();
    assert_eq!(names.len(), 11, "every one of them: {names:?}");
    for name in &names {
        assert!(TEXT.contains(&format!("| `{name}` |")), "{name}");
    }
    let rules = TEXT.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let words = rules.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    for word in words.filter(|word| word.starts_with("dnsmgmt_")) {
        assert!(names.contains(word), "{word} is no metric");
    }
    fs::write(place.file("rules.yml"), rules).unwrap();
    assert_eq!(objection_to_rules(&place.file("rules.yml")), None);
}

#[test]
fn the_documentation_has_every_variable_that_a_notification_command_is_told_by() {
    for name in NOTICE {
        assert!(TEXT.contains(&format!("| `{name}` |")), "{name}");
    }
}

/// Runs it with variables of its own.
async fn says_with(place: &Place, variables: &[(&str, &str)], line: &str) -> Said {
    let mut command = dns_cleanup(place.folder.path());
    command.arg("--config").arg(place.file("dnsmgmt.toml")).args(line.split(' ').filter(|word| !word.is_empty()));
    command.envs(variables.iter().copied()).current_dir(place.folder.path());
    end(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).await
}

#[tokio::test]
async fn a_check_is_told_of_the_start_and_then_of_what_the_run_ended_with() {
    let (place, checks) = (Place::new().await, Checks::start().await);
    let url = format!("{}/ping/s3cret/dns-cleanup?create=1", checks.server.url());
    place.unwanted(&["stale"]);
    let said = says_with(&place, &[("DNSMGMT_PING_URL", &url)], "orphans --grace 0s").await;
    assert_eq!(said.status, 0, "{said:?}");
    let expected = ["POST /ping/s3cret/dns-cleanup/start?create=1", "POST /ping/s3cret/dns-cleanup/0?create=1"];
    assert_eq!(checks.server.calls(), expected);
    let text = &checks.texts()[1];
    assert!(text.contains("ended with exit status 0\norphans: 1 deleted\ndeleted stale.example.com A"), "{text}");

    fs::write(place.file("url"), format!("{}/s3cret\n", checks.server.url())).unwrap();
    place.unwanted(&UNWANTED);
    let file = place.file("url");
    let variables = [("DNSMGMT_PING_URL_FILE", file.to_str().unwrap())];
    let said = says_with(&place, &variables, "orphans --grace 0s").await;
    assert_eq!(said.status, 4, "{said:?}");
    assert_eq!(checks.server.calls()[2..], ["POST /s3cret/start", "POST /s3cret/4"]);
    let text = &checks.texts()[3];
    assert!(text.contains("orphans: 6 held\nheld at cloud (example.com): it would delete 6"), "{text}");
    assert!(!text.contains(&place.fake.token), "{text}");
}

#[tokio::test]
async fn a_server_of_checks_that_fails_changes_nothing_but_what_is_said() {
    let failing = Checks::start().await;
    failing.server.faults.always(On::Change, Fault::ErrorBefore);
    for (url, why) in [
        (format!("{}/s3cret", failing.server.url()), "502 Bad Gateway"),
        ("http://127.0.0.1:9/s3cret".to_owned(), "refused"),
    ] {
        let place = Place::new().await;
        place.unwanted(&["stale"]);
        let said = says_with(&place, &[("DNSMGMT_PING_URL", &url)], "orphans --grace 0s").await;
        assert_eq!((said.status, place.held()), (0, vec!["foreign".to_owned()]), "{said:?}");
        for event in ["/start", "/0"] {
            assert!(said.err.contains(&format!("warning dns-cleanup: the ping `{event}` did not arrive")), "{said:?}");
        }
        assert!(said.err.contains(why) && !said.err.contains("s3cret"), "{said:?}");
    }
    assert_eq!(failing.server.calls().len(), 6, "each is tried three times");
}

#[tokio::test]
async fn a_server_of_checks_that_does_not_answer_does_not_hold_up_the_work() {
    let (place, checks) = (Place::new().await, Checks::start().await);
    checks.server.faults.always(On::Change, Fault::Held);
    place.unwanted(&["stale"]);
    let (url, mut command) = (checks.server.url(), dns_cleanup(place.folder.path()));
    command.arg("--config").arg(place.file("dnsmgmt.toml")).args(["orphans", "--grace", "0s"]);
    command.env("DNSMGMT_PING_URL", url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    until(|| place.held() == ["foreign"]).await;
    let said = tokio::time::timeout(Duration::from_secs(50), end(child)).await.expect("it ends without an answer");
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("did not arrive"), "{said:?}");
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_said_and_the_work_is_done_all_the_same() {
    let place = Place::new().await;
    place.unwanted(&["stale"]);
    let said = says_with(&place, &[("DNSMGMT_PING_URL", "hc-ping.com/s3cret")], "orphans --grace 0s").await;
    assert_eq!((said.status, place.held()), (1, vec!["foreign".to_owned()]), "{said:?}");
    assert!(said.err.contains("`DNSMGMT_PING_URL`") && !said.err.contains("s3cret"), "{said:?}");
}

#[tokio::test]
async fn in_a_loop_every_run_is_told() {
    let (place, checks) = (with_metrics().await, Checks::start().await);
    let mut command = dns_cleanup(place.folder.path());
    command.arg("--config").arg(place.file("dnsmgmt.toml")).args(["orphans", "--interval", "1s"]);
    command.env("DNSMGMT_PING_URL", checks.server.url()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    until(|| checks.texts().len() >= 4).await;
    tell(&child, Signal::TERM);
    assert_eq!(end(child).await.status, 0);
    assert_eq!(checks.server.calls()[..4], ["POST /start", "POST /0", "POST /start", "POST /0"]);
    assert_eq!(Metrics::of(&place, "orphans").one("last_run_exit_status"), 0.0);
}

#[tokio::test]
async fn nobody_is_told_of_a_dry_run() {
    let (place, checks) = (with_metrics().await, Checks::start().await);
    place.unwanted(&UNWANTED);
    let notify = Notified::new(&place, "");
    let variables = [("DNSMGMT_PING_URL", checks.server.url()), ("DNSMGMT_NOTIFY", notify.program())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    says_with(&place, &variables, "orphans --grace 0s --dry-run").await;
    place.configure("metrix = 7", "");
    assert_eq!(says_with(&place, &variables, "orphans --dry-run").await.status, 1);
    assert_eq!((files(&place.file("metrics")).len(), checks.server.calls().len(), notify.told().len()), (0, 0, 0));
}

/// A program that writes down what it is told.
struct Notified {
    folder: std::path::PathBuf,
}

impl Notified {
    /// Returns one that does something more in the end.
    fn new(place: &Place, more: &str) -> Self {
        let folder = place.file("notified");
        fs::create_dir(&folder).unwrap();
        let told = folder.join("told").display().to_string();
        let script = format!(
            "#!/bin/sh\n{{ echo \"== $DNSMGMT_PROGRAM|$DNSMGMT_JOB|$DNSMGMT_EXIT|$DNSMGMT_NEWS|$*\"; /bin/cat; }} >> {told}\n\
             /usr/bin/env > {told}.env\n{more}\n"
        );
        fs::write(folder.join("tell"), script).unwrap();
        fs::set_permissions(folder.join("tell"), fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn program(&self) -> String {
        self.folder.join("tell").display().to_string()
    }

    /// Returns what it was told, each time with what stood in it.
    fn told(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("told")).unwrap_or_default();
        text.split("== ").skip(1).map(str::to_owned).collect()
    }

    /// Returns by which variables it was told last.
    fn news(&self) -> String {
        self.told().last().and_then(|told| told.lines().next().map(str::to_owned)).unwrap_or_default()
    }
}

#[tokio::test]
async fn somebody_is_told_once_of_trouble_and_once_that_it_is_over() {
    let place = Place::new().await;
    let notify = Notified::new(&place, "");
    place.configure(&format!("notify = [\"{}\", \"an argument\"]", notify.program()), "");
    place.unwanted(&["stale"]);
    place.fake.server.faults.always(On::Change, Fault::LyingDelete);
    for _ in 0..3 {
        assert_eq!(place.says("orphans --grace 0s --retry-for 0s").await.status, 3);
    }
    assert_eq!((notify.told().len(), notify.news().as_str()), (1, "dns-cleanup|orphans|3|trouble|an argument"));
    assert!(notify.told()[0].contains("orphans: 1 unconfirmed\nstill there, asked"), "{:?}", notify.told());
    place.unwanted(&["another"]);
    assert_eq!(place.says("orphans --grace 0s --retry-for 0s").await.status, 3);
    assert_eq!(notify.told().len(), 2, "it differs");
    place.fake.server.faults.clear();
    place.fake.server.faults.always(On::Listing, Fault::ErrorBefore);
    for _ in 0..2 {
        assert_eq!(place.says("orphans --grace 0s --retry-for 0s").await.status, 1);
    }
    assert_eq!((notify.told().len(), notify.news().as_str()), (3, "dns-cleanup|orphans|1|trouble|an argument"));
    place.fake.server.faults.clear();
    for _ in 0..2 {
        assert_eq!(place.says("orphans --grace 0s").await.status, 0);
    }
    assert_eq!((notify.told().len(), notify.news().as_str()), (4, "dns-cleanup|orphans|0|well|an argument"));
    assert!(notify.told()[3].contains("well again: dns-cleanup on "), "{:?}", notify.told());
}

#[tokio::test]
async fn a_held_plan_is_told_until_it_is_approved_and_again_after_a_day() {
    let place = Place::new().await;
    let notify = Notified::new(&place, "");
    place.configure(&format!("notify = [\"{}\"]", notify.program()), "");
    place.unwanted(&UNWANTED);
    let held = place.says("--grace 0s").await;
    assert_eq!((held.status, notify.news().as_str()), (4, "dns-cleanup|orphans|4|trouble|"));
    let a_day_passes = || {
        let database = rusqlite::Connection::open(place.file("dnsmgmt.db")).unwrap();
        let earlier = "UPDATE dns_looks SET observed_ms = observed_ms + 86400000 WHERE job = 'notices'";
        assert_eq!(database.execute(earlier, []).unwrap(), 1);
    };
    a_day_passes();
    for _ in 0..2 {
        assert_eq!(place.says("--grace 0s").await.status, 4);
        assert_eq!((notify.told().len(), notify.news().as_str()), (2, "dns-cleanup|orphans|4|reminder|"));
    }
    let id = held.err.split("--approve ").nth(1).unwrap().split('`').next().unwrap();
    assert_eq!(place.says(&format!("orphans --grace 0s --approve {id}")).await.status, 0);
    assert_eq!((notify.told().len(), notify.news().as_str()), (3, "dns-cleanup|orphans|0|well|"));
    assert_eq!(place.says("--grace 0s").await.status, 0);
    assert_eq!(notify.told().len(), 3, "it is one memory, whatever runs the job");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_told_once_too() {
    let place = Place::new().await;
    let notify = Notified::new(&place, "");
    let right = fs::read_to_string(place.file("dnsmgmt.toml")).unwrap();
    place.configure("notify = [\"notified/tell\"]\nmax_delet = 3", "");
    // Somebody remembers: that a program has a memory is known without the configuration.
    drop(place.repository());
    for _ in 0..2 {
        assert_eq!(place.says("orphans").await.status, 1);
    }
    assert_eq!((notify.told().len(), notify.news().as_str()), (1, "dns-cleanup|orphans|1|trouble|"));
    assert!(notify.told()[0].contains("unknown key `max_delet`"), "{:?}", notify.told());
    fs::write(place.file("dnsmgmt.toml"), format!("notify = [\"notified/tell\"]\n{right}")).unwrap();
    assert_eq!(place.says("orphans").await.status, 0);
    assert_eq!(notify.news(), "dns-cleanup|orphans|0|well|");
}

#[tokio::test]
async fn a_command_that_fails_is_complained_of_and_tried_again_at_the_next_run() {
    let place = Place::new().await;
    let notify = Notified::new(&place, "echo no route to the mail server >&2; exit 7");
    place.unwanted(&UNWANTED);
    for count in 1..=2 {
        let said = place.says(&format!("orphans --grace 0s --notify {}", notify.program())).await;
        assert_eq!((said.status, notify.told().len()), (4, count), "{said:?}");
        assert!(said.err.contains("tell did not do its work: exit status: 7: no route to the mail server"), "{said:?}");
    }
    let said = place.says("orphans --grace 0s --notify ./nobody").await;
    assert!(said.status == 4 && said.err.contains("./nobody did not do its work: could not start it"), "{said:?}");
    let said = place.says("orphans --grace 0s --notify /bin/true").await;
    assert!(said.status == 4 && !said.err.contains("notification"), "it need not read what it is told: {said:?}");
    assert_eq!(place.says(&format!("orphans --grace 0s --notify {}", notify.program())).await.status, 4);
    assert_eq!(notify.told().len(), 2, "somebody was told");
}

#[tokio::test]
async fn a_notification_command_is_told_no_secret() {
    let (place, checks) = (Place::new().await, Checks::start().await);
    let notify = Notified::new(&place, "");
    place.unwanted(&UNWANTED);
    let (program, url) = (notify.program(), format!("{}/s3cret", checks.server.url()));
    let variables = [
        ("DNSMGMT_NOTIFY", program.as_str()),
        ("DNSMGMT_PING_URL", &url),
        ("CF_API_TOKEN", "hunter2"),
        ("LANG", "C.UTF-8"),
    ];
    assert_eq!(says_with(&place, &variables, "orphans --grace 0s").await.status, 4);
    let environment = fs::read_to_string(notify.folder.join("told.env")).unwrap();
    assert!(environment.contains("LANG=C.UTF-8") && environment.contains("DNSMGMT_HOST="), "{environment}");
    assert!(!environment.contains("hunter2") && !environment.contains("s3cret"), "{environment}");
    assert!(!notify.told()[0].contains(&place.fake.token), "{:?}", notify.told());
}

#[tokio::test]
async fn in_a_loop_without_a_place_for_a_database_the_process_remembers() {
    let place = Place::new().await;
    let notify = Notified::new(&place, "");
    place.configure(&format!("notify = [\"{}\"]", notify.program()), "[heartbeat]\ninternal = \"all.example.com\"");
    place.fake.server.faults.always(On::Listing, Fault::ErrorBefore);
    let mut command = dns_cleanup(place.folder.path());
    command.env_remove("DNSMGMT_DB").arg("--config").arg(place.file("dnsmgmt.toml"));
    command.args(["heartbeats", "--interval", "1s", "--retry-for", "0s"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| place.calls().len() >= 3).await;
    assert_eq!(notify.told().len(), 1, "{:?}", notify.told());
    place.fake.server.faults.clear();
    until(|| notify.told().len() == 2).await;
    assert_eq!(notify.news(), "dns-cleanup|heartbeats|0|well|");
    tell(&child, Signal::TERM);
    assert_eq!(end(child).await.status, 0);
}
