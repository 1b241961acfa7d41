//! What can be said to a move from one provider to another.

use clap::Args;

use dnsmgmt_program::args::ReportFormat;

#[derive(Debug, Args)]
pub(crate) struct Switch {
    /// The provider that holds the records
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// The provider that is to hold them
    #[arg(value_name = "TO")]
    pub(crate) to: String,
    /// Shows what would be done and does nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Does it without asking
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// How to print the report
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}
