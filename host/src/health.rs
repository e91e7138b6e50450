//! The state of a host: what it has done, and how far it has read.

use serde::Serialize;

/// The state of the host.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// Whether it reads the stream and publishes.
    pub ready: bool,
    /// Why it is not ready, or what it is doing.
    pub detail: String,
    /// Whether the stream is waiting for an unknown schema; `detail` says for which one.
    pub waiting_for_schema: bool,
    /// The number of messages fetched.
    pub messages: u64,
    /// The number of alerts decoded.
    pub alerts: u64,
    /// The number of messages that could not be decoded.
    pub undecodable: u64,
    /// The number of alerts without a visit or time. Those that arrive within the same minute count as one visit.
    pub without_visit: u64,
    /// The number of bytes in the packets fetched.
    pub bytes: u64,
    /// The number of batches published.
    pub batches: u64,
    /// The number of messages in the batches that were published.
    pub done: u64,
    /// The number of dead letters published.
    pub dead_letters: u64,
    /// How many times a batch had to be published once more.
    pub retries: u64,
    /// How far each partition of the stream has been read.
    pub partitions: Vec<PartitionLag>,
    /// The registry of filters, if the host has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryHealth>,
}

/// The registry of filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RegistryHealth {
    /// How many filters of this host it has.
    pub filters: usize,
    /// Records that are not used, with their keys and offsets. Their number is limited.
    pub unreadable: Vec<String>,
    /// Filters of this host that can't run, and why. Their number is limited.
    pub refused: Vec<String>,
    /// Why it can't be read at this moment.
    pub trouble: Option<String>,
}

/// How far one partition has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The offset behind the last message that was fetched.
    pub position: Option<i64>,
    /// The offset from which the next start will read.
    pub committed: Option<i64>,
    /// The offset behind the last message that can be read, as it was some seconds ago.
    pub high: Option<i64>,
    /// The number of messages that were deleted before they could be read, since this host started.
    pub lost: u64,
}

impl PartitionLag {
    /// The number of messages whose outcome has yet to be published.
    pub fn behind(&self) -> Option<i64> {
        Some((self.high? - self.committed.or(self.position)?).max(0))
    }
}
