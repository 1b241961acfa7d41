//! A file with a line for each change, beside the journal.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::report::Outcome;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::log::{Level, NOTHING_MORE, say};
use dnsmgmt_program::name::name;
use dnsmgmt_program::output::{JsonChange, json_change};
use serde::Serialize;

/// The file.
#[derive(Debug)]
pub(crate) struct Audit<'a> {
    file: &'a Path,
    context: &'a Context,
    has_failed: Cell<bool>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    run: String,
    program: &'static str,
    #[serde(flatten)]
    change: JsonChange<'a>,
}

impl<'a> Audit<'a> {
    pub(crate) fn new(file: &'a Path, context: &'a Context) -> Self {
        Self { file, context, has_failed: Cell::new(false) }
    }

    /// Writes down what became of changes. What cannot be written is said once; the journal has it all the same.
    pub(crate) fn write(&self, provider: &ProviderId, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let Err(error) = self.append(&self.line(provider, outcome)) else { continue };
            if !self.has_failed.replace(true) {
                let text = format!(
                    "could not write to the audit log {}: {error}; the changes are in the journal, `dns-cli history` shows them",
                    self.file.display()
                );
                say(Level::Error, &text, &NOTHING_MORE);
            }
        }
    }

    /// Returns whether something could not be written.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    fn line<'l>(&self, provider: &'l ProviderId, outcome: &'l Outcome) -> Line<'l> {
        Line {
            time: format!("{:.3}", self.context.clock.moment().now),
            run: self.context.run.to_string(),
            program: name(),
            change: json_change(provider, outcome),
        }
    }

    /// Opens the file for each line, so that it can be renamed at any time, and writes the line in one piece.
    fn append(&self, line: &Line<'_>) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut file = OpenOptions::new().append(true).create(true).mode(0o640).open(self.file)?;
        match file.write(&text)? {
            written if written == text.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}
