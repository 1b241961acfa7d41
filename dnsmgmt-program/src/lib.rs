//! What the programs of dnsmgmt share at their edge with the world: the arguments that all have, the environment and the clocks, the
//! database, what is said and printed, and how they exit.

pub mod approve;
pub mod args;
pub mod clock;
pub mod completions;
pub mod context;
pub mod database;
pub mod doubt;
pub mod exit;
pub mod failure;
pub mod held;
pub mod log;
pub mod machine;
pub mod man;
pub mod memory;
mod metrics;
pub mod monitor;
pub mod name;
mod notify;
pub mod output;
mod ping;
pub mod progress;
pub mod put;
pub mod runtime;
pub mod stop;
pub mod summary;
