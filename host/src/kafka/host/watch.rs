//! How far a source has read, for health, metrics and flow control. Asking never waits for the network.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use crate::health::PartitionLag;
use crate::kafka::client::connection::Connection;
use crate::pipeline::{Condition, Position};

/// Watches a source from any thread.
#[derive(Clone, Default)]
pub struct Watch(Arc<Inner>);

#[derive(Default)]
struct Inner {
    connection: Connection,
    /// What keeps a transaction from being committed.
    held_up: Mutex<Option<String>>,
    retries: AtomicU64,
    partitions: Mutex<BTreeMap<Arc<str>, BTreeMap<i32, Entry>>>,
}

/// One partition.
#[derive(Default)]
struct Entry {
    position: Option<i64>,
    committed: Option<i64>,
    high: Option<i64>,
}

impl Watch {
    /// How source and sink are.
    pub fn condition(&self) -> Condition {
        let held_up = self.0.held_up.lock().unwrap().clone();
        let retries = self.0.retries.load(Ordering::Relaxed);
        Condition { trouble: held_up.or_else(|| self.trouble()), retries, partitions: self.lags() }
    }

    /// All partitions.
    pub fn lags(&self) -> Vec<PartitionLag> {
        let partitions = self.0.partitions.lock().unwrap();
        let lag = |topic: &Arc<str>, partition: i32, entry: &Entry| {
            let &Entry { position, committed, high } = entry;
            PartitionLag { topic: topic.to_string(), partition, position, committed, high }
        };
        let of = |(topic, entries): (&Arc<str>, &BTreeMap<i32, Entry>)| {
            entries.iter().map(|(&partition, entry)| lag(topic, partition, entry)).collect::<Vec<_>>()
        };
        partitions.iter().flat_map(of).collect()
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

    /// A batch has to be published once more.
    pub(super) fn retry(&self, reason: &str) {
        self.0.retries.fetch_add(1, Ordering::Relaxed);
        let before = self.0.held_up.lock().unwrap().replace(reason.to_owned());
        if before.as_deref() != Some(reason) {
            tracing::warn!(reason, "a batch could not be committed; trying again");
        }
    }

    /// A batch was published.
    pub(super) fn published(&self, positions: &[Position]) {
        positions.iter().for_each(|position| self.commit(position));
        if self.0.held_up.lock().unwrap().take().is_some() {
            tracing::info!("batches are committed again");
        }
    }

    pub(super) fn fetched(&self, position: &Position) {
        self.update(&position.topic, position.partition, |entry| entry.position = Some(position.offset));
    }

    /// A partition's committed offset is known.
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
                let high = known(offsets.ls_offset).or(known(offsets.hi_offset));
                self.update(topic, partition, |entry| entry.high = high.or(entry.high));
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
    hi_offset: i64,
    ls_offset: i64,
}
