//! How a host is: what it has done, and how far it has read.

use serde::Serialize;

/// How the host itself is.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// Whether it reads the stream and publishes.
    pub ready: bool,
    /// Why not, or what it is doing.
    pub detail: String,
    /// Whether the stream stands still until a schema is known; `detail` says which.
    pub waiting_for_schema: bool,
    /// Messages fetched.
    pub messages: u64,
    /// Alerts decoded.
    pub alerts: u64,
    /// Messages that could not be decoded.
    pub undecodable: u64,
    /// Alerts that tell neither visit nor time; those that come within a minute count as one visit.
    pub without_visit: u64,
    /// Bytes of packets fetched.
    pub bytes: u64,
    /// Batches published.
    pub batches: u64,
    /// Messages in the batches that were published.
    pub done: u64,
    /// Dead letters published.
    pub dead_letters: u64,
    /// Batches that had to be published once more.
    pub retries: u64,
    /// How far each partition of the stream was read.
    pub partitions: Vec<PartitionLag>,
}

/// How far one partition was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// One past the last message fetched.
    pub position: Option<i64>,
    /// The offset from which the next start reads.
    pub committed: Option<i64>,
    /// One past the last message that can be read, as known some seconds ago.
    pub high: Option<i64>,
    /// Messages that were deleted before they could be read, since this host started.
    pub lost: u64,
}

impl PartitionLag {
    /// Messages whose outcome is not published yet.
    pub fn behind(&self) -> Option<i64> {
        Some((self.high? - self.committed.or(self.position)?).max(0))
    }
}
