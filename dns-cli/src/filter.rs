//! Records chosen by their names, types and values.

use anyhow::{Context as _, Result};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Record, RecordType};
use dnsmgmt_core::record_set::Opaque;
use glob::{MatchOptions, Pattern};

use crate::args::Named;
use dnsmgmt_program::exit::UsageError;

/// What is chosen; what is not said is not looked at.
#[derive(Debug)]
pub(crate) struct Filter {
    name: Option<Pattern>,
    rtype: Option<RecordType>,
    value: Option<Pattern>,
}

impl Filter {
    /// Reads the patterns.
    pub(crate) fn new(name: Option<&str>, rtype: Option<&RecordType>, value: Option<&str>) -> Result<Self> {
        let pattern = |text: &str| {
            Pattern::new(text.trim_end_matches('.')).with_context(|| UsageError(format!("`{text}` is not a pattern")))
        };
        Ok(Self { name: name.map(pattern).transpose()?, rtype: rtype.cloned(), value: value.map(pattern).transpose()? })
    }

    /// Reads the patterns of records that are named.
    pub(crate) fn of(named: &Named) -> Result<Self> {
        Self::new(Some(&named.name), named.rtype.as_ref(), named.value.as_deref())
    }

    /// Returns whether the record is meant.
    pub(crate) fn accepts(&self, record: &Record) -> bool {
        let value = record.key.data.to_string();
        self.accepts_name(record.name())
            && (matches(&self.value, &value) || matches(&self.value, value.trim_matches('"')))
            && self.rtype.as_ref().is_none_or(|rtype| *rtype == record.rtype())
    }

    /// Returns whether the entry is meant. What is no record has no value to filter by; its type may be unknown.
    pub(crate) fn accepts_opaque(&self, entry: &Opaque) -> bool {
        self.value.is_none()
            && entry.name.as_ref().map_or_else(|| self.name.is_none(), |name| self.accepts_name(name))
            && self.rtype.as_ref().is_none_or(|wanted| entry.rtype.as_ref().is_none_or(|own| own == wanted))
    }

    /// People type a name as they read it, internationalised ones too.
    fn accepts_name(&self, name: &Name) -> bool {
        matches(&self.name, name.as_str()) || name.as_str().contains("xn--") && matches(&self.name, &name.to_unicode())
    }
}

fn matches(pattern: &Option<Pattern>, text: &str) -> bool {
    let options = MatchOptions { case_sensitive: false, ..MatchOptions::new() };
    pattern.as_ref().is_none_or(|pattern| pattern.matches_with(text, options))
}
