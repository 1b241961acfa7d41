//! A configured provider: what was said about it, before anything is asked.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use dnsmgmt_core::name::Name;
use secrecy::SecretString;

use crate::cloudflare::{Budget, CloudflareZone};
use crate::dns::Server;

use super::diagnostic::{Diagnostic, Place};
use super::rfc2136::Rfc2136Zone;
use super::vars::{
    ADGUARD_PASSWORD, CF_API_TOKEN, Environment, PDNS_API_KEY, TRAEFIK_API_PASSWORD, Variable, may_be_shown, one_line,
    unreadable,
};

/// A provider as it is configured.
#[derive(Debug, Clone)]
pub struct Provider {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) service: Service,
    /// The DNS server that is asked too whether a change is answered.
    pub(crate) witness: Option<Server>,
}

impl Provider {
    /// Returns the configured name; a provider that variables configure has its kind's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns which DNS service it is.
    pub fn kind(&self) -> Kind {
        match self.service {
            Service::Zonefile { .. } => Kind::Zonefile,
            Service::AdGuard { .. } => Kind::AdGuard,
            Service::Cloudflare { .. } => Kind::Cloudflare,
            Service::Rfc2136(_) => Kind::Rfc2136,
            Service::PowerDns { .. } => Kind::PowerDns,
            Service::Webhook { .. } => Kind::Webhook,
            Service::Broken { kind, .. } => kind,
        }
    }

    /// Returns the configured zones: the root where the API has none, nothing where only the service itself knows.
    pub fn zones(&self) -> Vec<Name> {
        self.candidates().into_iter().flatten().collect()
    }

    /// Returns where it is configured.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns its secret, if it has one.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        match &self.service {
            Service::AdGuard { login, .. } => login.as_ref().map(|login| &login.password),
            Service::Cloudflare { token, .. } => Some(token),
            Service::Rfc2136(zone) => Some(zone.key.secret()),
            Service::PowerDns { key, .. } => Some(key),
            Service::Zonefile { .. } | Service::Webhook { .. } | Service::Broken { .. } => None,
        }
    }

    /// Returns the text of our mark in comments, where one is configured.
    pub(crate) fn comment(&self) -> Option<&str> {
        match &self.service {
            Service::Cloudflare { comment, .. } => comment.as_deref(),
            Service::Zonefile { .. }
            | Service::AdGuard { .. }
            | Service::Rfc2136(_)
            | Service::PowerDns { .. }
            | Service::Webhook { .. }
            | Service::Broken { .. } => None,
        }
    }

    /// Returns the names of what can be connected to; nothing is a name that is not known yet.
    pub(crate) fn candidates(&self) -> Vec<Option<Name>> {
        match &self.service {
            Service::Zonefile { zones } => zones.iter().map(|zone| zone.name.clone()).collect(),
            Service::AdGuard { .. } => vec![Some(Name::root())],
            Service::Cloudflare { zones, .. } if zones.is_empty() => vec![None],
            Service::Cloudflare { zones, .. } => zones.iter().map(zone_name).collect(),
            Service::Rfc2136(zone) => vec![Some(zone.zone.clone())],
            Service::PowerDns { zone, .. } => vec![Some(zone.clone())],
            Service::Webhook { zone, .. } => vec![zone.clone()],
            Service::Broken { .. } => vec![None],
        }
    }
}

fn zone_name(zone: &CloudflareZone) -> Option<Name> {
    match zone {
        CloudflareZone::Id(_) => None,
        CloudflareZone::Name(name) | CloudflareZone::IdAndName { name, .. } => Some(name.clone()),
    }
}

/// Where a provider is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file, at the line of its table.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In the environment, by this variable above all.
    Variable(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A DNS service that we speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A master file (RFC 1035 section 5).
    Zonefile,
    /// AdGuard Home's rewrites.
    AdGuard,
    /// Cloudflare's DNS records.
    Cloudflare,
    /// DNS UPDATE at a primary server (RFC 2136).
    Rfc2136,
    /// The HTTP API of the PowerDNS Authoritative Server.
    PowerDns,
    /// A webhook of external-dns.
    Webhook,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Zonefile, Self::AdGuard, Self::Cloudflare, Self::Rfc2136, Self::PowerDns, Self::Webhook];

    /// Returns the word that the configuration has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zonefile => "zonefile",
            Self::AdGuard => "adguard",
            Self::Cloudflare => "cloudflare",
            Self::Rfc2136 => "rfc2136",
            Self::PowerDns => "powerdns",
            Self::Webhook => "webhook",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Service {
    Zonefile {
        zones: Vec<ZoneFile>,
    },
    AdGuard {
        url: String,
        login: Option<Login>,
    },
    Cloudflare {
        url: Option<String>,
        token: Secret,
        zones: Vec<CloudflareZone>,
        batch: Option<usize>,
        /// The text of our mark, where it is not the default one.
        comment: Option<String>,
        budget: Budget,
    },
    Rfc2136(Rfc2136Zone),
    PowerDns {
        url: String,
        key: Secret,
        zone: Name,
        /// Nothing where it is the usual one.
        server_id: Option<String>,
    },
    Webhook {
        url: String,
        /// Nothing where the webhook itself says it.
        zone: Option<Name>,
    },
    /// What cannot be used, and why. That is said when it is chosen, so that the others can be used.
    Broken {
        kind: Kind,
        error: Diagnostic,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct ZoneFile {
    /// Nothing where the file itself says it.
    pub(crate) name: Option<Name>,
    pub(crate) path: PathBuf,
}

#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// Where a secret is. It is read when its provider is chosen, so that another one can be used where it cannot be read.
#[derive(Debug, Clone)]
pub(crate) enum Secret {
    Inline(SecretString),
    File {
        path: PathBuf,
        /// Whether it was given without a folder.
        is_bare: bool,
        place: Place,
    },
    /// In a variable. The place is that of the provider's table which leaves it out.
    Variable {
        key: &'static SecretKey,
        left_out: Option<Place>,
    },
}

/// A secret's names: what it is, its two keys in the file and its variable.
#[derive(Debug)]
pub(crate) struct SecretKey {
    pub(crate) what: &'static str,
    pub(crate) inline: &'static str,
    pub(crate) file: &'static str,
    pub(crate) variable: &'static Variable,
}

pub(crate) const TOKEN: SecretKey =
    SecretKey { what: "API token", inline: "token", file: "token_file", variable: &CF_API_TOKEN };
pub(crate) const PASSWORD: SecretKey =
    SecretKey { what: "password", inline: "password", file: "password_file", variable: &ADGUARD_PASSWORD };
pub(crate) const API_KEY: SecretKey =
    SecretKey { what: "API key", inline: "api_key", file: "api_key_file", variable: &PDNS_API_KEY };
pub(crate) const TRAEFIK_PASSWORD: SecretKey =
    SecretKey { what: "password", inline: "password", file: "password_file", variable: &TRAEFIK_API_PASSWORD };

impl Secret {
    /// Returns the file that holds it, and where that is named.
    pub(crate) fn file(&self) -> Option<(&Path, &Place)> {
        match self {
            Self::File { path, place, .. } => Some((path, place)),
            Self::Inline(_) | Self::Variable { .. } => None,
        }
    }

    /// Reads a file of more than a line; also returns what tells of a mistake in it.
    pub(crate) fn read_whole(&self, environment: &Environment) -> Result<(SecretString, Wrong), Diagnostic> {
        let Self::File { path, is_bare, place } = self else {
            return Ok((self.read(environment)?, Box::new(|why| Diagnostic::new(why.to_string()))));
        };
        let (what, place) = (called(path, *is_bare), place.clone());
        let text =
            fs::read_to_string(path).map_err(|error| unreadable(&what, &error).at(place.clone(), "named here"))?;
        let wrong =
            move |why: &dyn fmt::Display| Diagnostic::new(format!("{what}: {why}")).at(place.clone(), "named here");
        Ok((text.into(), Box::new(wrong)))
    }

    pub(crate) fn read(&self, environment: &Environment) -> Result<SecretString, Diagnostic> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File { path, is_bare, place } => {
                read_file(path, *is_bare).map_err(|error| error.at(place.clone(), "named here"))
            }
            Self::Variable { key, left_out } => match environment.value(key.variable)? {
                Some(value) => Ok(value.text.into()),
                None => Err(missing(key, left_out.as_ref())),
            },
        }
    }
}

/// Makes the error of a file's content.
pub(crate) type Wrong = Box<dyn Fn(&dyn fmt::Display) -> Diagnostic>;

fn called(path: &Path, is_bare: bool) -> String {
    if may_be_shown(path, is_bare) { format!("the file {}", path.display()) } else { "the secret's file".into() }
}

fn read_file(path: &Path, is_bare: bool) -> Result<SecretString, Diagnostic> {
    let what = called(path, is_bare);
    let line = one_line(path, &what)?;
    if line.trim().is_empty() { Err(Diagnostic::new(format!("{what} is empty"))) } else { Ok(line.into()) }
}

fn missing(key: &SecretKey, left_out: Option<&Place>) -> Diagnostic {
    let SecretKey { what, file, variable: Variable { name, .. }, .. } = key;
    let missing = Diagnostic::new(format!("the {what} is missing"));
    match left_out {
        None => missing.help(format!("set `{name}` or `{name}_FILE`")),
        Some(place) => missing
            .at(place.clone(), "of this provider")
            .help(format!("add `{file}` to its table, or set `{name}` or `{name}_FILE`")),
    }
}
