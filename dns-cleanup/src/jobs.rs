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
use dnsmgmt_program::exit::Exit;

use crate::args::Options;
use crate::audit::Audit;
use crate::orphans;
use crate::report::Run;
use crate::zones::Zones;
use dnsmgmt_program::stop::Stop;

/// Which jobs are to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jobs {
    /// All that the configuration allows.
    All,
    /// What has been an orphan for the whole grace.
    Orphans,
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
    match open(&context)? {
        Some(mut repository) => {
            let brake = brake(&context, options, &repository)?;
            let policy = context.settings.policy();
            let cleaning = Cleaning {
                job: Job::Orphans,
                interval: interval.or(policy.cleanup_interval),
                brake: &brake,
                journal_keep: policy.journal_keep,
            };
            let (repository, audit) = (&mut repository, audit.as_ref());
            let zones = Zones { context: &context, options, repository, cleaning, audit, stop };
            orphans::run(zones, &mut run).await?;
        }
        None if jobs == Jobs::Orphans => {
            let database = context.settings.database()?;
            bail!(
                "there is no database at {}, where {} says, so nothing is known to be an orphan; `dns-cli sync` makes it",
                database.path.display(),
                database.named_by
            )
        }
        None => run.note("there is no database yet, so nothing is known to be ours".into()),
    }
    let exit = run.end()?;
    Ok(if audit.is_some_and(|audit| audit.has_failed()) { exit.or(Exit::CouldNotRun) } else { exit })
}

/// Opens the database where there is one. It is not made: an empty memory has no orphans.
fn open(context: &Context) -> Result<Option<DnsRepositoryManager>> {
    let Some(database) = context.settings.database_if_any()? else { return Ok(None) };
    match database.path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => database::open(&context.settings).map(Some),
    }
}

fn brake(context: &Context, options: &Options, repository: &DnsRepositoryManager) -> Result<Brake> {
    let approved = match options.approve {
        None => None,
        Some(id) => Some(Approved { id, deletions: repository.held(id)?.unwrap_or_default() }),
    };
    Ok(Brake { max_delete: context.settings.policy().max_delete, force: options.force, approved })
}
