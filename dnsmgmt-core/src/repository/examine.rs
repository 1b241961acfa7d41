//! Looks at a database without changing it, and copies it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::{Failure, PATIENCE, RepositoryError};
use super::schema::{self, Schema};

/// The most problems that are told of one file.
const PROBLEMS: usize = 20;

/// What a database is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examination {
    /// What SQLite's integrity check found, a sentence each; none if the file is sound.
    pub problems: Vec<String>,
    /// The schema version that the file has.
    pub schema_version: i64,
    /// The schema version that this program makes.
    pub newest_version: i64,
    /// What the file lacks of the newest schema; [`DnsRepositoryManager::open`](super::DnsRepositoryManager::open) adds it.
    pub lacking: Vec<String>,
    /// How many rows each table has.
    pub rows: Vec<(String, u64)>,
    /// The owner id.
    pub owner_id: Option<String>,
}

/// Looks at a database without changing it: whole, of which version, complete, and how large.
///
/// A damaged file is an answer here. Errors are files that are not there or cannot be read, that a newer program made, or that
/// belong to another one.
pub fn examine(path: &Path) -> Result<Examination, RepositoryError> {
    let connection = open_to_read(path)?;
    match examine_open(&connection, path) {
        Err(RepositoryError::Damaged { problem, .. }) => {
            Ok(Examination { problems: vec![problem], newest_version: schema::newest(), ..Examination::default() })
        }
        examined => examined,
    }
}

/// Writes a copy of a database, complete and without gaps, and checks it. Others may write meanwhile: the copy is of one moment.
///
/// A target that exists is never overwritten.
pub fn back_up(path: &Path, target: &Path) -> Result<(), RepositoryError> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |answer| RepositoryError::File { doing, path, answer }
    };
    if fs::symlink_metadata(target).is_ok() {
        return Err(failed("write the backup", target)(io::ErrorKind::AlreadyExists.into()));
    }
    let source = open_to_read(path)?;
    newest(path)?.refuse_foreign(&source, path)?;
    let unfinished = Unfinished::beside(target).map_err(failed("write the backup", target))?;
    let name = unfinished.0.to_string_lossy();
    source.execute("VACUUM INTO ?1", [&*name]).map_err(|error| Failure::from(error).at(path, "make a backup"))?;
    verify(&unfinished.0)?;
    File::open(&unfinished.0).and_then(|file| file.sync_all()).map_err(failed("write the backup", target))?;
    unfinished.finish(target).map_err(failed("write the backup", target))
}

fn examine_open(connection: &Connection, path: &Path) -> Result<Examination, RepositoryError> {
    let doing = |error: Failure| error.at(path, "check the integrity");
    let newest_version = schema::newest();
    let schema_version = schema::refuse_future(connection, path, newest_version)?;
    let schema = newest(path)?;
    schema.refuse_foreign(connection, path)?;
    let problems = problems(connection).map_err(doing)?;
    if !problems.is_empty() {
        return Ok(Examination { problems, schema_version, newest_version, ..Examination::default() });
    }
    Ok(Examination {
        problems,
        schema_version,
        newest_version,
        lacking: schema.lacking(connection).map_err(doing)?,
        rows: rows(connection, &schema).map_err(doing)?,
        owner_id: super::owner_id(connection).map_err(doing)?,
    })
}

fn newest(path: &Path) -> Result<Schema, RepositoryError> {
    Schema::newest().map_err(|error| error.at(path, "build the schema"))
}

fn problems(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({PROBLEMS})"))?;
    let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut problems: Vec<String> = lines.into_iter().filter(|line| line != "ok").collect();
    let mut statement = connection.prepare("SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(1)?);
        problems.push(format!("{table} has rows that point to no row of {parent}"));
    }
    Ok(problems)
}

fn rows(connection: &Connection, schema: &Schema) -> Result<Vec<(String, u64)>, Failure> {
    let there = schema::table_names(connection)?;
    let mut rows = Vec::new();
    for table in schema.tables().filter(|table| there.iter().any(|name| name == table)) {
        let count: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
        rows.push((table.to_owned(), count.unsigned_abs()));
    }
    Ok(rows)
}

fn open_to_read(path: &Path) -> Result<Connection, RepositoryError> {
    let missing = |answer| RepositoryError::File { doing: "read the database", path: path.to_owned(), answer };
    fs::metadata(path).map_err(missing)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| super::not_opened(path, error))?;
    let doing = |error: rusqlite::Error| Failure::from(error).at(path, "prepare to read");
    connection.busy_timeout(Duration::from_secs(PATIENCE)).map_err(doing)?;
    Ok(connection)
}

fn verify(copy: &Path) -> Result<(), RepositoryError> {
    let found = problems(&open_to_read(copy)?).map_err(|error| error.at(copy, "check the backup"))?;
    match found.first() {
        None => Ok(()),
        Some(problem) => Err(RepositoryError::Damaged { path: copy.to_owned(), problem: problem.clone() }),
    }
}

/// A file that is removed unless it is finished: a backup that was broken off never looks like one.
struct Unfinished(PathBuf);

impl Unfinished {
    /// Makes an empty file that nobody else can read.
    fn beside(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.unfinished", std::process::id()));
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.write(true).create_new(true).open(&path)?;
        Ok(Self(path))
    }

    /// Gives it its name, if nobody has taken that meanwhile.
    fn finish(self, target: &Path) -> io::Result<()> {
        match fs::hard_link(&self.0, target) {
            // Not every file system has links; there the look at the start is what there is.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(&self.0, target),
            linked => linked,
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It may have its name already.
        drop(fs::remove_file(&self.0));
    }
}
