//! One run: every job that is to be done, and what came of it.

use std::time::Duration;

use anyhow::{Result, bail};
use dnsmgmt_core::brake::Brake;
use dnsmgmt_core::reconcile::Cleaning;
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_core::stale::Job;
use dnsmgmt_program::approve::approved;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::log::{Level, NOTHING_MORE, say};
use dnsmgmt_program::memory::Memory;
use dnsmgmt_program::monitor::Monitor;
use dnsmgmt_program::summary::Ended;

use crate::args::Options;
use crate::audit::Audit;
use crate::report::Run;
use crate::zones::Zones;
use crate::{containers, heartbeats, orphans};
use dnsmgmt_program::stop::Stop;

/// Which jobs are to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jobs {
    /// All that the configuration allows.
    All,
    /// This one.
    Only(Job),
}

/// Does the jobs once, and tells those who watch it what they came to. `interval` is how far apart runs are, where this program makes it so.
pub(crate) async fn watched(
    monitor: Monitor<'_>,
    options: &Options,
    jobs: Jobs,
    interval: Option<Duration>,
    stop: &Stop,
    memory: &mut Memory,
) -> Exit {
    let work = async |context: &Context, memory: &mut Memory| {
        let to_be_done = jobs.to_be_done(context)?;
        let done = run(context, options, jobs, &to_be_done, interval, stop, memory).await;
        let names: Vec<_> = to_be_done.iter().map(|job| Some(job.as_str())).collect();
        Ok(done.unwrap_or_else(|error| Ended::failed(&error, &names)))
    };
    monitor.run(memory, work).await
}

/// Does the jobs once.
pub(crate) async fn run(
    context: &Context,
    options: &Options,
    jobs: Jobs,
    to_be_done: &[Job],
    interval: Option<Duration>,
    stop: &Stop,
    memory: &mut Memory,
) -> Result<Ended> {
    let audit = options.audit.as_deref().map(|file| Audit::new(file, context));
    let mut run = Run::new(context, options);
    match open(context, options, jobs, to_be_done, interval.is_some(), memory)? {
        Some(repository) => {
            let brake = brake(context, options, repository)?;
            let policy = context.settings.policy();
            for job in to_be_done.iter().copied() {
                run.begin(job);
                let cleaning = Cleaning {
                    job,
                    interval: interval.or(policy.cleanup_interval),
                    brake: &brake,
                    journal_keep: policy.journal_keep,
                };
                let audit = audit.as_ref();
                let zones = Zones { context, options, repository, cleaning, audit, stop };
                let done = match job {
                    Job::Containers if zones.has_no_journal() => containers::refuse(context),
                    Job::Orphans => orphans::run(zones, &mut run).await,
                    Job::Containers => containers::run(zones, &mut run).await,
                    Job::Leases => heartbeats::run(zones, &mut run).await,
                };
                done.unwrap_or_else(|error| run.fail(error));
            }
        }
        None => {
            to_be_done.iter().for_each(|job| run.begin(*job));
            run.note("there is no database yet, so nothing is known to be ours".into());
        }
    }
    let mut ended = run.end()?;
    if let Some(problem) = audit.and_then(Audit::into_problem) {
        ended.fail(&problem);
    }
    Ok(ended)
}

impl Jobs {
    /// Returns the job that is done in any case.
    pub(crate) fn first(self) -> Option<&'static str> {
        match self {
            Self::All => Some(Job::Orphans.as_str()),
            Self::Only(job) => Some(job.as_str()),
        }
    }

    /// Returns the jobs that can be done; an error where the one that is asked for cannot.
    pub(crate) fn to_be_done(self, context: &Context) -> Result<Vec<Job>> {
        let has_containers = context.settings.has_docker();
        let has_leases = heartbeats::are_configured(context)?;
        match self {
            Self::All => {
                let containers = has_containers.then_some(Job::Containers);
                let leases = has_leases.then_some(Job::Leases);
                Ok([Job::Orphans].into_iter().chain(containers).chain(leases).collect())
            }
            Self::Only(Job::Containers) if !has_containers => bail!(UsageError(
                "no source says which containers there are; put `docker` into `sources` of dnsmgmt.toml, or into DNSMGMT_SOURCES".into()
            )),
            Self::Only(Job::Leases) if !has_leases => bail!(UsageError(
                "no name is leased; set INTERNAL_DOMAIN, EXTERNAL_DOMAIN, IPV6_DOMAIN or COMBINED_DOMAIN, or name some with `domains` in \
                 [heartbeat] of dnsmgmt.toml"
                    .into()
            )),
            Self::Only(job) => Ok(vec![job]),
        }
    }
}

/// Opens the database where there is one. It is made only where something is ours without it: suffixes that are ours whole, which are not
/// to be deleted from without a journal, and leases, of which it remembers what was seen. For a preview it is made in memory; so it is for
/// leases that a loop looks at again and again, where there is no place for one.
fn open<'m>(
    context: &Context,
    options: &Options,
    jobs: Jobs,
    to_be_done: &[Job],
    is_loop: bool,
    memory: &'m mut Memory,
) -> Result<Option<&'m mut DnsRepositoryManager>> {
    let database = context.settings.database_if_any()?;
    let is_named = database.as_ref().is_some_and(|database| database.named_by.is_a_person());
    let is_there = database.is_some_and(|database| {
        let metadata = database.path.symlink_metadata();
        !metadata.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    });
    let has_leases = to_be_done.contains(&Job::Leases);
    let has_suffixes = to_be_done.contains(&Job::Containers) && !context.settings.wholes().is_empty();
    let is_needed = has_leases || has_suffixes;
    if !is_there && is_needed && options.dry_run {
        return memory.in_process().map(Some);
    }
    if (is_there || is_needed) && memory.open(&context.settings)? {
        return Ok(memory.on_disk());
    }
    match (has_leases, jobs) {
        (true, _) if is_loop => {
            if !memory.has_begun() {
                let text = "there is no place for a database, so this process remembers what it sees of heartbeats";
                say(Level::Notice, text, &NOTHING_MORE);
            }
            memory.in_process().map(Some)
        }
        _ if has_suffixes => containers::refuse(context).map(|()| None),
        // Where nobody said that there is a database there may be none yet, and a loop waits for it.
        (_, Jobs::All) if is_loop || !is_named => Ok(None),
        (_, Jobs::Only(Job::Leases)) => bail!(
            "there is no place for a database, so nothing is deleted: a lease is over only when an earlier run saw the same heartbeat; set \
             DNSMGMT_DB, or let the program go on with --interval"
        ),
        (_, jobs) => {
            let database = context.settings.database()?;
            let what = match jobs {
                Jobs::Only(Job::Containers) => "a container's",
                Jobs::Only(_) => "an orphan",
                Jobs::All => "ours",
            };
            bail!(
                "there is no database at {}, where {} says, so nothing is known to be {what}; `dns-cli sync` makes it, and if there \
                 was one, what it lies on may not be mounted",
                database.path.display(),
                database.named_by,
            )
        }
    }
}

fn brake(context: &Context, options: &Options, repository: &DnsRepositoryManager) -> Result<Brake> {
    let approved = options.approve.map(|id| approved(repository, id)).transpose()?;
    Ok(Brake { max_delete: context.settings.policy().max_delete, force: options.force, approved })
}
