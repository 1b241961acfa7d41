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

use clap::Parser as _;
use dnsmgmt_program::failure::failed;
use dnsmgmt_program::log;
use dnsmgmt_program::name::announce;
use dnsmgmt_program::runtime;

use crate::args::Cli;

fn main() -> ExitCode {
    announce("dns-heartbeat");
    let cli = Cli::parse();
    cli.global.color.choose();
    log::set_up(cli.options.log);
    match runtime::run(commands::run(cli)) {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error).into(),
    }
}
