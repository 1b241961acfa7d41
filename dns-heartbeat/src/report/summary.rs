//! What a run came to, for those who watch from elsewhere.

use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::summary::{Leases, Line, Summary, Zone};
use jiff::Timestamp;

use super::{Report, is_usual, not_written, told_of_held};

impl Report<'_> {
    pub(super) fn summary(&self, exit: Exit, zones: Vec<Zone>) -> Summary {
        let took = self.context.clock.moment().running.saturating_sub(self.begun.running);
        Summary { exit, took, failures: self.failures.len(), zones, lines: self.lines(), ..Summary::new(None) }
    }

    /// Returns what it came to in each zone. `beat` is when all heartbeats were written that a listing shows.
    pub(super) fn summed(&self, beat: Option<Timestamp>) -> Vec<Zone> {
        let summed = self.zones.iter().map(|(id, registered)| Zone {
            leases: Some(self.leases(registered.leased.len(), beat.filter(|_| registered.is_verified))),
            ..Zone::new(id, &registered.outcomes, registered.held.as_deref())
        });
        summed.collect()
    }

    /// Returns what is known of addresses whose heartbeats were written at that time.
    pub(super) fn leases(&self, alive: usize, beat: Option<Timestamp>) -> Leases {
        let beat = beat.filter(|_| alive > 0);
        let next_expiry = beat.and_then(|beat| beat.checked_add(self.lease).ok());
        Leases { alive, oldest: beat, youngest: beat, next_expiry, ..Leases::default() }
    }

    fn lines(&self) -> Vec<Line> {
        let failures = self.failures.iter().map(Line::of_failure);
        let problems = self.problems.iter().map(|problem| Line::of_problem(problem));
        let zones = self.zones.iter().flat_map(|(zone, registered)| {
            let changes = registered.outcomes.iter().filter(|outcome| !is_usual(outcome));
            let changes = changes.map(|outcome| Line::of_change(zone, outcome));
            let held = registered.held.iter();
            let held = held.map(|held| Line::of_trouble(format!("held {}", held.id), told_of_held(zone, held)));
            let written = registered.written.as_ref().err();
            changes.chain(held).chain(written.map(|error| Line::of_problem(&not_written(zone, error))))
        });
        failures.chain(problems).chain(zones).collect()
    }
}
