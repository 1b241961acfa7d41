//! Whether this machine is kept alive, for a container's health check.

use anyhow::{Result, bail};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_program::args::Global;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::database;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::output::print_lines;
use jiff::SignedDuration;

use crate::beat::instance;

/// Says when the last heartbeats were seen. No provider is asked.
pub(crate) fn run(global: &Global) -> Result<Exit> {
    let context = Context::new(global)?;
    let heartbeat = context.settings.heartbeat()?;
    let instance = instance(&heartbeat)?;
    let Some(database) = context.settings.database_if_any()?.filter(|database| database.path.exists()) else {
        bail!(
            "nothing is known of heartbeats, because there is no database; give the program a folder that it can write to, with DNSMGMT_DB"
        );
    };
    let repository = DnsRepositoryManager::open(&database.path).map_err(|error| database::explain(error, &database))?;
    let Some(last) = repository.last_refresh(&instance)? else {
        bail!("{instance} has not written heartbeats yet");
    };
    let age = age(&last.moment(), &context.clock.moment());
    let lease = heartbeat.lease(heartbeat.interval);
    let is_fresh = age < SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX);
    match (last.is_verified, is_fresh) {
        (true, true) => {
            print_lines([format!("{instance} wrote heartbeats {} s ago, and a listing shows them", age.as_secs())])?;
            Ok(Exit::Done)
        }
        (false, _) => bail!("the last heartbeats of {instance} were not seen in a listing"),
        (true, false) => bail!(
            "the last heartbeats of {instance} are {} s old, and a lease lasts {} s",
            age.as_secs(),
            lease.as_secs()
        ),
    }
}

/// Returns how old the last heartbeats are. Within one boot the clock that nobody sets says it: a machine that starts in 1970 learns the time later.
fn age(last: &Moment, now: &Moment) -> SignedDuration {
    let running = now.running.checked_sub(last.running).filter(|_| now.boot == last.boot);
    let by_the_wall = || now.now.duration_since(last.now);
    running.map_or_else(by_the_wall, |running| SignedDuration::try_from(running).unwrap_or(SignedDuration::MAX))
}
