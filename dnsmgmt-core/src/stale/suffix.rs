//! A name below which everything is ours, because the configuration says so.

use std::collections::BTreeSet;

use crate::adopt::Owner;
use crate::heartbeat::Member;
use crate::mark::Marks;
use crate::name::Name;
use crate::origin::Origin;
use crate::preserved::Preserved;
use crate::record::{Record, RecordData};
use crate::record_set::Listing;
use crate::source::Desired;
use crate::tracked::TrackedRecord;

/// A name below which only the containers of certain daemons have names, so that what no source wants there is a leftover,
/// whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suffix {
    /// The name, which is itself not below it.
    pub name: Name,
    /// What below it is not ours all the same.
    pub exclude: Preserved,
    /// Where the daemons listen whose containers may have names there, as the configuration spells it. There is at least one.
    pub endpoints: BTreeSet<String>,
}

impl Suffix {
    /// Returns whether a name lies below it, excluded or not.
    pub fn is_above(&self, name: &Name) -> bool {
        name != &self.name && name.is_within(&self.name)
    }

    /// Returns whether a name below it may be a container's: not excluded, no wildcard, which is meant for many, and not below a label that
    /// begins with `_`, where names are no hosts' (RFC 8552).
    fn is_hosts(&self, name: &Name) -> bool {
        let own = name.labels().count() - self.name.labels().count();
        !self.exclude.covers(name)
            && !name.is_wildcard()
            && name.labels().take(own).all(|label| !label.starts_with('_'))
    }

    /// Returns the name below it that a container of this name has where every container has one.
    pub(crate) fn of_container(&self, container: &str) -> Option<Name> {
        Name::parse(&format!("{container}.{}", self.name)).ok()
    }

    /// Returns why it cannot be told which names below it are wanted, if so: one of its daemons did not answer, another one may have been
    /// asked in its place, or something that was to be read was not, so that nobody knows which names it wants.
    pub(crate) fn doubt(&self, desired: &Desired, tracked: &[TrackedRecord]) -> Option<String> {
        let is_read = |endpoint: &&String| desired.daemons.iter().any(|(address, _)| address == *endpoint);
        if let Some(endpoint) = self.endpoints.iter().find(|endpoint| !is_read(endpoint)) {
            return Some(format!("the daemon at {endpoint} was not read"));
        }
        if let Some(failed) = desired.failed.first() {
            return Some(format!("{} was not read", failed.source_name));
        }
        let unknown = || {
            let (origin, _) = desired.unreadable.iter().chain(&desired.undecided).next()?;
            Some(format!("it is not known which names {origin} wants"))
        };
        // What speaks of another daemon is for a person, and what is not known at present mostly passes.
        self.stranger(desired, tracked).or_else(unknown)
    }

    /// Returns what speaks against it in our own memory, if anything does: a daemon that is none of these had containers there, so
    /// that another one may be asked in its place.
    pub fn stranger(&self, desired: &Desired, tracked: &[TrackedRecord]) -> Option<String> {
        let kinds: BTreeSet<_> = desired.daemons.iter().map(|(_, daemon)| daemon.kind()).collect();
        let is_a_daemon = |origin: &&Origin| kinds.contains(&origin.kind());
        let below = tracked.iter().filter(|tracked| {
            let name = tracked.record.name();
            tracked.claim.is_some() && self.is_above(name) && !self.exclude.covers(name)
        });
        let mut origins = below.flat_map(|tracked| &tracked.origins).filter(is_a_daemon);
        let stranger = origins.find(|origin| !desired.daemons.iter().any(|(_, daemon)| origin.is_within(daemon)))?;
        Some(format!("{} has names there and was not asked", stranger.source()))
    }
}

/// Which records below suffixes are leftovers where no source wants them.
#[derive(Debug)]
pub struct Leftovers<'a> {
    suffixes: Vec<(&'a Suffix, bool)>,
    marks: &'a Marks,
    preserved: &'a Preserved,
    owner: Owner<'a>,
    /// The name servers of a zone, which belong to it.
    servers: BTreeSet<Name>,
    listing: &'a Listing,
}

impl<'a> Leftovers<'a> {
    /// Reads a listing of a zone, and its marks; `suffixes` lie in it, each with whether it can be judged.
    pub fn of(
        listing: &'a Listing,
        marks: &'a Marks,
        suffixes: Vec<(&'a Suffix, bool)>,
        preserved: &'a Preserved,
        owner: Owner<'a>,
    ) -> Self {
        let server = |record: &Record| match &record.key.data {
            RecordData::Ns(server) => Some(server.clone()),
            _ => None,
        };
        let servers = listing.records.iter().filter_map(server).collect();
        Self { suffixes, marks, preserved, owner, servers, listing }
    }

    /// Returns whether a record without a claim is ours by its name. Of several suffixes above it each must be judged, and none may
    /// exclude it.
    pub fn has(&self, record: &Record) -> bool {
        let name = record.name();
        let mut above = self.suffixes.iter().filter(|(suffix, _)| suffix.is_above(name)).peekable();
        above.peek().is_some()
            && above.all(|(suffix, is_judged)| *is_judged && suffix.is_hosts(name))
            && !self.preserved.covers(name)
            && matches!(record.key.data, RecordData::A(_) | RecordData::Aaaa(_) | RecordData::Cname(_))
            && record.enabled != Some(false)
            && !self.servers.contains(name)
            && self.marks.mark_of(record).is_none()
            && self.owner.marked(record).is_none_or(|owner| owner == self.owner.id)
            && !self.has_heartbeat(record)
    }

    /// Returns whether a host holds this address by a lease.
    fn has_heartbeat(&self, record: &Record) -> bool {
        let heartbeat = Member::of(record).and_then(|member| member.heartbeat_name().ok());
        heartbeat.is_some_and(|heartbeat| !self.listing.records.at(&heartbeat).is_empty())
    }
}
