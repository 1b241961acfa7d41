//! How long something takes, in words.

use std::time::Duration;

/// In seconds, minutes, hours or days, rounded up: a grace that is not over is never shown as none.
pub fn duration(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        7200..172_800 => format!("{} h", seconds.div_ceil(3600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_never_shown_as_none() {
        let shown = |milliseconds| duration(Duration::from_millis(milliseconds));
        assert_eq!([0, 1, 60_000, 119_001].map(shown), ["0 s", "1 s", "60 s", "2 min"]);
        assert_eq!([900_000, 7_200_000, 172_800_000].map(shown), ["15 min", "2 h", "2 days"]);
    }
}
