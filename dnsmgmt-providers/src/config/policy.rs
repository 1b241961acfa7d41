//! How records are kept true: from where, how fast, and how much may go at once.

use std::path::Path;
use std::time::Duration;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::preserved::Preserved;
use toml::de::DeValue;

use super::diagnostic::Diagnostic;
use super::table::{Table, Text};
use super::vars::{Environment, SOURCES};
use crate::{duration, source};

/// How records are kept true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Where wanted records come from, for [`source::open`]; relative only where a variable names them so.
    pub sources: Vec<String>,
    /// How long a record that nobody wants any more is kept. 15 minutes.
    pub grace: Duration,
    /// The share of what is ours, in percent, that one run may delete without being asked. 30.
    pub max_delete: u8,
    /// Names whose records are never deleted because nobody wants them.
    pub preserved: Preserved,
    /// How long the journal keeps what was changed. 90 days.
    pub journal_keep: Duration,
    /// How old an answer from the cache may be. 1 hour.
    pub cache_ttl: Duration,
    /// How far apart the runs of a clean-up are, where a variable says so.
    pub cleanup_interval: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            grace: Duration::from_secs(15 * 60),
            max_delete: 30,
            preserved: Preserved::default(),
            journal_keep: Duration::from_secs(90 * 24 * 60 * 60),
            cache_ttl: Duration::from_secs(60 * 60),
            cleanup_interval: None,
        }
    }
}

/// Reads the file's part of it.
pub(crate) fn read(top: &Table<'_>) -> Result<Policy, Diagnostic> {
    let default = Policy::default();
    Ok(Policy {
        sources: sources(top)?,
        grace: duration(top, "grace")?.unwrap_or(default.grace),
        max_delete: percent(top, "max_delete")?.unwrap_or(default.max_delete),
        preserved: preserved(top)?,
        journal_keep: duration(top, "journal_keep")?.unwrap_or(default.journal_keep),
        cache_ttl: duration(top, "cache_ttl")?.unwrap_or(default.cache_ttl),
        cleanup_interval: default.cleanup_interval,
    })
}

/// Returns the sources that a variable names, which count instead of the file's.
pub(crate) fn of_variable(environment: &Environment) -> Result<Option<Vec<String>>, Diagnostic> {
    let Some(value) = environment.value(&SOURCES)? else { return Ok(None) };
    let sources = value.text.split(',').map(str::trim).filter(|text| !text.is_empty());
    Ok(Some(sources.map(str::to_owned).collect()))
}

fn sources(top: &Table<'_>) -> Result<Vec<String>, Diagnostic> {
    let folder = top.source.path.parent().unwrap_or_else(|| Path::new(""));
    let resolve = |text: &Text<'_>| source::within(text.text, folder);
    Ok(top.texts("sources")?.iter().map(resolve).collect())
}

fn preserved(top: &Table<'_>) -> Result<Preserved, Diagnostic> {
    let name = |text: Text<'_>| {
        Name::parse(text.text).map_err(|why| {
            let wrong = top.source.wrong(text.at, why.to_string());
            wrong.help("write a name, or `*.` and the name below which everything is preserved")
        })
    };
    top.texts("preserved")?.into_iter().map(name).collect()
}

fn duration(top: &Table<'_>, key: &str) -> Result<Option<Duration>, Diagnostic> {
    let read = |text: Text<'_>| duration::parse(text.text).map_err(|why| top.source.wrong(text.at, why));
    top.text(key)?.map(read).transpose()
}

fn percent(top: &Table<'_>, key: &str) -> Result<Option<u8>, Diagnostic> {
    let Some((_, _, value)) = top.entry(key) else { return Ok(None) };
    let number = match value.get_ref() {
        DeValue::Integer(number) => u8::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    };
    let wrong = || top.source.wrong(value.span(), format!("`{key}` must be a number of percent, from 0 to 100"));
    number.filter(|number| *number <= 100).ok_or_else(wrong).map(Some)
}
