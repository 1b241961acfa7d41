//! `dns-cli watch`

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use dnsmgmt_core::source::SourceError;
use dnsmgmt_providers::source::docker::{Engine, Events, Host};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::sync::{FOREVER, Job};
use crate::args::Watch;
use crate::bell::Bell;
use crate::output::print_synced_again;
use crate::wanted;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::{complain, failed};
use dnsmgmt_program::stop::Stop;

/// How long to wait before a daemon is asked for its events again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A stream of events that lasts so long was accepted.
const ACCEPTED: Duration = Duration::from_secs(1);
/// A daemon may be silent for so long; then it is asked anew, because a connection that is cut without a word looks the same.
const SILENCE: Duration = Duration::from_secs(15 * 60);

/// Synchronises whenever something happened, and every now and then.
pub(crate) async fn run(mut context: Context, args: Watch) -> Result<Exit> {
    let stop = Stop::on_signals().context("could not take the signals that end it")?;
    let bell = Arc::new(Bell::default());
    // Dropped at the end, which ends those who listen.
    let mut listeners = JoinSet::new();
    for host in wanted::daemons(&context, &args.wishes.source)? {
        listeners.spawn(listen(host, bell.clone()));
    }
    bell.ring();
    loop {
        tokio::select! {
            biased;
            () = stop.asked() => return Ok(Exit::Done),
            () = bell.heard(args.every) => {}
        }
        context.begin_another_run();
        if let Err(error) = synchronise(&context, &args, &stop).await {
            failed(&error);
        }
    }
}

/// Does what `sync --wait` does.
async fn synchronise(context: &Context, args: &Watch, stop: &Stop) -> Result<()> {
    let mut job = Job::new(context, &args.wishes, true).await?;
    let brake = job.brake(false, None)?;
    let synced = job.carry_out(&brake, FOREVER, stop).await;
    let report = job.report(&synced, false);
    let printed = print_synced_again(&report, args.output);
    job.end(&synced, Exit::Done);
    printed.context("the report was not shown, but what it says was done")
}

/// Rings the bell whenever a daemon says that something happened, and whenever it can be listened to again: what happened in
/// between is seen by looking.
async fn listen(host: Host, bell: Arc<Bell>) {
    let (first, longest) = PAUSE;
    let (mut pause, mut is_lost) = (first, false);
    loop {
        let start = Instant::now();
        let ended = follow(&host, &bell, &mut is_lost).await.err();
        if start.elapsed() > longest {
            pause = first;
        }
        if let Some(error) = ended.filter(|_| !is_lost) {
            is_lost = true;
            complain(&format!(
                "{error}; until its events can be followed again, it is only looked at every now and then"
            ));
        }
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// Follows the events of a daemon until it tells no more, or has been silent for too long.
async fn follow(host: &Host, bell: &Bell, is_lost: &mut bool) -> Result<(), SourceError> {
    let mut events = Engine::connect(host).await?.events().await?;
    if let Ok(first) = timeout(ACCEPTED, events.next()).await {
        first?;
    }
    if std::mem::take(is_lost) {
        complain(&format!("the events of Docker at {} are followed again", host.address));
    }
    bell.ring();
    ring_with(&mut events, bell).await
}

async fn ring_with(events: &mut Events, bell: &Bell) -> Result<(), SourceError> {
    while let Ok(event) = timeout(SILENCE, events.next()).await {
        event?;
        bell.ring();
    }
    Ok(())
}
