//! What containers use.

use anyhow::Result;
use dnsmgmt_providers::source::docker::Sample;
use jiff::Timestamp;
use serde::Serialize;

use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::output::{print_json, print_table};

/// Prints what containers used at that time.
pub(crate) fn print_usages(
    samples: &[Sample],
    sampled_at: Timestamp,
    failures: &[String],
    format: ReportFormat,
) -> Result<()> {
    match format {
        ReportFormat::Json => {
            let usages = samples.iter().map(json).collect();
            print_json(&JsonUsages { sampled_at: sampled_at.to_string(), usages, failures })
        }
        ReportFormat::Table if samples.is_empty() => Ok(()),
        ReportFormat::Table => print_table(
            ["HOST", "CONTAINER", "CPU %", "MEMORY", "LIMIT"],
            samples.iter().map(|sample| {
                let percent = sample.cpu_percent.map_or_else(unknown, |percent| format!("{percent:.1}"));
                let octets = |octets: Option<u64>| octets.map_or_else(unknown, mebibytes);
                [sample.host.clone(), sample.name.clone(), percent, octets(sample.memory), octets(sample.memory_limit)]
            }),
        ),
    }
}

fn unknown() -> String {
    "-".into()
}

fn mebibytes(octets: u64) -> String {
    let (whole, rest) = (octets >> 20, octets & 0xf_ffff);
    format!("{whole}.{} MiB", (rest * 10) >> 20)
}

#[derive(Serialize)]
struct JsonUsages<'a> {
    sampled_at: String,
    usages: Vec<JsonUsage<'a>>,
    failures: &'a [String],
}

#[derive(Serialize)]
struct JsonUsage<'a> {
    host: &'a str,
    container_id: &'a str,
    container_name: &'a str,
    cpu_usage: Option<f64>,
    memory_usage: Option<u64>,
    memory_limit: Option<u64>,
}

fn json(sample: &Sample) -> JsonUsage<'_> {
    JsonUsage {
        host: &sample.host,
        container_id: &sample.id,
        container_name: &sample.name,
        cpu_usage: sample.cpu_percent,
        memory_usage: sample.memory,
        memory_limit: sample.memory_limit,
    }
}
