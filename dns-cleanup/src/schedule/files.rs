//! Where a schedule is written, and that only its own files are touched.

use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};
use std::{fs, io::BufReader};

use anyhow::{Context as _, Result, bail};
use dnsmgmt_program::put::put;

use super::systemd::{SERVICE, TIMER};
use crate::args::Placed;

/// The first line of every file that is written.
pub(super) const MARK: &str =
    "# Written by `dns-cleanup schedule install`; `dns-cleanup schedule remove` takes it away.";

/// The log of the line for cron, below the root.
pub(super) const LOG: &str = "var/log/dns-cleanup.log";

/// A file that this program writes.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
}

/// Where the files of a schedule are.
#[derive(Debug)]
pub(super) struct Places {
    root: PathBuf,
    /// Where variables for the service can stand.
    pub(super) environment: PathBuf,
    pub(super) systemd: Vec<File>,
    /// The line for cron, and what rotates its log; none where they are a user's.
    pub(super) cron: Vec<File>,
}

impl Places {
    pub(super) fn of(placed: &Placed) -> Result<Self> {
        let root = placed.dir.clone().unwrap_or_else(|| "/".into());
        let config = match (placed.user, &placed.dir) {
            (false, _) => root.join("etc"),
            (true, Some(dir)) => dir.join(".config"),
            (true, None) => user_config()?,
        };
        let units = config.join(if placed.user { "systemd/user" } else { "systemd/system" });
        let environment = config.join("dnsmgmt/dns-cleanup.env");
        let file = |path: PathBuf| File { path };
        let systemd = [SERVICE, TIMER].map(|unit| file(units.join(unit))).into();
        let cron = ["etc/cron.d/dns-cleanup", "etc/logrotate.d/dns-cleanup"].map(|path| file(root.join(path)));
        Ok(Self { root, environment, systemd, cron: if placed.user { Vec::new() } else { cron.into() } })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &File> {
        self.systemd.iter().chain(&self.cron)
    }

    /// Writes the texts, each into its file, and the log where there is a line for cron. Returns what was written.
    pub(super) fn write<'a>(&self, files: &'a [File], texts: [String; 2]) -> Result<Vec<&'a Path>> {
        if files.iter().any(|file| file.path.ends_with("cron.d/dns-cleanup")) {
            let log = self.root.join(LOG);
            make_log(&log).with_context(|| format!("make the log file {}", log.display()))?;
        }
        for (File { path }, text) in files.iter().zip(&texts) {
            path.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .with_context(|| format!("make the folder of {}", path.display()))?;
            put(path, text).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(files.iter().map(|file| file.path.as_path()).collect())
    }
}

impl File {
    /// Refuses to write over what somebody else wrote.
    pub(super) fn refuse_foreign(&self) -> Result<()> {
        let path = self.path.display();
        match is_ours(&self.path) {
            Ok(true) => Ok(()),
            Ok(false) => bail!("{path} is there, and this program did not write it; move it away first"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| format!("read {path}")),
        }
    }
}

/// Returns whether this program wrote the file.
pub(super) fn is_ours(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    BufReader::new(fs::File::open(path)?).read_until(b'\n', &mut first)?;
    Ok(first.trim_ascii_end() == MARK.as_bytes())
}

fn make_log(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().append(true).create(true).mode(0o640).open(path).map(drop)
}

/// Where a user's configuration is, and in `systemd/user` of it the units (systemd.unit(5)).
#[expect(clippy::disallowed_methods, reason = "the one place where this program asks for the user's folders")]
fn user_config() -> Result<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let folder = |name| std::env::var_os(name).map(PathBuf::from).and_then(absolute);
    let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
    config.context("there is no home, so there is no place for a user's units")
}
