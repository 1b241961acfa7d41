//! A file with a line for each change, beside the journal.

use std::cell::OnceCell;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Error, anyhow};
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::report::Outcome;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::name::name;
use dnsmgmt_program::output::{JsonChange, json_change};
use serde::Serialize;

/// The file.
#[derive(Debug)]
pub(crate) struct Audit<'a> {
    file: &'a Path,
    context: &'a Context,
    /// The first line that could not be written.
    problem: OnceCell<Error>,
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
        Self { file, context, problem: OnceCell::new() }
    }

    /// Writes down what became of changes. What cannot be written is in the journal all the same.
    pub(crate) fn write(&self, provider: &ProviderId, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let Err(error) = self.append(&self.line(provider, outcome)) else { continue };
            self.problem.get_or_init(|| {
                anyhow!(
                    "could not write to the audit log {}: {error}; the changes are in the journal, `dns-cli history` shows them",
                    self.file.display()
                )
            });
        }
    }

    /// Returns why something could not be written, if it could not.
    pub(crate) fn into_problem(self) -> Option<Error> {
        self.problem.into_inner()
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
