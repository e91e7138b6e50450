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
    /// The number of transactions committed.
    pub transactions: u64,
    /// The time spent in each stage.
    pub stage_seconds: StageSeconds,
    /// The memory of the process in bytes, where the system says so.
    pub memory: Option<u64>,
    /// The number of modules that are being compiled.
    pub compiling: u64,
    /// The number of modules that wait for that.
    pub compile_queue: u64,
    /// How far each partition of the stream has been read.
    pub partitions: Vec<PartitionLag>,
    /// The registry of filters, if the host has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryHealth>,
}

/// The time spent in each stage of an alert's path since the start, in seconds, over all threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct StageSeconds {
    /// Decoding.
    pub decode: f64,
    /// Judging, by the threads that run filters.
    pub judge: f64,
    /// Publishing and committing.
    pub publish: f64,
}

/// The registry of filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RegistryHealth {
    /// How many filters of this host it has.
    pub filters: usize,
    /// How many filters it has in all.
    pub records: u64,
    /// How many tokens it has.
    pub tokens: u64,
    /// How many bytes the modules and configs have that filters name, each once.
    pub bytes: u64,
    /// The offset of its newest record, if there is one.
    pub offset: Option<i64>,
    /// When that was written, in seconds since 1970, if that is known.
    pub last_write: Option<i64>,
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

impl Health {
    /// The health of a host whose live lane is like this, and whose slow lane is like `slow`. What the slow lane has read was
    /// counted in the live one; its trouble is that of the host.
    #[must_use]
    pub fn beside(self, slow: Health) -> Health {
        let detail = match self.ready && !slow.ready {
            true => format!("the slow lane: {}", slow.detail),
            false => self.detail,
        };
        Health {
            ready: self.ready && slow.ready,
            detail,
            waiting_for_schema: self.waiting_for_schema || slow.waiting_for_schema,
            dead_letters: self.dead_letters + slow.dead_letters,
            retries: self.retries + slow.retries,
            transactions: self.transactions + slow.transactions,
            stage_seconds: StageSeconds {
                decode: self.stage_seconds.decode + slow.stage_seconds.decode,
                judge: self.stage_seconds.judge + slow.stage_seconds.judge,
                publish: self.stage_seconds.publish + slow.stage_seconds.publish,
            },
            ..self
        }
    }
}

impl PartitionLag {
    /// The number of messages whose outcome has yet to be published.
    pub fn behind(&self) -> Option<i64> {
        Some((self.high? - self.committed.or(self.position)?).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_of_the_slow_lane_is_that_of_the_host() {
        let lane = |ready, detail: &str| Health { ready, detail: detail.to_owned(), alerts: 5, ..Health::default() };
        let both = |live, slow| -> (bool, String) {
            let Health { ready, detail, alerts: 5, .. } = Health::beside(live, slow) else { panic!("counted twice") };
            (ready, detail)
        };
        let (well, ill) = (|| lane(true, "reading"), |detail| lane(false, detail));
        assert_eq!(both(well(), well()), (true, "reading".to_owned()));
        assert_eq!(both(ill("no broker"), ill("stopped")), (false, "no broker".to_owned()));
        let waits = Health { waiting_for_schema: true, ..ill("waiting for a schema: 7") };
        assert!(well().beside(waits.clone()).waiting_for_schema);
        assert_eq!(both(well(), waits), (false, "the slow lane: waiting for a schema: 7".to_owned()));
    }
}
