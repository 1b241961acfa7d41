//! The command `man` of every program here.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_mangen::Man as Page;

use crate::exit::Exit;
use crate::output::print;

/// Prints the manual page
#[derive(Debug, Args)]
pub struct Man {
    /// Writes a page for each command into this folder instead
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

/// Prints the pages of this program, or writes them.
pub fn run(args: &Man, command: Command) -> Result<Exit> {
    match &args.dir {
        Some(dir) => clap_mangen::generate_to(command, dir)
            .with_context(|| format!("write the manual pages to {}", dir.display()))?,
        None => {
            let mut page = Vec::new();
            Page::new(command).render(&mut page)?;
            print(&String::from_utf8(page)?)?;
        }
    }
    Ok(Exit::Done)
}
