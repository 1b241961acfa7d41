//! Records in our memory.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::origin::Origin;
use crate::plan::Claim;
use crate::record::{Record, RecordKey};

/// A record that we remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedRecord {
    /// The record as it was last tracked.
    pub record: Record,
    /// Why it is ours, if it is. What is not is only known, and never changed.
    pub claim: Option<Claim>,
    /// Why it is an orphan and since when, if it is.
    pub orphaned: Option<Orphaned>,
    /// Everyone who wants it.
    pub origins: BTreeSet<Origin>,
    /// When it was first seen.
    pub first_seen: Option<Timestamp>,
    /// When it was first tracked.
    pub tracked_at: Option<Timestamp>,
    /// When it was last tracked anew.
    pub updated_at: Option<Timestamp>,
}

/// The mark of an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orphaned {
    /// Why.
    pub reason: OrphanReason,
    /// Since when, by the wall clock: for people.
    pub since: Timestamp,
    /// For how long, in observed running time.
    pub age: Duration,
    /// For how much of that it is known from its sources: how long after the mark a look at them last found that nobody wants it.
    pub confirmed: Duration,
}

/// Why a managed record is an orphan. The two are not each other's undoing: a record that nobody wants is still an orphan when
/// the provider turns out to hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrphanReason {
    /// No origin wants it any more.
    Unwanted,
    /// The provider does not hold it any more.
    Gone,
}

impl OrphanReason {
    /// Returns the word that stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unwanted => "unwanted",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for OrphanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A change in our memory that a decision asks for beside its plan; nothing at the provider changes by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bookkeeping {
    /// The origin wants this claimed record too. Where it stands as adopted, the origin takes the adoption's place.
    Join(RecordKey, Origin),
    /// The origin wants it no more, and others do.
    Leave(RecordKey, Origin),
    /// Nobody wants it any more: its grace begins, or is confirmed.
    Mark(RecordKey),
    /// It is wanted again.
    Unmark(RecordKey),
    /// Nobody wants it, and the provider does not hold it: there is nothing left to remember.
    Untrack(RecordKey),
}
