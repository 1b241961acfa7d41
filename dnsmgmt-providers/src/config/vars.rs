//! The variables, and the three ways in which each can be given.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};

use super::diagnostic::Diagnostic;

/// What the names of our own variables begin with.
const OWN_PREFIX: &str = "DNSMGMT_";

/// A variable that programs read.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name. `NAME_FILE` names a file that holds the value instead.
    pub name: &'static str,
    /// What it says, for help texts and manual pages.
    pub meaning: &'static str,
}

pub(crate) const CONFIG: Variable = Variable { name: "DNSMGMT_CONFIG", meaning: "the path of dnsmgmt.toml" };
pub(crate) const PROVIDER: Variable =
    Variable { name: "DNSMGMT_PROVIDER", meaning: "the provider to use: a configured name, or a kind" };
pub(crate) const DB: Variable = Variable { name: "DNSMGMT_DB", meaning: "the path of the database" };
pub(crate) const SOURCES: Variable =
    Variable { name: "DNSMGMT_SOURCES", meaning: "where wanted records come from: files and folders, with commas" };
pub(crate) const CLEANUP_INTERVAL: Variable = Variable {
    name: "CLEANUP_INTERVAL_SECONDS",
    meaning: "how far apart the runs of dns-cleanup are; with --interval, by default 300",
};
pub(crate) const METRICS: Variable =
    Variable { name: "DNSMGMT_METRICS", meaning: "the folder into which metrics for Prometheus are written" };
pub(crate) const NOTIFY: Variable =
    Variable { name: "DNSMGMT_NOTIFY", meaning: "the program that is started when a run does not end with 0" };
pub(crate) const PING_URL: Variable = Variable {
    name: "DNSMGMT_PING_URL",
    meaning: "the address of a check of healthchecks.io, which is told of the start and the end of each run",
};
pub(crate) const INSTANCE_ID: Variable = Variable {
    name: "INSTANCE_ID",
    meaning: "who this machine is, for dns-heartbeat; else HOSTNAME, else its host name",
};
pub(crate) const HOSTNAME: Variable =
    Variable { name: "HOSTNAME", meaning: "who this machine is, where INSTANCE_ID does not say it" };
pub(crate) const INTERNAL_DOMAIN: Variable =
    Variable { name: "INTERNAL_DOMAIN", meaning: "the name of machines' private addresses" };
pub(crate) const EXTERNAL_DOMAIN: Variable =
    Variable { name: "EXTERNAL_DOMAIN", meaning: "the name of their public IPv4 addresses" };
pub(crate) const IPV6_DOMAIN: Variable =
    Variable { name: "IPV6_DOMAIN", meaning: "the name of their public IPv6 addresses" };
pub(crate) const COMBINED_DOMAIN: Variable =
    Variable { name: "COMBINED_DOMAIN", meaning: "the name of all these addresses together" };
pub(crate) const TOP_LEVEL_DOMAIN: Variable =
    Variable { name: "TOP_LEVEL_DOMAIN", meaning: "a name that is to be an alias of COMBINED_DOMAIN" };
pub(crate) const CF_PROXIED: Variable =
    Variable { name: "CF_PROXIED", meaning: "true where Cloudflare is to proxy a machine's public addresses" };
pub(crate) const UPDATE_INTERVAL: Variable = Variable {
    name: "UPDATE_INTERVAL",
    meaning: "how far apart the runs of dns-heartbeat are, in seconds; with --interval, by default 300",
};
pub(crate) const STALE_THRESHOLD: Variable = Variable {
    name: "STALE_THRESHOLD_SECONDS",
    meaning: "how long an address is kept after its last heartbeat; by default 900",
};
/// What the domain of a numbered range ends with: `IPV4_RANGE_1_DOMAIN` belongs to `IPV4_RANGE_1`.
pub(crate) const RANGE_DOMAIN: &str = "_DOMAIN";
pub(crate) const ZONEFILE_PATH: Variable = Variable { name: "ZONEFILE_PATH", meaning: "the path of a zone file" };
pub(crate) const ZONEFILE_ORIGIN: Variable =
    Variable { name: "ZONEFILE_ORIGIN", meaning: "the zone of the zone file, where the file does not say it" };
pub(crate) const ADGUARD_URL: Variable =
    Variable { name: "ADGUARD_URL", meaning: "the address of AdGuard Home, such as http://192.168.1.2:3000" };
pub(crate) const ADGUARD_HOST: Variable =
    Variable { name: "ADGUARD_HOST", meaning: "its host, with a port if need be, instead of ADGUARD_URL" };
pub(crate) const ADGUARD_PROTOCOL: Variable =
    Variable { name: "ADGUARD_PROTOCOL", meaning: "http (the default) or https, beside ADGUARD_HOST" };
pub(crate) const ADGUARD_USERNAME: Variable =
    Variable { name: "ADGUARD_USERNAME", meaning: "the user of AdGuard Home; none if it asks for no password" };
pub(crate) const ADGUARD_PASSWORD: Variable = Variable { name: "ADGUARD_PASSWORD", meaning: "the user's password" };
pub(crate) const CF_API_TOKEN: Variable =
    Variable { name: "CF_API_TOKEN", meaning: "a Cloudflare API token with the permission Zone / DNS / Edit" };
pub(crate) const CF_ZONE: Variable =
    Variable { name: "CF_ZONE", meaning: "the zone's name, or several with commas; without it the token's zones" };
pub(crate) const CF_ZONE_ID: Variable =
    Variable { name: "CF_ZONE_ID", meaning: "the zone's id (32 hexadecimal digits), instead of CF_ZONE" };
pub(crate) const CF_API_URL: Variable =
    Variable { name: "CF_API_URL", meaning: "the address of the API, where it is not Cloudflare's own" };
pub(crate) const RFC2136_SERVER: Variable = Variable {
    name: "RFC2136_SERVER",
    meaning: "the zone's primary server, for DNS UPDATE: a host, with a port if it is not 53",
};
pub(crate) const RFC2136_ZONE: Variable = Variable { name: "RFC2136_ZONE", meaning: "the zone's name" };
pub(crate) const RFC2136_TSIG_NAME: Variable =
    Variable { name: "RFC2136_TSIG_NAME", meaning: "the name of the TSIG key that may transfer and change it" };
pub(crate) const RFC2136_TSIG_ALGORITHM: Variable = Variable {
    name: "RFC2136_TSIG_ALGORITHM",
    meaning: "the key's algorithm: hmac-sha256 (the default), hmac-sha384 or hmac-sha512",
};
pub(crate) const RFC2136_TSIG_SECRET: Variable =
    Variable { name: "RFC2136_TSIG_SECRET", meaning: "the key's secret, in base 64" };
pub(crate) const PDNS_API_URL: Variable =
    Variable { name: "PDNS_API_URL", meaning: "the address of PowerDNS's web server, such as http://192.168.1.2:8081" };
pub(crate) const PDNS_API_KEY: Variable =
    Variable { name: "PDNS_API_KEY", meaning: "the `api-key` of PowerDNS's pdns.conf" };
pub(crate) const PDNS_ZONE: Variable = Variable { name: "PDNS_ZONE", meaning: "the zone at PowerDNS" };
pub(crate) const PDNS_SERVER_ID: Variable =
    Variable { name: "PDNS_SERVER_ID", meaning: "the server's id in PowerDNS's API, by default `localhost`" };
pub(crate) const WEBHOOK_URL: Variable = Variable {
    name: "WEBHOOK_URL",
    meaning: "the address of a webhook of external-dns, such as http://localhost:8888",
};
pub(crate) const WEBHOOK_ZONE: Variable =
    Variable { name: "WEBHOOK_ZONE", meaning: "the webhook's zone, where its domain filter does not name exactly one" };

pub(crate) const DOCKER_HOST: Variable = Variable {
    name: "DOCKER_HOST",
    meaning: "where Docker listens: unix:///path or tcp://host:port, or several with commas",
};
pub(crate) const DOCKER_TLS_VERIFY: Variable = Variable {
    name: "DOCKER_TLS_VERIFY",
    meaning: "1 where Docker speaks TLS, with the certificates of DOCKER_CERT_PATH",
};
pub(crate) const DOCKER_CERT_PATH: Variable =
    Variable { name: "DOCKER_CERT_PATH", meaning: "the folder of ca.pem, cert.pem and key.pem for Docker" };
pub(crate) const HOSTIP: Variable =
    Variable { name: "HOSTIP", meaning: "the addresses of this machine, with commas, for names that lead to the host" };
pub(crate) const TRAEFIK_API_URL: Variable =
    Variable { name: "TRAEFIK_API_URL", meaning: "the address of Traefik's API, such as http://traefik:8080/api" };
pub(crate) const TRAEFIK_API_USERNAME: Variable =
    Variable { name: "TRAEFIK_API_USERNAME", meaning: "the user of Traefik's API; none if it asks for no password" };
pub(crate) const TRAEFIK_API_PASSWORD: Variable =
    Variable { name: "TRAEFIK_API_PASSWORD", meaning: "that user's password" };

/// Every variable that is read as `NAME`, as `NAME_FILE` and from `$CREDENTIALS_DIRECTORY`.
pub const VARIABLES: [&Variable; 47] = [
    &CONFIG,
    &PROVIDER,
    &DB,
    &SOURCES,
    &CLEANUP_INTERVAL,
    &METRICS,
    &NOTIFY,
    &PING_URL,
    &INSTANCE_ID,
    &HOSTNAME,
    &INTERNAL_DOMAIN,
    &EXTERNAL_DOMAIN,
    &IPV6_DOMAIN,
    &COMBINED_DOMAIN,
    &TOP_LEVEL_DOMAIN,
    &CF_PROXIED,
    &UPDATE_INTERVAL,
    &STALE_THRESHOLD,
    &ZONEFILE_PATH,
    &ZONEFILE_ORIGIN,
    &ADGUARD_URL,
    &ADGUARD_HOST,
    &ADGUARD_PROTOCOL,
    &ADGUARD_USERNAME,
    &ADGUARD_PASSWORD,
    &CF_API_TOKEN,
    &CF_ZONE,
    &CF_ZONE_ID,
    &CF_API_URL,
    &RFC2136_SERVER,
    &RFC2136_ZONE,
    &RFC2136_TSIG_NAME,
    &RFC2136_TSIG_ALGORITHM,
    &RFC2136_TSIG_SECRET,
    &PDNS_API_URL,
    &PDNS_API_KEY,
    &PDNS_ZONE,
    &PDNS_SERVER_ID,
    &WEBHOOK_URL,
    &WEBHOOK_ZONE,
    &DOCKER_HOST,
    &DOCKER_TLS_VERIFY,
    &DOCKER_CERT_PATH,
    &HOSTIP,
    &TRAEFIK_API_URL,
    &TRAEFIK_API_USERNAME,
    &TRAEFIK_API_PASSWORD,
];

/// Those whose value is a secret: nobody else is to find them in an environment.
pub const SECRETS: [&Variable; 6] =
    [&ADGUARD_PASSWORD, &CF_API_TOKEN, &RFC2136_TSIG_SECRET, &PDNS_API_KEY, &TRAEFIK_API_PASSWORD, &PING_URL];

/// The names of the variables by which a notification command is told what happened: of the program, its job, its exit status, the news,
/// and the machine.
pub const NOTICE: [&str; 5] = ["DNSMGMT_PROGRAM", "DNSMGMT_JOB", "DNSMGMT_EXIT", "DNSMGMT_NEWS", "DNSMGMT_HOST"];

/// The environment as the program hands it in: `std::env::vars_os().collect()`. Its `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(vars: I) -> Self {
        Self(vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// Returns the value: the variable's, else the content of the file that `NAME_FILE` names, else the credential's.
    pub(crate) fn value(&self, variable: &Variable) -> Result<Option<Value>, Diagnostic> {
        self.given_once(variable)?;
        let Some(carrier) = self.carrier(variable) else { return Ok(None) };
        let text = match &carrier {
            Carrier::Variable(name) => utf8(name, self.get(name).unwrap_or_default())?,
            Carrier::File { path, .. } | Carrier::Credential(path) => one_line(path, &carrier)?,
        };
        match (&carrier, text.trim().is_empty()) {
            (Carrier::File { .. }, true) => Err(Diagnostic::new(format!("{carrier} is empty"))),
            (_, empty) => Ok((!empty).then_some(Value { text, carrier })),
        }
    }

    /// Returns a value that is a number of seconds, not none.
    pub(crate) fn seconds(&self, variable: &Variable) -> Result<Option<Duration>, Diagnostic> {
        let Some(value) = self.value(variable)? else { return Ok(None) };
        match value.text.trim().parse() {
            Ok(seconds) if seconds > 0 => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(value.wrong(format!("`{}` is not a number of seconds, such as 300", value.text))),
        }
    }

    /// Returns the names of all variables that are set and have a name in UTF-8.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| !value.is_empty()).filter_map(|(name, _)| name.to_str())
    }

    /// Returns the value of a variable that is read from the environment alone.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// Returns a warning for each variable that has our own prefix and is none of ours: it does nothing.
    pub(crate) fn unknown(&self) -> Vec<Diagnostic> {
        let is_known = |name: &str| {
            let name = name.strip_suffix("_FILE").unwrap_or(name);
            VARIABLES.iter().any(|variable| variable.name == name) || NOTICE.contains(&name)
        };
        let ours = VARIABLES.iter().map(|variable| variable.name).filter(|name| name.starts_with(OWN_PREFIX));
        let ours: Vec<String> = ours.map(|name| format!("`{name}`")).collect();
        self.names()
            .filter(|name| name.starts_with(OWN_PREFIX) && !is_known(name))
            .map(|name| {
                let warning = Diagnostic::new(format!("`{name}` is set, and no program here knows it"));
                warning.help(format!("those that begin like that are {}", ours.join(", ")))
            })
            .collect()
    }

    /// Returns whether there is a value, or a file that is to hold one.
    pub(crate) fn has(&self, variable: &Variable) -> bool {
        self.carrier(variable).is_some()
    }

    /// Returns the folder that a variable of the system's names, if it is an absolute path.
    pub(crate) fn folder(&self, name: &str) -> Option<&Path> {
        self.get(name).map(Path::new).filter(|path| path.is_absolute())
    }

    /// Returns the first folder of a variable that systemd sets, which may name several, with colons.
    pub(crate) fn first_folder(&self, name: &str) -> Option<PathBuf> {
        let first = self.get(name)?.to_str()?.split(':').next()?;
        Some(PathBuf::from(first)).filter(|path| path.is_absolute())
    }

    /// Refuses a variable that is given as a value and as a file.
    pub(crate) fn given_once(&self, variable: &Variable) -> Result<(), Diagnostic> {
        let name = variable.name;
        if self.get(name).is_some() && self.get(&format!("{name}_FILE")).is_some() {
            let message = format!("both `{name}` and `{name}_FILE` are set");
            return Err(Diagnostic::new(message).help("keep one of them"));
        }
        Ok(())
    }

    fn carrier(&self, variable: &Variable) -> Option<Carrier> {
        let name = variable.name;
        let credential = |name: &str| {
            let path = self.folder("CREDENTIALS_DIRECTORY")?.join(name);
            (path.is_file() && !is_empty(&path)).then_some(path)
        };
        if self.get(name).is_some() {
            return Some(Carrier::Variable(name));
        }
        if let Some(path) = self.get(&format!("{name}_FILE")) {
            return Some(Carrier::File { name, path: path.into() });
        }
        credential(name).or_else(|| credential(&name.to_lowercase())).map(Carrier::Credential)
    }

    /// Returns what is set; the empty value counts as not set.
    fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }
}

/// A value and what carried it here. It may be a secret, so it has no `Debug`.
pub(crate) struct Value {
    pub(crate) text: String,
    pub(crate) carrier: Carrier,
}

impl Value {
    /// Returns the error of a value that is not what it should be.
    pub(crate) fn wrong(&self, why: impl fmt::Display) -> Diagnostic {
        Diagnostic::new(format!("{}: {why}", self.carrier))
    }
}

/// What carried a value here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Carrier {
    Variable(&'static str),
    File { name: &'static str, path: PathBuf },
    Credential(PathBuf),
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "`{name}`"),
            Self::File { name, path } if may_be_shown(path, path.components().count() == 1) => {
                write!(f, "the file {} (`{name}_FILE`)", path.display())
            }
            Self::File { name, .. } => write!(f, "the file that `{name}_FILE` names"),
            Self::Credential(path) => write!(f, "the credential {}", path.display()),
        }
    }
}

/// Returns whether a path may be shown: it leads somewhere. Otherwise it may be the secret itself in the place of its file.
pub(crate) fn may_be_shown(path: &Path, is_bare: bool) -> bool {
    path.exists() || (!is_bare && path.parent().is_some_and(Path::is_dir))
}

/// A file that cannot be read counts as not empty, so that this is said.
fn is_empty(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| without_mark(&text).trim().is_empty())
}

/// Some editors put a byte order mark in front.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Returns a file's only line, without its end.
pub(crate) fn one_line(path: &Path, what: &dyn fmt::Display) -> Result<String, Diagnostic> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(what, &error))?;
    let line = without_mark(&text).trim_end_matches(['\n', '\r']);
    if line.contains(char::is_control) {
        let message = format!("{what} has more than one line, or control characters; a value is one line");
        return Err(Diagnostic::new(message));
    }
    Ok(line.to_owned())
}

fn utf8(name: &str, value: &OsStr) -> Result<String, Diagnostic> {
    let text = value.to_str().ok_or_else(|| Diagnostic::new(format!("`{name}` is not UTF-8")))?;
    Ok(text.to_owned())
}

pub(crate) fn unreadable(what: &dyn fmt::Display, error: &io::Error) -> Diagnostic {
    Diagnostic::new(format!("could not read {what}: {error}"))
}
