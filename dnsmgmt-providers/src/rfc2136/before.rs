//! What a zone held before a group, when the groups ahead of it in the same work are made.

use std::collections::HashMap;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Change, Group};
use dnsmgmt_core::record::{Record, RecordType};
use dnsmgmt_core::record_set::RecordSet;

/// A listing, and what groups since then make of it.
#[derive(Debug)]
pub(super) struct Before<'a> {
    listed: &'a RecordSet,
    /// The names that were changed, with all that they hold now.
    changed: HashMap<Name, Vec<Record>>,
}

impl<'a> Before<'a> {
    pub(super) fn new(listed: &'a RecordSet) -> Self {
        Self { listed, changed: HashMap::new() }
    }

    /// Returns the records at a name.
    pub(super) fn at(&self, name: &Name) -> &[Record] {
        self.changed.get(name).map_or_else(|| self.listed.at(name), Vec::as_slice)
    }

    /// Returns the records of one RRset.
    pub(super) fn rrset(&self, name: &Name, rtype: &RecordType) -> impl Iterator<Item = &Record> {
        self.at(name).iter().filter(move |record| record.rtype() == *rtype)
    }

    /// Takes in a group as if it were made, which is what those that follow it on the way to the server find. If it is not made they
    /// find something else, and a condition fails that holds at the next look.
    pub(super) fn take(&mut self, group: &Group) {
        let is_same_value = |change: &&Change| matches!(change, Change::Replace { old, new } if old.key == new.key);
        for change in group.changes.iter().filter(|change| !is_same_value(change)) {
            let record = change.record();
            let listed = self.listed;
            let records =
                self.changed.entry(record.name().clone()).or_insert_with(|| listed.at(record.name()).to_vec());
            if let Change::Delete(old) | Change::Replace { old, .. } = change {
                records.retain(|listed| listed.key != old.key);
            }
            if let Change::Create(new) | Change::Replace { new, .. } = change
                && !records.iter().any(|listed| listed.key == new.key)
            {
                records.push(new.clone());
            }
        }
    }
}
