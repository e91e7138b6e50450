//! Which partitions a source reads, and from where.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

use crate::kafka::client::error::Error;
use crate::kafka::client::partitions::{ASK, Partition, list};

/// Where reading begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// Where the host of this name has come to; in its first run, the beginning.
    #[default]
    Committed,
    /// The oldest message.
    Earliest,
    /// Messages that come from now on.
    Latest,
    /// The first message of that time or later, in milliseconds since 1970 (UTC).
    Time(i64),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<From, String> {
        match text {
            "committed" => Ok(From::Committed),
            "earliest" => Ok(From::Earliest),
            "latest" => Ok(From::Latest),
            _ => milliseconds(text).map(From::Time).ok_or_else(|| {
                "not committed, earliest, latest, a time like 2026-05-09T03:00:00Z, or seconds since 1970".to_owned()
            }),
        }
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            From::Committed => f.write_str("committed"),
            From::Earliest => f.write_str("earliest"),
            From::Latest => f.write_str("latest"),
            From::Time(milliseconds) => write!(f, "{}", *milliseconds as f64 / 1e3),
        }
    }
}

/// A time, as RFC 3339 writes it or in seconds since 1970.
fn milliseconds(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let valid = (0.0..1e12).contains(&seconds);
        return valid.then_some((seconds * 1e3) as i64);
    }
    let time = humantime::parse_rfc3339_weak(text).ok()?;
    i64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// What the group has committed of each partition.
pub(super) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    patience: Duration,
) -> Result<Vec<Option<i64>>, Error> {
    let answer = consumer.committed_offsets(list(partitions, Offset::Invalid)?, patience)?;
    let of = |(topic, partition): &Partition| match answer.find_partition(topic, *partition)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    Ok(partitions.iter().map(of).collect())
}

/// Where to begin in each partition, of which the group has committed `committed`.
pub(super) fn offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    committed: &[Option<i64>],
    from: From,
) -> Result<Vec<Offset>, Error> {
    match from {
        From::Committed => {
            Ok(committed.iter().map(|offset| offset.map_or(Offset::Beginning, Offset::Offset)).collect())
        }
        From::Earliest => Ok(vec![Offset::Beginning; partitions.len()]),
        From::Latest => partitions
            .iter()
            .map(|(topic, partition)| Ok(Offset::Offset(consumer.fetch_watermarks(topic, *partition, ASK)?.1)))
            .collect(),
        From::Time(milliseconds) => {
            let answer = consumer.offsets_for_times(list(partitions, Offset::Offset(milliseconds))?, 2 * ASK)?;
            let of = |(topic, partition): &Partition| match answer.find_partition(topic, *partition) {
                Some(found) if matches!(found.offset(), Offset::Offset(_)) => found.offset(),
                // Nothing as young as that.
                _ => Offset::End,
            };
            Ok(partitions.iter().map(of).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::From;

    #[test]
    fn where_to_begin_is_read_from_text() {
        let read = |text: &str| text.parse::<From>();
        assert_eq!(read("latest"), Ok(From::Latest));
        assert_eq!(read("1528496269.734"), Ok(From::Time(1_528_496_269_734)));
        assert_eq!(read("2018-06-08T22:17:49.734Z"), Ok(From::Time(1_528_496_269_734)));
        assert_eq!(read("2018-06-08T22:17:49").unwrap().to_string(), "1528496269");
        for wrong in ["", "now", "-5", "NaN", "2018-13-01T00:00:00Z"] {
            assert!(read(wrong).unwrap_err().contains("earliest"), "{wrong:?}");
        }
    }
}
