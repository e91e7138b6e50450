//! Looks at single partitions, outside of any consumer group: which messages there are, and which can't be read.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::librdkafka::context::Context;
use crate::pipeline::TopicPartition;

/// How long the brokers may give no answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most offsets that are looked at in one go: a number for each message is kept in memory.
const BLOCK: i64 = 1 << 20;

const PROPERTIES: [(&str, &str); 8] = [
    // librdkafka wants one. No group is joined, as partitions are assigned by hand.
    ("group.id", "skysieve-look"),
    ("enable.auto.commit", "false"),
    ("isolation.level", "read_committed"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "error"),
    ("check.crcs", "true"),
    ("fetch.queue.backoff.ms", "10"),
    // librdkafka's mock broker answers a fetch that found nothing only when this is over.
    ("fetch.wait.max.ms", "50"),
];

/// Reads one partition at a time.
pub(in crate::kafka) struct Look {
    consumer: BaseConsumer<Context>,
    options: Options,
}

impl Look {
    pub(in crate::kafka) fn new(options: &Options) -> Result<Look, Error> {
        let consumer = options.client_config(&PROPERTIES)?.create_with_context(Context::default())?;
        Ok(Look { consumer, options: options.clone() })
    }

    /// Finds the offset of the first of a partition's last `count` messages. Not every offset between `low` and `high` is a
    /// message: some are ends of transactions, messages of aborted ones, or messages that compaction has removed.
    pub(in crate::kafka) fn last(
        &self,
        partition: &TopicPartition,
        (low, high): (i64, i64),
        count: i64,
    ) -> Result<i64, Error> {
        let mut missing = count;
        let (mut end, mut block) = (high, count.saturating_add(count / 4 + 8).min(BLOCK));
        // A range holds at most as many messages as it has offsets.
        while end > low && missing < end - low {
            let begin = (end - block).max(low);
            let offsets = self.offsets(partition, (begin, end))?;
            let found = offsets.len() as i64;
            if found >= missing {
                return Ok(offsets[(found - missing) as usize]);
            }
            missing -= found;
            (end, block) = (begin, (2 * block).min(BLOCK));
        }
        Ok(low)
    }

    /// Returns an error if the message that follows an offset can't be read.
    pub(in crate::kafka) fn check(&self, partition: &TopicPartition, offset: i64) -> Result<(), Error> {
        self.offsets(partition, (offset, offset)).map(drop)
    }

    /// The offsets of the messages in a range of offsets.
    fn offsets(&self, partition: &TopicPartition, (begin, end): (i64, i64)) -> Result<Vec<i64>, Error> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(begin))?;
        self.consumer.assign(&list)?;
        let (mut found, mut deadline) = (Vec::new(), Instant::now() + PATIENCE);
        let mut next = begin;
        loop {
            match self.consumer.poll(TICK) {
                Some(Ok(message)) if message.offset() >= end => break,
                Some(Ok(message)) => {
                    found.push(message.offset());
                    (next, deadline) = (message.offset() + 1, Instant::now() + PATIENCE);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => {
                    if let Some(reason) = unreadable(&error) {
                        return Err(Error::Unreadable { partition: partition.clone(), offset: next, reason });
                    }
                    // The messages were deleted in the meantime (retention).
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
                        break;
                    }
                    self.consumer.context().connection.check()?;
                }
                None => {}
            }
            if self.options.stopping() {
                return Err(Error::Stopped(0));
            }
            if Instant::now() >= deadline {
                return Err(self.options.unreachable(self.consumer.context().connection.reason()));
            }
        }
        self.consumer.unassign()?;
        Ok(found)
    }
}

/// Returns why a batch of messages can't be read, if the error says so.
pub(in crate::kafka) fn unreadable(error: &KafkaError) -> Option<String> {
    use RDKafkaErrorCode::*;
    Some(match error.rdkafka_error_code()? {
        BadCompression => "the batch there can't be decompressed".to_owned(),
        BadMessage | InvalidMessage => "the batch there is corrupt: its checksum is wrong".to_owned(),
        NotImplemented => "the batch there is compressed in a way that this program does not know".to_owned(),
        Underflow => "the batch there is corrupt: it ends early".to_owned(),
        _ => return None,
    })
}
