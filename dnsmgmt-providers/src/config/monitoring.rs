//! Who is told what a run came to: what the file says, and variables instead of it.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::diagnostic::{Diagnostic, Source};
use super::file::File;
use super::table::{self, Table};
use super::vars::{Environment, METRICS, NOTIFY, PING_URL, Value};
use super::{Settings, check, default_paths, find};

/// Who is told what a run came to.
#[derive(Debug, Clone, Default)]
pub struct Monitoring {
    /// The folder into which metrics are written.
    pub metrics: Option<PathBuf>,
    /// The program that is started when there is trouble, and its arguments; none where it is empty.
    pub notify: Vec<String>,
    /// The address that is told of the start and the end of each run. Whoever has it can pretend that all is well.
    pub ping: Option<SecretString>,
}

impl Settings {
    /// Returns who is told: what variables say, else what the file says. What is wrong with a variable is returned beside it, and costs
    /// the others nothing.
    pub fn monitoring(&self) -> (Monitoring, Vec<Diagnostic>) {
        let mut wrong = Vec::new();
        let mut value = |variable| self.environment.value(variable).map_err(|error| wrong.push(error)).ok().flatten();
        let (metrics, notify, ping) = (value(&METRICS), value(&NOTIFY), value(&PING_URL));
        let ping = ping.and_then(|value| ping_url(&value).map_err(|error| wrong.push(error)).ok());
        let of_file = &self.file.monitoring;
        let monitoring = Monitoring {
            metrics: metrics.map(|value| value.text.into()).or_else(|| of_file.metrics.clone()),
            notify: notify.map_or_else(|| of_file.notify.clone(), |value| vec![value.text]),
            ping,
        };
        (monitoring, wrong)
    }

    /// Reads what [`load`](Self::load) does, as far as it can be told although something is wrong with it: where the database is, and who
    /// is told. It is for saying that a program could not begin.
    pub fn as_far_as_readable(environment: Environment, path: Option<&Path>) -> Self {
        let searched = default_paths(&environment, Path::new("/etc"));
        let source = find(&environment, path, &searched).ok().flatten();
        let file = source.as_ref().and_then(readable).unwrap_or_default();
        let path = source.map(|source| source.path);
        Self { environment, path, searched, file, alone: Vec::new(), provider: None, warnings: Vec::new() }
    }
}

/// Reads the file's part of it.
pub(super) fn read(top: &Table<'_>) -> Result<Monitoring, Diagnostic> {
    Ok(Monitoring { metrics: metrics(top)?, notify: notify(top)?, ping: None })
}

/// Returns what can be read of a file in which something is wrong; nothing if it is not TOML.
fn readable(source: &Source) -> Option<File> {
    let root = table::parse(source).ok()?;
    let top = Table::of_file(source, &root);
    let database = top.text("database").ok().flatten().map(|text| top.path(text.text));
    let metrics = metrics(&top).ok().flatten();
    let monitoring = Monitoring { metrics, notify: notify(&top).unwrap_or_default(), ping: None };
    Some(File { database, monitoring, ..File::default() })
}

fn metrics(top: &Table<'_>) -> Result<Option<PathBuf>, Diagnostic> {
    Ok(top.text("metrics")?.map(|text| top.path(text.text)))
}

/// A program without a slash is looked for where programs are.
fn notify(top: &Table<'_>) -> Result<Vec<String>, Diagnostic> {
    let mut words: Vec<String> = top.texts("notify")?.iter().map(|text| text.text.to_owned()).collect();
    if let Some(program) = words.first_mut().filter(|program| program.contains('/')) {
        *program = top.path(program).to_string_lossy().into_owned();
    }
    Ok(words)
}

/// Returns the address of a check. What is wrong with it is said without it.
fn ping_url(value: &Value) -> Result<SecretString, Diagnostic> {
    let text = value.text.trim();
    match check::address(text).map_err(|why| value.wrong(why))?.fragment() {
        Some(_) => Err(value.wrong("the address holds a `#`; it ends with the path, or with a query")),
        None => Ok(text.into()),
    }
}
