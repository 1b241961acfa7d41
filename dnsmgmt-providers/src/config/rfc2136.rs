//! What is said of a zone that is changed by DNS UPDATE: its server and its key.

use dnsmgmt_core::name::Name;

use super::alone;
use super::check;
use super::diagnostic::Diagnostic;
use super::file;
use super::provider::{Secret, SecretKey, Service};
use super::table::Table;
use super::vars::{
    Environment, RFC2136_SERVER, RFC2136_TSIG_ALGORITHM, RFC2136_TSIG_NAME, RFC2136_TSIG_SECRET, RFC2136_ZONE,
};
use crate::dns::Server;
use crate::rfc2136::{ALGORITHMS, TsigKey, ZoneListing};

pub(crate) const TSIG_SECRET: SecretKey =
    SecretKey { what: "TSIG secret", inline: "tsig_secret", file: "tsig_secret_file", variable: &RFC2136_TSIG_SECRET };

/// The keys of a provider's table.
pub(crate) const KEYS: [&str; 9] = [
    "kind",
    "server",
    "zone",
    "tsig_name",
    "tsig_algorithm",
    "tsig_secret",
    "tsig_secret_file",
    "tsig_key_file",
    "listing",
];

/// A zone at a server.
#[derive(Debug, Clone)]
pub(crate) struct Rfc2136Zone {
    pub(crate) server: Server,
    pub(crate) zone: Name,
    pub(crate) key: Tsig,
    pub(crate) listing: ZoneListing,
}

/// Where a TSIG key is. It is read when its provider is chosen.
#[derive(Debug, Clone)]
pub(crate) enum Tsig {
    /// In a file as BIND or Knot has it; the name chooses one of several.
    File {
        file: Secret,
        name: Option<String>,
    },
    Parts {
        name: String,
        algorithm: String,
        secret: Secret,
    },
}

impl Tsig {
    pub(crate) fn read(&self, environment: &Environment) -> Result<TsigKey, Diagnostic> {
        match self {
            Self::File { file, name } => {
                let (text, wrong) = file.read_whole(environment)?;
                TsigKey::from_file(&text, name.as_deref()).map_err(|why| wrong(&why))
            }
            Self::Parts { name, algorithm, secret } => TsigKey::new(name, algorithm, &secret.read(environment)?)
                .map_err(|why| Diagnostic::new(why.to_string())),
        }
    }

    pub(crate) fn secret(&self) -> &Secret {
        match self {
            Self::File { file, .. } => file,
            Self::Parts { secret, .. } => secret,
        }
    }
}

/// Reads a provider's table.
pub(crate) fn of_table(table: &Table<'_>, inline: &mut Vec<Diagnostic>) -> Result<Service, Diagnostic> {
    let server = table.required("server")?;
    let zone = table.required("zone")?;
    let wrong = |at, why: String| table.source.wrong(at, why);
    Ok(Service::Rfc2136(Rfc2136Zone {
        server: server.text.parse().map_err(|why: crate::dns::ServerError| wrong(server.at, why.to_string()))?,
        zone: check::zone(zone.text).map_err(|why| wrong(zone.at, why))?,
        key: key(table, inline)?,
        listing: listing(table)?,
    }))
}

fn key(table: &Table<'_>, inline: &mut Vec<Diagnostic>) -> Result<Tsig, Diagnostic> {
    let secret = file::secret(table, &TSIG_SECRET, inline)?;
    let (name, algorithm) = (table.text("tsig_name")?, table.text("tsig_algorithm")?);
    if let Some(file) = table.text("tsig_key_file")? {
        if secret.is_some() || algorithm.is_some() {
            let message =
                format!("`tsig_key_file` holds algorithm and secret, and {} gives them beside it", table.title);
            return Err(table.source.wrong(file.key, message).help("keep one of them"));
        }
        let (path, is_bare) = (table.path(file.text), !file.text.contains('/'));
        let name = name.map(|name| name.text.to_owned());
        return Ok(Tsig::File { file: Secret::File { path, is_bare, place: table.source.place(file.at) }, name });
    }
    let Some(name) = name else {
        return Err(table
            .missing("tsig_name")
            .help("or name a file of BIND or Knot that holds the key with `tsig_key_file`"));
    };
    check::zone(name.text).map_err(|why| table.source.wrong(name.at.clone(), why))?;
    if let Some(algorithm) = &algorithm {
        check_algorithm(algorithm.text).map_err(|why| table.source.wrong(algorithm.at.clone(), why))?;
    }
    Ok(Tsig::Parts {
        name: name.text.to_owned(),
        algorithm: algorithm.map_or(ALGORITHMS[0], |algorithm| algorithm.text).to_owned(),
        secret: secret.unwrap_or_else(|| file::left_out(table, &TSIG_SECRET)),
    })
}

fn listing(table: &Table<'_>) -> Result<ZoneListing, Diagnostic> {
    match table.text("listing")? {
        None => Ok(ZoneListing::Transfer),
        Some(text) if text.text == "transfer" => Ok(ZoneListing::Transfer),
        Some(text) if text.text == "names" => Ok(ZoneListing::Names),
        Some(text) => Err(table.source.wrong(text.at, "`listing` is \"transfer\" or \"names\"")),
    }
}

/// Reads the variables; nothing where no server is named.
pub(crate) fn of_variables(environment: &Environment) -> Result<Option<Service>, Diagnostic> {
    let Some(server) = environment.value(&RFC2136_SERVER)? else { return Ok(None) };
    let missing = |variable| alone::missing_beside(&RFC2136_SERVER, variable);
    let zone = environment.value(&RFC2136_ZONE)?.ok_or_else(|| missing(&RFC2136_ZONE))?;
    let name = environment.value(&RFC2136_TSIG_NAME)?.ok_or_else(|| missing(&RFC2136_TSIG_NAME))?;
    if !environment.has(&RFC2136_TSIG_SECRET) {
        return Err(missing(&RFC2136_TSIG_SECRET));
    }
    check::zone(&name.text).map_err(|why| name.wrong(why))?;
    let algorithm = match environment.value(&RFC2136_TSIG_ALGORITHM)? {
        Some(algorithm) => {
            check_algorithm(&algorithm.text).map_err(|why| algorithm.wrong(why))?;
            algorithm.text
        }
        None => ALGORITHMS[0].into(),
    };
    let secret = Secret::Variable { key: &TSIG_SECRET, left_out: None };
    Ok(Some(Service::Rfc2136(Rfc2136Zone {
        server: server.text.parse().map_err(|why: crate::dns::ServerError| server.wrong(why))?,
        zone: check::zone(&zone.text).map_err(|why| zone.wrong(why))?,
        key: Tsig::Parts { name: name.text, algorithm, secret },
        listing: ZoneListing::Transfer,
    })))
}

fn check_algorithm(text: &str) -> Result<(), String> {
    if ALGORITHMS.contains(&text.trim_end_matches('.').to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(format!("`{text}` is not an algorithm for TSIG keys here; there are {}", ALGORITHMS.join(", ")))
}
