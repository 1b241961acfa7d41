//! Exit statuses: the same for every program here.

use std::process::ExitCode;

/// What a run ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done and verified.
    Done = 0,
    /// It could not run.
    CouldNotRun = 1,
    /// It was asked for something that makes no sense.
    Usage = 2,
    /// Something is unconfirmed, refused, or still there.
    Unsettled = 3,
    /// The brake held the plan back.
    Held = 4,
    /// It was asked, and the answer is no.
    No = 5,
}

impl Exit {
    /// Returns the graver of two: what could not run first, then what waits for a person, then what is open.
    pub fn or(self, other: Self) -> Self {
        let gravity = |exit: Self| match exit {
            Self::Done => 0,
            Self::No => 1,
            Self::Unsettled => 2,
            Self::Held => 3,
            Self::CouldNotRun => 4,
            Self::Usage => 5,
        };
        if gravity(other) > gravity(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A request that makes no sense as it is; nothing was done.
#[derive(Debug)]
pub struct UsageError(pub String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}
