//! What a timer is to start, how often, and what it needs for it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dnsmgmt_program::args::{Global, Watchers};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::UsageError;
use dnsmgmt_program::log::LogFormat;
use dnsmgmt_providers::config::{Kind, NamedBy};

use super::access::{self, Access};
use crate::args::Options;

/// The folder that systemd makes for `StateDirectory=dnsmgmt`.
const STATE: &str = "/var/lib/dnsmgmt";

/// What a timer starts.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) period: Period,
    /// For the systemd of a user.
    pub(super) user: bool,
    /// Where the database is, where systemd's state folder does not say it.
    pub(super) database: Option<PathBuf>,
    /// What it writes to beside the state folder.
    pub(super) writable: BTreeSet<PathBuf>,
    /// Whether it asks a daemon of this machine.
    pub(super) has_socket: bool,
    /// What it may do that root may, to files that belong to others, each with the file that it is for; none where it is for any.
    pub(super) capabilities: Capabilities,
}

type Capabilities = BTreeMap<&'static str, Option<PathBuf>>;

/// How often: a whole part of an hour or of a day, so that a calendar can say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Minutes(u64),
    Hours(u64),
    Day,
}

impl Period {
    pub(super) fn of(every: Duration) -> Result<Self> {
        let seconds = every.as_secs();
        let divides =
            |unit: u64, whole: u64| seconds > 0 && seconds.is_multiple_of(unit) && whole.is_multiple_of(seconds / unit);
        match seconds {
            86_400 => Ok(Self::Day),
            _ if every.subsec_nanos() == 0 && divides(3600, 24) => Ok(Self::Hours(seconds / 3600)),
            _ if every.subsec_nanos() == 0 && seconds < 3600 && divides(60, 60) => Ok(Self::Minutes(seconds / 60)),
            _ => bail!(UsageError(
                "--every is a number of minutes that divides an hour, such as 5m or 30m, or of hours that divides a day, such as 6h".into()
            )),
        }
    }

    /// Returns how many minutes the longest period has that is no longer than this and shorter than an hour; 1, where none is.
    pub(super) fn minutes_within(time: Duration) -> u64 {
        let minutes = time.as_secs() / 60;
        (1..=30).rev().find(|part| *part <= minutes && 60_u64.is_multiple_of(*part)).unwrap_or(1)
    }

    pub(super) fn every(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minutes(minutes) => 60 * minutes,
            Self::Hours(hours) => 3600 * hours,
            Self::Day => 86_400,
        })
    }
}

impl Job {
    pub(super) fn new(
        context: &Context,
        global: &Global,
        options: &Options,
        watchers: &Watchers,
        period: Period,
        user: bool,
    ) -> Result<Self> {
        let program = std::env::current_exe().context("find out where this program is")?;
        let mut writable = BTreeSet::new();
        let database = database(context, user)?;
        writable.extend(database.as_deref().and_then(Path::parent).map(Path::to_owned));
        let audit = options.audit.as_ref().map(|file| context.folder.join(file));
        writable.extend(audit.as_deref().and_then(Path::parent).map(Path::to_owned));
        let metrics = watchers.metrics.clone().or_else(|| context.settings.monitoring().0.metrics);
        let metrics = metrics.map(|folder| context.folder.join(folder));
        writable.extend(metrics.clone());
        let zone_files = zone_files(context);
        let daemons = context.settings.daemons(&context.settings.policy().sources)?;
        let sockets = daemons.iter().filter_map(|host| host.address.strip_prefix("unix://").map(PathBuf::from));
        let sockets: Vec<PathBuf> = sockets.collect();
        let has_socket = !sockets.is_empty();
        let certificates = daemons.iter().filter_map(|host| host.tls.clone());
        let certificates =
            certificates.flat_map(|folder| ["ca.pem", "cert.pem", "key.pem"].map(|file| folder.join(file)));
        let own =
            database_files(context)?.into_iter().chain(audit.clone()).chain(writable.iter().cloned()).chain(sockets);
        let read = context.settings.path().into_iter().map(Path::to_owned).chain(context.settings.files_named());
        let read = read.map(|path| context.folder.join(path)).chain(certificates);
        let mut capabilities = closed(own, read);
        if let Some(path) = database_files(context)?.into_iter().find(|path| is_anothers(path)) {
            // SQLite gives what it makes beside a database to the owner of that, so that they can go on using it.
            capabilities.insert("CAP_CHOWN", Some(path));
        }
        if !zone_files.is_empty() {
            capabilities.extend(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"].map(|capability| (capability, None)));
        }
        writable.extend(zone_files);
        writable.remove(Path::new(STATE));
        let arguments = arguments(context, global, options, watchers, audit.as_deref())?;
        Ok(Self { program, arguments, period, user, database, writable, has_socket, capabilities })
    }

    /// Returns the file in which variables can stand, as systemd writes its path.
    pub(super) fn environment_file(&self) -> &'static str {
        if self.user { "%h/.config/dnsmgmt/dns-cleanup.env" } else { "/etc/dnsmgmt/dns-cleanup.env" }
    }
}

/// Returns how far apart the runs are that a file starts which this program wrote.
pub(super) fn said_period(text: &str) -> Option<Duration> {
    let (_, behind) = text.split_once("CLEANUP_INTERVAL_SECONDS=")?;
    behind.split(|octet: char| !octet.is_ascii_digit()).next()?.parse().ok().map(Duration::from_secs)
}

/// Returns where the database is, unless the state folder of the system's units leads there.
fn database(context: &Context, user: bool) -> Result<Option<PathBuf>> {
    let Some(database) = context.settings.database_if_any()? else { return Ok(None) };
    let path = context.folder.join(&database.path);
    let is_state = path.starts_with(STATE);
    // What is not there yet may as well begin in the state folder, where every program looks before it looks at home.
    let is_new = database.named_by == NamedBy::User && !path.exists();
    Ok((user || !(is_state || is_new)).then_some(path))
}

/// Returns the folders of the zone files that are configured.
fn zone_files(context: &Context) -> BTreeSet<PathBuf> {
    let Ok(targets) = context.settings.every_target(context.provider.as_deref()) else { return BTreeSet::new() };
    let of_files = targets.filter(|(provider, _)| provider.kind() == Kind::Zonefile);
    let endpoints = of_files.filter_map(|(_, target)| Some(target.ok()?.endpoint(&context.folder)));
    endpoints.filter_map(|endpoint| Some(Path::new(endpoint.strip_prefix("file:")?).parent()?.to_owned())).collect()
}

/// Returns the database, and what SQLite has beside it.
fn database_files(context: &Context) -> Result<Vec<PathBuf>> {
    let Some(database) = context.settings.database_if_any()? else { return Ok(Vec::new()) };
    let path = context.folder.join(database.path);
    let beside = ["-wal", "-shm"].map(|end| {
        let mut beside = path.clone().into_os_string();
        beside.push(end);
        PathBuf::from(beside)
    });
    Ok([path].into_iter().chain(beside).filter(|file| file.exists()).collect())
}

/// Returns what root needs beside its own user's rights to write to the first and to read the others.
fn closed(written: impl IntoIterator<Item = PathBuf>, read: impl IntoIterator<Item = PathBuf>) -> Capabilities {
    let is_closed = |access| move |path: &PathBuf| access::is_closed(path, access);
    if let Some(path) = written.into_iter().find(is_closed(Access::Write)) {
        return Capabilities::from([("CAP_DAC_OVERRIDE", Some(path))]);
    }
    let read = read.into_iter().find(is_closed(Access::Read));
    read.map(|path| ("CAP_DAC_READ_SEARCH", Some(path))).into_iter().collect()
}

/// Returns whether it belongs to another user than root.
fn is_anothers(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.uid() != 0)
}

/// Returns where a program is; one without a slash is looked for where programs are.
fn placed(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') { folder.join(program) } else { program.into() }
}

fn arguments(
    context: &Context,
    global: &Global,
    options: &Options,
    watchers: &Watchers,
    audit: Option<&Path>,
) -> Result<Vec<String>> {
    let path = |path: &Path| {
        let text = path.to_str().filter(|text| !text.contains(char::is_control));
        text.map(str::to_owned).with_context(|| format!("{} is no path that a timer can be told", path.display()))
    };
    let mut arguments = Vec::new();
    let mut add = |option: &str, value: Option<String>| {
        arguments.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
    };
    add("--config", context.settings.path().map(|file| path(&context.folder.join(file))).transpose()?);
    add("--provider", global.provider.clone());
    add("--zone", global.zone.as_ref().map(ToString::to_string));
    let usual = Duration::from_secs(30);
    add("--retry-for", (global.retry_for != usual).then(|| global.retry_for.as_secs().to_string()));
    add("--grace", options.grace.map(|grace| grace.as_secs().to_string()));
    add("--audit", audit.map(path).transpose()?);
    add("--metrics", watchers.metrics.as_deref().map(|folder| path(&context.folder.join(folder))).transpose()?);
    add("--notify", watchers.notify.as_deref().map(|program| path(&placed(program, &context.folder))).transpose()?);
    add("--log", (options.log == LogFormat::Json).then(|| "json".into()));
    if options.wait {
        arguments.push("--wait".into());
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_divides_an_hour_or_a_day() {
        let period = |seconds| Period::of(Duration::from_secs(seconds)).ok();
        assert_eq!(period(300), Some(Period::Minutes(5)));
        assert_eq!(period(3600), Some(Period::Hours(1)));
        assert_eq!(period(6 * 3600), Some(Period::Hours(6)));
        assert_eq!(period(86_400), Some(Period::Day));
        for wrong in [0, 30, 90, 7 * 60, 5 * 3600, 90 * 60, 2 * 86_400] {
            assert_eq!(period(wrong), None, "{wrong}");
        }
        for (seconds, minutes) in [(20, 1), (60, 1), (300, 5), (599, 6), (86_400, 30)] {
            assert_eq!(Period::minutes_within(Duration::from_secs(seconds)), minutes, "{seconds}");
        }
    }
}
