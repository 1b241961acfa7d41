//! One file for each command.

mod add;
mod change;
mod completions;
mod db;
mod delete;
mod get;
mod list;
mod man;
mod provider;
mod update;

use anyhow::Result;

use crate::args::{Command, Global};
use crate::context::Context;
use crate::exit::Exit;

/// Runs a command; what it needs of the world is read only by those that ask a provider.
pub(crate) async fn run(global: &Global, command: Command) -> Result<Exit> {
    match command {
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::List(args) => list::run(&Context::new(global)?, args).await,
        Command::Get(args) => get::run(&Context::new(global)?, args).await,
        Command::Add(args) => add::run(&Context { make_missing: true, ..Context::new(global)? }, args).await,
        Command::Update(args) => update::run(&Context::new(global)?, args).await,
        Command::Delete(args) => delete::run(&Context::new(global)?, args).await,
        Command::Db(args) => db::run(&Context::new(global)?, &args),
        Command::Provider(args) => provider::run(&Context::new(global)?, args).await,
    }
}
