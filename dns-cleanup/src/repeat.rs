//! Doing the jobs again and again.

use std::time::Duration;

use anyhow::Result;
use dnsmgmt_program::args::Global;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::failed;
use dnsmgmt_program::log::{Level, NOTHING_MORE, say};
use dnsmgmt_program::memory::Memory;

use crate::args::Options;
use crate::jobs::{self, Jobs};
use dnsmgmt_program::stop::Stop;

/// How far apart the runs are where nobody says it.
const USUAL: Duration = Duration::from_secs(300);

/// Does the jobs until it is told to stop. A run that failed is no reason to: the next one reads the configuration anew.
pub(crate) async fn run(
    global: &Global,
    options: &Options,
    jobs: Jobs,
    interval: Option<Duration>,
    stop: &Stop,
) -> Result<Exit> {
    let configured = || Ok::<_, anyhow::Error>(Context::new(global)?.settings.policy().cleanup_interval);
    let interval = match interval {
        Some(interval) => interval,
        None => configured()?.unwrap_or(USUAL),
    };
    say(Level::Notice, &format!("cleaning up every {} s", interval.as_secs()), &NOTHING_MORE);
    let mut memory = Memory::default();
    loop {
        if let Err(error) = jobs::run(global, options, jobs, Some(interval), stop, &mut memory).await {
            failed(&error);
        }
        if stop.unless_asked(tokio::time::sleep(interval)).await.is_none() {
            say(Level::Notice, "told to stop, and stopped", &NOTHING_MORE);
            return Ok(Exit::Done);
        }
    }
}
