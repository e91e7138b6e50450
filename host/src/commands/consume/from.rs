//! Where to begin: `--from`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::kafka::Start;

/// Beyond so many seconds (the year 5138) a number is taken for milliseconds.
const MOST_SECONDS: f64 = 1e11;

/// Reads `earliest`, `latest`, `-N`, seconds or milliseconds since 1970, or a time in UTC by RFC 3339.
pub fn parse(text: &str) -> Result<Start, String> {
    let wrong = || "earliest, latest, -N, 2026-11-22T03:00:00Z, or seconds since 1970".to_owned();
    match text {
        "earliest" => return Ok(Start::Earliest),
        "latest" => return Ok(Start::Latest),
        _ => {}
    }
    if let Some(count) = text.strip_prefix('-') {
        let count = count.parse().map_err(|_| wrong())?;
        return if count > 0 { Ok(Start::Last(count)) } else { Err(wrong()) };
    }
    if let Ok(number) = text.parse::<f64>() {
        let time = if number < MOST_SECONDS { number * 1000.0 } else { number };
        return if (0.0..1e15).contains(&time) { Ok(Start::Time(time as i64)) } else { Err(wrong()) };
    }
    let day = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time: SystemTime = humantime::parse_rfc3339_weak(&day).map_err(|_| wrong())?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
    Ok(Start::Time(since.as_millis() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let time = 1_795_316_400_000;
        for (text, expected) in [
            ("earliest", Start::Earliest),
            ("latest", Start::Latest),
            ("-25", Start::Last(25)),
            ("1795316400", Start::Time(time)),
            ("1795316400.5", Start::Time(time + 500)),
            ("1795316400000", Start::Time(time)),
            ("2026-11-22T03:00:00Z", Start::Time(time)),
            ("2026-11-22 03:00:00", Start::Time(time)),
            ("2026-11-22", Start::Time(time - 3 * 3_600_000)),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for wrong in
            ["", "-0", "-", "-x", "--5", "yesterday", "inf", "NaN", "1e300", "2026-13-01", "1969-01-01T00:00:00Z"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
