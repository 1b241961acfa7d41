//! The command `completions` of every program here.

use anyhow::Result;
use clap::{Args, Command};

use crate::exit::Exit;
use crate::name::name;
use crate::output::print;

/// Prints a completion script for a shell
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Prints the script for this program.
pub fn run(args: &Completions, mut command: Command) -> Result<Exit> {
    // Generated into memory first, because the generator panics where standard output is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name(), &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}
