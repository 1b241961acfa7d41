//! `dns-cli db`, as a person and a program see it.

mod program;

use std::fs;
use std::path::Path;
use std::process::Output;

use dnsmgmt_core::repository::{DnsRepositoryManager, examine};
use serde_json::{Value, json};
use tempfile::TempDir;

fn run(folder: &Path, line: &str) -> Output {
    let mut command = program::dns_cli(folder);
    command.current_dir(folder).args(line.split(' '));
    command.output().expect("dns-cli starts")
}

/// Returns the exit status, and all that a person sees.
fn seen(folder: &Path, line: &str) -> (i32, String) {
    let output = run(folder, line);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap().replace(folder.to_str().unwrap(), "FOLDER");
    (output.status.code().unwrap(), text)
}

fn json(folder: &Path, line: &str) -> Value {
    serde_json::from_slice(&run(folder, line).stdout).unwrap()
}

#[test]
fn a_path_is_printed_alone_and_with_what_names_it() {
    let folder = TempDir::new().unwrap();
    assert_eq!(seen(folder.path(), "db path"), (0, "FOLDER/dnsmgmt.db\n".into()));
    assert_eq!(json(folder.path(), "db path -o json")["named_by"], "`DNSMGMT_DB`");
    assert!(!folder.path().join("dnsmgmt.db").exists(), "asking makes nothing");
}

#[test]
fn what_is_not_there_is_said_and_not_made() {
    let folder = TempDir::new().unwrap();
    for line in ["db check", "db backup copy.db"] {
        let (status, text) = seen(folder.path(), line);
        assert_eq!(status, 1);
        assert!(text.contains("there is no database yet where `DNSMGMT_DB` says"), "{text}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_check_tells_what_is_there_and_adds_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dnsmgmt.db");
    let owner_id = DnsRepositoryManager::open(&path).unwrap().owner_id().unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("ALTER TABLE resource_usages DROP COLUMN memory_limit").unwrap();
    drop(connection);
    let version = examine(&path).unwrap().newest_version;
    let (status, text) = seen(folder.path(), "db check");
    assert_eq!(status, 0, "{text}");
    let head = format!("FOLDER/dnsmgmt.db: sound, schema version {version}, owner id {owner_id}\n");
    assert!(text.starts_with(&(head + "added the column resource_usages.memory_limit, which was missing\n")), "{text}");
    assert!(text.contains("dns_tracked_records  0\n"), "{text}");
    let checked = json(folder.path(), "db check -o json");
    assert_eq!(checked["added"], json!([]));
    assert_eq!((&checked["sound"], &checked["owner_id"]), (&json!(true), &json!(owner_id)));
    assert_eq!((&checked["schema_version"], &checked["database_version"]), (&json!(1), &json!(version)));
}

#[test]
fn damage_is_an_error_that_says_what_to_do_and_touches_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dnsmgmt.db");
    drop(DnsRepositoryManager::open(&path).unwrap());
    let mut octets = fs::read(&path).unwrap();
    octets[4096..].fill(0x5a);
    fs::write(&path, &octets).unwrap();
    let (status, text) = seen(folder.path(), "db check");
    assert_eq!(status, 1);
    assert!(text.contains("is damaged") && text.contains("put a backup in its place"), "{text}");
    let checked = json(folder.path(), "db check -o json");
    assert_eq!(checked["sound"], false);
    assert!(!checked["problems"].as_array().unwrap().is_empty());
    assert_eq!(seen(folder.path(), "db backup copy.db").0, 1);
    assert!(!folder.path().join("copy.db").exists());
    assert_eq!(fs::read(&path).unwrap(), octets);
}

#[test]
fn a_backup_is_made_once() {
    let folder = TempDir::new().unwrap();
    drop(DnsRepositoryManager::open(&folder.path().join("dnsmgmt.db")).unwrap());
    let (status, text) = seen(folder.path(), "db backup copy.db");
    assert_eq!((status, text.as_str()), (0, "copied FOLDER/dnsmgmt.db to copy.db and checked the copy\n"));
    let before = fs::read(folder.path().join("copy.db")).unwrap();
    let (status, text) = seen(folder.path(), "db backup copy.db");
    assert_eq!(status, 1);
    assert!(text.contains("copy.db: entity already exists"), "{text}");
    assert_eq!(fs::read(folder.path().join("copy.db")).unwrap(), before);
}
