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

use dnsmgmt_program::failure::failed;
use dnsmgmt_program::name::announce;
use dnsmgmt_program::runtime;

fn main() -> ExitCode {
    announce("dns-cli");
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    cli.global.color.choose();
    match runtime::run(commands::run(&cli.global, cli.command)) {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error).into(),
    }
}
