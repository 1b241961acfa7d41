//! What follows from the fate of a change: the journal says it, and the memory follows.

use jiff::Timestamp;

use super::DnsRepositoryManager;
use super::error::{Failure, RepositoryError};
use super::journal::{ChangeId, JournalEntry};
use super::managed::{Tracking, parse_claim};
use crate::plan::Reason;
use crate::provider::{Change, ProviderId};
use crate::record::Record;
use crate::record_set::{Listing, Scope};
use crate::report::Fate;
use crate::settle::not_made;

impl DnsRepositoryManager {
    /// Writes down what became of changes, and remembers what is ours since then, all in one transaction.
    ///
    /// What was created is tracked, what was deleted is untracked, and the new record of a replacement takes the old one's place.
    /// What somebody else made meanwhile does not become ours. A fate that another look may change stays open for
    /// [`settle_by_looking`](Self::settle_by_looking). `seen` is a believed listing that showed all this, put into the cache.
    pub fn conclude(
        &mut self,
        provider: &ProviderId,
        outcomes: impl IntoIterator<Item = (ChangeId, Fate)>,
        seen: Option<(&Scope, &Listing)>,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        self.write("write down what became of changes", |on| {
            if let Some((scope, listing)) = seen {
                on.provider_cache().replace(provider, scope, listing, now)?;
            }
            let listing = seen.map(|(_, listing)| listing);
            for (id, fate) in outcomes {
                let entry = on.journal().entry(provider, id)?;
                on.follow(&entry, fate, listing, now)?;
                on.settle(&entry, fate, is_final(fate).then_some(now))?;
            }
            Ok(())
        })
    }

    /// Settles the open changes at the names that a believed listing covers by what it shows, for good, and remembers what is
    /// ours since then. Returns them, in order, as they stood before, with their fates.
    ///
    /// Of a change whose program was killed nothing is known but that it was about to be asked for: what is listed as it was to
    /// be counts as made by it.
    pub fn settle_by_looking(
        &mut self,
        provider: &ProviderId,
        scope: &Scope,
        listing: &Listing,
        now: Timestamp,
    ) -> Result<Vec<(JournalEntry, Fate)>, RepositoryError> {
        self.write("settle changes", |on| {
            let mut settled = Vec::new();
            for entry in on.journal().open(provider)? {
                if is_covered(entry.change(), scope) {
                    let fate = fate_by(&entry, listing);
                    // Nobody knows that it was asked for: with other attributes than were to be asked for it is another's.
                    let is_anothers = fate == Fate::Differs
                        && matches!(entry.fate, None | Some(Fate::Unconfirmed))
                        && has_other_attributes(entry.change().record(), listing);
                    if !is_anothers {
                        on.follow(&entry, fate, Some(listing), now)?;
                    }
                    on.settle(&entry, fate, Some(now))?;
                    settled.push((entry, fate));
                }
            }
            Ok(settled)
        })
    }

    /// Writes down a fate; `settled_at` where it is final. A heartbeat that was written well is forgotten: there would be one every few
    /// minutes.
    fn settle(&self, entry: &JournalEntry, fate: Fate, settled_at: Option<Timestamp>) -> Result<(), Failure> {
        match entry.reason == Reason::Refreshed.as_str() && fate.is_settled() {
            true => self.journal().remove(entry.id),
            false => self.journal().note(entry.id, fate, settled_at),
        }
    }

    /// Makes the memory follow a change.
    fn follow<'l>(
        &self,
        entry: &'l JournalEntry,
        fate: Fate,
        listing: Option<&'l Listing>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let (tracked, provider, change) = (self.managed_records(), &entry.provider, entry.change());
        // As the provider holds it, with its ids, where that was seen.
        let as_seen =
            |record: &'l Record| listing.and_then(|listing| listing.records.get(&record.key)).unwrap_or(record);
        if let Change::Replace { old, new } = change
            && old.key == new.key
            && fate == Fate::Present
        {
            tracked.update(provider, as_seen(new), now)?;
        }
        // What was ours by an earlier look may have been released since.
        let was_made = entry.fate.and_then(|before| made(change, before));
        if let Some(record) = made(change, fate).filter(|_| was_made.is_none()) {
            let (claim, origins) = (parse_claim(&entry.claim), entry.origins.clone());
            tracked.track(provider, as_seen(record), &Tracking { claim, origins, ..Tracking::default() }, now)?;
        }
        if let Some(record) = removed(change, fate) {
            tracked.untrack(provider, &record.key)?;
        }
        Ok(())
    }
}

/// Returns the record that is there by our doing.
fn made(change: &Change, fate: Fate) -> Option<&Record> {
    match (change, fate) {
        (Change::Create(record), Fate::Present | Fate::Differs) => Some(record),
        (Change::Replace { old, new }, Fate::Present | Fate::Differs | Fate::StillThere) if old.key != new.key => {
            Some(new)
        }
        _ => None,
    }
}

/// Returns the record that is not there any more.
fn removed(change: &Change, fate: Fate) -> Option<&Record> {
    match (change, fate) {
        (Change::Delete(record), Fate::Gone | Fate::AlreadyGone) => Some(record),
        (Change::Replace { old, new }, Fate::Present | Fate::AlreadyPresent) if old.key != new.key => Some(old),
        _ => None,
    }
}

/// Returns whether no later look says anything else about the change.
fn is_final(fate: Fate) -> bool {
    match fate {
        Fate::Gone | Fate::AlreadyGone | Fate::Present | Fate::AlreadyPresent | Fate::Refused | Fate::NotTried => true,
        Fate::StillThere | Fate::StillMissing | Fate::Differs | Fate::Unconfirmed => false,
    }
}

/// Returns what a listing says of a change, however it was asked for.
fn fate_by(entry: &JournalEntry, listing: &Listing) -> Fate {
    let made = if matches!(entry.change(), Change::Delete(_)) { Fate::Gone } else { Fate::Present };
    not_made(entry.change(), listing, entry.run).unwrap_or(made)
}

/// A listing that lacks TTLs is of a provider that has one for all records.
fn has_other_attributes(wanted: &Record, listing: &Listing) -> bool {
    let Some(there) = listing.records.get(&wanted.key) else { return false };
    let ttl = wanted.ttl.filter(|_| there.ttl.is_some());
    !Record { ttl, ..wanted.clone() }.agrees_with(there)
}

fn is_covered(change: &Change, scope: &Scope) -> bool {
    let replaced = match change {
        Change::Replace { old, .. } => scope.covers(old.name()),
        Change::Create(_) | Change::Delete(_) => true,
    };
    replaced && scope.covers(change.record().name())
}
