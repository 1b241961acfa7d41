//! What a run came to, for Prometheus: in files as node_exporter's textfile collector reads them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use crate::exit::Exit;
use crate::name::name;
use crate::put::put;
use crate::summary::{Changes, Leases, Summary};

/// The metric that one run remembers of the last.
const LAST_SUCCESS: &str = "dnsmgmt_last_success_timestamp_seconds";

/// Writes the file of a job, which ended at that time.
pub(crate) fn write(folder: &Path, summary: &Summary, ended: Timestamp) -> Result<()> {
    let job = summary.job.map(|job| format!("-{job}")).unwrap_or_default();
    let path = folder.join(format!("{}{job}.prom", name()));
    // What cannot be read will not be written either, and that is said.
    let before = fs::read_to_string(&path).unwrap_or_default();
    put(&path, &text(name(), summary, ended, &before)).with_context(|| {
        format!("write the metrics to {}; make the folder, or let this program write there", path.display())
    })
}

/// Returns the text of a job's file, in the place of the text `before`.
fn text(program: &str, summary: &Summary, ended: Timestamp, before: &str) -> String {
    let success = if summary.exit == Exit::Done { seconds(ended) } else { last_success(before).unwrap_or(0.0) };
    let who: Vec<_> = [("program", program)].into_iter().chain(summary.job.map(|job| ("command", job))).collect();
    let mut text = Text { who: &who, out: String::new() };
    text.one("dnsmgmt_last_run_timestamp_seconds", "When the last run ended.", seconds(ended));
    text.one(LAST_SUCCESS, "When the last run ended that had exit status 0; 0 if none is known.", success);
    text.one("dnsmgmt_last_run_duration_seconds", "How long the last run took.", summary.took.as_secs_f64());
    text.one("dnsmgmt_last_run_exit_status", "The exit status of the last run.", f64::from(summary.exit as u8));
    let help = "How many things the last run could not do at all, such as listing a zone.";
    text.one("dnsmgmt_last_run_failures", help, summary.failures as f64);
    changes(&mut text, summary);
    leases(&mut text, summary);
    text.out
}

fn changes(text: &mut Text<'_>, summary: &Summary) {
    let mut samples = Vec::new();
    for zone in &summary.zones {
        let Changes { created, changed, deleted, unconfirmed, refused, held } = zone.changes;
        for (outcome, count) in [
            ("created", created),
            ("changed", changed),
            ("deleted", deleted),
            ("unconfirmed", unconfirmed),
            ("refused", refused),
            ("held", held),
        ] {
            let (provider, zone) = (zone.provider.name.as_str(), zone.provider.zone.as_str());
            samples.push((vec![("provider", provider), ("zone", zone), ("outcome", outcome)], count as f64));
        }
    }
    let help = "How many changes of the last run became what, in each zone that it looked at; held are deletions that the brake holds.";
    text.family("dnsmgmt_last_run_changes", help, samples);
}

fn leases(text: &mut Text<'_>, summary: &Summary) {
    let mut family = |name, help, value: &dyn Fn(&Leases) -> Option<f64>| {
        let samples = summary.zones.iter().filter_map(|zone| {
            let labels = vec![("provider", zone.provider.name.as_str()), ("zone", zone.provider.zone.as_str())];
            Some((labels, value(zone.leases.as_ref()?)?))
        });
        text.family(name, help, samples.collect());
    };
    let help = "How many addresses are kept alive: of dns-heartbeat by this machine, of dns-cleanup by any.";
    family("dnsmgmt_leases_alive", help, &|leases| Some(leases.alive as f64));
    let help = "How many addresses there are that nobody keeps alive, nor ever did.";
    family("dnsmgmt_leases_without_heartbeat", help, &|leases| leases.without_heartbeat.map(|count| count as f64));
    let help = "The last heartbeat of the address that was not heard of for the longest time.";
    family("dnsmgmt_leases_oldest_heartbeat_timestamp_seconds", help, &|leases| leases.oldest.map(seconds));
    let help = "The last heartbeat of the address that was heard of last.";
    family("dnsmgmt_leases_youngest_heartbeat_timestamp_seconds", help, &|leases| leases.youngest.map(seconds));
    let help = "When the first address is over that is kept alive, if it is not heard of again.";
    family("dnsmgmt_leases_next_expiry_timestamp_seconds", help, &|leases| leases.next_expiry.map(seconds));
}

/// Returns when the last run ended that had exit status 0, as a text that was written before has it.
fn last_success(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(LAST_SUCCESS))?;
    line.rsplit(' ').next()?.parse().ok().filter(|seconds: &f64| seconds.is_finite())
}

/// Text in Prometheus' exposition format (version 0.0.4). All are gauges: a program that ends counts nothing from run to run.
struct Text<'a> {
    /// The labels of all.
    who: &'a [(&'a str, &'a str)],
    out: String,
}

impl Text<'_> {
    fn one(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, help, vec![(Vec::new(), value)]);
    }

    /// Writes a metric with its labels; nothing where there is none.
    fn family(&mut self, name: &str, help: &str, samples: Vec<(Vec<(&str, &str)>, f64)>) {
        if samples.is_empty() {
            return;
        }
        self.out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
        for (labels, value) in samples {
            let labels = self.who.iter().chain(&labels).map(|(label, value)| format!("{label}=\"{}\"", escaped(value)));
            let labels = labels.collect::<Vec<_>>().join(",");
            self.out.push_str(&format!("{name}{{{labels}}} {value}\n"));
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn seconds(timestamp: Timestamp) -> f64 {
    timestamp.as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dnsmgmt_core::name::Name;
    use dnsmgmt_core::provider::ProviderId;

    use super::*;
    use crate::summary::Zone;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_000_000_000 + millisecond).unwrap()
    }

    fn zone(name: &str) -> Zone {
        let provider = ProviderId { name: "cloud".into(), zone: Name::parse(name).unwrap() };
        let changes = Changes { deleted: 2, unconfirmed: 1, ..Changes::default() };
        let leases = Leases { alive: 3, without_heartbeat: Some(1), oldest: Some(at(-600_000)), ..Leases::default() };
        Zone { provider, changes, leases: Some(leases) }
    }

    #[test]
    fn a_run_is_written_as_prometheus_reads_it() {
        let zones = vec![zone("example.com"), zone("odd\\032\\092.example")];
        let took = Duration::from_millis(1250);
        let summary = Summary { exit: Exit::Unsettled, took, failures: 1, zones, ..Summary::new(Some("heartbeats")) };
        insta::assert_snapshot!(text("dns-cleanup", &summary, at(123), ""));
    }

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let mut text = Text { who: &[("program", "a \"b\"\\\nc")], out: String::new() };
        text.one("dnsmgmt_x", "Help.", 1.0);
        assert!(text.out.ends_with("\ndnsmgmt_x{program=\"a \\\"b\\\"\\\\\\nc\"} 1\n"), "{}", text.out);
    }

    #[test]
    fn the_last_good_run_is_remembered_by_the_file() {
        let run = |exit, at, before: &str| text("dns-heartbeat", &Summary { exit, ..Summary::new(None) }, at, before);
        let line = |text: &str| text.lines().find(|line| line.starts_with(LAST_SUCCESS)).unwrap().to_owned();
        let never = run(Exit::CouldNotRun, at(0), "");
        assert_eq!(line(&never), format!("{LAST_SUCCESS}{{program=\"dns-heartbeat\"}} 0"));
        let good = run(Exit::Done, at(1500), &never);
        let expected = format!("{LAST_SUCCESS}{{program=\"dns-heartbeat\"}} 1795000001.5");
        assert_eq!(line(&good), expected);
        let bad = run(Exit::Held, at(60_000), &good);
        assert_eq!((line(&bad), line(&run(Exit::Unsettled, at(120_000), &bad))), (expected.clone(), expected));
        for broken in ["x", LAST_SUCCESS, &format!("{LAST_SUCCESS} NaN"), &format!("{LAST_SUCCESS}{{")] {
            assert_eq!(line(&run(Exit::Held, at(0), broken)), line(&never), "{broken}");
        }
    }
}
