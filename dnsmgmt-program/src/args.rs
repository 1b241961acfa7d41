//! What can be said on the command line of every program here.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use dnsmgmt_core::name::Name;

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
    /// Keeps trying for so long in all, such as 30s, 5m or 0s
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

/// Reads `15m`, `1h 30m`, `PT15M`, or a bare number of seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let signed: jiff::SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    signed.try_into().map_err(|_| "a duration cannot be negative".into())
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
        assert!(duration("-5m").is_err());
    }
}
