//! Durations as people write them.

use std::time::Duration;

use dnsmgmt_core::record::Ttl;
use jiff::{Span, SpanRelativeTo};

/// Reads `15m`, `1h 30m`, `90d`, `PT15M`, or a bare number of seconds; a day has 24 hours. An error is a sentence without its
/// subject's place.
pub fn parse(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let wrong = || format!("`{text}` is not a duration; write it as in `15m`, `1h 30m` or `90d`");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let signed = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    signed.try_into().map_err(|_| format!("`{text}` is negative"))
}

/// Reads a TTL: a duration, or `auto`.
pub(crate) fn ttl(text: &str) -> Result<Ttl, String> {
    if text == "auto" {
        return Ok(Ttl::Automatic);
    }
    seconds(parse(text)?.as_secs())
}

/// Returns a TTL of so many seconds (RFC 2181 section 8).
pub(crate) fn seconds(seconds: u64) -> Result<Ttl, String> {
    let within = u32::try_from(seconds).ok().filter(|seconds| *seconds <= i32::MAX as u32);
    within.map(Ttl::Seconds).ok_or_else(|| format!("a TTL is at most {} seconds", i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_is_seconds() {
        for (text, seconds) in
            [("90", 90), ("15m", 900), ("1h 30m", 5400), ("90d", 7_776_000), ("PT15M", 900), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "-5m", "-5", "5 apples", "1 month", "1y", "m"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_ttl_has_a_limit() {
        assert_eq!(ttl("auto"), Ok(Ttl::Automatic));
        assert_eq!(ttl("1h"), Ok(Ttl::Seconds(3600)));
        assert_eq!(ttl("2147483647"), Ok(Ttl::Seconds(2_147_483_647)));
        assert!(ttl("2147483648").is_err());
    }
}
