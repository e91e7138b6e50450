//! How far a source has read, for health, metrics and flow control. Asking never waits for the network.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use rdkafka::TopicPartitionList;
use serde::Deserialize;

use super::connection::Connection;
use crate::pipeline::Position;

/// How far one partition was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// One past the last message handed to the pipeline.
    pub position: Option<i64>,
    /// The offset last committed.
    pub committed: Option<i64>,
    /// One past the last message that can be read, as known some seconds ago.
    pub high: Option<i64>,
}

impl Lag {
    /// Messages not handed to the pipeline yet.
    pub fn behind(&self) -> Option<i64> {
        Some((self.high? - self.position.or(self.committed)?).max(0))
    }
}

/// Watches a source from any thread.
#[derive(Clone, Default)]
pub struct Watch(Arc<Inner>);

#[derive(Default)]
struct Inner {
    connection: Connection,
    partitions: Mutex<BTreeMap<Arc<str>, BTreeMap<i32, Entry>>>,
}

/// One partition. Kept when the partition is given away, so that positions never vanish.
#[derive(Default)]
struct Entry {
    assigned: bool,
    position: Option<i64>,
    committed: Option<i64>,
    high: Option<i64>,
}

impl Watch {
    /// All partitions that are the source's now.
    pub fn lags(&self) -> Vec<Lag> {
        let partitions = self.0.partitions.lock().unwrap();
        let of_topic = |(topic, entries): (&Arc<str>, &BTreeMap<i32, Entry>)| {
            let lag = |(&partition, entry): (&i32, &Entry)| {
                let &Entry { position, committed, high, .. } = entry;
                Lag { topic: topic.clone(), partition, position, committed, high }
            };
            entries.iter().filter(|(_, entry)| entry.assigned).map(lag).collect::<Vec<_>>()
        };
        partitions.iter().flat_map(of_topic).collect()
    }

    /// One past the last message of a partition that was handed to the pipeline; `None` before the first.
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.partitions.lock().unwrap().get(topic)?.get(&partition)?.position
    }

    /// The offset last committed of a partition; `None` before the first commit.
    pub fn committed(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.partitions.lock().unwrap().get(topic)?.get(&partition)?.committed
    }

    /// Why no broker can be reached, if so.
    pub fn trouble(&self) -> Option<String> {
        self.0.connection.trouble()
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// Whether a partition is the source's now.
    pub(super) fn holds(&self, topic: &str, partition: i32) -> bool {
        let partitions = self.0.partitions.lock().unwrap();
        partitions.get(topic).and_then(|entries| entries.get(&partition)).is_some_and(|entry| entry.assigned)
    }

    /// Partitions were given to the source, or taken from it.
    pub(super) fn assign(&self, list: &TopicPartitionList, assigned: bool) {
        for element in list.elements() {
            self.update(element.topic(), element.partition(), |entry| entry.assigned = assigned);
        }
    }

    pub(super) fn fetched(&self, position: &Position) {
        self.update(&position.topic, position.partition, |entry| entry.position = Some(position.offset));
    }

    pub(super) fn commit(&self, position: &Position) {
        self.update(&position.topic, position.partition, |entry| entry.committed = Some(position.offset));
    }

    /// Takes in librdkafka's statistics
    /// ([format](https://github.com/confluentinc/librdkafka/blob/v2.12.1/STATISTICS.md)).
    pub(super) fn statistics(&self, json: &[u8]) {
        let statistics: Statistics = match serde_json::from_slice(json) {
            Ok(statistics) => statistics,
            Err(error) => return tracing::debug!(%error, "librdkafka's statistics can't be read"),
        };
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.0.connection.works();
        }
        for (topic, statistics) in &statistics.topics {
            // Partition -1 is librdkafka's own.
            for (&partition, offsets) in statistics.partitions.iter().filter(|(partition, _)| **partition >= 0) {
                self.update(topic, partition, |entry| {
                    entry.high = known(offsets.ls_offset).or(known(offsets.hi_offset)).or(entry.high);
                    entry.committed = entry.committed.or(known(offsets.committed_offset));
                });
            }
        }
    }

    fn update(&self, topic: &str, partition: i32, change: impl FnOnce(&mut Entry)) {
        let mut partitions = self.0.partitions.lock().unwrap();
        if !partitions.contains_key(topic) {
            partitions.insert(topic.into(), BTreeMap::new());
        }
        if let Some(entries) = partitions.get_mut(topic) {
            change(entries.entry(partition).or_default());
        }
    }
}

/// An offset, unless it is one of librdkafka's negative signs for "not known".
fn known(offset: i64) -> Option<i64> {
    (offset >= 0).then_some(offset)
}

/// The few of librdkafka's statistics that are looked at.
#[derive(Deserialize)]
struct Statistics {
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

#[derive(Deserialize)]
struct PartitionStatistics {
    committed_offset: i64,
    hi_offset: i64,
    ls_offset: i64,
}
