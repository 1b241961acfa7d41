//! What each job came to, for those who watch from elsewhere.

use std::time::Duration;

use dnsmgmt_core::report::Outcome;
use dnsmgmt_core::stale::Job;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::summary::{Line, Summary, Zone};

use super::{Cleaned, Run, is_odd};

impl Run<'_> {
    /// Returns what each job came to.
    pub(super) fn summaries(&self) -> Vec<Summary> {
        let ends = self.jobs.iter().skip(1).map(|(_, begun)| *begun).chain([self.context.clock.moment().running]);
        self.jobs
            .iter()
            .zip(ends)
            .map(|((job, begun), end)| self.summary_of(*job, end.saturating_sub(*begun)))
            .collect()
    }

    fn summary_of(&self, job: Job, took: Duration) -> Summary {
        let failures: Vec<_> = self.failures.iter().filter(|failed| failed.jobs.contains(&job)).collect();
        let zones: Vec<&Cleaned> = self.zones.iter().filter(|zone| zone.job == job).collect();
        let not_judged = self.not_judged.iter().filter(|left_out| left_out.job == Some(job));
        let left_out = not_judged.clone().map(|left_out| left_out.exit);
        let of_failures = if failures.is_empty() { Exit::Done } else { Exit::CouldNotRun };
        let mut lines: Vec<Line> = failures.iter().map(|failed| Line::of_failure(&failed.error)).collect();
        for left_out in not_judged {
            let text = format!("{}: {}", left_out.what, left_out.why);
            lines.push(match left_out.exit {
                Exit::Done => Line::new(text),
                _ => Line::of_trouble(left_out.what.clone(), text),
            });
        }
        zones.iter().for_each(|zone| lines.extend(zone.lines()));
        Summary {
            exit: zones.iter().map(|zone| zone.exit()).chain(left_out).fold(of_failures, Exit::or),
            took,
            failures: failures.len(),
            zones: zones.into_iter().map(Cleaned::zone).collect(),
            lines,
            ..Summary::new(Some(job.as_str()))
        }
    }
}

impl Cleaned {
    fn zone(&self) -> Zone {
        let leases = self.ages.map(|ages| ages.leases);
        Zone { leases, ..Zone::new(&self.provider, self.made(), self.held.as_deref()) }
    }

    /// Returns what became of changes that were asked for.
    fn made(&self) -> &[Outcome] {
        if self.was_carried_out() { &self.outcomes } else { &[] }
    }

    fn lines(&self) -> impl Iterator<Item = Line> {
        let changes = self.made().iter().map(|outcome| Line::of_change(&self.provider, outcome));
        let forgotten = self.forgotten.iter().map(|record| Line::new(self.forgot(record)));
        let odd = self.findings.iter().filter(|found| is_odd(&found.what));
        let found = odd.map(|found| Line::of_trouble(format!("{} {}", self.provider, found.member), self.found(found)));
        let held = self.held.iter().map(|held| Line::of_trouble(format!("held {}", held.id), self.held(held)));
        let not_written = self.not_written.iter().map(|why| Line::of_problem(&self.not_written(why)));
        changes.chain(forgotten).chain(found).chain(held).chain(not_written)
    }
}
