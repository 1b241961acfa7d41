//! What can be said to a question about a name.

use std::time::Duration;

use clap::Args;

use dnsmgmt_program::args::{ReportFormat, duration};

/// Tells why a name is as it is: who wants it, whose it is, what was last changed, what the provider says now
///
/// For every name, also one that is not there. Exits with 1 if a provider could not be asked.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Answers from the cache if it was refreshed less than so long ago, such as 5m, and says how old it is
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_age: Option<Duration>,
    /// How to print it
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}
