//! What can be said to an adoption.

use clap::Args;

use super::{Agreement, Named};

/// Makes records that are there already ours
///
/// What is ours is kept as its source wants it, and deleted when no source wants it any more. An adopted record stays until a source
/// wants it. Records that carry another tool's mark are refused. Exits with 5 if nothing there has such a name.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    #[command(flatten)]
    pub(crate) named: Named,
    #[command(flatten)]
    pub(crate) agreement: Agreement,
}
