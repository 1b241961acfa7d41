//! `dns-cli`: DNS records by hand, each change verified.

mod args;
mod clock;
mod commands;
mod confirm;
mod context;
mod database;
mod exit;
mod filter;
mod held;
mod input;
mod output;
mod progress;
mod wanted;

use std::process::ExitCode;

use anyhow::{Error, Result};
use dnsmgmt_core::name::NameError;
use dnsmgmt_core::provider::ProviderError;
use dnsmgmt_core::record::RecordError;
use dnsmgmt_providers::connect::ConnectError;

use crate::args::{Cli, Color};
use crate::exit::{Exit, UsageError};
use crate::output::printable_lines;

fn main() -> ExitCode {
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    choose_colour(cli.global.color);
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error).into(),
    }
}

fn run(cli: Cli) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(commands::run(&cli.global, cli.command))
}

fn choose_colour(color: Color) {
    match color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// Says on standard error why it could not run, with every cause and what to do next.
fn failed(error: &Error) -> Exit {
    let causes = || error.chain();
    let text: Vec<String> = causes().map(ToString::to_string).collect();
    eprintln!("dns-cli: {}", printable_lines(&text.join(": ")));
    if let Some(hint) = causes().find_map(|cause| provider_error(cause)?.hint.as_deref()) {
        eprintln!("{}", printable_lines(hint));
    }
    // A context is not among the causes, so the error itself is asked for it.
    let is_usage =
        error.is::<UsageError>() || causes().any(|cause| cause.is::<NameError>() || cause.is::<RecordError>());
    if is_usage { Exit::Usage } else { Exit::CouldNotRun }
}

fn provider_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a ProviderError> {
    match cause.downcast_ref::<ConnectError>() {
        Some(error) => error.provider_error(),
        None => cause.downcast_ref(),
    }
}
