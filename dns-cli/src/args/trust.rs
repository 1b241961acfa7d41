//! What can be said to trust where a provider is held.

use clap::Args;

use dnsmgmt_program::args::ReportFormat;

#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// The provider
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// How to print what was done
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}
