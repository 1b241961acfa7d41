//! What a person or a program reads on standard output.

mod age;
mod duration;
mod json;
mod report;

use std::io::{self, Write};

use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, Table, presets};
use dnsmgmt_core::provider::ProviderError;
use dnsmgmt_core::record::Ttl;
use serde::Serialize;

pub use age::age;
pub use duration::duration;
pub use json::{JsonHeld, JsonNotJudged, JsonRecord, JsonWaiting};
pub use report::{
    Finished, JsonChange, json_change, preview, print_report, sentence, style, subject, verb, witnesses, write_outcome,
};

/// The version of all JSON that this program prints: raised when a field goes or changes its meaning, not when one comes.
pub const SCHEMA_VERSION: u32 = 1;

/// Prints to standard output, with its colours only where they are wanted. Whoever closed it has seen enough, as in
/// `dns-cli list | head`: that is no failure of ours.
pub fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("write to standard output"),
        _ => Ok(()),
    }
}

/// Prints a value as JSON with the schema's version in front.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    print(&to_json(value)?)
}

/// Prints a value as JSON in one line, for programs that print one after the other.
pub fn print_json_line(value: &impl Serialize) -> Result<()> {
    print(&(serde_json::to_string(&Versioned { schema_version: SCHEMA_VERSION, value })? + "\n"))
}

/// A value with the schema's version in front.
#[derive(Serialize)]
struct Versioned<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    value: &'a T,
}

/// Returns a value as JSON with the schema's version in front.
pub fn to_json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(&Versioned { schema_version: SCHEMA_VERSION, value })? + "\n")
}

/// Prints rows below a header, in columns.
pub fn print_table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| printable(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2)).set_cell_alignment(CellAlignment::Left);
    }
    print(&table.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>())
}

/// Prints lines as they are, but for what could steer the terminal.
pub fn print_lines(lines: impl IntoIterator<Item = String>) -> Result<()> {
    print(&lines.into_iter().map(|line| format!("{}\n", printable(&line))).collect::<String>())
}

/// Replaces control characters: what stands at a provider was written by anybody, and may try to steer the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// Replaces control characters but for the ends of lines.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// A TTL in JSON: seconds, or `auto`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum JsonTtl {
    /// Seconds.
    Seconds(u32),
    /// What the provider chooses: `auto`.
    Automatic(&'static str),
}

impl From<Ttl> for JsonTtl {
    fn from(ttl: Ttl) -> Self {
        match ttl {
            Ttl::Automatic => Self::Automatic("auto"),
            Ttl::Seconds(seconds) => Self::Seconds(seconds),
        }
    }
}

/// An error of a provider in JSON.
#[derive(Debug, Serialize)]
pub struct JsonError {
    doing: String,
    answered: String,
    hint: Option<String>,
}

impl From<&ProviderError> for JsonError {
    fn from(error: &ProviderError) -> Self {
        Self { doing: error.doing.clone(), answered: error.answered.clone(), hint: error.hint.clone() }
    }
}
