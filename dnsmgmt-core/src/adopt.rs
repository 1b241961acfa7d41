//! Which records become ours because a person says so: decided on a listing, without asking anybody.

use std::collections::BTreeSet;

use crate::mark::Marks;
use crate::own_mark::owner_in;
use crate::plan::untouchable;
use crate::provider::DnsProvider;
use crate::record::{Record, RecordKey};
use crate::record_set::Listing;
use crate::tracked::TrackedRecord;

/// Whose marks in comments are ours.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The text of our mark in comments; nothing where the provider keeps none.
    pub template: Option<&'a str>,
    /// The owner id of our database.
    pub id: &'a str,
}

impl Owner<'_> {
    /// Returns the owner id that the record's comment names, if it is a mark of dnsmgmt.
    pub fn marked(&self, record: &Record) -> Option<String> {
        owner_in(self.template?, record.comment.as_deref()?)
    }
}

/// What an adoption comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// What may become ours.
    pub adopted: Vec<Record>,
    /// What is ours already.
    pub ours: Vec<Record>,
    /// What may not become ours, each with the reason.
    pub refused: Vec<(Record, String)>,
}

/// Decides which of the listed records that a person `named` may become ours.
pub fn adopt(
    provider: &dyn DnsProvider,
    listing: &Listing,
    tracked: &[TrackedRecord],
    owner: Owner<'_>,
    named: impl Fn(&Record) -> bool,
) -> Adoption {
    let ours: BTreeSet<&RecordKey> =
        tracked.iter().filter(|tracked| tracked.claim.is_some()).map(|tracked| &tracked.record.key).collect();
    let marks = Marks::of(listing);
    let mut adoption = Adoption::default();
    for record in listing.records.iter().filter(|record| named(record)) {
        if ours.contains(&record.key) {
            adoption.ours.push(record.clone());
        } else if let Some(why) = refusal(provider, record, &marks, owner) {
            adoption.refused.push((record.clone(), why));
        } else {
            adoption.adopted.push(record.clone());
        }
    }
    adoption
}

fn refusal(provider: &dyn DnsProvider, record: &Record, marks: &Marks, owner: Owner<'_>) -> Option<String> {
    if record.name().is_tombstone() {
        return Some("it is on its way out, and the next change there removes it".into());
    }
    if let Some(why) = untouchable(&record.key, provider.id(), provider.capabilities()) {
        return Some(why);
    }
    if let Some(mark) = marks.mark_of(record) {
        return Some(format!("it carries the mark of {mark}, which would fight over it"));
    }
    let other = owner.marked(record).filter(|id| id != owner.id)?;
    Some(format!(
        "it carries the mark of another dnsmgmt (owner {other}), which would fight over it; if the database of that id is lost, \
         use `dns-cli db rebuild --owner {other}`"
    ))
}
