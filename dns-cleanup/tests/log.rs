//! Where and how the log is written, and a zone file instead of a server.

mod program;

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::repository::{DnsRepositoryManager, MARKING_JOB, Tracking};
use dnsmgmt_core::tracked::OrphanReason;
use program::{dns_cleanup, moment, record};
use tempfile::TempDir;

const ZONE: &str = "$TTL 1h\n@ SOA localhost. hostmaster 1 1h 15m 1w 5m\n@ NS localhost.\n\
    ; the printer\nprinter A 10.0.0.9\nstale A 10.0.0.1\nstale A 10.0.0.2\n";

/// A zone file in which a value at `stale` is ours and wanted by nobody.
fn zone_file() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("lab.zone"), ZONE).unwrap();
    let mut repository = DnsRepositoryManager::open(&folder.path().join("dnsmgmt.db")).unwrap();
    let id = ProviderId { name: "zonefile".into(), zone: Name::parse("lab.example").unwrap() };
    let endpoint = format!("file:{}/lab.zone", folder.path().display());
    repository.check_endpoint(&id, &endpoint, moment().now).unwrap();
    let origins = [Origin::of_source("file", "/etc/lab.toml")].into();
    let (record, tracking) =
        (record("stale.lab.example"), Tracking { claim: Some(Claim::Created), origins, ..Tracking::default() });
    repository.track_record(&id, &record, &tracking, moment().now).unwrap();
    repository.look(&id, MARKING_JOB, &moment(), None, true).unwrap();
    repository.mark_record_orphaned(&id, &record.key, OrphanReason::Unwanted, moment().now).unwrap();
    folder
}

/// Runs it with a file for standard error, and returns what it wrote there.
async fn logged(folder: &Path, journal: impl Fn(&File) -> Option<String>, arguments: &[&str]) -> String {
    let path = folder.join("stderr");
    let file = File::create(&path).unwrap();
    let mut command = dns_cleanup(folder);
    command.env("ZONEFILE_PATH", folder.join("lab.zone")).env("ZONEFILE_ORIGIN", "lab.example");
    command.envs(journal(&file).map(|stream| ("JOURNAL_STREAM", stream)));
    let status = command.args(["orphans", "--grace", "0s"]).args(arguments).stderr(file).status().await.unwrap();
    let text = fs::read_to_string(path).unwrap();
    assert!(status.success(), "{text}");
    text
}

fn stream(file: &File) -> Option<String> {
    let metadata = file.metadata().unwrap();
    Some(format!("{}:{}", metadata.dev(), metadata.ino()))
}

#[tokio::test]
async fn a_zone_file_loses_the_one_value_and_keeps_the_rest() {
    let folder = zone_file();
    let said = logged(folder.path(), |_| None, &[]).await;
    assert!(
        said.lines().next().unwrap().contains("Z info dns-cleanup: deleted stale.lab.example A 10.0.0.1"),
        "{said}"
    );
    let text = fs::read_to_string(folder.path().join("lab.zone")).unwrap();
    let without_serial = |text: &str| text.lines().filter(|line| !line.contains("SOA")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_serial(&text), without_serial(&ZONE.replace("stale A 10.0.0.1\n", "")));
}

#[tokio::test]
async fn lines_for_the_journal_have_levels_and_no_time() {
    let folder = zone_file();
    let said = logged(folder.path(), stream, &[]).await;
    assert_eq!(said, "<6>deleted stale.lab.example A 10.0.0.1 at zonefile (lab.example): unwanted\n<6>1 deleted\n");
}

#[tokio::test]
async fn a_journal_that_standard_error_does_not_lead_to_is_none() {
    let folder = zone_file();
    let said = logged(folder.path(), |_| Some("1:2".into()), &["--dry-run"]).await;
    assert!(said.contains("Z info dns-cleanup: would delete"), "{said}");
}

#[tokio::test]
async fn lines_of_json_are_json_also_in_the_journal() {
    let folder = zone_file();
    let said = logged(folder.path(), stream, &["--log", "json"]).await;
    for line in said.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["time"].is_string() && line["level"] == "info" && line["message"].is_string(), "{line}");
    }
}
