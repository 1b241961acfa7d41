//! What a program says on standard error: in words where a person reads it, with levels in the journal, as JSON on request.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write as _};
use std::sync::OnceLock;

use clap::ValueEnum;
use rustix::fs::fstat;
use serde::Serialize;

use crate::clock;
use crate::name::name;
use crate::output::printable_lines;

/// How grave something is: the numbers of syslog (RFC 5424 section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something could not be done.
    Error = 3,
    /// Something may not be as it should be.
    Warning = 4,
    /// Worth to be known, such as a start and an end.
    Notice = 5,
    /// What was done.
    Info = 6,
}

/// How the log is written.
#[expect(missing_docs, reason = "a comment would become help text")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// How the lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// `dns-cleanup: text`
    Plain,
    /// `<6>text`: systemd takes the level off (sd-daemon(3)) and knows the program and the time.
    Journal,
    /// `2026-01-01T00:00:00Z info dns-cleanup: text`
    Dated,
    Json,
}

static LOOK: OnceLock<Look> = OnceLock::new();

/// Chooses how the log looks. A program that does not call this says all of it in words.
pub fn set_up(format: LogFormat) {
    LOOK.get_or_init(|| match format {
        LogFormat::Json => Look::Json,
        LogFormat::Text if is_the_journal() => Look::Journal,
        LogFormat::Text if io::stderr().is_terminal() => Look::Plain,
        LogFormat::Text => Look::Dated,
    });
}

/// Says something; `more` are the fields that a program reads in it, an object.
pub fn say(level: Level, text: &str, more: &impl Serialize) {
    let line = match LOOK.get() {
        None | Some(Look::Plain) => format!("{}: {}\n", name(), printable_lines(text)),
        Some(Look::Journal) => printable_lines(text).lines().map(|line| format!("<{}>{line}\n", level as u8)).collect(),
        Some(Look::Dated) => {
            format!("{:.0} {} {}: {}\n", clock::now(), level.as_str(), name(), printable_lines(text))
        }
        Some(Look::Json) => json(level, text, more),
    };
    // Who closed it does not want to know.
    io::stderr().write_all(line.as_bytes()).ok();
}

/// Returns whether what is said is kept, in the journal or by the program that reads it, so that it bothers nobody.
pub fn is_kept() -> bool {
    matches!(LOOK.get(), Some(Look::Journal | Look::Json))
}

/// Says something that was laid out for a terminal, as a diagnostic that shows a line of a file.
pub(crate) fn say_laid_out(level: Level, text: &str) {
    match LOOK.get() {
        None | Some(Look::Plain) => anstream::eprintln!("{text}"),
        Some(_) => say(level, &anstream::adapter::strip_str(text).to_string(), &NOTHING_MORE),
    }
}

/// For [`say`] where there is nothing to add.
pub const NOTHING_MORE: BTreeMap<&str, ()> = BTreeMap::new();

fn json(level: Level, text: &str, more: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Line<'a, T> {
        time: String,
        level: &'static str,
        program: &'static str,
        message: &'a str,
        #[serde(flatten)]
        more: &'a T,
    }
    let time = format!("{:.3}", clock::now());
    let line = Line { time, level: level.as_str(), program: name(), message: text, more };
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
        }
    }
}

/// Returns whether standard error leads to the journal and nowhere else (systemd.exec(5), `JOURNAL_STREAM`).
fn is_the_journal() -> bool {
    #[expect(clippy::disallowed_methods, reason = "what systemd says of this very process")]
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else { return false };
    let Ok(stat) = fstat(io::stderr()) else { return false };
    stream.to_str() == Some(&format!("{}:{}", stat.st_dev, stat.st_ino))
}
