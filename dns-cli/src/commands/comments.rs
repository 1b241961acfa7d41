//! Our mark, put into comments and taken out of them.

use std::collections::BTreeMap;

use anyhow::Result;
use dnsmgmt_core::by_hand::ByHand;
use dnsmgmt_core::record::{Record, RecordKey};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::repository::DnsRepositoryManager;

use crate::commands::change::carry_out;
use dnsmgmt_program::context::{Connected, Context};

/// What became of comments.
pub(crate) struct Commented(Result<BTreeMap<RecordKey, Fate>>);

impl Commented {
    /// Returns what a listing taken afterwards said of the comment of a record, and if it is not settled why.
    pub(crate) fn of(&self, key: &RecordKey) -> (Fate, String) {
        match &self.0 {
            Ok(fates) => {
                let fate = fates.get(key).copied().unwrap_or(Fate::NotTried);
                (fate, fate.to_string())
            }
            Err(error) => (Fate::NotTried, format!("{error:#}")),
        }
    }
}

/// Writes a comment beside records of the listing.
pub(crate) async fn set_comments(
    context: &Context,
    repository: &mut DnsRepositoryManager,
    at: &Connected,
    listing: &Listing,
    records: &[&Record],
    comment: &str,
) -> Commented {
    Commented(try_to_set(context, repository, at, listing, records, comment).await)
}

async fn try_to_set(
    context: &Context,
    repository: &mut DnsRepositoryManager,
    at: &Connected,
    listing: &Listing,
    records: &[&Record],
    comment: &str,
) -> Result<BTreeMap<RecordKey, Fate>> {
    let commented = |old: &&Record| {
        let new = Record { comment: Some(comment.into()), ..Record::new(old.name().clone(), old.key.data.clone()) };
        ((*old).clone(), new)
    };
    let pairs: Vec<(Record, Record)> = records.iter().map(commented).collect();
    let scope = Scope::from_iter(pairs.iter().map(|(old, _)| old.name().clone()));
    let mut by_hand = ByHand::on(&*at.provider, scope.clone(), within(listing, &scope));
    by_hand.replace(pairs);
    let outcomes = carry_out(context, repository, at, by_hand.plan()).await?;
    let fates = outcomes.into_iter().filter_map(|outcome| {
        let key = RecordKey { name: outcome.name, data: outcome.data? };
        Some((key, outcome.fate))
    });
    Ok(fates.collect())
}

/// Returns the part of a listing that is in the scope.
fn within(listing: &Listing, scope: &Scope) -> Listing {
    let is_covered = |record: &&Record| scope.covers(record.name());
    Listing {
        records: listing.records.iter().filter(is_covered).cloned().collect(),
        opaque: listing.opaque.clone(),
        provider_time: None,
    }
}
