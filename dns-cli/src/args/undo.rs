//! What can be said to take changes back.

use std::str::FromStr;

use clap::Args;
use dnsmgmt_core::provider::RunId;
use dnsmgmt_core::repository::ChangeId;

use super::Agreement;

/// Takes changes back
///
/// What was created is deleted, what was deleted comes back, what was changed becomes what it was. What somebody changed since is
/// left alone. What comes back is wanted by hand from then on. `history` shows runs and changes.
#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// A run, 16 hexadecimal digits, or the number of a change
    #[arg(value_name = "RUN|CHANGE")]
    pub(crate) what: Undone,
    #[command(flatten)]
    pub(crate) agreement: Agreement,
}

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undone {
    Run(RunId),
    Change(ChangeId),
}

impl FromStr for Undone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "it is neither a run, which is 16 hexadecimal digits, nor the number of a change".to_owned();
        if text.len() == 16 {
            return u64::from_str_radix(text, 16).map(|run| Self::Run(RunId(run))).map_err(|_| wrong());
        }
        text.parse().map(|id| Self::Change(ChangeId(id))).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_digits_are_a_run_and_fewer_a_change() {
        assert_eq!("00c0ffee00c0ffee".parse(), Ok(Undone::Run(RunId(0xc0_ffee_00c0_ffee))));
        assert_eq!("0000000000000012".parse(), Ok(Undone::Run(RunId(0x12))));
        assert_eq!("12".parse(), Ok(Undone::Change(ChangeId(12))));
        assert!("c0ffee".parse::<Undone>().is_err());
    }
}
