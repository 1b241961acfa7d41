//! Reading TOML as a tree in which every error knows its key.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Source};

/// Reads a file's text as TOML.
pub(crate) fn parse(source: &Source) -> Result<Spanned<DeTable<'_>>, Diagnostic> {
    DeTable::parse(&source.text).map_err(|error| {
        let place = source.broken_place(error.span().unwrap_or_default());
        Diagnostic::new(format!("not TOML: {}", error.message())).at(place, "")
    })
}

/// A table of the file, and how an error names it.
pub(crate) struct Table<'a> {
    pub(crate) source: &'a Source,
    pub(crate) title: String,
    pub(crate) at: Range<usize>,
    pub(crate) table: &'a DeTable<'a>,
}

/// A string of the file: not empty.
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: Range<usize>,
    pub(crate) key: Range<usize>,
}

pub(crate) type Entry<'a> = (&'a str, Range<usize>, &'a Spanned<DeValue<'a>>);

impl<'a> Table<'a> {
    /// Returns the whole file.
    pub(crate) fn of_file(source: &'a Source, root: &'a Spanned<DeTable<'a>>) -> Self {
        Self { source, title: "this file".into(), at: 0..0, table: root.get_ref() }
    }

    /// Returns the entries in the order of the file.
    pub(crate) fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<_> =
            self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
        entries.sort_by_key(|(_, at, _)| at.start);
        entries
    }

    pub(crate) fn entry(&self, key: &str) -> Option<Entry<'a>> {
        self.entries().into_iter().find(|(name, ..)| *name == key)
    }

    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Diagnostic> {
        let unknown = self.entries().into_iter().find(|(key, ..)| !known.contains(key));
        unknown.map_or(Ok(()), |(key, at, _)| {
            let message = format!("unknown key `{key}` in {}", self.title);
            Err(Diagnostic::new(message).at(self.source.place(at), format!("expected {}", list(known.iter().copied()))))
        })
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<Text<'a>>, Diagnostic> {
        let Some((_, key_at, value)) = self.entry(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) if text.is_empty() => Err(self.source.wrong(key_at, format!("`{key}` is empty"))),
            DeValue::String(text) => Ok(Some(Text { text, at: value.span(), key: key_at })),
            other => Err(self.mistyped(key, key_at, "a string", other)),
        }
    }

    pub(crate) fn required(&self, key: &str) -> Result<Text<'a>, Diagnostic> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn table(&self, key: &str) -> Result<Option<Self>, Diagnostic> {
        let Some((_, at, value)) = self.entry(key) else { return Ok(None) };
        self.child(format!("[{key}]"), at, value).map(Some)
    }

    /// Returns an array that is not empty.
    pub(crate) fn array(&self, key: &str) -> Result<Option<&'a [Spanned<DeValue<'a>>]>, Diagnostic> {
        let Some((_, at, value)) = self.entry(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Array(entries) if entries.is_empty() => Err(self.source.wrong(at, format!("`{key}` is empty"))),
            DeValue::Array(entries) => Ok(Some(entries)),
            other => Err(self.mistyped(key, at, "an array", other)),
        }
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, Diagnostic> {
        let Some((_, at, value)) = self.entry(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Boolean(flag) => Ok(Some(*flag)),
            other => Err(self.mistyped(key, at, "true or false", other)),
        }
    }

    /// Returns a number within a range.
    pub(crate) fn number(&self, key: &str, range: RangeInclusive<usize>) -> Result<Option<usize>, Diagnostic> {
        let Some((_, _, value)) = self.entry(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let (least, most) = (range.start(), range.end());
        let wrong = || self.source.wrong(value.span(), format!("`{key}` must be a number from {least} to {most}"));
        number.filter(|number| range.contains(number)).ok_or_else(wrong).map(Some)
    }

    /// Returns the strings of an array; none where the key is not there or the array is empty.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<Text<'a>>, Diagnostic> {
        let Some((_, key_at, value)) = self.entry(key) else { return Ok(Vec::new()) };
        let DeValue::Array(entries) = value.get_ref() else {
            return Err(self.mistyped(key, key_at, "an array", value.get_ref()));
        };
        let text = |entry: &'a Spanned<DeValue<'a>>| match entry.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(Text { text, at: entry.span(), key: key_at.clone() }),
            DeValue::String(_) => Err(self.source.wrong(entry.span(), format!("an entry of `{key}` is empty"))),
            other => {
                let message = format!("an entry of `{key}` must be a string, not {}", with_article(other));
                Err(self.source.wrong(entry.span(), message))
            }
        };
        entries.iter().map(text).collect()
    }

    pub(crate) fn child(
        &self,
        title: String,
        at: Range<usize>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Result<Self, Diagnostic> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(Self { source: self.source, title, at, table }),
            other => Err(self.source.wrong(at, format!("{title} must be a table, not {}", with_article(other)))),
        }
    }

    /// Returns a path, which is relative to the file's folder.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        self.source.path.parent().map_or_else(|| text.into(), |folder| folder.join(text))
    }

    pub(crate) fn missing(&self, key: &str) -> Diagnostic {
        self.source.wrong(self.at.clone(), format!("`{key}` is missing in {}", self.title))
    }

    pub(crate) fn mistyped(&self, key: &str, at: Range<usize>, expected: &str, found: &DeValue<'_>) -> Diagnostic {
        self.source.wrong(at, format!("`{key}` must be {expected}, not {}", with_article(found)))
    }
}

impl Source {
    pub(crate) fn wrong(&self, at: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(message).at(self.place(at), "")
    }
}

pub(crate) fn with_article(value: &DeValue<'_>) -> String {
    let word = value.type_str();
    format!("{} {word}", if word.starts_with(['a', 'i']) { "an" } else { "a" })
}

/// Returns the words in backquotes, with commas.
pub(crate) fn list(words: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
