//! The table `[docker]`: which daemons are asked, and how labels are read.

use std::collections::BTreeSet;
use std::net::IpAddr;

use dnsmgmt_core::name::Name;
use toml::Spanned;
use toml::de::DeValue;

use super::check;
use super::diagnostic::Diagnostic;
use super::table::{Table, Text, list};
use super::whole::{self, Whole};
use crate::source::docker::Host;
use crate::source::labels::{Answer, Dialect, Rules, State};

/// The keys of the table, and of an entry of `hosts` that is a table.
pub(crate) const DOCKER: [&str; 11] = [
    "hosts",
    "labels",
    "suffix",
    "networks",
    "host_ip",
    "answer",
    "provider",
    "states",
    "unhealthy",
    "opt_in",
    "whole",
];
pub(crate) const HOST: [&str; 3] = ["url", "tls", "host_ip"];

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct Docker {
    /// None where it does not say.
    pub(crate) hosts: Vec<Host>,
    pub(crate) rules: Rules,
    /// Suffixes that are ours whole.
    pub(crate) wholes: Vec<Whole>,
}

pub(crate) fn read(top: &Table<'_>) -> Result<Docker, Diagnostic> {
    let Some(table) = top.table("docker")? else { return Ok(Docker::default()) };
    table.only(&DOCKER)?;
    let default = Rules::default();
    let suffix = table.text("suffix")?.map(|text| suffix(&table, &text)).transpose()?;
    let mut dialects = words(&table, "labels", &Dialect::ALL[..5], Dialect::as_str)?.unwrap_or(default.dialects);
    if suffix.is_some() {
        dialects.insert(Dialect::Plain);
    }
    let rules = Rules {
        dialects,
        suffix,
        networks: table.texts("networks")?.iter().map(|text| text.text.into()).collect(),
        host: addresses(&table, "host_ip")?,
        answer: answer(&table)?,
        provider: provider(&table)?,
        providers: None,
        opt_in: table.flag("opt_in")?.unwrap_or(default.opt_in),
        states: words(&table, "states", &State::ALL, State::as_str)?.unwrap_or(default.states),
        unhealthy: table.flag("unhealthy")?.unwrap_or(default.unhealthy),
    };
    let wholes = whole::read(&table, rules.provider.as_ref())?;
    Ok(Docker { hosts: hosts(&table)?, rules, wholes })
}

fn hosts(table: &Table<'_>) -> Result<Vec<Host>, Diagnostic> {
    let Some(entries) = table.array("hosts")? else { return Ok(Vec::new()) };
    let mut seen = BTreeSet::new();
    let host = |entry| {
        let (host, at) = host(table, entry)?;
        if !seen.insert(host.address.clone()) {
            return Err(table.source.wrong(at, "this daemon is there twice"));
        }
        Ok(host)
    };
    entries.iter().map(host).collect()
}

fn host<'a>(table: &Table<'a>, entry: &'a Spanned<DeValue<'a>>) -> Result<(Host, std::ops::Range<usize>), Diagnostic> {
    if let DeValue::String(text) = entry.get_ref() {
        let text = Text { text, at: entry.span(), key: entry.span() };
        return Ok((Host { address: address(table, &text)?, ..Host::default() }, text.at));
    }
    let host = table.child("an entry of `hosts`".into(), entry.span(), entry)?;
    host.only(&HOST)?;
    let url = host.required("url")?;
    let (address, tls) = (address(&host, &url)?, host.text("tls")?);
    if let Some(tls) = tls.as_ref().filter(|_| address.starts_with("unix://")) {
        return Err(host.source.wrong(tls.key.clone(), "a socket of this machine speaks no TLS"));
    }
    let tls = tls.map(|text| host.path(text.text));
    Ok((Host { address, tls, addresses: addresses(&host, "host_ip")? }, url.at))
}

pub(super) fn address(table: &Table<'_>, text: &Text<'_>) -> Result<String, Diagnostic> {
    Host::check(text.text).map_err(|why| table.source.wrong(text.at.clone(), why))?;
    Ok(text.text.into())
}

pub(super) fn suffix(table: &Table<'_>, text: &Text<'_>) -> Result<Name, Diagnostic> {
    let wrong = |why: String| table.source.wrong(text.at.clone(), why);
    if text.text == "." {
        return Err(wrong("the root is no suffix: everything lies below it".into()));
    }
    check::zone(text.text.trim_start_matches('.')).map_err(wrong)
}

fn answer(table: &Table<'_>) -> Result<Answer, Diagnostic> {
    let Some(text) = table.text("answer")? else { return Ok(Answer::default()) };
    match text.text {
        "container" => Ok(Answer::Container),
        "host" => Ok(Answer::Host),
        _ => Err(table.source.wrong(text.at, "`answer` is `container` or `host`")),
    }
}

/// Reads the configured name of a provider.
pub(super) fn provider(table: &Table<'_>) -> Result<Option<String>, Diagnostic> {
    let Some(text) = table.text("provider")? else { return Ok(None) };
    check::provider_name(text.text).map_err(|why| table.source.wrong(text.at, why))?;
    Ok(Some(text.text.into()))
}

/// Reads one address or several.
pub(super) fn addresses(table: &Table<'_>, key: &str) -> Result<Vec<IpAddr>, Diagnostic> {
    let texts = match table.entry(key) {
        Some((_, _, value)) if matches!(value.get_ref(), DeValue::String(_)) => table.text(key)?.into_iter().collect(),
        _ => table.texts(key)?,
    };
    let address = |text: Text<'_>| {
        let wrong = || table.source.wrong(text.at, format!("`{key}` holds addresses, and `{}` is none", text.text));
        text.text.parse().map_err(|_| wrong())
    };
    texts.into_iter().map(address).collect()
}

/// Reads words that are known.
fn words<T: Copy + Ord>(
    table: &Table<'_>,
    key: &str,
    all: &[T],
    word: fn(T) -> &'static str,
) -> Result<Option<BTreeSet<T>>, Diagnostic> {
    if table.entry(key).is_none() {
        return Ok(None);
    }
    let read = |text: Text<'_>| {
        let found = all.iter().copied().find(|known| word(*known) == text.text);
        let expected = || format!("expected {}", list(all.iter().map(|known| word(*known))));
        found.ok_or_else(|| {
            let place = table.source.place(text.at);
            Diagnostic::new(format!("`{}` is unknown in `{key}`", text.text)).at(place, expected())
        })
    };
    table.texts(key)?.into_iter().map(read).collect::<Result<_, _>>().map(Some)
}
