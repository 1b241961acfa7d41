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
    provider: &'a str,
    zone: &'a str,
    action: &'static str,
    name: &'a str,
    #[serde(rename = "type")]
    rtype: Option<String>,
    value: Option<String>,
    claim: &'static str,
    reason: &'static str,
    fate: &'static str,
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
            provider: &provider.name,
            zone: provider.zone.as_str(),
            action: outcome.action.as_str(),
            name: outcome.name.as_str(),
            rtype: outcome.rtype.as_ref().map(ToString::to_string),
            value: outcome.data.as_ref().map(ToString::to_string),
            claim: outcome.claim.as_str(),
            reason: outcome.reason.as_str(),
            fate: outcome.fate.as_str(),
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
