//! What became of each change.

use std::fmt;

use crate::name::Name;
use crate::plan::{Claim, Reason, Step};
use crate::provider::{Change, ProviderError, ProviderId};
use crate::record::{RecordData, RecordType, Ttl};
use crate::record_set::Listing;

/// What a listing said afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Deleted, and the listing no longer has it.
    Gone,
    /// It was not there in the first place.
    AlreadyGone,
    /// Asked to go, and the listing still has it.
    StillThere,
    /// Created or changed, and the listing has it as wanted.
    Present,
    /// It was there as wanted in the first place.
    AlreadyPresent,
    /// Asked for, and the listing does not have it.
    StillMissing,
    /// The listing has it, with other attributes than asked for.
    Differs,
    /// The provider said no, or it was seen beforehand that it would.
    Refused,
    /// Asked for, and no listing could say what became of it.
    Unconfirmed,
    /// Never asked for.
    NotTried,
}

impl Fate {
    /// Every fate.
    pub const ALL: [Self; 10] = [
        Self::Gone,
        Self::AlreadyGone,
        Self::StillThere,
        Self::Present,
        Self::AlreadyPresent,
        Self::StillMissing,
        Self::Differs,
        Self::Refused,
        Self::Unconfirmed,
        Self::NotTried,
    ];

    /// Returns whether things are as they were asked to be, and a listing said so.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Gone | Self::AlreadyGone | Self::Present | Self::AlreadyPresent)
    }

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::AlreadyGone => "already gone",
            Self::StillThere => "still there",
            Self::Present => "present",
            Self::AlreadyPresent => "already present",
            Self::StillMissing => "still missing",
            Self::Differs => "differs",
            Self::Refused => "refused",
            Self::Unconfirmed => "unconfirmed",
            Self::NotTried => "not tried",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Add a record.
    Create,
    /// Put a record in another's place, or change its attributes.
    Replace,
    /// Remove a record.
    Delete,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Create, Self::Replace, Self::Delete];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What became of one change.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was to be done.
    pub action: Action,
    /// The owner name.
    pub name: Name,
    /// The type; not known where something absent was to go.
    pub rtype: Option<RecordType>,
    /// The value: the new one of a replacement. Not known where something absent was to go.
    pub data: Option<RecordData>,
    /// The value that a replacement replaces, where it is another one.
    pub old: Option<RecordData>,
    /// The TTL that was asked for.
    pub ttl: Option<Ttl>,
    /// Why the record is ours to change.
    pub claim: Claim,
    /// Why it was to be changed.
    pub reason: Reason,
    /// What a listing said afterwards.
    pub fate: Fate,
    /// The DNS server that answers so too, where one was asked and does.
    pub witness: Option<String>,
    /// How many times the provider was asked.
    pub asked: u32,
    /// What a person should know about it, a sentence each.
    pub notes: Vec<String>,
    /// The last thing that went wrong, where something did.
    pub error: Option<ProviderError>,
}

impl Outcome {
    /// Returns the outcome of a step.
    pub(crate) fn of(step: &Step, fate: Fate) -> Self {
        let (action, old) = match &step.change {
            Change::Create(_) => (Action::Create, None),
            Change::Delete(_) => (Action::Delete, None),
            Change::Replace { old, new } => (Action::Replace, (old.key != new.key).then(|| old.key.data.clone())),
        };
        let record = step.change.record();
        Self {
            action,
            name: record.name().clone(),
            rtype: Some(record.rtype()),
            data: Some(record.key.data.clone()),
            old,
            ttl: record.ttl,
            claim: step.claim,
            reason: step.reason,
            fate,
            witness: None,
            asked: 0,
            notes: step.notes.clone(),
            error: None,
        }
    }
}

/// What became of a plan.
#[derive(Debug, Clone)]
pub struct Report {
    /// The provider.
    pub provider: ProviderId,
    /// One outcome for each change, and for each wish that needed none.
    pub outcomes: Vec<Outcome>,
    /// The last listing of the plan's scope that was taken after a change and could be believed.
    pub seen: Option<Listing>,
}

impl Report {
    /// Returns whether everything is as it was asked to be, and a listing said so.
    pub fn is_settled(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.fate.is_settled())
    }

    /// Returns how many outcomes have that fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.fate == fate).count()
    }
}
