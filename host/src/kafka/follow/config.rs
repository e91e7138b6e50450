//! How topics are followed.

use crate::kafka::client::start_at::StartAt;

/// What to follow, and how.
#[derive(Clone, Debug)]
pub struct FollowConfig {
    /// The consumer group: its members share the topics' partitions.
    pub group: String,
    /// Names, or patterns beginning with `^`.
    pub topics: Vec<String>,
    /// Where to begin.
    pub start: StartAt,
    /// When offsets are committed.
    pub acknowledge: Acknowledge,
    /// Whether the ends of partitions are to be told within 0.1 s instead of 0.5 s.
    pub prompt_ends: bool,
}

/// When a message's offset is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledge {
    /// When the message is done with: after a crash some messages come again.
    After,
    /// Before that: after a crash some messages are lost, and none comes again.
    Before,
    /// Never.
    Never,
}

impl FollowConfig {
    /// What is added to librdkafka's defaults.
    pub(super) fn properties(&self) -> [(&'static str, &'static str); 13] {
        let after = if self.acknowledge == Acknowledge::After { "true" } else { "false" };
        [
            // librdkafka commits what was stored: every second, and before a partition goes to another member.
            ("enable.auto.commit", after),
            ("auto.commit.interval.ms", "1000"),
            ("enable.auto.offset.store", "false"),
            // An offset that is gone is noticed and logged.
            ("auto.offset.reset", "error"),
            // A corrupt message must not pass for an alert.
            ("check.crcs", "true"),
            // New topics of a pattern, and new partitions, are looked for every 5 min otherwise.
            ("topic.metadata.refresh.interval.ms", "20000"),
            ("isolation.level", "read_committed"),
            ("enable.partition.eof", "true"),
            ("fetch.message.max.bytes", "8388608"),
            ("fetch.queue.backoff.ms", "10"),
            // librdkafka's mock broker answers a fetch that found nothing only when this is over.
            ("fetch.wait.max.ms", "50"),
            ("session.timeout.ms", "10000"),
            ("statistics.interval.ms", if self.prompt_ends { "100" } else { "500" }),
        ]
    }
}
