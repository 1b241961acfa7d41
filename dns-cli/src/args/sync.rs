//! What can be said to a synchronisation.

use std::time::Duration;

use clap::Args;
use dnsmgmt_core::plan::PlanId;

use dnsmgmt_program::args::{ReportFormat, duration};

/// Makes the providers hold what the sources want
///
/// What is missing is created, what drifted is put back, and what is ours and wanted by nobody is deleted after a grace. Records
/// that are not ours are never touched. Exits with 4 if the plan would delete so much that a person should look at it first.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) wishes: Wishes,
    /// Shows what would be done and does nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Carries out the held plan of this id, if it would still delete nothing else
    #[arg(long, value_name = "ID")]
    pub(crate) approve: Option<PlanId>,
    /// Deletes however much there is to delete
    #[arg(long, conflicts_with = "approve")]
    pub(crate) force: bool,
    /// Waits while another program changes records at the same provider
    #[arg(long)]
    pub(crate) wait: bool,
    /// How to print the report
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Shows what `sync` would do
///
/// Exits with 0 if there is nothing to do, and with 5 if there is.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) wishes: Wishes,
    /// How to print the plan
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// What is wanted, and what may be done for it.
#[derive(Debug, Args)]
pub(crate) struct Wishes {
    /// Reads what is wanted from here instead of from `sources` in dnsmgmt.toml: a TOML file, a zone file, a folder of hosts
    /// files, `docker` or `traefik`; can be given several times
    #[arg(long, short = 's', value_name = "SOURCE")]
    pub(crate) source: Vec<String>,
    /// Deletes nothing that nobody wants any more
    #[arg(long)]
    pub(crate) no_delete: bool,
    /// For how long a record must have been wanted by nobody before it is deleted; by default 15 minutes
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) grace: Option<Duration>,
    /// Believes a source that wanted records at its last run and wants none now
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// Asks no provider if what it was listed to hold so recently is as wanted
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_age: Option<Duration>,
}
