//! `dns-cli completions`

use anyhow::Result;
use clap::CommandFactory;

use crate::args::{Cli, Completions};
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::output::print;

pub(crate) fn run(args: &Completions) -> Result<Exit> {
    // Generated into memory first, because the generator panics where standard output is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dns-cli", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}
