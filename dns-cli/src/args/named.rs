//! Which records are meant, and whether to ask first.

use clap::Args;
use dnsmgmt_core::record::RecordType;

use dnsmgmt_program::args::ReportFormat;

/// Records by their names, types and values.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Names like this; `*` and `?` stand for anything
    #[arg(value_name = "GLOB")]
    pub(crate) name: String,
    /// Only records of this type
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    pub(crate) rtype: Option<RecordType>,
    /// Only values like this; `*` and `?` stand for anything
    #[arg(long, visible_alias = "answer", value_name = "GLOB")]
    pub(crate) value: Option<String>,
}

/// What is done only when a person agrees.
#[derive(Debug, Args)]
pub(crate) struct Agreement {
    /// Shows what would be done and does nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Does it without asking; needed where there is no terminal
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// How to print the report
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}
