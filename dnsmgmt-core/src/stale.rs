//! What is stale and is cleaned up: decided on a listing, without asking anybody. One file for each reason.

mod orphans;

use std::time::Duration;

use crate::plan::Plan;
use crate::record::Record;
use crate::tracked::Bookkeeping;

pub use orphans::{Evidence, is_due, orphans};

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
