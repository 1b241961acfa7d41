//! Doing it again and again.

use std::time::Duration;

use anyhow::Result;
use dnsmgmt_program::args::Global;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::failed;
use dnsmgmt_program::log::{Level, NOTHING_MORE, say};
use dnsmgmt_program::memory::Memory;
use dnsmgmt_program::stop::Stop;

use crate::args::Options;
use crate::beat;

/// How far apart the runs are where nobody says it.
const USUAL: Duration = Duration::from_secs(300);
/// How long a run may go on, and how long withdrawing may take, when the program is told to end: together less than the ten seconds that Docker
/// waits; systemd and Kubernetes wait longer.
const LAST_RUN: Duration = Duration::from_secs(2);
const FAREWELL: Duration = Duration::from_secs(7);

/// Does it until it is told to stop, and takes the addresses away then. A run that failed is no reason to stop: the next one reads the
/// configuration anew.
pub(crate) async fn run(global: &Global, options: &Options, interval: Option<Duration>) -> Result<Exit> {
    let configured = || Ok::<_, anyhow::Error>(Context::new(global)?.settings.heartbeat()?.interval);
    let interval = match interval {
        Some(interval) => interval,
        None => configured()?.unwrap_or(USUAL),
    };
    let stop = Stop::on_signals()?;
    let mut memory = Memory::default();
    tell_of_the_memory(global, interval)?;
    loop {
        let run = beat::run(global, options, Some(interval), &mut memory);
        let cut_short = async {
            stop.asked().await;
            tokio::time::sleep(LAST_RUN).await;
        };
        tokio::select! {
            done = run => drop(done.map_err(|error| failed(&error))),
            () = cut_short => {}
        }
        if stop.unless_asked(tokio::time::sleep(early(interval))).await.is_none() {
            return farewell(global, options, &mut memory).await;
        }
    }
}

/// Takes the addresses away.
async fn farewell(global: &Global, options: &Options, memory: &mut Memory) -> Result<Exit> {
    say(Level::Notice, "told to stop", &NOTHING_MORE);
    if options.dry_run {
        return Ok(Exit::Done);
    }
    let options = Options { deregister: true, ..options.clone() };
    match tokio::time::timeout(FAREWELL, beat::run(global, &options, None, memory)).await {
        Ok(done) => done,
        Err(_) => {
            say(Level::Warning, "the addresses were not withdrawn in time, so they are left to expire", &NOTHING_MORE);
            Ok(Exit::Unsettled)
        }
    }
}

fn tell_of_the_memory(global: &Global, interval: Duration) -> Result<()> {
    let settings = Context::new(global)?.settings;
    let text = match settings.database_if_any()? {
        Some(database) => format!("its memory is {}", database.path.display()),
        None => "there is no place for a database, so this process remembers".into(),
    };
    say(
        Level::Notice,
        &format!("writing heartbeats every {} s where they are due; {text}", interval.as_secs()),
        &NOTHING_MORE,
    );
    Ok(())
}

/// Comes up to a twentieth earlier, so that many machines that were started together do not ask at once for ever.
fn early(interval: Duration) -> Duration {
    interval.mul_f64(1.0 - fastrand::f64() / 20.0)
}
