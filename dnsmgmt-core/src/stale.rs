//! What is stale and is cleaned up: decided on a listing, without asking anybody. One file for each reason.

pub mod containers;
pub mod leases;
pub mod orphans;
pub mod suffix;

use std::time::Duration;

use crate::plan::{Plan, Reason};
use crate::record::Record;
use crate::tracked::Bookkeeping;

/// A job that removes what is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// What has been marked as unwanted for the whole grace.
    Orphans,
    /// What no container wants any more.
    Containers,
    /// What nobody keeps alive any more.
    Leases,
}

impl Job {
    /// Returns the word for it: in commands, reports and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orphans => "orphans",
            Self::Containers => "containers",
            Self::Leases => "heartbeats",
        }
    }

    /// Returns why it deletes.
    pub fn reason(self) -> Reason {
        match self {
            Self::Orphans => Reason::Unwanted,
            Self::Containers => Reason::NoContainer,
            Self::Leases => Reason::Expired,
        }
    }
}

/// What a clean-up decided.
#[derive(Debug)]
pub struct Decision {
    /// The changes.
    pub plan: Plan,
    /// What is to be remembered beside them.
    pub bookkeeping: Vec<Bookkeeping>,
    /// What the provider does not hold any more, and is only forgotten.
    pub forgotten: Vec<Record>,
    /// What is stale and stays until its grace is over, each with what is left of it.
    pub waiting: Vec<(Record, Duration)>,
    /// How many claims the job could delete.
    pub claims: usize,
}
