//! Messages and records, and the traits for their sources and sinks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use skysieve_avro::MAX_COLUMN_BYTES;

use crate::health::PartitionLag;

/// One message of the alert stream.
#[derive(Clone, Debug)]
pub struct Message {
    /// The packet as it was read. Empty for a tombstone.
    pub bytes: Bytes,
    /// The topic that it was read from.
    pub topic: Arc<str>,
    /// Its partition there.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// When it was created or arrived at the broker, in milliseconds since 1970, if that is known.
    pub timestamp: Option<i64>,
}

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition of that number.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "topic {}, partition {}", self.topic, self.partition)
    }
}

impl Message {
    /// Whether both were read from the same partition.
    pub fn is_of_same_partition(&self, other: &Message) -> bool {
        self.partition == other.partition && self.topic == other.topic
    }

    /// The partition that the message was read from.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }
}

/// How far a partition has been read. `offset` is that of the next message to read, as Kafka commits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// The offset behind the last message that was read.
    pub offset: i64,
}

impl Position {
    /// The partition.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }

    /// The positions behind `messages`, one for each partition.
    pub fn after(messages: &[Message]) -> Vec<Position> {
        let mut positions = Vec::new();
        for Message { topic, partition, offset, .. } in messages {
            Position { topic: topic.clone(), partition: *partition, offset: offset + 1 }.advance(&mut positions);
        }
        positions
    }

    /// Adds this position to `positions`, replacing an earlier one of the same partition.
    pub fn advance(self, positions: &mut Vec<Position>) {
        let same = |known: &&mut Position| known.partition == self.partition && known.topic == self.topic;
        match positions.iter_mut().find(same) {
            Some(known) => known.offset = known.offset.max(self.offset),
            None => positions.push(self),
        }
    }
}

/// The limits of a batch. The batch ends when one of them is reached.
#[derive(Clone, Debug)]
pub struct BatchLimits {
    /// The largest number of alerts.
    pub count: usize,
    /// The largest number of bytes of packets. A single packet that is larger is a batch by itself.
    pub bytes: usize,
    /// The longest time since the batch's first message was fetched.
    pub linger: Duration,
    /// The largest number of bytes of its columns. Messages beyond it go into the next batch. A single alert that takes
    /// more is a batch by itself.
    pub columns: usize,
}

impl Default for BatchLimits {
    fn default() -> BatchLimits {
        BatchLimits { count: 256, bytes: 8 << 20, linger: Duration::from_millis(20), columns: MAX_COLUMN_BYTES }
    }
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Vec<u8>,
}

/// One message to publish.
#[derive(Clone, Debug)]
pub struct Record {
    /// The topic to publish on.
    pub topic: Arc<str>,
    /// The message's key.
    pub key: Vec<u8>,
    /// The message's payload. An empty one is published as null, which is a tombstone in a compacted topic.
    pub payload: Bytes,
    /// Its headers, in order.
    pub headers: Vec<Header>,
}

/// The result for records that were sent, once they are committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Records that were too large for their topic, by their numbers among those that were sent, in ascending order.
    /// Each of them is among the dead letters, without its payload.
    pub too_large: Vec<usize>,
}

/// The condition of a stream's source and sink, for health and metrics.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// What keeps the stream from going on at the moment.
    pub trouble: Option<String>,
    /// Something that should be known, although the stream goes on.
    pub remark: Option<String>,
    /// How many times a batch had to be published once more.
    pub retries: u64,
    /// How far each partition has been read.
    pub partitions: Vec<PartitionLag>,
}

/// Returns a [`Condition`]. May be called from any thread, and does not wait.
pub type Monitor = Box<dyn Fn() -> Condition + Send + Sync>;

/// A stream of messages.
pub trait Source: Send {
    /// Appends messages to `batch` until one of the `limits` is reached. Waits at most `wait` for the first message;
    /// `batch` stays empty if none arrived. Returns `false` if the stream has ended, as only in-memory streams do;
    /// `batch` has its last messages then.
    ///
    /// # Errors
    /// Returns a [`SourceError`] if the stream can't go on. Everything that is worth retrying has been retried.
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError>;

    /// Where each partition that is known is to be read next, before anything has been fetched.
    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }

    /// Reads on from there, and from no other partition that is known; without positions, nothing is read until the
    /// next seek. Messages that were fetched before may have to be published first; meanwhile, none come.
    ///
    /// # Errors
    /// Returns a [`SourceError`] if the source can't do that.
    fn seek(&mut self, _to: Vec<Position>) -> Result<(), SourceError> {
        Err(SourceError("this stream can't go back".to_owned()))
    }

    /// Returns a function that reports the condition of source and sink while they work.
    fn monitor(&self) -> Monitor {
        Box::new(Condition::default)
    }
}

impl Source for Box<dyn Source> {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        (**self).fetch(batch, limits, wait)
    }

    fn positions(&self) -> Vec<Position> {
        (**self).positions()
    }

    fn seek(&mut self, to: Vec<Position>) -> Result<(), SourceError> {
        (**self).seek(to)
    }

    fn monitor(&self) -> Monitor {
        (**self).monitor()
    }
}

/// The destination of outputs and dead letters. A pipeline may have several sinks that publish in turn: one sends while
/// another commits.
pub trait Sink: Send {
    /// Records and positions that were sent, but not committed.
    type Sent: Send;

    /// Begins to publish. The records go behind all that were sent before, by this sink or another one of the pipeline.
    /// [`commit`](Self::commit) must follow, and reports errors. If there are no records and positions, what is
    /// committed already is to be committed once more.
    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Self::Sent;

    /// Publishes the records that were sent and commits the positions: both, or neither. It must be called after
    /// everything that was sent before is committed, and returns once this is committed, too.
    ///
    /// # Errors
    /// Returns a [`SinkError`] if that can't be done. Everything that is worth retrying has been retried.
    fn commit(&mut self, sent: Self::Sent) -> Result<Published, SinkError>;
}

/// The stream can't go on.
#[derive(Debug, thiserror::Error)]
#[error("cannot read alerts: {0}")]
pub struct SourceError(pub String);

/// The records can't be published.
#[derive(Debug, thiserror::Error)]
#[error("cannot publish: {0}")]
pub struct SinkError(pub String);
