//! What is to be done.

use anyhow::Result;
use clap::CommandFactory as _;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::memory::Memory;
use dnsmgmt_program::{completions, man};

use crate::args::{Cli, Command};
use crate::{beat, health, repeat};

pub(crate) async fn run(cli: Cli) -> Result<Exit> {
    let Cli { global, options, command } = cli;
    match command {
        Some(Command::Completions(args)) => return completions::run(&args, Cli::command()),
        Some(Command::Man(args)) => return man::run(&args, Cli::command()),
        None => {}
    }
    if options.health {
        return health::run(&global);
    }
    match options.interval {
        Some(interval) => repeat::run(&global, &options, interval).await,
        None => beat::run(&global, &options, None, &mut Memory::default()).await,
    }
}
