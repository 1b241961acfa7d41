//! What can be said about orphans.

use clap::{Args, Subcommand};

use super::{Agreement, Change, Named};
use dnsmgmt_program::args::ReportFormat;

/// Looks after orphans: what is ours, and wanted by nobody any more or gone from its provider
#[derive(Debug, Subcommand)]
pub(crate) enum Orphans {
    /// Lists them, with what is left of their grace
    List(OrphansList),
    /// Keeps them: what nobody wants is wanted by hand from then on, what is gone is created again
    ///
    /// Exits with 5 if no orphan has such a name.
    Restore(OrphansRestore),
    /// Deletes them now, without waiting for the end of their grace; what is gone is forgotten
    ///
    /// Exits with 5 if no orphan has such a name.
    Delete(OrphansDelete),
    /// Says that a Docker daemon is gone for good, so that what it alone wanted becomes orphans
    ///
    /// The next `sync` or `dns-cleanup containers` deletes them, after their grace and with the brake as always. If the daemon answers
    /// again, it counts again. Exits with 5 if nothing of ours is wanted by such a daemon.
    Disown(OrphansDisown),
}

#[derive(Debug, Args)]
pub(crate) struct OrphansList {
    /// How to print them
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

#[derive(Debug, Args)]
pub(crate) struct OrphansRestore {
    #[command(flatten)]
    pub(crate) named: Named,
    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct OrphansDelete {
    #[command(flatten)]
    pub(crate) named: Named,
    #[command(flatten)]
    pub(crate) agreement: Agreement,
}

#[derive(Debug, Args)]
pub(crate) struct OrphansDisown {
    /// The daemon, as `docker:` and its id
    #[arg(value_name = "DAEMON")]
    pub(crate) daemon: String,
    #[command(flatten)]
    pub(crate) agreement: Agreement,
}
