//! What can be said to a question about leases.

use std::time::Duration;

use clap::Args;
use dnsmgmt_core::name::Name;

use super::{ReportFormat, duration};

/// Shows which machines keep addresses alive: who lives where, since when, and how long still
///
/// Without a name it is about those that `[heartbeat]` or variables name, and where nothing names any about all that have heartbeats.
#[derive(Debug, Args)]
pub(crate) struct Leases {
    /// Only addresses of this name
    #[arg(value_name = "DOMAIN")]
    pub(crate) domain: Option<Name>,
    /// Answers from the cache if it was refreshed less than so long ago, such as 5m, and says how old it is
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_age: Option<Duration>,
    /// How to print them
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}
