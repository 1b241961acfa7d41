//! The shape of dnsmgmt.toml. It is read from the tree and not by derived code, so that every error knows its key.

use std::collections::BTreeSet;
use std::path::PathBuf;

use dnsmgmt_core::name::Name;
use toml::de::DeValue;

use crate::cloudflare::{Budget, CloudflareZone};
use crate::dns::{Server, ServerError};

use super::check;
use super::diagnostic::{Diagnostic, Source};
use super::docker::{self, Docker};
use super::heartbeat;
use super::monitoring::{self, Monitoring};
use super::policy::{self, Policy};
use super::provider::{API_KEY, Kind, Login, Origin, PASSWORD, Provider, Secret, SecretKey, Service, TOKEN, ZoneFile};
use super::rfc2136;
use super::table::{self, Table, Text, list};
use super::traefik::{self, Traefik};

/// What may stand at the top of the file. What a further program reads from it is one more key here.
pub(crate) const TOP_LEVEL: [&str; 14] = [
    "default",
    "database",
    "providers",
    "sources",
    "docker",
    "traefik",
    "heartbeat",
    "grace",
    "max_delete",
    "preserved",
    "journal_keep",
    "cache_ttl",
    "metrics",
    "notify",
];

/// Returns the keys of a provider's table.
pub(crate) const fn keys(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Zonefile => &["kind", "zones"],
        Kind::AdGuard => &["kind", "url", "username", "password", "password_file"],
        Kind::Cloudflare => &["kind", "token", "token_file", "zones", "url", "batch", "comment"],
        Kind::Rfc2136 => &rfc2136::KEYS,
        Kind::PowerDns => &["kind", "url", "api_key", "api_key_file", "zone", "server_id"],
        Kind::Webhook => &["kind", "url", "zone"],
    }
}

/// The keys that every provider's table has beside those of its kind.
pub(crate) const OF_ALL: [&str; 1] = ["witness"];

/// The keys of an entry of `zones` that is a table.
pub(crate) const ZONEFILE_ZONE: [&str; 2] = ["name", "path"];
pub(crate) const CLOUDFLARE_ZONE: [&str; 2] = ["name", "id"];

/// The most changes that one request to Cloudflare may carry under any plan (Cloudflare DNS docs, "Batch record changes").
const MOST_BATCH: usize = 3500;

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) default: Option<String>,
    pub(crate) database: Option<PathBuf>,
    pub(crate) policy: Policy,
    /// In the order of the file.
    pub(crate) providers: Vec<Provider>,
    /// What `[docker]` says.
    pub(crate) docker: Docker,
    /// What `[traefik]` says.
    pub(crate) traefik: Option<Traefik>,
    /// What `[heartbeat]` says.
    pub(crate) heartbeat: heartbeat::File,
    /// What `metrics` and `notify` say.
    pub(crate) monitoring: Monitoring,
    /// A warning for each secret that stands in the file itself.
    pub(crate) inline_secrets: Vec<Diagnostic>,
}

/// Reads a file's text.
pub(crate) fn read(source: &Source) -> Result<File, Diagnostic> {
    let root = table::parse(source)?;
    let top = Table::of_file(source, &root);
    top.only(&TOP_LEVEL)?;
    let mut file = File::default();
    if let Some(providers) = top.table("providers")? {
        for (name, at, value) in providers.entries() {
            check::provider_name(name).map_err(|why| source.wrong(at.clone(), why))?;
            let title = format!("[providers.{name}]");
            file.providers.push(provider(name, &providers.child(title, at, value)?, &mut file.inline_secrets)?);
        }
    }
    file.database = top.text("database")?.map(|text| top.path(text.text));
    file.policy = policy::read(&top)?;
    file.docker = docker::read(&top)?;
    file.traefik = traefik::read(&top, &mut file.inline_secrets)?;
    file.heartbeat = heartbeat::read(&top)?;
    file.monitoring = monitoring::read(&top)?;
    file.default = default(&top, &file.providers)?;
    Ok(file)
}

fn default(top: &Table<'_>, providers: &[Provider]) -> Result<Option<String>, Diagnostic> {
    let Some(default) = top.text("default")? else { return Ok(None) };
    if providers.iter().any(|provider| provider.name == default.text) {
        return Ok(Some(default.text.into()));
    }
    let names = list(providers.iter().map(|provider| provider.name.as_str()));
    let names = if names.is_empty() { "none is configured".into() } else { format!("configured: {names}") };
    Err(top.source.wrong(default.at, format!("there is no provider `{}`", default.text)).help(names))
}

fn provider(name: &str, table: &Table<'_>, inline: &mut Vec<Diagnostic>) -> Result<Provider, Diagnostic> {
    let text = table.required("kind")?;
    let kind = Kind::parse(text.text).ok_or_else(|| {
        let message = format!("`{}` is not a kind of provider", text.text);
        let place = table.source.place(text.at);
        Diagnostic::new(message).at(place, format!("expected {}", list(Kind::ALL.map(Kind::as_str))))
    })?;
    table.only(&[keys(kind), &OF_ALL].concat())?;
    let service = match kind {
        Kind::Zonefile => Service::Zonefile { zones: zone_files(table)? },
        Kind::AdGuard => Service::AdGuard { url: url(table, table.required("url")?)?, login: login(table, inline)? },
        Kind::Cloudflare => Service::Cloudflare {
            url: table.text("url")?.map(|text| url(table, text)).transpose()?,
            token: secret(table, &TOKEN, inline)?.unwrap_or_else(|| left_out(table, &TOKEN)),
            zones: cloud_zones(table)?,
            batch: table.number("batch", 1..=MOST_BATCH)?,
            comment: comment(table)?,
            budget: Budget::default(),
        },
        Kind::Rfc2136 => rfc2136::of_table(table, inline)?,
        Kind::PowerDns => Service::PowerDns {
            url: url(table, table.required("url")?)?,
            key: secret(table, &API_KEY, inline)?.unwrap_or_else(|| left_out(table, &API_KEY)),
            zone: zone_name(table, table.required("zone")?, &mut BTreeSet::new())?,
            server_id: table.text("server_id")?.map(|text| text.text.into()),
        },
        Kind::Webhook => Service::Webhook {
            url: url(table, table.required("url")?)?,
            zone: table.text("zone")?.map(|text| zone_name(table, text, &mut BTreeSet::new())).transpose()?,
        },
    };
    let place = table.source.place(table.at.clone());
    let origin = Origin::File { path: place.path, line: place.line };
    Ok(Provider { name: name.into(), origin, service, witness: witness(table)? })
}

fn witness(table: &Table<'_>) -> Result<Option<Server>, Diagnostic> {
    let Some(text) = table.text("witness")? else { return Ok(None) };
    let server = text.text.parse().map_err(|why: ServerError| {
        table.source.wrong(text.at, format!("`{}` is not a DNS server", text.text)).help(format!("{why}"))
    });
    server.map(Some)
}

fn login(table: &Table<'_>, inline: &mut Vec<Diagnostic>) -> Result<Option<Login>, Diagnostic> {
    user(table, &PASSWORD, inline)
}

/// Reads user and password, where there are any.
pub(super) fn user(
    table: &Table<'_>,
    key: &'static SecretKey,
    inline: &mut Vec<Diagnostic>,
) -> Result<Option<Login>, Diagnostic> {
    let password = secret(table, key, inline)?;
    match (table.text("username")?, password) {
        (None, None) => Ok(None),
        (Some(username), password) => {
            let password = password.unwrap_or_else(|| left_out(table, key));
            Ok(Some(Login { username: username.text.into(), password }))
        }
        (None, Some(_)) => {
            Err(table.missing("username").help("leave the password out too if no password is asked for"))
        }
    }
}

pub(crate) fn secret(
    table: &Table<'_>,
    key: &SecretKey,
    inline: &mut Vec<Diagnostic>,
) -> Result<Option<Secret>, Diagnostic> {
    match (table.text(key.inline)?, table.text(key.file)?) {
        (None, None) => Ok(None),
        (Some(_), Some(file)) => {
            let message = format!("both `{}` and `{}` are given in {}", key.inline, key.file, table.title);
            Err(table.source.wrong(file.key, message).help("keep one of them"))
        }
        (Some(text), None) => {
            let message = format!("everybody on this machine can read the {} in this file", key.what);
            let warning = table.source.wrong(text.key, message);
            inline.push(warning.help(format!(
                "move it to a file of its own and name that with `{}`, or `chmod o-r` this one",
                key.file
            )));
            Ok(Some(Secret::Inline(text.text.into())))
        }
        (None, Some(text)) => {
            let (path, is_bare) = (table.path(text.text), !text.text.contains('/'));
            Ok(Some(Secret::File { path, is_bare, place: table.source.place(text.at) }))
        }
    }
}

pub(crate) fn left_out(table: &Table<'_>, key: &'static SecretKey) -> Secret {
    Secret::Variable { key, left_out: Some(table.source.place(table.at.clone())) }
}

pub(super) fn url(table: &Table<'_>, text: Text<'_>) -> Result<String, Diagnostic> {
    check::url(text.text).map_err(|why| table.source.wrong(text.at, why))?;
    Ok(text.text.into())
}

fn comment(table: &Table<'_>) -> Result<Option<String>, Diagnostic> {
    let Some(text) = table.text("comment")? else { return Ok(None) };
    check::comment(text.text).map_err(|why| table.source.wrong(text.at, why))?;
    Ok(Some(text.text.into()))
}

fn zone_files(table: &Table<'_>) -> Result<Vec<ZoneFile>, Diagnostic> {
    let Some(zones) = table.array("zones")? else { return Err(table.missing("zones")) };
    let mut seen = BTreeSet::new();
    zones
        .iter()
        .map(|entry| {
            let zone = table.child("an entry of `zones`".into(), entry.span(), entry)?;
            zone.only(&ZONEFILE_ZONE)?;
            let name = zone_name(table, zone.required("name")?, &mut seen)?;
            Ok(ZoneFile { name: Some(name), path: table.path(zone.required("path")?.text) })
        })
        .collect()
}

fn cloud_zones(table: &Table<'_>) -> Result<Vec<CloudflareZone>, Diagnostic> {
    let Some(zones) = table.array("zones")? else { return Ok(Vec::new()) };
    let mut seen = BTreeSet::new();
    zones
        .iter()
        .map(|entry| {
            if let DeValue::String(name) = entry.get_ref() {
                let text = Text { text: name, at: entry.span(), key: entry.span() };
                return zone_name(table, text, &mut seen).map(CloudflareZone::Name);
            }
            let zone = table.child("an entry of `zones`".into(), entry.span(), entry)?;
            zone.only(&CLOUDFLARE_ZONE)?;
            let name = zone_name(table, zone.required("name")?, &mut seen)?;
            let Some(id) = zone.text("id")? else { return Ok(CloudflareZone::Name(name)) };
            check::zone_id(id.text).map_err(|why| table.source.wrong(id.at, why))?;
            Ok(CloudflareZone::IdAndName { id: id.text.into(), name })
        })
        .collect()
}

fn zone_name(table: &Table<'_>, text: Text<'_>, seen: &mut BTreeSet<Name>) -> Result<Name, Diagnostic> {
    let name = check::zone(text.text).map_err(|why| table.source.wrong(text.at.clone(), why))?;
    if !seen.insert(name.clone()) {
        return Err(table.source.wrong(text.at, format!("the zone `{name}` is there twice")));
    }
    Ok(name)
}
