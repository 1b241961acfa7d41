//! Errors that point at file, line and key, and show no secret doing so.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// What is wrong with the configuration, or works and should not stay so: what, where, and what to do next.
///
/// `Display` is what a person sees, without colour and without a word such as "error" before it.
#[derive(Debug, Clone, thiserror::Error)]
pub struct Diagnostic {
    message: String,
    place: Option<Box<(Place, String)>>,
    help: Vec<String>,
}

impl Diagnostic {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: Vec::new() }
    }

    /// Underlines the place; the label stands beside the underline and may be empty.
    pub(crate) fn at(mut self, place: Place, label: impl Into<String>) -> Self {
        self.place = Some(Box::new((place, label.into())));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Returns the text in colours, for a terminal.
    pub fn coloured(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let Some((place, label)) = self.place.as_deref() else {
            let help = self.help.iter().map(|help| format!("\n  = help: {help}"));
            return format!("{}{}", self.message, help.collect::<String>());
        };
        let label = (!label.is_empty()).then_some(label.as_str());
        let snippet = Snippet::source(&place.shown)
            .line_start(place.line)
            .path(place.path.to_string_lossy())
            .annotation(AnnotationKind::Primary.span(place.span.clone()).label(label));
        let group = Group::with_title(Level::ERROR.no_name().primary_title(&self.message)).element(snippet);
        renderer.render(&[group.elements(self.help.iter().map(|help| Level::HELP.message(help)))])
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

/// A file as it was read. It may hold secrets, so it has no `Debug` and is not kept.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Whether something in it may be a secret, so that only what is known to be none is shown.
    pub(crate) secretive: bool,
}

impl Source {
    /// Returns the place of a key or value, whose span says that the file could be read as TOML.
    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        self.cut(span, before_comment)
    }

    /// Returns the place of something that is not TOML. A line without a key may be the middle of a secret.
    pub(crate) fn broken_place(&self, span: Range<usize>) -> Place {
        let header = |line: &str| line.trim_start().starts_with('[');
        self.cut(span, |line| if header(line) { before_comment(line) } else { 0 })
    }

    fn cut(&self, span: Range<usize>, without_key: impl Fn(&str) -> usize) -> Place {
        let start = span.start.min(self.text.len());
        let line_start = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let visible = match line {
            _ if !self.secretive => line.len(),
            _ if line.contains('=') => visible_keys(line),
            _ => without_key(line),
        };
        let shown = match line.split_at(visible) {
            (_, "") => line.to_owned(),
            (head, _) => format!("{} ...", head.trim_end()),
        };
        let within = |offset: usize| offset.saturating_sub(line_start).min(shown.len());
        let (from, to) = (within(start), within(span.end));
        let from = if visible < from { shown.len().saturating_sub("...".len()) } else { from };
        let line = 1 + self.text[..line_start].matches('\n').count();
        Place { path: self.path.clone(), line, span: from..to.max(from), shown }
    }
}

/// A key or value in a file, with as much of its line as may be shown.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
    shown: String,
    span: Range<usize>,
}

/// The keys whose values may be shown. Any other may be a secret: under a misspelt key, or in the place of its file or of a
/// zone's id.
const SHOWN: [&str; 26] = [
    "default",
    "database",
    "kind",
    "url",
    "username",
    "zones",
    "name",
    "path",
    "batch",
    "sources",
    "grace",
    "max_delete",
    "preserved",
    "journal_keep",
    "cache_ttl",
    "metrics",
    "hosts",
    "labels",
    "suffix",
    "networks",
    "host_ip",
    "answer",
    "provider",
    "states",
    "ttl",
    "tls",
];

/// Returns how many bytes of a line with keys may be shown.
fn visible_keys(line: &str) -> usize {
    // A user and a password in an address, however badly that is spelled; an escape may stand for the `@`.
    let user_in_url = line.contains(['@', '\\']);
    for (equals, _) in line.match_indices('=') {
        let before = line[..equals].trim_end_matches([' ', '\t', '"', '\'']);
        let key = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next();
        if user_in_url || !key.is_some_and(|key| SHOWN.contains(&key)) {
            return equals + 1;
        }
    }
    before_comment(line)
}

fn before_comment(line: &str) -> usize {
    line.find('#').unwrap_or(line.len())
}
