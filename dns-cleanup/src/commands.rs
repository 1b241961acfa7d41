//! What is to be done.

use anyhow::{Result, bail};
use clap::CommandFactory as _;
use dnsmgmt_core::stale::Job;
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::memory::Memory;
use dnsmgmt_program::monitor::Monitor;
use dnsmgmt_program::{completions, man};

use crate::args::{Cli, Command, Options, Output};
use crate::jobs::{Jobs, watched};
use crate::{repeat, schedule};
use dnsmgmt_program::stop::Stop;

pub(crate) async fn run(cli: Cli) -> Result<Exit> {
    let Cli { global, options, watchers, command } = cli;
    let jobs = match command {
        Some(Command::Completions(args)) => return completions::run(&args, Cli::command()),
        Some(Command::Man(args)) => return man::run(&args, Cli::command()),
        Some(Command::Schedule(command)) => {
            makes_sense_for_a_schedule(&options)?;
            return schedule::run(&global, &options, &watchers, command).await;
        }
        Some(Command::Orphans) => Jobs::Only(Job::Orphans),
        Some(Command::Containers) => Jobs::Only(Job::Containers),
        Some(Command::Heartbeats) => Jobs::Only(Job::Leases),
        None => Jobs::All,
    };
    let stop = Stop::on_signals()?;
    let monitor =
        Monitor { global: &global, watchers: &watchers, dry_run: options.dry_run, job: jobs.first(), patience: None };
    Ok(match options.interval {
        Some(interval) => repeat::run(monitor, &options, jobs, interval, &stop).await,
        None => watched(monitor, &options, jobs, None, &stop, &mut Memory::default()).await,
    })
}

fn makes_sense_for_a_schedule(options: &Options) -> Result<()> {
    if options.force || options.approve.is_some() {
        bail!(UsageError("a schedule never lifts the brake: nobody looks when it runs".into()));
    }
    if options.interval.is_some() || options.dry_run || options.output != Output::Log {
        bail!(UsageError("--interval, --dry-run and --output are for a run, not for a schedule; say --every".into()));
    }
    Ok(())
}
