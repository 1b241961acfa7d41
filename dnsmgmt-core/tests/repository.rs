//! The durable memory, as programs use it.

#![cfg(feature = "repository")]

#[path = "repository/belief.rs"]
mod belief;
#[path = "repository/books.rs"]
mod books;
#[path = "repository/damage.rs"]
mod damage;
#[path = "repository/documented.rs"]
mod documented;
#[path = "repository/journal.rs"]
mod journal;
#[path = "repository/looks.rs"]
mod looks;
#[path = "repository/migrations.rs"]
mod migrations;
#[path = "repository/notices.rs"]
mod notices;
#[path = "repository/properties.rs"]
mod properties;
#[path = "repository/questions.rs"]
mod questions;
#[path = "repository/several.rs"]
mod several;
#[path = "repository/tables.rs"]
mod tables;
#[path = "repository/verbs.rs"]
mod verbs;

use std::path::PathBuf;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::{Record, RecordData};
use dnsmgmt_core::record_set::Listing;
use dnsmgmt_core::repository::{DnsRepositoryManager, Tracking};
use dnsmgmt_core::tracked::TrackedRecord;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

fn home() -> ProviderId {
    provider("home", "example")
}

fn provider(name: &str, zone: &str) -> ProviderId {
    ProviderId { name: name.into(), zone: Name::parse(zone).unwrap() }
}

fn record(name: &str, value: &str) -> Record {
    Record::new(Name::parse(name).unwrap(), RecordData::infer(value).unwrap())
}

fn listing(records: impl IntoIterator<Item = Record>) -> Listing {
    Listing { records: records.into_iter().collect(), ..Listing::default() }
}

/// Returns an origin that is a file.
fn file(name: &str) -> Origin {
    Origin::of_source("file", name)
}

/// Returns what tracks a record that we created for a file.
fn ours(name: &str) -> Tracking {
    Tracking { claim: Some(Claim::Created), origins: [file(name)].into(), ..Tracking::default() }
}

/// Returns our records at home, as those see them who do not look themselves.
fn managed(repository: &DnsRepositoryManager) -> Vec<TrackedRecord> {
    repository.get_managed_records(&home(), repository.observed(&home()).unwrap()).unwrap()
}

/// Returns noon, and so many seconds.
fn noon_and(seconds: i64) -> Timestamp {
    "2026-01-01T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// A database in a folder of its own.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state/dnsmgmt.db")
    }

    fn open(&self) -> DnsRepositoryManager {
        DnsRepositoryManager::open(&self.path()).unwrap()
    }

    /// Returns the file as people open it.
    fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}
