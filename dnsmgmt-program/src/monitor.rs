//! A run, and telling those who watch it what it came to.

use std::time::Duration;

use anyhow::{Error, Result};
use dnsmgmt_providers::config::{Diagnostic, Monitoring, Settings};

use crate::args::{Global, Watchers};
use crate::clock::Clock;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::complain;
use crate::memory::Memory;
use crate::metrics;
use crate::notify::notify;
use crate::ping::ping;
use crate::summary::Ended;

/// How runs are watched.
#[derive(Debug, Clone, Copy)]
pub struct Monitor<'a> {
    /// What is said on the command line.
    pub global: &'a Global,
    /// Who is told, as far as it is said there.
    pub watchers: &'a Watchers,
    /// Whether it is only shown what would be done: nobody is told of that.
    pub dry_run: bool,
    /// The job that is told of where a run cannot begin.
    pub job: Option<&'static str>,
    /// How long a program may take to tell, where it has to end soon.
    pub patience: Option<Duration>,
}

impl Monitor<'_> {
    /// Makes a run, says why if it cannot be made, tells those who watch, and returns the exit status.
    pub async fn run(
        &self,
        memory: &mut Memory,
        work: impl AsyncFnOnce(&Context, &mut Memory) -> Result<Ended>,
    ) -> Exit {
        match Context::new(self.global) {
            Ok(context) => {
                let work = async |memory: &mut Memory| work(&context, memory).await;
                self.watched(&context.settings, memory, work).await
            }
            Err(error) => {
                let settings = Context::readable_settings(self.global);
                self.watched(&settings, memory, async |_: &mut Memory| Err(error)).await
            }
        }
    }

    /// Returns who is told, and what is wrong with that.
    fn monitoring(&self, settings: &Settings) -> (Monitoring, Vec<Diagnostic>) {
        if self.dry_run {
            return Default::default();
        }
        let (mut monitoring, wrong) = settings.monitoring();
        self.watchers.take_the_place(&mut monitoring);
        (monitoring, wrong)
    }

    async fn watched(
        &self,
        settings: &Settings,
        memory: &mut Memory,
        work: impl AsyncFnOnce(&mut Memory) -> Result<Ended>,
    ) -> Exit {
        let (monitoring, wrong) = self.monitoring(settings);
        let clock = Clock::of_this_boot();
        let begun = clock.moment().running;
        let start = async {
            if let Some(url) = &monitoring.ping {
                ping(url, "start", String::new()).await;
            }
        };
        // The work does not wait for it.
        let (done, ()) = tokio::join!(work(memory), start);
        let mut ended = done.unwrap_or_else(|error| {
            let mut ended = Ended::failed(&error, &[self.job]);
            ended.jobs.iter_mut().for_each(|job| job.took = clock.moment().running.saturating_sub(begun));
            ended
        });
        wrong.into_iter().for_each(|problem| ended.fail(&Error::from(problem)));
        write_metrics(&monitoring, &mut ended, &clock);
        let tell = async {
            if !monitoring.notify.is_empty() {
                memory.open_if_there(settings);
                let told = notify(&monitoring.notify, &ended, memory, &clock.moment()).await;
                told.unwrap_or_else(|error| complain(&format!("{error:#}")));
            }
            if let Some(url) = &monitoring.ping {
                ping(url, &(ended.exit as u8).to_string(), ended.text()).await;
            }
        };
        match self.patience {
            None => tell.await,
            Some(patience) => {
                let text = "there was no time to tell everybody who watches what became of it";
                tokio::time::timeout(patience, tell).await.unwrap_or_else(|_| complain(text));
            }
        }
        ended.exit
    }
}

/// Writes metrics, where a folder is named. That they cannot be written is one more failure.
fn write_metrics(monitoring: &Monitoring, ended: &mut Ended, clock: &Clock) {
    let Some(folder) = &monitoring.metrics else { return };
    let now = clock.moment().now;
    let written = ended.jobs.iter().try_for_each(|summary| metrics::write(folder, summary, now));
    if let Err(error) = written {
        ended.fail(&error);
    }
}
