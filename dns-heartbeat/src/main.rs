//! `dns-heartbeat`: registers the addresses of this machine and keeps them alive, from a timer.

mod args;
mod beat;
mod commands;
mod find;
mod health;
mod repeat;
mod report;
mod vanished;
mod wish;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::failed;
use dnsmgmt_program::log;
use dnsmgmt_program::name::announce;

use crate::args::Cli;

fn main() -> ExitCode {
    announce("dns-heartbeat");
    let cli = Cli::parse();
    cli.global.color.choose();
    log::set_up(cli.options.log);
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error).into(),
    }
}

fn run(cli: Cli) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(commands::run(cli))
}
