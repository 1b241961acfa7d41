//! How long ago something was, in words.

use jiff::Timestamp;

/// Returns how long ago `then` was, in its largest unit: `3 minutes`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_in_its_largest_unit() {
        let old = |seconds: i64| age(Timestamp::UNIX_EPOCH, Timestamp::from_second(-seconds).unwrap());
        let all = [0, 1, 59, 60, 3_599, 3_600, 86_399, 86_400, 172_800].map(old);
        let expected =
            ["0 seconds", "1 second", "59 seconds", "1 minute", "59 minutes", "1 hour", "23 hours", "1 day", "2 days"];
        assert_eq!(all, expected);
        assert_eq!(old(-5), "0 seconds", "a clock was set");
    }
}
