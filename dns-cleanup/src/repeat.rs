//! Doing the jobs again and again.

use std::time::Duration;

use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::log::{Level, NOTHING_MORE, say};
use dnsmgmt_program::memory::Memory;
use dnsmgmt_program::monitor::Monitor;

use crate::args::Options;
use crate::jobs::{Jobs, watched};
use dnsmgmt_program::stop::Stop;

/// How far apart the runs are where nobody says it.
const USUAL: Duration = Duration::from_secs(300);

/// Does the jobs until it is told to stop. A run that failed is no reason to: the next one reads the configuration anew.
pub(crate) async fn run(
    monitor: Monitor<'_>,
    options: &Options,
    jobs: Jobs,
    interval: Option<Duration>,
    stop: &Stop,
) -> Exit {
    let mut memory = Memory::default();
    let configured = || Ok(Context::new(monitor.global)?.settings.policy().cleanup_interval);
    let interval = match interval.map_or_else(configured, |interval| Ok(Some(interval))) {
        Ok(interval) => interval.unwrap_or(USUAL),
        Err(error) => return monitor.run(&mut memory, async |_, _| Err(error)).await,
    };
    say(Level::Notice, &format!("cleaning up every {} s", interval.as_secs()), &NOTHING_MORE);
    loop {
        watched(monitor, options, jobs, Some(interval), stop, &mut memory).await;
        if stop.unless_asked(tokio::time::sleep(interval)).await.is_none() {
            say(Level::Notice, "told to stop, and stopped", &NOTHING_MORE);
            return Exit::Done;
        }
    }
}
