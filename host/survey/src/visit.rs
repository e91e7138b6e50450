//! Identifies the exposure that an alert is from.

use std::fmt;

use super::name::Name;
use super::value::Value;

/// Identifies the exposure that an alert is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Visit {
    /// The number of the exposure.
    Number(i64),
    /// The time of the exposure as the alert gives it, if the exposure has no number. These are the bits of the double.
    Time(u64),
    /// The exposure's name, or its time if that is text.
    Name(Name),
    /// The minute in which the alert arrived in Kafka, counted from 1970 on, if the alert has none of the above. All
    /// such alerts of a minute count as one visit.
    Minute(i64),
    /// The alert has none of the above, and nobody knows when it arrived.
    Unknown,
}

impl Visit {
    /// The visit of an alert with these values. The time counts only if there is no number or name.
    pub fn of(visit: Option<Value<'_>>, time: Option<Value<'_>>) -> Visit {
        let known = |value: Value<'_>| match value {
            Value::Whole(number) => Some(Visit::Number(number)),
            Value::Real(time) => time.is_finite().then_some(Visit::Time(time.to_bits())),
            Value::Text(text) => (!text.is_empty()).then(|| Visit::Name(Name::new(text))),
        };
        visit.and_then(known).or_else(|| time.and_then(known)).unwrap_or(Visit::Unknown)
    }

    /// Returns the same visit or, if it is not known, the minute of `timestamp` (Kafka's milliseconds since 1970).
    pub fn or_minute(self, timestamp: Option<i64>) -> Visit {
        match (self, timestamp) {
            (Visit::Unknown, Some(milliseconds)) => Visit::Minute(milliseconds.div_euclid(60_000)),
            (visit, _) => visit,
        }
    }

    /// Whether the visit comes from the alert itself.
    pub fn is_known(&self) -> bool {
        !matches!(self, Visit::Minute(_) | Visit::Unknown)
    }

    /// The visit as a short text that can be stored; see [`Visit::from_key`].
    pub fn key(&self) -> String {
        match self {
            Visit::Number(number) => format!("v{number}"),
            Visit::Time(bits) => format!("j{bits:016x}"),
            Visit::Name(name) => format!("n{name}"),
            Visit::Minute(minute) => format!("m{minute}"),
            Visit::Unknown => "u".to_owned(),
        }
    }

    /// Reads the text that [`Visit::key`] wrote.
    pub fn from_key(key: &str) -> Option<Visit> {
        match key.split_at_checked(1)? {
            ("v", number) => number.parse().ok().map(Visit::Number),
            ("j", bits) => u64::from_str_radix(bits, 16).ok().map(Visit::Time),
            ("n", name) => (!name.is_empty()).then(|| Visit::Name(Name::new(name.as_bytes()))),
            ("m", minute) => minute.parse().ok().map(Visit::Minute),
            ("u", "") => Some(Visit::Unknown),
            _ => None,
        }
    }
}

impl fmt::Display for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Visit::Number(number) => write!(f, "{number}"),
            Visit::Time(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Visit::Name(name) => write!(f, "{name}"),
            Visit::Minute(minute) => write!(f, "unknown, arrived {}", Utc(*minute)),
            Visit::Unknown => f.write_str("unknown"),
        }
    }
}

/// A minute since 1970, which is displayed as a date and time.
struct Utc(i64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, minute) = (self.0.div_euclid(1440), self.0.rem_euclid(1440));
        // Days are converted to a date by eras of 400 years that begin in March
        // (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
        let day = day + 719_468;
        let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let shifted = (5 * day + 2) / 153;
        let (month, day) = (if shifted < 10 { shifted + 3 } else { shifted - 9 }, day - (153 * shifted + 2) / 5 + 1);
        let year = year + 400 * era + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}Z", minute / 60, minute % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_found_again_by_its_key() {
        let long = "c4d_251127_084100_ooi_r_v1 and so on, with more of it than anyone would call an exposure";
        let names = ["17", "a/b", "é", long].map(|name| Visit::of(Some(Value::Text(name.as_bytes())), None));
        let time = Visit::of(None, Some(Value::Real(2_458_451.751_921_3)));
        let others = [Visit::Number(-7), Visit::Number(i64::MAX), time, Visit::Minute(-1), Visit::Unknown];
        for visit in names.into_iter().chain(others) {
            assert_eq!(Visit::from_key(&visit.key()), Some(visit));
        }
        for key in ["", "v", "vx", "jx", "u1", "n", "mx", "é"] {
            assert_eq!(Visit::from_key(key), None, "{key:?}");
        }
    }

    #[test]
    fn keys_that_were_stored_before_stay_readable() {
        assert_eq!(Visit::from_key("v2026110100012"), Some(Visit::Number(2_026_110_100_012)));
        assert_eq!(Visit::from_key("j4142c1c9e0414dd2"), Some(Visit::Time(0x4142_c1c9_e041_4dd2)));
    }

    #[test]
    fn a_visit_that_nobody_tells_is_the_minute_in_which_the_alert_came() {
        let unknown = Visit::of(None, Some(Value::Real(f64::NAN)));
        assert_eq!(unknown, Visit::Unknown);
        assert_eq!(unknown.or_minute(None), Visit::Unknown);
        let minute = unknown.or_minute(Some(1_790_412_060_123));
        assert_eq!(minute.to_string(), "unknown, arrived 2026-09-26T08:41Z");
        assert_eq!(minute, unknown.or_minute(Some(1_790_412_119_999)));
        assert_ne!(minute, unknown.or_minute(Some(1_790_412_120_000)));
        assert_eq!(Visit::Number(1).or_minute(Some(0)), Visit::Number(1));
        assert_eq!(Visit::Minute(-1).to_string(), "unknown, arrived 1969-12-31T23:59Z");
        assert_eq!(Visit::Minute(15_796_799).to_string(), "unknown, arrived 2000-01-13T23:59Z");
        assert!(!Visit::Minute(i64::MIN).to_string().is_empty() && !Visit::Minute(i64::MAX).to_string().is_empty());
    }

    #[test]
    fn names_that_differ_only_at_their_end_are_different_visits() {
        let of = |name: &str| Visit::of(Some(Value::Text(name.as_bytes())), None);
        let begin = "x".repeat(100);
        assert_ne!(of(&format!("{begin}1")), of(&format!("{begin}2")));
        assert_eq!(of(&format!("{begin}1")), of(&format!("{begin}1")));
        assert_eq!(of(""), Visit::Unknown);
    }
}
