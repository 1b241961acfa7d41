//! `[[docker.whole]]`: suffixes below which everything is ours.

use std::collections::BTreeSet;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::stale::suffix::Suffix;
use toml::Spanned;
use toml::de::DeValue;

use super::Settings;
use super::diagnostic::Diagnostic;
use super::docker::{address, provider, suffix};
use super::select::Target;
use super::table::{Table, Text};

/// The keys of an entry.
pub(crate) const WHOLE: [&str; 5] = ["suffix", "exclude", "endpoints", "provider", "whole_zone"];

/// A suffix that is ours whole, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The suffix.
    pub suffix: Suffix,
    /// The configured name of the provider; told from the suffix where none is named.
    pub provider: Option<String>,
    /// Whether it may be the name of a zone.
    pub whole_zone: bool,
}

impl Settings {
    /// Returns the suffixes that are ours whole.
    pub fn wholes(&self) -> &[Whole] {
        &self.file.docker.wholes
    }

    /// Returns what leads to where a suffix lies: the provider that is named beside it, else the one that holds its name.
    pub fn whole_target(&self, whole: &Whole) -> Result<Target, Diagnostic> {
        self.select(whole.provider.as_deref(), None, Some(&whole.suffix.name))
    }
}

pub(super) fn read(docker: &Table<'_>, usual: Option<&String>) -> Result<Vec<Whole>, Diagnostic> {
    let entries = docker.array("whole")?.unwrap_or_default();
    entries.iter().map(|entry| whole(docker, entry, usual)).collect()
}

fn whole<'a>(docker: &Table<'a>, entry: &'a Spanned<DeValue<'a>>, usual: Option<&String>) -> Result<Whole, Diagnostic> {
    let table = docker.child("[[docker.whole]]".into(), entry.span(), entry)?;
    table.only(&WHOLE)?;
    let name = suffix(&table, &table.required("suffix")?)?;
    let exclude = table.texts("exclude")?;
    let exclude = exclude.iter().map(|text| excluded(&table, text, &name)).collect::<Result<_, _>>()?;
    let endpoints = endpoints(&table, &name)?;
    Ok(Whole {
        suffix: Suffix { name, exclude, endpoints },
        provider: provider(&table)?.or_else(|| usual.cloned()),
        whole_zone: table.flag("whole_zone")?.unwrap_or(false),
    })
}

fn excluded(table: &Table<'_>, text: &Text<'_>, suffix: &Name) -> Result<Name, Diagnostic> {
    let wrong = |why: String| table.source.wrong(text.at.clone(), why);
    let excluded = Name::parse(text.text.trim_start_matches('.'))
        .map_err(|why| wrong(why.to_string()).help("write a name, or `*.` and the name below which nothing is ours"))?;
    match excluded != *suffix && excluded.is_within(suffix) {
        true => Ok(excluded),
        false => Err(wrong(format!("`{excluded}` does not lie below `{suffix}`, so there is nothing to exclude"))),
    }
}

fn endpoints(table: &Table<'_>, name: &Name) -> Result<BTreeSet<String>, Diagnostic> {
    let endpoints: BTreeSet<String> =
        table.texts("endpoints")?.iter().map(|text| address(table, text)).collect::<Result<_, _>>()?;
    if endpoints.is_empty() {
        let at = table.entry("endpoints").map_or_else(|| table.at.clone(), |(_, at, _)| at);
        return Err(table.source.wrong(at, format!("no daemon is named whose containers may have names below `{name}`")).help(
            "name all of them with `endpoints`, as `hosts` has them: what no container of theirs wants there is deleted, whoever made it",
        ));
    }
    Ok(endpoints)
}
