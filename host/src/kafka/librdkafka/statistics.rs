//! The part of librdkafka's statistics that is used
//! ([format](https://github.com/confluentinc/librdkafka/blob/v2.12.1/STATISTICS.md)).

use std::collections::HashMap;

use serde::Deserialize;

use crate::pipeline::TopicPartition;

/// librdkafka's statistics of one client.
#[derive(Deserialize)]
pub(in crate::kafka) struct Statistics {
    #[serde(default)]
    brokers: HashMap<String, BrokerStatistics>,
    #[serde(default)]
    topics: HashMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct BrokerStatistics {
    state: String,
}

#[derive(Deserialize)]
struct TopicStatistics {
    partitions: HashMap<i32, PartitionStatistics>,
}

/// How far a partition was read. An offset that is not known yet is negative.
#[derive(Deserialize)]
pub(in crate::kafka) struct PartitionStatistics {
    hi_offset: i64,
    ls_offset: i64,
    #[serde(default = "unknown")]
    eof_offset: i64,
    #[serde(default = "unknown")]
    next_offset: i64,
    #[serde(default)]
    fetchq_cnt: i64,
}

/// librdkafka's sign for an offset that is not known.
fn unknown() -> i64 {
    -1001
}

impl Statistics {
    /// Reads the JSON. What can't be read is logged.
    pub(in crate::kafka) fn parse(json: &[u8]) -> Option<Statistics> {
        let parsed = serde_json::from_slice(json);
        parsed.inspect_err(|error| tracing::debug!(%error, "librdkafka's statistics can't be read")).ok()
    }

    /// Whether the client is connected to a broker.
    pub(in crate::kafka) fn is_connected(&self) -> bool {
        self.brokers.values().any(|broker| broker.state == "UP")
    }

    /// All partitions, with their topics and numbers.
    pub(in crate::kafka) fn partitions(&self) -> impl Iterator<Item = (&str, i32, &PartitionStatistics)> {
        self.topics.iter().flat_map(|(topic, statistics)| {
            // Partition -1 is librdkafka's own.
            let real = statistics.partitions.iter().filter(|(number, _)| **number >= 0);
            real.map(move |(number, partition)| (topic.as_str(), *number, partition))
        })
    }

    /// One partition.
    pub(in crate::kafka) fn partition(&self, partition: &TopicPartition) -> Option<&PartitionStatistics> {
        self.topics.get(&*partition.topic)?.partitions.get(&partition.partition)
    }
}

impl PartitionStatistics {
    /// One past the last message, of open transactions too.
    pub(in crate::kafka) fn high(&self) -> Option<i64> {
        known(self.hi_offset)
    }

    /// One past the last message before an open transaction.
    pub(in crate::kafka) fn stable(&self) -> Option<i64> {
        known(self.ls_offset)
    }

    /// The last end of the partition that was reached.
    pub(in crate::kafka) fn met_end(&self) -> Option<i64> {
        known(self.eof_offset)
    }

    /// Whether everything up to an offset was fetched and handed over.
    pub(in crate::kafka) fn is_read_up_to(&self, offset: i64) -> bool {
        self.fetchq_cnt == 0 && self.next_offset >= offset
    }
}

fn known(offset: i64) -> Option<i64> {
    (offset >= 0).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_as_librdkafka_writes_them() {
        let json = r#"{"name":"x","brokers":{"a:1/1":{"state":"UP","rtt":{}}},"topics":{"ztf":{"age":1,"partitions":{
            "0":{"hi_offset":7,"ls_offset":5,"eof_offset":-1001,"next_offset":5,"fetchq_cnt":0},
            "-1":{"hi_offset":-1001,"ls_offset":-1001}}}}}"#;
        let statistics = Statistics::parse(json.as_bytes()).unwrap();
        assert!(statistics.is_connected());
        assert_eq!(statistics.partitions().map(|(topic, number, _)| (topic, number)).collect::<Vec<_>>(), [("ztf", 0)]);
        let partition = statistics.partition(&TopicPartition::new("ztf", 0)).unwrap();
        assert_eq!((partition.high(), partition.stable(), partition.met_end()), (Some(7), Some(5), None));
        assert!(partition.is_read_up_to(5) && !partition.is_read_up_to(6));
        assert!(Statistics::parse(b"{}").is_some_and(|statistics| !statistics.is_connected()));
        assert!(Statistics::parse(b"{").is_none());
    }
}
