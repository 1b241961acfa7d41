//! `dns-cli man`

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_mangen::Man as Page;

use crate::args::{Cli, Man};
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::output::print;

pub(crate) fn run(args: &Man) -> Result<Exit> {
    match &args.dir {
        Some(dir) => clap_mangen::generate_to(Cli::command(), dir)
            .with_context(|| format!("write the manual pages to {}", dir.display()))?,
        None => {
            let mut page = Vec::new();
            Page::new(Cli::command()).render(&mut page)?;
            print(&String::from_utf8(page)?)?;
        }
    }
    Ok(Exit::Done)
}
