//! What a long run is doing, for whoever shows it.

use std::time::Duration;

/// What a run is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// It lists what the provider holds.
    Looking,
    /// It asks for changes.
    Asking {
        /// How many changes it asked for already.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// It waits before it tries again.
    Waiting {
        /// For how long.
        pause: Duration,
        /// What happened.
        why: &'a str,
    },
}

/// Shows nothing.
pub fn silent(_: Progress<'_>) {}
