//! Where the database is: the same for every program, so that the shell and the timers see one memory.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Settings;
use super::diagnostic::Diagnostic;
use super::vars::{Carrier, DB, unreadable};

/// The file in a folder that is for the database.
const FILE: &str = "dnsmgmt.db";

/// Where the database is, whether there is one or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The file.
    pub path: PathBuf,
    /// What says so.
    pub named_by: NamedBy,
}

/// What says where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamedBy {
    /// `DNSMGMT_DB`, however it was given, as a person would call it.
    Variable(String),
    /// The key `database` of this file.
    File(PathBuf),
    /// `STATE_DIRECTORY`, which systemd sets.
    StateDirectory,
    /// The folder of the system, which exists.
    System,
    /// The user's state folder (XDG Base Directory Specification).
    User,
}

impl NamedBy {
    /// Returns whether somebody says that it is there, and not only where it would be.
    pub fn is_a_person(&self) -> bool {
        matches!(self, Self::Variable(_) | Self::File(_))
    }
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(carrier) => f.write_str(carrier),
            Self::File(path) => write!(f, "`database` in {}", path.display()),
            Self::StateDirectory => f.write_str("`STATE_DIRECTORY`"),
            Self::System => f.write_str("the system's folder, which exists"),
            Self::User => f.write_str("the user's state folder"),
        }
    }
}

impl Settings {
    /// Returns where the database is: what `DNSMGMT_DB` names, else the file's `database`, else `dnsmgmt.db` in the first of
    /// `$STATE_DIRECTORY`, `/var/lib/dnsmgmt` if that exists, and `$XDG_STATE_HOME/dnsmgmt` (by default `~/.local/state/dnsmgmt`).
    ///
    /// That the system's folder exists is enough, even where it cannot be read: a second memory beside it would not know what
    /// the first one holds.
    pub fn database(&self) -> Result<Database, Diagnostic> {
        self.database_within(Path::new("/var/lib"))
    }

    /// Returns where the database is as [`Settings::database`] does; nothing where there is no place for one, as in a container
    /// without a home.
    pub fn database_if_any(&self) -> Result<Option<Database>, Diagnostic> {
        self.database_if_any_within(Path::new("/var/lib"))
    }

    pub(crate) fn database_within(&self, var_lib: &Path) -> Result<Database, Diagnostic> {
        self.database_if_any_within(var_lib)?.ok_or_else(|| {
            Diagnostic::new("there is no place for the database: neither a home nor a state folder is set")
                .help("set `DNSMGMT_DB` to the path of a file")
        })
    }

    fn database_if_any_within(&self, var_lib: &Path) -> Result<Option<Database>, Diagnostic> {
        if let Some(value) = self.environment.value(&DB)? {
            return Ok(Some(Database { named_by: by(&value.carrier), path: value.text.into() }));
        }
        if let (Some(path), Some(file)) = (&self.file.database, &self.path) {
            return Ok(Some(Database { path: path.clone(), named_by: NamedBy::File(file.clone()) }));
        }
        if let Some(folder) = self.environment.first_folder("STATE_DIRECTORY") {
            return Ok(Some(Database { path: folder.join(FILE), named_by: NamedBy::StateDirectory }));
        }
        let system = var_lib.join("dnsmgmt");
        if exists(&system)? {
            return Ok(Some(Database { path: system.join(FILE), named_by: NamedBy::System }));
        }
        let home = || self.environment.folder("HOME").map(|home| home.join(".local/state"));
        let state = self.environment.folder("XDG_STATE_HOME").map(Path::to_owned).or_else(home);
        let path = state.map(|folder| folder.join("dnsmgmt").join(FILE));
        Ok(path.map(|path| Database { path, named_by: NamedBy::User }))
    }
}

fn by(carrier: &Carrier) -> NamedBy {
    NamedBy::Variable(carrier.to_string())
}

/// Does not follow links: with systemd's `DynamicUser=` the folder is one into a place that only root may enter.
fn exists(folder: &Path) -> Result<bool, Diagnostic> {
    match folder.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(unreadable(&shown_folder(folder), &error)),
    }
}

fn shown_folder(folder: &Path) -> String {
    format!("the folder {}", folder.display())
}
