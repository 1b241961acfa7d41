//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dnsmgmt_core::plan::PlanId;
use dnsmgmt_program::args::{Global, Watchers, duration};
use dnsmgmt_program::completions::Completions;
use dnsmgmt_program::log::LogFormat;
use dnsmgmt_program::man::Man;

/// Removes stale DNS records that are ours, and proves it.
///
/// Without a command it does every job that the configuration allows: `orphans`, where there is a database, `containers`, where a source
/// is Docker, and `heartbeats`, where a name is leased. A record without a claim is never touched. Where the records are is said by
/// dnsmgmt.toml or by variables; see `docs/configuration.md` and `docs/cleanup.md`.
#[derive(Debug, Parser)]
#[command(name = "dns-cleanup", version, max_term_width = 100, after_help = EXIT_STATUS)]
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
  0  done and verified
  1  could not run
  2  wrong usage
  3  something is unconfirmed, refused or still there
  4  it would delete so much that a person should look first
  5  asked, and the answer is no (`schedule show` finds nothing)";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deletes what is ours and has been wanted by nobody for the whole grace, and forgets what is gone
    Orphans,
    /// Deletes what no container wants, at two looks: what is ours, and all below suffixes that are ours whole
    Containers,
    /// Deletes addresses that nobody has kept alive by heartbeats for the whole threshold, and heartbeats that keep nothing
    Heartbeats,
    #[command(subcommand)]
    Schedule(Schedule),
    Completions(Completions),
    Man(Man),
}

/// How a clean-up is done.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Shows what would be done and does nothing
    #[arg(long, short = 'n', global = true)]
    pub(crate) dry_run: bool,
    /// Carries out the held plan of this id, if it would still delete nothing else
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) approve: Option<PlanId>,
    /// Deletes however much there is to delete, and what no container wants at once, without a second look
    #[arg(long, global = true, conflicts_with = "approve")]
    pub(crate) force: bool,
    /// Waits while another program changes records at the same provider
    #[arg(long, global = true)]
    pub(crate) wait: bool,
    /// For how long a record must have been an orphan, by default `grace` of dnsmgmt.toml, else 15 minutes; and how far apart the two
    /// looks at containers are, by default 60 seconds
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub(crate) grace: Option<Duration>,
    /// Does it again and again, until it is told to stop; without a value every CLEANUP_INTERVAL_SECONDS, by default 5 minutes
    #[arg(long, global = true, value_name = "DURATION", value_parser = some_time, conflicts_with_all = ["force", "approve"])]
    pub(crate) interval: Option<Option<Duration>>,
    /// Writes a line of JSON for each change into this file as well
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// How to write the log, on standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log: LogFormat,
    /// Where to say what was done: in the log, or as JSON on standard output
    #[arg(long, short = 'o', global = true, value_name = "FORMAT", default_value = "log")]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Log,
    Json,
}

/// Lets a timer do the clean-up
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Writes a systemd service and timer, or a line for cron, after a dry run
    Install(Install),
    /// Takes away what `install` wrote
    Remove(Placed),
    /// Shows what `install` wrote
    Show(Placed),
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// How far apart the runs are: minutes that divide an hour, or hours that divide a day
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "6h")]
    pub(crate) every: Duration,
    /// As a line in /etc/cron.d instead
    #[arg(long, conflicts_with = "user")]
    pub(crate) cron: bool,
    #[command(flatten)]
    pub(crate) placed: Placed,
}

/// Where a schedule is.
#[derive(Debug, Args)]
pub(crate) struct Placed {
    /// For the systemd of this user, instead of the system's
    #[arg(long)]
    pub(crate) user: bool,
    /// Below this folder instead of `/`, without a word to systemd
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
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
        let text = include_str!("../../docs/cleanup.md");
        for argument in Cli::command().get_arguments().filter_map(clap::Arg::get_long) {
            let is_common = ["config", "provider", "zone", "retry-for", "color", "help", "version"].contains(&argument);
            assert!(is_common || text.contains(&format!("--{argument}")), "--{argument}");
        }
        for command in Cli::command().get_subcommands() {
            assert!(text.contains(&format!("`{}`", command.get_name())), "{}", command.get_name());
        }
    }

    #[test]
    fn an_interval_may_have_a_value() {
        let interval = |line: &str| Cli::try_parse_from(line.split(' ')).map(|cli| cli.options.interval);
        assert_eq!(interval("dns-cleanup").unwrap(), None);
        assert_eq!(interval("dns-cleanup orphans --interval").unwrap(), Some(None));
        assert_eq!(interval("dns-cleanup --interval 5m").unwrap(), Some(Some(Duration::from_secs(300))));
        assert!(interval("dns-cleanup --interval 0s").is_err());
        assert!(interval("dns-cleanup --interval 5m --force").is_err(), "the brake is lifted for one run");
    }
}
