//! What can be said to a release.

use clap::Args;

use super::{Agreement, Named};

/// Gives up what is ours; the records stay
///
/// What is not ours is never changed by `sync`. Our own mark is taken out of a record's comment; what a person wrote there stays.
/// Exits with 5 if nothing of ours has such a name.
#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    pub(crate) named: Named,
    #[command(flatten)]
    pub(crate) agreement: Agreement,
}
