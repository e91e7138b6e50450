//! Until when a token is valid.

use std::time::{Duration, SystemTime};

/// For how many days a token may be valid that expires.
pub const MOST_DAYS: u64 = 3660;
const DAY: Duration = Duration::from_secs(86_400);

/// The time that a text means: a time or day (RFC 3339, UTC), or how long from `now` on (`30d`, `12h`).
///
/// # Errors
/// Returns what is wrong with it.
pub fn expiry(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    let shown: String = text.chars().take(40).collect();
    let after = || humantime::parse_duration(text).ok().and_then(|after| now.checked_add(after));
    let time = parse_time(text).or_else(after);
    let time = time.ok_or_else(|| {
        format!("{shown:?} is neither a time (2027-05-09T03:00:00Z or 2027-05-09, in UTC) nor how long it is valid (30d, 12h)")
    })?;
    match time.duration_since(now) {
        Ok(left) if left <= DAY * MOST_DAYS as u32 => Ok(time),
        Ok(_) => Err(format!("{shown:?} is more than {MOST_DAYS} days away; without it, a token does not expire")),
        Err(_) => Err(format!("{shown:?} is in the past")),
    }
}

/// A time or day (RFC 3339, UTC).
pub(super) fn parse_time(text: &str) -> Option<SystemTime> {
    let is_day = text.len() == 10;
    let time = if is_day {
        humantime::parse_rfc3339(&format!("{text}T00:00:00Z"))
    } else {
        humantime::parse_rfc3339_weak(text)
    };
    time.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_days_and_spans() {
        let now = parse_time("2026-05-09T03:00:00Z").unwrap();
        let of = |text: &str| expiry(text, now).map(|time| humantime::format_rfc3339_seconds(time).to_string());
        assert_eq!(of("2026-06-01").unwrap(), "2026-06-01T00:00:00Z");
        assert_eq!(of("2026-06-01T12:00:00Z").unwrap(), "2026-06-01T12:00:00Z");
        assert_eq!(
            (of("30d").unwrap(), of("12h").unwrap()),
            ("2026-06-08T03:00:00Z".into(), "2026-05-09T15:00:00Z".into())
        );
        for (wrong, says) in [
            ("", "neither a time"),
            ("soon", "neither a time"),
            ("2026-13-01", "neither a time"),
            ("9999999999999999999999y", "neither a time"),
            ("9999-01-01", "more than 3660 days"),
            ("20y", "more than 3660 days"),
            ("2026-05-08", "in the past"),
            ("1960-01-01", "neither a time"),
        ] {
            let error = of(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
