//! Where messages come from and go to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

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
}

/// How far a partition was read: `offset` is the next message to read, as Kafka commits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// One past the last message read.
    pub offset: i64,
}

/// What bounds a batch: whichever is reached first ends it.
#[derive(Clone, Debug)]
pub struct BatchLimits {
    /// Alerts.
    pub count: usize,
    /// Bytes of packets. One packet larger than this is a batch by itself.
    pub bytes: usize,
    /// Time since the batch's first message was fetched.
    pub linger: Duration,
}

impl Default for BatchLimits {
    fn default() -> BatchLimits {
        BatchLimits { count: 256, bytes: 64 << 20, linger: Duration::from_millis(20) }
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
    /// The message's payload.
    pub payload: Bytes,
    /// Its headers, in order.
    pub headers: Vec<Header>,
}

/// A stream of messages.
pub trait Source: Send {
    /// Appends messages to `batch` until a bound of `limits` is reached. Waits at most `wait` for the first; none came
    /// when `batch` stays empty. `Ok(false)`: the stream has ended (only in-memory streams do) and `batch` is its rest.
    ///
    /// # Errors
    /// [`SourceError`] when the stream can't go on; what is worth a retry was retried.
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError>;

    /// Remembers that everything before `positions` is done with, for the next start.
    ///
    /// # Errors
    /// [`SourceError`] when it could not be remembered.
    fn commit(&mut self, positions: &[Position]) -> Result<(), SourceError>;
}

/// Where outputs and dead letters go.
pub trait Sink: Send {
    /// Publishes the records, and returns once all of them are acknowledged.
    ///
    /// # Errors
    /// [`SinkError`] when one was not; the batch must not be committed then.
    fn publish(&mut self, records: Vec<Record>) -> Result<(), SinkError>;
}

/// A stream that can't go on.
#[derive(Debug, thiserror::Error)]
#[error("cannot read alerts: {0}")]
pub struct SourceError(pub String);

/// Records that were not acknowledged.
#[derive(Debug, thiserror::Error)]
#[error("cannot publish: {0}")]
pub struct SinkError(pub String);
