//! `dns-cleanup schedule`: lets a timer do the clean-up.

mod access;
mod cron;
mod files;
mod job;
mod systemd;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dnsmgmt_program::args::{Global, Watchers};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::complain;
use dnsmgmt_program::memory::Memory;
use dnsmgmt_program::output::{duration, print_lines};

use crate::args::{Install, Options, Output, Placed, Schedule};
use crate::jobs::{self, Jobs};
use dnsmgmt_program::stop::Stop;
use files::{File, Places, is_ours};
use job::{Job, Period};

pub(crate) async fn run(global: &Global, options: &Options, watchers: &Watchers, command: Schedule) -> Result<Exit> {
    match command {
        Schedule::Install(install) => self::install(global, options, watchers, &install).await,
        Schedule::Remove(placed) => remove(&placed),
        Schedule::Show(placed) => show(global, &placed),
    }
}

async fn install(global: &Global, options: &Options, watchers: &Watchers, install: &Install) -> Result<Exit> {
    let period = Period::of(install.every)?;
    let places = Places::of(&install.placed)?;
    let (wanted, other) = if install.cron { (&places.cron, &places.systemd) } else { (&places.systemd, &places.cron) };
    if let Some(there) = other.iter().map(|place| &place.path).find(|path| is_ours(path).unwrap_or(false)) {
        bail!("{} is there already, and both would run; `dns-cleanup schedule remove` first", there.display());
    }
    for place in wanted {
        place.refuse_foreign()?;
    }
    let context = Context::new(global)?;
    let job = Job::new(&context, global, options, watchers, period, install.placed.user)?;
    let texts = if install.cron { cron::texts(&job)? } else { systemd::texts(&job)? };
    if has_nothing_to_do(&context, install, &places) {
        bail!(
            "a timer would find nothing to do, because it knows no variables of yours and there is no dnsmgmt.toml; write one with the \
             provider in [providers.NAME], and `sources` where containers are among them{}",
            if install.cron {
                String::new()
            } else {
                format!(", or put the variables into {}", job.environment_file())
            }
        );
    }
    if let Some(unknown) = unknown(&context) {
        complain(&format!(
            "{unknown} not known to a timer: write {}{}",
            if context.settings.path().is_none() { "a dnsmgmt.toml" } else { "it into dnsmgmt.toml" },
            if install.cron { String::new() } else { format!(", or put it into {}", job.environment_file()) }
        ));
    }
    warn_of_late_ends(&context, period.every())?;
    dry_run(&context, options, &period).await?;
    let written = places.write(wanted, texts)?;
    print_lines(written.iter().map(|path| format!("wrote {}", path.display())))?;
    if !install.cron && !install.placed.user {
        print_lines(job.capabilities.iter().filter_map(|(capability, path)| {
            Some(format!("the service keeps {capability}: root could not use {} without it", path.as_ref()?.display()))
        }))?;
    }
    match install.placed.dir {
        None if !install.cron => start(install.placed.user),
        _ => Ok(Exit::Done),
    }
}

/// Returns whether a timer would be told of no provider. On another machine, whose files are below a folder, something may be configured
/// that is not known here; what only variables configure here is not.
fn has_nothing_to_do(context: &Context, install: &Install, places: &Places) -> bool {
    let is_elsewhere = install.placed.dir.is_some() && context.settings.providers().next().is_none();
    let has_variables = !install.cron && places.environment.exists();
    context.settings.path().is_none() && !has_variables && !is_elsewhere
}

/// Returns what the environment says here, if it says anything that a timer would have to know.
fn unknown(context: &Context) -> Option<String> {
    match (context.settings.path(), &context.settings.source_variables()[..]) {
        (None, _) => Some("what variables say here is".into()),
        (Some(_), []) => None,
        (Some(_), variables) => Some(format!("what {} says here is", variables.join(", "))),
    }
}

/// Says what becomes of leases where no two runs fall into one threshold.
fn warn_of_late_ends(context: &Context, every: Duration) -> Result<()> {
    let heartbeat = context.settings.heartbeat()?;
    if !heartbeat.leased().is_empty() && every > heartbeat.threshold {
        complain(&format!(
            "addresses of machines that are gone stay for up to {} where runs are {} apart, because a lease of {} ends at the second run that sees its last heartbeat: \
             install it with --every {}m, or let `dns-cleanup heartbeats` run more often beside it, as dns-cleanup-heartbeats.timer does",
            duration(2 * every),
            duration(every),
            duration(heartbeat.threshold),
            Period::minutes_within(heartbeat.threshold / 3)
        ));
    }
    Ok(())
}

/// Shows what the first run would do. Where that cannot be told, no timer is to try it.
async fn dry_run(context: &Context, options: &Options, period: &Period) -> Result<()> {
    print_lines(["a dry run first:".into()])?;
    let options = Options {
        dry_run: true,
        approve: None,
        force: false,
        wait: false,
        grace: options.grace,
        interval: None,
        audit: None,
        log: options.log,
        output: Output::Log,
    };
    let (every, stop, mut memory) = (Some(period.every()), Stop::on_signals()?, Memory::default());
    let done = async {
        let to_be_done = Jobs::All.to_be_done(context)?;
        jobs::run(context, &options, Jobs::All, &to_be_done, every, &stop, &mut memory).await
    };
    match done.await.context("the dry run failed, so nothing was installed")?.exit {
        Exit::CouldNotRun | Exit::Usage => bail!("the dry run failed, so nothing was installed"),
        _ => Ok(()),
    }
}

fn remove(placed: &Placed) -> Result<Exit> {
    let places = Places::of(placed)?;
    let ours: Vec<&File> = places.all().filter(|file| is_ours(&file.path).unwrap_or(false)).collect();
    if places.all().all(|file| !file.path.exists()) {
        print_lines(["there was no schedule".into()])?;
    }
    let has_timer = ours.iter().any(|file| file.path.ends_with(systemd::TIMER));
    if has_timer && placed.dir.is_none() && is_running() {
        systemctl(placed.user, &["disable", "--now", systemd::TIMER])?;
    }
    for file in places.all() {
        match is_ours(&file.path) {
            Ok(true) => {
                std::fs::remove_file(&file.path).with_context(|| format!("remove {}", file.path.display()))?;
                print_lines([format!("removed {}", file.path.display())])?;
            }
            Ok(false) => complain(&format!("{} was not written by this program, and stays", file.path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("read {}", file.path.display())),
        }
    }
    if has_timer && placed.dir.is_none() && is_running() {
        systemctl(placed.user, &["daemon-reload"])?;
    }
    Ok(Exit::Done)
}

fn show(global: &Global, placed: &Placed) -> Result<Exit> {
    let places = Places::of(placed)?;
    let (mut exit, mut every) = (Exit::No, None);
    for file in places.all().filter(|file| is_ours(&file.path).unwrap_or(false)) {
        let text = std::fs::read_to_string(&file.path).with_context(|| format!("read {}", file.path.display()))?;
        print_lines([format!("== {}", file.path.display())].into_iter().chain(text.lines().map(Into::into)))?;
        every = every.or_else(|| job::said_period(&text));
        exit = Exit::Done;
    }
    // What a shell does not know, a timer may: without a configuration here nothing is said of it.
    if let (Some(every), Ok(context)) = (every, Context::new(global)) {
        warn_of_late_ends(&context, every)?;
    }
    Ok(exit)
}

fn start(user: bool) -> Result<Exit> {
    if !is_running() {
        complain(&format!("systemd does not run here; where it does: `systemctl enable --now {}`", systemd::TIMER));
        return Ok(Exit::Done);
    }
    systemctl(user, &["daemon-reload"])?;
    systemctl(user, &["enable", "--now", systemd::TIMER])?;
    print_lines([format!("{} is enabled; `systemctl list-timers` shows when it runs", systemd::TIMER)])?;
    Ok(Exit::Done)
}

/// Returns whether systemd runs this machine (sd_booted(3)).
fn is_running() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn systemctl(user: bool, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("systemctl");
    command.args(user.then_some("--user")).args(arguments);
    let said = format!("systemctl {}", arguments.join(" "));
    match command.status().with_context(|| format!("run `{said}`"))? {
        status if status.success() => Ok(()),
        status => bail!("`{said}` ended with {status}"),
    }
}
