//! `dns-cli db`

use std::path::Path;

use anyhow::Result;
use dnsmgmt_core::repository::{Examination, RepositoryError, back_up, examine};
use dnsmgmt_providers::config::Database;
use serde::Serialize;

use crate::args::{Db, DbBackup};
use crate::commands::rebuild;
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::database::explain;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::output::{print_json, print_lines, print_table};

pub(crate) async fn run(context: &Context, command: Db) -> Result<Exit> {
    let database = context.settings.database()?;
    match command {
        Db::Check(args) => check(context, &database, args.output),
        Db::Backup(args) => backup(&database, &args),
        Db::Rebuild(args) => rebuild::run(context, args).await,
        Db::Path(args) => path(&database, args.output),
    }
}

#[derive(Serialize)]
struct Checked {
    path: String,
    sound: bool,
    problems: Vec<String>,
    database_version: i64,
    added: Vec<String>,
    owner_id: Option<String>,
    tables: Vec<Table>,
}

#[derive(Serialize)]
struct Table {
    table: String,
    rows: u64,
}

/// Looks first and writes nothing; only a sound file is then opened as every program opens it, which completes its schema.
fn check(context: &Context, database: &Database, format: ReportFormat) -> Result<Exit> {
    let path = &database.path;
    let looked = examine(path).map_err(|error| explain(error, database))?;
    if let Some(problem) = looked.problems.first() {
        let damaged = RepositoryError::Damaged { path: path.clone(), problem: problem.clone() };
        if format == ReportFormat::Json {
            print_json(&checked(path, Vec::new(), looked))?;
        }
        return Err(damaged.into());
    }
    let is_complete = looked.lacking.is_empty() && looked.schema_version == looked.newest_version;
    let (added, looked) =
        if is_complete { (Vec::new(), looked) } else { (looked.lacking, complete(context, database)?) };
    let checked = checked(path, added, looked);
    match format {
        ReportFormat::Json => print_json(&checked)?,
        ReportFormat::Table => print_checked(&checked)?,
    }
    Ok(Exit::Done)
}

fn complete(context: &Context, database: &Database) -> Result<Examination> {
    drop(context.repository()?);
    examine(&database.path).map_err(|error| explain(error, database))
}

fn checked(path: &Path, added: Vec<String>, looked: Examination) -> Checked {
    Checked {
        path: path.display().to_string(),
        sound: looked.problems.is_empty(),
        problems: looked.problems,
        database_version: looked.schema_version,
        added,
        owner_id: looked.owner_id,
        tables: looked.rows.into_iter().map(|(table, rows)| Table { table, rows }).collect(),
    }
}

fn print_checked(checked: &Checked) -> Result<()> {
    let version = checked.database_version;
    let owner_id = checked.owner_id.as_deref().unwrap_or_default();
    print_lines([format!("{}: sound, schema version {version}, owner id {owner_id}", checked.path)])?;
    print_lines(checked.added.iter().map(|part| format!("added {part}, which was missing")))?;
    print_table(["TABLE", "ROWS"], checked.tables.iter().map(|table| [table.table.clone(), table.rows.to_string()]))
}

#[derive(Serialize)]
struct BackedUp {
    path: String,
    backup: String,
}

fn backup(database: &Database, args: &DbBackup) -> Result<Exit> {
    back_up(&database.path, &args.file).map_err(|error| explain(error, database))?;
    let done = BackedUp { path: database.path.display().to_string(), backup: args.file.display().to_string() };
    match args.output {
        ReportFormat::Json => print_json(&done)?,
        ReportFormat::Table => print_lines([format!("copied {} to {} and checked the copy", done.path, done.backup)])?,
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Place {
    path: String,
    named_by: String,
}

fn path(database: &Database, format: ReportFormat) -> Result<Exit> {
    let path = database.path.display().to_string();
    match format {
        ReportFormat::Json => print_json(&Place { path, named_by: database.named_by.to_string() })?,
        ReportFormat::Table => print_lines([path])?,
    }
    Ok(Exit::Done)
}
