//! `dns-cleanup`: removes stale DNS records that are ours, from a timer.

mod args;
mod audit;
mod commands;
mod containers;
mod heartbeats;
mod jobs;
mod orphans;
mod repeat;
mod report;
mod schedule;
mod zones;

use std::process::ExitCode;

use clap::Parser as _;
use dnsmgmt_program::failure::failed;
use dnsmgmt_program::log;
use dnsmgmt_program::name::announce;
use dnsmgmt_program::runtime;

use crate::args::Cli;

fn main() -> ExitCode {
    announce("dns-cleanup");
    let cli = Cli::parse();
    cli.global.color.choose();
    log::set_up(cli.options.log);
    match runtime::run(commands::run(cli)) {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error).into(),
    }
}
