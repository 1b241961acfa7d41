//! Doing it again and again.

use std::time::Duration;

use anyhow::Result;
use dnsmgmt_program::args::Global;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::complain;
use dnsmgmt_program::log::{Level, NOTHING_MORE, say};
use dnsmgmt_program::memory::Memory;
use dnsmgmt_program::monitor::Monitor;
use dnsmgmt_program::stop::Stop;
use dnsmgmt_program::summary::{Ended, Line, Summary};

use crate::args::Options;
use crate::beat;

/// How far apart the runs are where nobody says it.
const USUAL: Duration = Duration::from_secs(300);
/// How long a run may go on, how long withdrawing may take, and telling those who watch, when the program is told to end: together no more than
/// the ten seconds that Docker waits; systemd and Kubernetes wait longer.
const LAST_RUN: Duration = Duration::from_secs(2);
const FAREWELL: Duration = Duration::from_millis(6_500);
const LAST_WORD: Duration = Duration::from_secs(1);

/// Does it until it is told to stop, and takes the addresses away then. A run that failed is no reason to stop: the next one reads the
/// configuration anew.
pub(crate) async fn run(monitor: Monitor<'_>, options: &Options, interval: Option<Duration>) -> Result<Exit> {
    let stop = Stop::on_signals()?;
    let mut memory = Memory::default();
    let interval = match begin(monitor.global, interval, &mut memory) {
        Ok(interval) => interval,
        Err(error) => return Ok(monitor.run(&mut memory, async |_, _| Err(error)).await),
    };
    loop {
        let run = beat::watched(monitor, options, Some(interval), &mut memory);
        let cut_short = async {
            stop.asked().await;
            tokio::time::sleep(LAST_RUN).await;
        };
        tokio::select! {
            _ = run => {}
            () = cut_short => {}
        }
        if stop.unless_asked(tokio::time::sleep(early(interval))).await.is_none() {
            return Ok(farewell(monitor, options, &mut memory).await);
        }
    }
}

/// Takes the addresses away.
async fn farewell(monitor: Monitor<'_>, options: &Options, memory: &mut Memory) -> Exit {
    say(Level::Notice, "told to stop", &NOTHING_MORE);
    if options.dry_run {
        return Exit::Done;
    }
    let options = Options { deregister: true, ..options.clone() };
    let work = async |context: &Context, memory: &mut Memory| {
        let withdrawing = beat::run(context, &options, None, memory);
        tokio::time::timeout(FAREWELL, withdrawing).await.unwrap_or_else(|_| {
            let text = "the addresses were not withdrawn in time, so they are left to expire";
            complain(text);
            let lines = vec![Line::of_problem(text)];
            let summary = Summary { exit: Exit::Unsettled, took: FAREWELL, lines, ..Summary::new(None) };
            Ok(Ended { exit: Exit::Unsettled, jobs: vec![summary] })
        })
    };
    Monitor { patience: Some(LAST_WORD), ..monitor }.run(memory, work).await
}

/// Returns how far apart the runs are, and says so.
fn begin(global: &Global, interval: Option<Duration>, memory: &mut Memory) -> Result<Duration> {
    let settings = Context::new(global)?.settings;
    let interval = match interval {
        Some(interval) => interval,
        None => settings.heartbeat()?.interval.unwrap_or(USUAL),
    };
    // One that is there and cannot be used is complained of by each run.
    let has_place = memory.open(&settings).unwrap_or(true);
    let text = match settings.database_if_any()?.filter(|_| has_place) {
        Some(database) => format!("its memory is {}", database.path.display()),
        None => "there is no place for a database, so this process remembers".into(),
    };
    say(
        Level::Notice,
        &format!("writing heartbeats every {} s where they are due; {text}", interval.as_secs()),
        &NOTHING_MORE,
    );
    Ok(interval)
}

/// Comes up to a twentieth earlier, so that many machines that were started together do not ask at once for ever.
fn early(interval: Duration) -> Duration {
    interval.mul_f64(1.0 - fastrand::f64() / 20.0)
}
