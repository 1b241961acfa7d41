//! Which providers there are, from `dnsmgmt.toml` and the environment; `docs/configuration.md` has it as people read it.
//!
//! Nothing here reads the environment: the program hands it in. The files that the configuration names are read here.
//!
//! ```
//! use dnsmgmt_core::name::Name;
//! use dnsmgmt_providers::config::{Environment, Settings};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("dnsmgmt.toml");
//! let text = r#"
//!     [providers.lab]
//!     kind = "zonefile"
//!     zones = [{ name = "lab.example", path = "lab.zone" }]
//! "#;
//! std::fs::write(&path, text)?;
//! let settings = Settings::load(std::env::vars_os().collect::<Environment>(), Some(&path))?;
//! let target = settings.select(Some("lab"), None, Some(&Name::parse("www.lab.example")?))?;
//! assert_eq!(target.zone(), Some(&Name::parse("lab.example")?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alone;
pub(crate) mod check;
mod database;
pub(crate) mod diagnostic;
mod docker;
mod file;
mod heartbeat;
mod live;
mod monitoring;
mod policy;
mod provider;
mod rfc2136;
mod select;
pub(crate) mod table;
mod traefik;
mod vars;
mod whole;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub use database::{Database, NamedBy};
pub use diagnostic::Diagnostic;
use diagnostic::Source;
use file::File;
pub use heartbeat::Heartbeat;
pub use monitoring::Monitoring;
pub use policy::Policy;
pub use provider::{Kind, Origin, Provider};
pub use select::Target;
pub(crate) use select::{Bound, CloudflareToken};
pub(crate) use table::list;
use vars::{CLEANUP_INTERVAL, CONFIG, Carrier, PROVIDER, unreadable};
pub use vars::{Environment, NOTICE, SECRETS, VARIABLES, Variable};
pub use whole::Whole;

/// What is configured.
#[derive(Debug)]
pub struct Settings {
    environment: Environment,
    /// The file that was read.
    path: Option<PathBuf>,
    /// Where a file was looked for.
    searched: Vec<PathBuf>,
    file: File,
    /// The providers that variables configure, each named after its kind.
    alone: Vec<Provider>,
    /// The provider that `DNSMGMT_PROVIDER` names.
    provider: Option<(String, Carrier)>,
    warnings: Vec<Diagnostic>,
}

impl Settings {
    /// Reads the file at `path`, else the one that `DNSMGMT_CONFIG` names, else the first that exists of
    /// `$XDG_CONFIG_HOME/dnsmgmt/dnsmgmt.toml` (by default `~/.config/...`) and `/etc/dnsmgmt/dnsmgmt.toml`; and the variables.
    ///
    /// A file that is named must exist. Secrets are read later, by [`Settings::select`].
    pub fn load(environment: Environment, path: Option<&Path>) -> Result<Self, Diagnostic> {
        Self::load_from(environment, path, Path::new("/etc"))
    }

    fn load_from(environment: Environment, path: Option<&Path>, etc: &Path) -> Result<Self, Diagnostic> {
        let searched = default_paths(&environment, etc);
        let (mut file, path, warnings) = match find(&environment, path, &searched)? {
            None => (File::default(), None, Vec::new()),
            Some(source) => {
                let file = file::read(&source)?;
                let mut warnings = if readable_by_all(&source.path) { file.inline_secrets.clone() } else { Vec::new() };
                warnings.extend(file.providers.iter().filter_map(secret_for_all));
                (file, Some(source.path), warnings)
            }
        };
        if let Some(sources) = policy::of_variable(&environment)? {
            file.policy.sources = sources;
        }
        file.policy.cleanup_interval = environment.seconds(&CLEANUP_INTERVAL)?;
        let (mut warnings, alone) = (warnings, alone::providers(&environment));
        warnings.extend(environment.unknown());
        let provider = environment.value(&PROVIDER)?.map(|value| (value.text, value.carrier));
        Ok(Self { environment, path, searched, file, alone, provider, warnings })
    }

    /// Returns the file that was read.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns what works and should not stay as it is.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Returns how records are kept true: what the file says, `DNSMGMT_SOURCES` instead of its `sources`, and the defaults.
    pub fn policy(&self) -> &Policy {
        &self.file.policy
    }

    /// Returns how a machine registers, and how leases are kept and ended: what variables say, else what the file says.
    ///
    /// # Errors
    /// If a variable is wrong, or what is said does not fit together.
    pub fn heartbeat(&self) -> Result<Heartbeat, Diagnostic> {
        self.file.heartbeat.with(&self.environment)
    }

    /// Returns every provider that can be named: the file's in its order, then the variables' whose names are free.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        let free = |name: &str| self.file.providers.iter().all(|provider| provider.name != name);
        self.file.providers.iter().chain(self.alone.iter().filter(move |provider| free(&provider.name)))
    }
}

fn find(environment: &Environment, path: Option<&Path>, searched: &[PathBuf]) -> Result<Option<Source>, Diagnostic> {
    if let Some(path) = path {
        let read = read(path).map_err(|error| unreadable(&shown(path), &error));
        return Ok(Some(read?));
    }
    if let Some(value) = environment.value(&CONFIG)? {
        let path = Path::new(&value.text);
        let read =
            read(path).map_err(|error| unreadable(&shown(path), &error).help(format!("{} names it", value.carrier)));
        return Ok(Some(read?));
    }
    for path in searched {
        match read(path) {
            Ok(source) => return Ok(Some(source)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(unreadable(&shown(path), &error)),
        }
    }
    Ok(None)
}

/// Not the current folder: a program that root's timer starts would obey whoever can write there.
fn default_paths(environment: &Environment, etc: &Path) -> Vec<PathBuf> {
    let home = || environment.folder("HOME").map(|home| home.join(".config"));
    let user = environment.folder("XDG_CONFIG_HOME").map(Path::to_owned).or_else(home);
    user.into_iter().chain([etc.to_owned()]).map(|folder| folder.join("dnsmgmt/dnsmgmt.toml")).collect()
}

fn read(path: &Path) -> io::Result<Source> {
    Ok(Source { path: path.to_owned(), text: fs::read_to_string(path)?, secretive: true })
}

fn shown(path: &Path) -> String {
    format!("the configuration {}", path.display())
}

/// Returns a warning where everybody can read the file of a provider's secret.
fn secret_for_all(provider: &Provider) -> Option<Diagnostic> {
    let (path, place) = provider.secret()?.file().filter(|(path, _)| readable_by_all(path))?;
    let message = format!("everybody on this machine can read {}, which holds a secret", path.display());
    Some(Diagnostic::new(message).at(place.clone(), "named here").help("`chmod o-r` it"))
}

#[cfg(unix)]
fn readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn readable_by_all(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests;
