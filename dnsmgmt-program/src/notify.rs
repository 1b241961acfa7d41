//! Telling somebody of trouble, by a program of theirs: once, and when it is over.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::notice::{News, Told, news};
use dnsmgmt_core::repository::{DnsRepositoryManager, RepositoryError};
use dnsmgmt_providers::config::{NOTICE, SECRETS};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::machine::host_name;
use crate::memory::Memory;
use crate::name::name;
use crate::output::printable;
use crate::summary::Ended;

/// How long the program may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How many octets of what it says are shown, if it fails.
const SHOWN: u64 = 200;

/// What somebody is to be told of a job, and does not know yet.
struct Notice {
    about: String,
    job: Option<&'static str>,
    news: News,
    /// What they know from then on; nothing if all is well.
    told: Option<Told>,
}

/// Starts the program where there is something to tell that somebody does not know, and remembers it once they were told.
pub(crate) async fn notify(command: &[String], ended: &Ended, memory: &mut Memory, moment: &Moment) -> Result<()> {
    write_down(ended, memory, moment);
    // What cannot be written to would forget at once that somebody was told.
    let on_disk = memory.on_disk().and_then(|repository| notices(ended, repository, moment).ok());
    let is_on_disk = on_disk.is_some();
    let notices = match on_disk {
        Some(notices) => notices,
        None => notices(ended, memory.in_process()?, moment)?,
    };
    let Some(gravest) = notices.iter().map(|notice| notice.news).max() else { return Ok(()) };
    let jobs: Vec<&str> = notices.iter().filter_map(|notice| notice.job).collect();
    start(command, gravest, &jobs, ended).await?;
    let repository = match memory.on_disk() {
        Some(repository) if is_on_disk => repository,
        _ => memory.in_process()?,
    };
    remember(&notices, repository, moment).context("somebody was told, and may be told again")
}

/// Writes down what was remembered in the process alone, because the database could not be used for a while.
fn write_down(ended: &Ended, memory: &mut Memory, moment: &Moment) {
    let Some((on_disk, in_process)) = memory.both() else { return };
    for summary in &ended.jobs {
        let about = about(summary.job);
        if let Ok(Some(told)) = in_process.told(&about)
            && on_disk.set_told(&about, &told, moment.now).is_ok()
        {
            in_process.forget_told(&about).ok();
        }
    }
}

fn notices(
    ended: &Ended,
    repository: &mut DnsRepositoryManager,
    moment: &Moment,
) -> Result<Vec<Notice>, RepositoryError> {
    let mut notices = Vec::new();
    for summary in &ended.jobs {
        let about = about(summary.job);
        let (told, trouble) = (repository.told(&about)?, summary.trouble());
        let observed = match trouble {
            Some(_) => repository.look_at_trouble(&about, moment)?,
            None => Duration::ZERO,
        };
        if let Some(news) = news(told.as_ref(), trouble.as_deref(), observed) {
            let told = trouble.map(|trouble| Told { trouble, observed });
            notices.push(Notice { about, job: summary.job, news, told });
        }
    }
    Ok(notices)
}

fn remember(notices: &[Notice], repository: &mut DnsRepositoryManager, moment: &Moment) -> Result<(), RepositoryError> {
    notices.iter().try_for_each(|Notice { about, told, .. }| match told {
        Some(told) => repository.set_told(about, told, moment.now),
        None => repository.forget_told(about),
    })
}

/// Returns what a notice is about: the program, and the job where it has several.
fn about(job: Option<&str>) -> String {
    [name()].into_iter().chain(job).collect::<Vec<_>>().join(" ")
}

/// Starts the program, which is told all that there is to tell of a run at once. It is told none of our secrets.
async fn start(command: &[String], news: News, jobs: &[&str], ended: &Ended) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let before = match news {
        News::Trouble => "",
        News::Reminder => "still in trouble: ",
        News::Well => "well again: ",
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for secret in SECRETS {
        command.env_remove(secret.name);
    }
    let told = [name().to_owned(), jobs.join(","), (ended.exit as u8).to_string(), news.as_str().into(), host_name()];
    command.envs(NOTICE.into_iter().zip(told));
    let done = run(command, &format!("{before}{}", ended.text()), LIMIT).await;
    done.with_context(|| format!("the notification command {program} did not do its work"))
}

/// Runs a program with a text as its standard input, and ends it and all that it started if it takes too long.
async fn run(mut command: Command, text: &str, limit: Duration) -> Result<()> {
    // No pipe, which whatever it leaves running in the background could hold open.
    let said = tempfile::tempfile().ok();
    let stderr = said.as_ref().and_then(|file| file.try_clone().ok()).map_or_else(Stdio::null, Stdio::from);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(stderr).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().context("could not start it")?;
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let input = child.stdin.take();
    let work = async {
        if let Some(mut input) = input {
            // It need not read it.
            input.write_all(text.as_bytes()).await.ok();
        }
        child.wait().await
    };
    match tokio::time::timeout(limit, work).await {
        Ok(status) => match status.context("could not wait for it")? {
            status if status.success() => Ok(()),
            status => bail!("{status}{}", said.and_then(shown).unwrap_or_default()),
        },
        Err(_) => {
            if let Some(group) = group {
                kill_process_group(group, Signal::KILL).ok();
            }
            bail!("it did not end within {} s, and was killed", limit.as_secs())
        }
    }
}

/// Returns the beginning of what a program said, if it said anything.
fn shown(mut said: File) -> Option<String> {
    let mut text = Vec::new();
    said.rewind().and_then(|()| said.take(SHOWN).read_to_end(&mut text)).ok()?;
    let text = String::from_utf8_lossy(&text);
    Some(format!(": {}", printable(text.trim()))).filter(|_| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn what_takes_too_long_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let started = folder.path().join("started");
        let script = format!("sleep 600 & echo $! > {}; wait", started.display());
        let error = run(shell(&script), "", Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.to_string(), "it did not end within 1 s, and was killed");
        let process = fs::read_to_string(started).unwrap();
        let is_over = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", process.trim())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        for _ in 0..1000 {
            if is_over() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("process {process} goes on");
    }

    #[tokio::test]
    async fn what_it_leaves_running_is_not_waited_for() {
        let limit = Duration::from_secs(60);
        run(shell("sleep 5 & exit 0"), "", limit).await.unwrap();
        let error = run(shell("printf 'no\\033[31m route' >&2; kill -9 $$"), "text", limit).await.unwrap_err();
        assert_eq!(error.to_string(), "signal: 9 (SIGKILL): no\u{fffd}[31m route");
        run(shell("exit 0"), &"more than a pipe holds".repeat(10_000), limit).await.unwrap();
    }
}
