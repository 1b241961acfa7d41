//! What can be said to a synchronisation that goes on.

use std::time::Duration;

use clap::Args;

use super::Wishes;
use dnsmgmt_program::args::{ReportFormat, duration};

/// Keeps the providers holding what the sources want, until it is told to end
///
/// Does what `sync --wait` does: at its start, shortly after something happened to a container, and every few minutes. Prints the
/// reports of those runs that did something or failed. SIGTERM and SIGINT end it after the run that is under way, with 0.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) wishes: Wishes,
    /// How long to wait at most until it looks at everything again
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5m")]
    pub(crate) every: Duration,
    /// How to print the reports; as JSON each is one line
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}
