//! Messages and records, and the traits of what they come from and go to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::health::PartitionLag;

/// One message of the alert stream.
#[derive(Clone, Debug)]
pub struct Message {
    /// The packet, as it came. Empty for a tombstone.
    pub bytes: Bytes,
    /// The topic that it was read from.
    pub topic: Arc<str>,
    /// Its partition there.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// When it was made or came to the broker, milliseconds since 1970, if it says so.
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
    /// The partition that the message was read from.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }
}

/// How far a partition was read. `offset` is that of the next message to read, as Kafka commits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// One past the last message read.
    pub offset: i64,
}

impl Position {
    /// The partition.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }

    /// The positions behind `messages`, one for each of their partitions.
    pub fn after(messages: &[Message]) -> Vec<Position> {
        let mut positions = Vec::new();
        for Message { topic, partition, offset, .. } in messages {
            Position { topic: topic.clone(), partition: *partition, offset: offset + 1 }.advance(&mut positions);
        }
        positions
    }

    /// Adds this to `positions`, in place of an earlier position of the same partition.
    pub fn advance(self, positions: &mut Vec<Position>) {
        let same = |known: &&mut Position| known.partition == self.partition && known.topic == self.topic;
        match positions.iter_mut().find(same) {
            Some(known) => known.offset = known.offset.max(self.offset),
            None => positions.push(self),
        }
    }
}

/// What bounds a batch. The bound that is reached first ends it.
#[derive(Clone, Debug)]
pub struct BatchLimits {
    /// How many alerts it has at most.
    pub count: usize,
    /// Bytes of packets. One packet larger than this is a batch by itself.
    pub bytes: usize,
    /// Time since the batch's first message was fetched.
    pub linger: Duration,
}

impl Default for BatchLimits {
    fn default() -> BatchLimits {
        BatchLimits { count: 256, bytes: 8 << 20, linger: Duration::from_millis(20) }
    }
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Vec<u8>,
}

/// One message to publish.
#[derive(Clone, Debug)]
pub struct Record {
    /// The topic to publish on.
    pub topic: Arc<str>,
    /// The message's key.
    pub key: Vec<u8>,
    /// The message's payload. An empty one is published as a null: in a compacted topic a tombstone.
    pub payload: Bytes,
    /// Its headers, in order.
    pub headers: Vec<Header>,
}

/// What became of records that were sent, once they are committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Records that were too large for their topic, by their number among those that were sent, in ascending order. Each is
    /// among the dead letters, without its payload.
    pub too_large: Vec<usize>,
}

/// How a stream's source and sink are, for health and metrics.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// What keeps the stream from going on just now.
    pub trouble: Option<String>,
    /// What is to be known though the stream goes on.
    pub remark: Option<String>,
    /// Batches that had to be published once more.
    pub retries: u64,
    /// How far each partition was read.
    pub partitions: Vec<PartitionLag>,
}

/// Returns a [`Condition`]. May be called from any thread, and does not wait.
pub type Monitor = Box<dyn Fn() -> Condition + Send + Sync>;

/// A stream of messages.
pub trait Source: Send {
    /// Appends messages to `batch` until a bound of `limits` is reached. Waits at most `wait` for the first message; `batch`
    /// stays empty if none came. Returns `false` if the stream has ended, as only in-memory streams do: `batch` then holds its
    /// last messages.
    ///
    /// # Errors
    /// [`SourceError`] when the stream can't go on; whatever is worth a retry was retried.
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError>;

    /// Returns what tells how source and sink are while they work.
    fn monitor(&self) -> Monitor {
        Box::new(Condition::default)
    }
}

/// Where outputs and dead letters go. A pipeline may have several sinks that publish in turn: one sends while another commits.
pub trait Sink: Send {
    /// Records and positions that were sent, but not committed.
    type Sent: Send;

    /// Begins to publish. The records go behind all that were sent before, by this or another of the pipeline's sinks.
    /// [`commit`](Self::commit) follows, and tells what went wrong. Without records and positions, what is committed is to be
    /// committed once more.
    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Self::Sent;

    /// Publishes the records that were sent and commits the positions: both, or neither. Returns once that is so, and is called
    /// after everything that was sent before is committed.
    ///
    /// # Errors
    /// [`SinkError`] when that can't be done; whatever is worth a retry was retried.
    fn commit(&mut self, sent: Self::Sent) -> Result<Published, SinkError>;
}

/// A stream that can't go on.
#[derive(Debug, thiserror::Error)]
#[error("cannot read alerts: {0}")]
pub struct SourceError(pub String);

/// Records that can't be published.
#[derive(Debug, thiserror::Error)]
#[error("cannot publish: {0}")]
pub struct SinkError(pub String);
