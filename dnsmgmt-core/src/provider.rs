//! The contract between this crate and a DNS service.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::name::Name;
use crate::record::{Record, RecordData, RecordType};
use crate::record_set::{Listing, RecordSet, Scope};

/// A DNS service that can be listed and changed, bound to one zone.
///
/// The shape is that of RFC 2136: groups of conditions and changes. A provider neither retries nor logs nor verifies: it asks
/// once and says what it was told. The conformance suite of the `fixtures` crate is the executable form of this contract.
#[async_trait]
pub trait DnsProvider: Send + Sync {
    /// Returns the configured name and the zone.
    fn id(&self) -> &ProviderId;

    /// Returns what this API can and cannot do.
    fn capabilities(&self) -> &Capabilities;

    /// Returns what the provider holds in `scope` now: complete for `capabilities().types`, or an error; never a part as the
    /// whole. Entries that it cannot model are in [`Listing::opaque`]. Records outside `scope` may not be in it, except those
    /// whose name [is a tombstone](Name::is_tombstone): these are in every listing.
    async fn list(&self, scope: &Scope) -> Result<Listing, ProviderError>;

    /// Asks for the work and returns one answer for each change of each group, in order. An answer is what the provider
    /// said, not what is true.
    ///
    /// `before` is a listing that covers all names of the work, for APIs that write whole RRsets or want stored spellings.
    /// The work is at most [`Capabilities::batch`] changes, or one larger group. A provider never touches a record that is
    /// not in `work`, except tombstones.
    async fn apply(&self, work: &[Group], before: &RecordSet, attempt: Attempt) -> Vec<Answer>;

    /// Returns why the service, or this code for its sake, would refuse the change, where that is known without asking: the
    /// plan then refuses it before any call. Nothing where only asking tells.
    fn objection(&self, change: &Change) -> Option<String> {
        let _only_asking_tells = change;
        None
    }

    /// Returns whether two values are one value for the service. Values that are modelled compare by themselves; of the others
    /// the service may know more spellings than one, such as hexadecimal digits in either case.
    fn is_same(&self, left: &RecordData, right: &RecordData) -> bool {
        left == right
    }

    /// Looks at the provider with a person's eyes and returns what would surprise them, a sentence each: settings that keep
    /// records from being answered, entries that get in the way of others. An error if it cannot be asked at all.
    async fn examine(&self) -> Result<Vec<String>, ProviderError>;
}

/// Which provider and which zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId {
    /// The configured name, by default the kind.
    pub name: String,
    /// The zone; the root where the API has none.
    pub zone: Name,
}

impl ProviderId {
    /// Returns the zone's name; nothing where the configuration has only its id at the provider, which then stands for it.
    pub fn zone_name(&self) -> Option<&Name> {
        let is_id = |label: &str| label.len() == 32 && label.bytes().all(|octet| octet.is_ascii_hexdigit());
        let mut labels = self.zone.labels();
        let id_alone = labels.next().is_some_and(is_id) && labels.next().is_none();
        (!id_alone).then_some(&self.zone)
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.zone.is_root() { f.write_str(&self.name) } else { write!(f, "{} ({})", self.name, self.zone) }
    }
}

/// What an API can and cannot do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The types that it lists completely and can hold.
    pub types: Types,
    /// The TTLs that it can be given.
    pub ttl: TtlSupport,
    /// Whether records can be proxied.
    pub proxied: bool,
    /// Whether records can be switched off and stay.
    pub enabled: bool,
    /// How many characters a comment may have; nothing where there are no comments.
    pub comment: Option<usize>,
    /// Whether it honours [`Group::only_if`] in one step with the changes.
    pub conditions: bool,
    /// How many changes one request may carry.
    pub batch: usize,
    /// Which types a CNAME excludes at its name, CNAME itself aside, of which there can only be one.
    pub cname_excludes: Types,
    /// Which types an NS below the zone's apex excludes at its name.
    pub ns_excludes: Types,
    /// What can be listed.
    pub listing: ListingSupport,
}

impl Capabilities {
    /// Returns whether records of these types cannot stand at one name. The zone's own NS exclude nothing, so where the zone's
    /// name is not known no NS is said to.
    pub fn conflict(&self, name: &Name, zone: Option<&Name>, left: &RecordType, right: &RecordType) -> bool {
        let one_way = |left: &RecordType, right: &RecordType| match left {
            RecordType::Cname => *right == RecordType::Cname || self.cname_excludes.contains(right),
            RecordType::Ns => {
                zone.is_some_and(|zone| name != zone) && *right != RecordType::Ns && self.ns_excludes.contains(right)
            }
            _ => false,
        };
        one_way(left, right) || one_way(right, left)
    }
}

/// A set of record types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Types {
    /// Every type.
    All,
    /// Every type but these.
    AllBut(Vec<RecordType>),
    /// These.
    Only(Vec<RecordType>),
}

impl Types {
    /// Returns whether the type is in the set.
    pub fn contains(&self, rtype: &RecordType) -> bool {
        match self {
            Self::All => true,
            Self::AllBut(types) => !types.contains(rtype),
            Self::Only(types) => types.contains(rtype),
        }
    }

    /// Returns the empty set.
    pub fn none() -> Self {
        Self::Only(Vec::new())
    }
}

/// The TTLs that a provider can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TtlSupport {
    /// Its own, for all records.
    Fixed,
    /// Seconds from `least` to `most`, and what it chooses itself where `automatic`.
    Seconds {
        /// The smallest, in seconds.
        least: u32,
        /// The largest, in seconds.
        most: u32,
        /// Whether the provider can choose.
        automatic: bool,
    },
}

/// What a provider can list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListingSupport {
    /// The whole zone.
    Zone,
    /// Only names that one asks for, so that nothing can be concluded about the zone.
    NamesOnly,
}

/// Changes that belong together: made in one step where the API can, and never cut by a batch limit. Where it cannot, they are
/// made in order, and the first that is neither accepted nor so already ends the group: the rest is answered
/// [`Answer::Failed`] and not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// What must hold for the group to be made at all, where [`Capabilities::conditions`].
    pub only_if: Vec<Condition>,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

/// An RRset that must have exactly these values (RFC 2136 sections 2.4.2 and 2.4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The owner name.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// All values that it has; none says that there is no such RRset.
    pub values: Vec<RecordData>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Add this value beside what is there.
    Create(Record),
    /// Put `new` in the place of `old`, which must still be there: otherwise [`Answer::ConditionFailed`]. There is no moment at
    /// which neither exists, except between types that exclude each other where the API has no such step. Both have the same
    /// name.
    Replace {
        /// The record as it was listed.
        old: Record,
        /// What it becomes; attributes that are not set stay as they are, as far as its type can have them.
        new: Record,
    },
    /// Remove this value, in all its copies, and nothing beside it.
    Delete(Record),
}

impl Change {
    /// Returns the record that the change is about: the new one of a replacement.
    pub fn record(&self) -> &Record {
        match self {
            Self::Create(record) | Self::Delete(record) | Self::Replace { new: record, .. } => record,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(record) => write!(f, "create {record}"),
            Self::Replace { old, new } if old.key == new.key => write!(f, "change {new}"),
            Self::Replace { old, new } => write!(f, "replace {old} with {}", new.key.data),
            Self::Delete(record) => write!(f, "delete {record}"),
        }
    }
}

/// Which time a change is asked for, and under which mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// From 1. From the second on, another way of asking is allowed.
    pub number: u32,
    /// What tells this run from others, where the other way leaves a trace at the provider.
    pub run: RunId,
}

/// Tells runs apart; random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a provider said to a change.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It took it.
    Accepted,
    /// It said that this is so already.
    AlreadySo,
    /// What the change depends on did not hold, and nothing of its group was made.
    ConditionFailed,
    /// It did not take it, or its answer did not arrive. [`Reaction::Busy`], [`Reaction::Unauthorized`] and
    /// [`Reaction::Refused`] say that nothing of the change was made; where a part may have been, it is another reaction.
    Failed(ProviderError),
}

/// Why a provider could not be asked, or what it said instead: what was being done, what came back, what to do next.
///
/// Neither the texts nor their causes contain a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("could not {doing}: {answered}")]
pub struct ProviderError {
    /// What the caller can do about it.
    pub reaction: Reaction,
    /// What was being done, to what, to be read behind "could not".
    pub doing: String,
    /// What the other side answered, or what happened on the way.
    pub answered: String,
    /// What a person can do next.
    pub hint: Option<String>,
}

/// What the caller can do about a [`ProviderError`]: a variant for each reaction, not for each cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reaction {
    /// Try later: no answer, a broken connection, or an error of the server. A change may have been made all the same.
    Unreachable,
    /// Try after a pause: it has too much to do. The change was not made.
    Busy {
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// Mend the credentials; asking again makes it worse.
    Unauthorized,
    /// Mend the request or the configuration; the same request will be answered the same.
    Refused,
    /// The answer cannot be understood, so nothing is known.
    Malformed,
}

impl ProviderError {
    /// Returns an error without a hint.
    pub fn new(reaction: Reaction, doing: impl Into<String>, answered: impl Into<String>) -> Self {
        Self { reaction, doing: doing.into(), answered: answered.into(), hint: None }
    }

    /// Says what a person can do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
