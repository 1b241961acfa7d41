//! `dns-cli`: DNS records by hand, each change verified.

mod args;
mod bell;
mod commands;
mod confirm;
mod filter;
mod input;
mod output;
mod wanted;

use std::process::ExitCode;

use anyhow::Result;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::failed;
use dnsmgmt_program::name::announce;

use crate::args::Cli;

fn main() -> ExitCode {
    announce("dns-cli");
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    cli.global.color.choose();
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error).into(),
    }
}

fn run(cli: Cli) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(commands::run(&cli.global, cli.command))
}
