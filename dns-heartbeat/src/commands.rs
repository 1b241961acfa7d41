//! What is to be done.

use anyhow::Result;
use clap::CommandFactory as _;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::memory::Memory;
use dnsmgmt_program::monitor::Monitor;
use dnsmgmt_program::{completions, man};

use crate::args::{Cli, Command};
use crate::{beat, health, repeat};

pub(crate) async fn run(cli: Cli) -> Result<Exit> {
    let Cli { global, options, watchers, command } = cli;
    match command {
        Some(Command::Completions(args)) => return completions::run(&args, Cli::command()),
        Some(Command::Man(args)) => return man::run(&args, Cli::command()),
        None => {}
    }
    if options.health {
        return health::run(&global);
    }
    let monitor = Monitor { global: &global, watchers: &watchers, dry_run: options.dry_run, job: None, patience: None };
    match options.interval {
        Some(interval) => repeat::run(monitor, &options, interval).await,
        None => Ok(beat::watched(monitor, &options, None, &mut Memory::default()).await),
    }
}
