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

    /// Returns why it cannot be told which names below it are wanted, if so.
    pub(crate) fn doubt(&self, desired: &Desired, tracked: &[TrackedRecord]) -> Option<Doubt> {
        let is_read = |endpoint: &&String| desired.daemons.iter().any(|(address, _)| address == *endpoint);
        if let Some(endpoint) = self.endpoints.iter().find(|endpoint| !is_read(endpoint)) {
            return Some(Doubt::NotRead(endpoint.clone()));
        }
        if let Some(failed) = desired.failed.first() {
            return Some(Doubt::Failed(failed.source_name.clone()));
        }
        // What speaks of another daemon is for a person, and what is not known at present mostly passes.
        self.stranger(desired, tracked).map(Doubt::Stranger).or_else(|| unknown(desired))
    }

    /// Returns a daemon that is none of those that were read, and had containers there by our own memory.
    fn stranger(&self, desired: &Desired, tracked: &[TrackedRecord]) -> Option<Origin> {
        let kinds: BTreeSet<_> = desired.daemons.iter().map(|(_, daemon)| daemon.kind()).collect();
        let is_a_daemon = |origin: &&Origin| kinds.contains(&origin.kind());
        let below = tracked.iter().filter(|tracked| {
            let name = tracked.record.name();
            tracked.claim.is_some() && self.is_above(name) && !self.exclude.covers(name)
        });
        let mut origins = below.flat_map(|tracked| &tracked.origins).filter(is_a_daemon);
        origins.find(|origin| !desired.is_of_daemons(origin)).map(Origin::source)
    }
}

/// Returns what may want nobody knows which names. A container of which only the addresses are not known is none of these.
fn unknown(desired: &Desired) -> Option<Doubt> {
    let names_are_known = |origin: &Origin| desired.spoken.iter().any(|(who, names)| who == origin && names.is_ok());
    let mut unknown = desired.unreadable.iter().chain(&desired.undecided).map(|(origin, _)| origin);
    let silent = unknown.find(|origin| !names_are_known(origin)).cloned().map(Doubt::Unknown);
    silent.or_else(|| {
        let unheard = |(who, names): &(Origin, Result<_, String>)| Some((who.clone(), names.as_ref().err()?.clone()));
        desired.spoken.iter().find_map(unheard).map(|(who, why)| Doubt::Unheard(who, why))
    })
}

/// Why it cannot be told which names below a suffix are wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// A daemon that may have containers with names there did not answer.
    #[error("the daemon at {0} was not read")]
    NotRead(String),
    /// Another source did not.
    #[error("{0} was not read")]
    Failed(String),
    /// Our own memory knows names there of a daemon that was not asked: another one may have been asked in its place.
    #[error("{0} has names there and was not asked")]
    Stranger(Origin),
    /// Something that was to be read was not, or is not believed yet.
    #[error("it is not known which names {0} wants")]
    Unknown(Origin),
    /// A container has labels of a dialect that is switched off, and they make no sense.
    #[error("it is not known which names {0} speaks of: {1}")]
    Unheard(Origin, String),
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
