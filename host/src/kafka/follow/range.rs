//! Offsets that a topic does not have: what was to be read next is gone, or the topic is another one by now.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

use crate::pipeline::TopicPartition;

/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(5);

/// What became of the offset that was to be read next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// It is there, or will be the next one.
    There,
    /// It is gone, and so many offsets with it.
    Gone(i64),
    /// The topic has never come so far.
    Beyond,
}

impl Next {
    fn of(offset: i64, (low, high): (i64, i64)) -> Next {
        match offset {
            _ if offset < low => Next::Gone(low - offset),
            _ if offset > high => Next::Beyond,
            _ => Next::There,
        }
    }
}

/// Where to read on in a partition of which `offset` was to be read next: at that offset if the partition has it, else at its
/// oldest message, which is logged. Returns `None` if the brokers don't say which offsets it has.
pub(super) fn next<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partition: &TopicPartition,
    offset: i64,
) -> Option<i64> {
    let TopicPartition { topic, partition } = partition;
    let (low, high) = consumer.fetch_watermarks(topic, *partition, ASK).ok()?;
    match Next::of(offset, (low, high)) {
        Next::There => Some(offset),
        Next::Gone(gone) => {
            tracing::warn!(
                %topic, partition, gone, from = offset, oldest = low,
                "messages are gone that were not read yet: the topic keeps them for some time only. Reading goes on with the \
                 oldest one that is left"
            );
            Some(low)
        }
        Next::Beyond => {
            tracing::warn!(
                %topic, partition, offset, end = high,
                "the topic was created anew: it ends before the offset that was to be read next. It is read from its beginning"
            );
            Some(low)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Next;

    #[test]
    fn what_became_of_an_offset() {
        for (offset, next) in [
            (0, Next::Gone(10)),
            (9, Next::Gone(1)),
            (10, Next::There),
            (20, Next::There),
            (21, Next::Beyond),
            (i64::MAX, Next::Beyond),
        ] {
            assert_eq!(Next::of(offset, (10, 20)), next, "{offset}");
        }
    }
}
