//! What can be said on the command line of every program here.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use dnsmgmt_core::name::Name;
use dnsmgmt_providers::config::Monitoring;
// The command line and dnsmgmt.toml have one way to write them.
pub use dnsmgmt_providers::duration::parse as duration;

#[expect(missing_docs, reason = "a comment would become help text")]
#[derive(Debug, Args)]
pub struct Global {
    /// Reads this configuration instead of dnsmgmt.toml in its usual places
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Uses this provider: a configured name, or a kind
    #[arg(long, short = 'p', global = true, value_name = "NAME")]
    pub provider: Option<String>,
    /// Uses this zone of the provider
    #[arg(long, global = true, value_name = "ZONE")]
    pub zone: Option<Name>,
    /// Keeps trying until its pauses add up to this, such as 30s, 5m or 0s; each try waits for a server that says nothing up to 30 s beside
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub retry_for: Duration,
    /// Asks a second witness too after each change: `dns` is the DNS server that the provider's table names with `witness`, else the provider
    /// itself
    #[arg(long, global = true, value_name = "HOW")]
    pub verify: Option<Verify>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[expect(missing_docs, reason = "a comment would become help text")]
#[derive(Debug, Clone, Default, Args)]
pub struct Watchers {
    /// Writes metrics into this folder, as the textfile collector of Prometheus' node_exporter reads them
    #[arg(long, global = true, value_name = "FOLDER")]
    pub metrics: Option<PathBuf>,
    /// Starts this program when a run does not end with 0, with what it came to on standard input, and when all is well again
    #[arg(long, global = true, value_name = "PROGRAM", value_parser = NonEmptyStringValueParser::new())]
    pub notify: Option<String>,
}

#[expect(missing_docs, reason = "a comment would become help text")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    Dns,
}

#[expect(missing_docs, reason = "a comment would become help text")]
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[expect(missing_docs, reason = "a comment would become help text")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Table,
    Json,
}

impl Watchers {
    /// Puts what is said here in the place of what is configured.
    pub(crate) fn take_the_place(&self, monitoring: &mut Monitoring) {
        if let Some(folder) = &self.metrics {
            monitoring.metrics = Some(folder.clone());
        }
        if let Some(program) = &self.notify {
            monitoring.notify = vec![program.clone()];
        }
    }
}

impl Color {
    /// Makes it so for everything that is printed.
    pub fn choose(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)), "as dnsmgmt.toml has them");
        assert!(duration("-5m").is_err());
        assert!(duration("a while").unwrap_err().contains("1h 30m"), "an error says how it is written");
    }
}
