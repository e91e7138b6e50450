//! Where reading begins: `--from`, for hosts and subscribers alike.

use std::fmt;
use std::str::FromStr;
use std::time::UNIX_EPOCH;

/// From so many seconds on (the year 5138) a number is taken for milliseconds.
const MOST_SECONDS: f64 = 1e11;

/// The latest time that is taken, in milliseconds since 1970 (the year 33658).
const MOST_MILLISECONDS: f64 = 1e15;

/// Where reading begins in each partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartAt {
    /// Where the host of this name, or the consumer group, has come to; in its first run, the oldest message.
    #[default]
    Committed,
    /// The oldest message, whatever was committed; so do the others.
    Earliest,
    /// Messages that come from now on.
    Latest,
    /// So many messages before the end, at least 1.
    Last(i64),
    /// The first message of that time or later, in milliseconds since 1970 (UTC).
    Time(i64),
}

impl FromStr for StartAt {
    type Err = String;

    /// Reads `committed`, `earliest`, `latest`, `-N`, a time or day in UTC by RFC 3339, seconds or milliseconds since 1970.
    fn from_str(text: &str) -> Result<StartAt, String> {
        match text {
            "committed" => return Ok(StartAt::Committed),
            "earliest" => return Ok(StartAt::Earliest),
            "latest" => return Ok(StartAt::Latest),
            _ => {}
        }
        let start = match text.strip_prefix('-') {
            Some(count) if count.bytes().all(|byte| byte.is_ascii_digit()) => {
                count.parse().ok().filter(|count| *count > 0).map(StartAt::Last)
            }
            Some(_) => None,
            None => milliseconds(text).map(StartAt::Time),
        };
        start.ok_or_else(|| {
            "this is none of: committed, earliest, latest, -N (the last N messages of each partition), a time like \
             2026-05-09T03:00:00Z (UTC), a day like 2026-05-09, or seconds or milliseconds since 1970"
                .to_owned()
        })
    }
}

/// As [`StartAt::from_str`] reads it.
impl fmt::Display for StartAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartAt::Committed => f.write_str("committed"),
            StartAt::Earliest => f.write_str("earliest"),
            StartAt::Latest => f.write_str("latest"),
            StartAt::Last(count) => write!(f, "-{count}"),
            StartAt::Time(milliseconds) => match u64::try_from(*milliseconds) {
                Ok(since) => {
                    let time = UNIX_EPOCH + std::time::Duration::from_millis(since);
                    write!(f, "{}", humantime::format_rfc3339_millis(time))
                }
                Err(_) => write!(f, "{milliseconds}"),
            },
        }
    }
}

fn milliseconds(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<f64>() {
        let time = if number < MOST_SECONDS { number * 1e3 } else { number };
        return (0.0..MOST_MILLISECONDS).contains(&time).then_some(time as i64);
    }
    let day = text.len() == 10;
    let text = if day { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time = humantime::parse_rfc3339_weak(&text).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::StartAt;

    #[test]
    fn every_form_is_read_and_written_alike() {
        let time = 1_795_316_400_000;
        for (text, expected) in [
            ("committed", StartAt::Committed),
            ("earliest", StartAt::Earliest),
            ("latest", StartAt::Latest),
            ("-25", StartAt::Last(25)),
            ("1795316400", StartAt::Time(time)),
            ("1795316400.5", StartAt::Time(time + 500)),
            ("1795316400000", StartAt::Time(time)),
            ("2026-11-22T03:00:00Z", StartAt::Time(time)),
            ("2026-11-22T03:00:00.734Z", StartAt::Time(time + 734)),
            ("2026-11-22 03:00:00", StartAt::Time(time)),
            ("2026-11-22", StartAt::Time(time - 3 * 3_600_000)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
            assert_eq!(expected.to_string().parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_place_to_begin_is_refused_with_the_forms_that_are() {
        for wrong in [
            "",
            "-0",
            "-",
            "-x",
            "--5",
            "-+5",
            "-1.5",
            "now",
            "yesterday",
            "inf",
            "NaN",
            "1e300",
            "2026-13-01",
            "1969-01-01T00:00:00Z",
            "Latest",
            "-99999999999999999999",
        ] {
            let refusal = wrong.parse::<StartAt>().unwrap_err();
            assert!(refusal.contains("earliest") && refusal.contains("-N"), "{wrong:?}: {refusal}");
        }
    }
}
