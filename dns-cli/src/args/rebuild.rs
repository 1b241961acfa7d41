//! What can be said to rebuild a database.

use clap::Args;

use super::Agreement;

#[derive(Debug, Args)]
pub(crate) struct DbRebuild {
    /// The owner id that the lost database had, which this one takes over; its own if not given
    #[arg(long, value_name = "ID")]
    pub(crate) owner: Option<String>,
    #[command(flatten)]
    pub(crate) agreement: Agreement,
}
