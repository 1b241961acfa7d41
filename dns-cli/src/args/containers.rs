//! What can be said to a question about containers.

use clap::Args;

use super::ReportFormat;

/// Shows which names containers want, why, and what is in DNS
///
/// Every container of every daemon that the sources ask, or that is configured where no source is Docker, whatever it is doing. Exits with 1 if a daemon or a provider could not be
/// asked.
#[derive(Debug, Args)]
pub(crate) struct Containers {
    /// Asks the daemon that listens here, such as unix:///var/run/docker.sock, instead of those of the sources
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Shows what running containers use of processors and memory instead, and writes it into the database
    #[arg(long)]
    pub(crate) usage: bool,
    /// Shows only containers that want a name, or of which that cannot be told
    #[arg(long, conflicts_with = "usage")]
    pub(crate) named: bool,
    /// How to print them
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}
