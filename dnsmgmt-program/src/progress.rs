//! Progress on a terminal; elsewhere silence.

use std::io::{self, IsTerminal};
use std::time::Duration;

use dnsmgmt_core::progress::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::printable;

/// A line on standard error that says what a run is doing, if that is a terminal.
#[derive(Debug)]
pub struct Line(Option<ProgressBar>);

impl Line {
    /// Returns a line for one run; it goes when dropped.
    pub fn start() -> Self {
        Self(io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        }))
    }

    /// Shows a sentence.
    pub fn tell(&self, sentence: String) {
        if let Some(bar) = &self.0 {
            text(bar, sentence);
        }
    }

    /// Shows what the run is doing now.
    pub fn show(&self, progress: Progress<'_>) {
        let Some(bar) = &self.0 else { return };
        match progress {
            Progress::Looking => text(bar, "listing".into()),
            Progress::Asking { done, total } if total > 1 => {
                let style = ProgressStyle::with_template("{bar:30} {pos} of {len} asked for, {eta} left");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_length(total as u64);
                bar.set_position(done as u64);
            }
            Progress::Asking { .. } => text(bar, "asking".into()),
            Progress::Waiting { pause, why } => {
                text(bar, format!("trying again in {} s: {}", pause.as_secs().max(1), printable(why)));
            }
        }
    }
}

fn text(bar: &ProgressBar, message: String) {
    bar.set_style(ProgressStyle::default_spinner());
    bar.set_message(message);
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
