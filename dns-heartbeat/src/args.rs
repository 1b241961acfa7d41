//! What can be said on the command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dnsmgmt_core::plan::PlanId;
use dnsmgmt_program::args::{Global, Watchers, duration};
use dnsmgmt_program::completions::Completions;
use dnsmgmt_program::log::LogFormat;
use dnsmgmt_program::man::Man;

/// Registers the addresses of this machine and keeps them alive.
///
/// At each configured name (INTERNAL_DOMAIN, EXTERNAL_DOMAIN, IPV6_DOMAIN, COMBINED_DOMAIN, or the table `heartbeat` of dnsmgmt.toml) it writes a
/// heartbeat and the address. Addresses of machines that are not heard of any more are removed by `dns-cleanup heartbeats`. A run that is not due
/// makes no call. See `docs/heartbeats.md` and `docs/configuration.md`.
#[derive(Debug, Parser)]
#[command(name = "dns-heartbeat", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    pub(crate) watchers: Watchers,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXIT_STATUS: &str = "Exit status:
  0  done and verified, or not due
  1  could not run; with --health, not healthy
  2  wrong usage
  3  something is unconfirmed, refused, or could not be found out
  4  it would withdraw so much that a person should look first; the rest was done";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Completions(Completions),
    Man(Man),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Shows what would be done and does nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Takes this machine's addresses and heartbeats away
    #[arg(long, conflicts_with_all = ["interval", "health"])]
    pub(crate) deregister: bool,
    /// Does it again and again, until it is told to stop, and takes the addresses away then; without a value every UPDATE_INTERVAL, by
    /// default 5 minutes
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    pub(crate) interval: Option<Option<Duration>>,
    /// Tells whether the last heartbeats were seen and are fresh, for a container's health check
    #[arg(long, conflicts_with_all = ["dry_run", "interval"])]
    pub(crate) health: bool,
    /// Writes heartbeats also where they are not due
    #[arg(long, conflicts_with_all = ["deregister", "health"])]
    pub(crate) now: bool,
    /// Lets addresses that are there, and that nobody keeps alive, become this machine's
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Withdraws what the held plan of this id does, and nothing else
    #[arg(long, value_name = "ID")]
    pub(crate) approve: Option<PlanId>,
    /// Withdraws however much there is to withdraw
    #[arg(long, conflicts_with_all = ["approve", "interval"])]
    pub(crate) force: bool,
    /// How to write the log, on standard error
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log: LogFormat,
    /// Where to say what was done: in the log, or as JSON on standard output
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "log")]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Log,
    Json,
}

fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than nothing".into()),
        some => Ok(some),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documentation_knows_every_option() {
        let text = include_str!("../../docs/heartbeats.md");
        for argument in Cli::command().get_arguments().filter_map(clap::Arg::get_long) {
            let is_common = ["config", "provider", "zone", "retry-for", "color", "help", "version"].contains(&argument);
            assert!(is_common || text.contains(&format!("--{argument}")), "--{argument}");
        }
    }
}
