//! One run: every job that is to be done, and what came of it.

use std::time::Duration;

use anyhow::{Result, bail};
use dnsmgmt_core::brake::{Approved, Brake};
use dnsmgmt_core::reconcile::Cleaning;
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_core::stale::Job;
use dnsmgmt_program::args::Global;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::database;
use dnsmgmt_program::exit::{Exit, UsageError};

use crate::args::Options;
use crate::audit::Audit;
use crate::report::Run;
use crate::zones::Zones;
use crate::{containers, orphans};
use dnsmgmt_program::stop::Stop;

/// Which jobs are to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jobs {
    /// All that the configuration allows.
    All,
    /// This one.
    Only(Job),
}

/// Does the jobs once. `interval` is how far apart runs are, where this program makes it so.
pub(crate) async fn run(
    global: &Global,
    options: &Options,
    jobs: Jobs,
    interval: Option<Duration>,
    stop: &Stop,
) -> Result<Exit> {
    let context = Context::new(global)?;
    let audit = options.audit.as_deref().map(|file| Audit::new(file, &context));
    let mut run = Run::new(&context, options);
    let to_be_done = jobs.to_be_done(&context)?;
    match open(&context, options, jobs, &to_be_done)? {
        Some(mut repository) => {
            let brake = brake(&context, options, &repository)?;
            let policy = context.settings.policy();
            for job in to_be_done {
                let cleaning = Cleaning {
                    job,
                    interval: interval.or(policy.cleanup_interval),
                    brake: &brake,
                    journal_keep: policy.journal_keep,
                };
                let (repository, audit) = (&mut repository, audit.as_ref());
                let zones = Zones { context: &context, options, repository, cleaning, audit, stop };
                match job {
                    Job::Orphans => orphans::run(zones, &mut run).await?,
                    Job::Containers => containers::run(zones, &mut run).await?,
                    // No command asks for it yet.
                    Job::Leases => {}
                }
            }
        }
        None => run.note("there is no database yet, so nothing is known to be ours".into()),
    }
    let exit = run.end()?;
    Ok(if audit.is_some_and(|audit| audit.has_failed()) { exit.or(Exit::CouldNotRun) } else { exit })
}

impl Jobs {
    /// Returns the jobs that can be done; an error where the one that is asked for cannot.
    fn to_be_done(self, context: &Context) -> Result<Vec<Job>> {
        let has_containers = containers::are_configured(context);
        match self {
            Self::All if has_containers => Ok(vec![Job::Orphans, Job::Containers]),
            Self::All => Ok(vec![Job::Orphans]),
            Self::Only(Job::Containers) if !has_containers => bail!(UsageError(
                "no source says which containers there are; put `docker` into `sources` of dnsmgmt.toml, or into DNSMGMT_SOURCES".into()
            )),
            Self::Only(job) => Ok(vec![job]),
        }
    }
}

/// Opens the database where there is one. It is made only for suffixes that are ours whole, because then something is ours without it,
/// and is not to be deleted without a journal; for a preview it is made in memory.
fn open(context: &Context, options: &Options, jobs: Jobs, to_be_done: &[Job]) -> Result<Option<DnsRepositoryManager>> {
    let database = context.settings.database_if_any()?;
    let is_there = database.is_some_and(|database| {
        let metadata = database.path.symlink_metadata();
        !metadata.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    });
    let is_needed = to_be_done.contains(&Job::Containers) && !context.settings.wholes().is_empty();
    match (is_there, is_needed, jobs) {
        (false, true, _) if options.dry_run => Ok(Some(DnsRepositoryManager::in_memory()?)),
        (true, ..) | (false, true, _) => database::open(&context.settings).map(Some),
        (false, false, Jobs::All) => Ok(None),
        (false, false, Jobs::Only(job)) => {
            let database = context.settings.database()?;
            bail!(
                "there is no database at {}, where {} says, so nothing is known to be {}; `dns-cli sync` makes it",
                database.path.display(),
                database.named_by,
                match job {
                    Job::Orphans => "an orphan",
                    Job::Containers => "a container's",
                    Job::Leases => "leased",
                },
            )
        }
    }
}

fn brake(context: &Context, options: &Options, repository: &DnsRepositoryManager) -> Result<Brake> {
    let approved = match options.approve {
        None => None,
        Some(id) => Some(Approved { id, deletions: repository.held(id)?.unwrap_or_default() }),
    };
    Ok(Brake { max_delete: context.settings.policy().max_delete, force: options.force, approved })
}
