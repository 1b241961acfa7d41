//! One file for each command.

mod add;
mod adopt;
mod cache;
mod change;
mod comments;
mod containers;
mod db;
mod delete;
mod export;
mod get;
mod history;
mod import;
mod leases;
mod list;
mod orphans;
mod provider;
mod rebuild;
mod release;
mod switch;
mod sync;
mod trust;
mod undo;
mod update;
mod watch;
mod why;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::args::{Cli, Command};
use dnsmgmt_program::args::Global;
use dnsmgmt_program::completions;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::man;

/// Runs a command; what it needs of the world is read only by those that ask a provider.
pub(crate) async fn run(global: &Global, command: Command) -> Result<Exit> {
    match command {
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
        Command::List(args) => list::run(&Context::new(global)?, args).await,
        Command::Get(args) => get::run(&Context::new(global)?, args).await,
        Command::Add(args) => add::run(&Context::new(global)?.make_missing(), args).await,
        Command::Update(args) => update::run(&Context::new(global)?, args).await,
        Command::Sync(args) => sync::run(&Context::new(global)?, args).await,
        Command::Plan(args) => sync::plan(&Context::new(global)?, args).await,
        Command::Watch(args) => watch::run(Context::new(global)?, args).await,
        Command::Containers(args) => containers::run(&Context::new(global)?, args).await,
        Command::Leases(args) => leases::run(&Context::new(global)?, args).await,
        Command::Why(args) => why::run(&Context::new(global)?, args).await,
        Command::Adopt(args) => adopt::run(&Context::new(global)?, args).await,
        Command::Release(args) => release::run(&Context::new(global)?, args).await,
        Command::Orphans(args) => orphans::run(&Context::new(global)?, args).await,
        Command::Undo(args) => undo::run(&Context::new(global)?, args).await,
        Command::Delete(args) => delete::run(&Context::new(global)?, args).await,
        Command::Export(args) => export::run(&Context::new(global)?, args).await,
        Command::Import(args) => import::run(&Context::new(global)?.make_missing(), args).await,
        Command::History(args) => history::run(&Context::new(global)?, &args),
        Command::Cache(args) => cache::run(&Context::new(global)?, args).await,
        Command::Db(args) => db::run(&Context::new(global)?, args).await,
        Command::Provider(args) => provider::run(&Context::new(global)?, args).await,
    }
}
