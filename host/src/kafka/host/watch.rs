//! How far a source has read, for health, metrics and flow control. Asking never waits for the network.

mod statistics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use crate::health::PartitionLag;
use crate::kafka::librdkafka::connection::Connection;
use crate::kafka::wire::TopicId;
use crate::pipeline::{Condition, Position, TopicPartition};

/// Watches a source from any thread.
#[derive(Clone, Default)]
pub struct Watch(Arc<Inner>);

#[derive(Default)]
struct Inner {
    connection: Connection,
    /// What keeps a transaction from being committed.
    held_up: Mutex<Option<String>>,
    /// What can't be read.
    unreadable: Mutex<Option<String>>,
    retries: AtomicU64,
    topics: Mutex<BTreeMap<Arc<str>, Topic>>,
}

#[derive(Default)]
struct Topic {
    id: Option<TopicId>,
    /// How often reading began anew at other offsets. A commit of earlier offsets says nothing about the later ones.
    generation: u64,
    partitions: BTreeMap<i32, Entry>,
}

/// One partition.
#[derive(Default)]
struct Entry {
    /// Where reading began.
    began: Option<i64>,
    position: Option<i64>,
    /// What this host has committed, or has begun from.
    committed: Option<i64>,
    /// What the group has committed, perhaps of an earlier topic of that name.
    group: Option<i64>,
    /// One past the last message, of open transactions too.
    high: Option<i64>,
    /// A position, and the offset up to which nothing follows it but markers of transactions.
    read_up_to: Option<(i64, i64)>,
    /// The first offset of an open transaction, since when it is open, and whether that was logged.
    open: Option<(i64, Instant, bool)>,
    lost: u64,
}

/// A position, with the id of the topic that it is of.
#[derive(Clone, Debug)]
pub(in crate::kafka) struct Stamped {
    pub position: Position,
    pub topic: Option<TopicId>,
    generation: u64,
}

impl Watch {
    /// The condition of source and sink.
    pub fn condition(&self) -> Condition {
        let trouble = self.0.held_up.lock().clone().or_else(|| self.0.unreadable.lock().clone());
        let retries = self.0.retries.load(Ordering::Relaxed);
        let (trouble, remark) = (trouble.or_else(|| self.trouble()), self.open_transaction());
        Condition { trouble, remark, retries, partitions: self.lags() }
    }

    /// All partitions.
    pub fn lags(&self) -> Vec<PartitionLag> {
        let topics = self.0.topics.lock();
        let of = |(topic, entries): (&Arc<str>, &Topic)| {
            let known = entries.partitions.iter().filter(|(_, entry)| entry.is_known());
            known.map(|(&partition, entry)| entry.lag(topic, partition)).collect::<Vec<_>>()
        };
        topics.iter().flat_map(of).collect()
    }

    /// One past the last message of a partition that was handed to the pipeline; `None` before the first.
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.topics.lock().get(topic)?.partitions.get(&partition)?.position
    }

    /// The offset last committed of a partition; `None` before the first commit.
    pub fn committed(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.topics.lock().get(topic)?.partitions.get(&partition)?.committed
    }

    /// Why no broker can be reached, if so.
    pub fn trouble(&self) -> Option<String> {
        self.0.connection.trouble()
    }

    pub(in crate::kafka) fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// Takes note that a batch has to be published once more.
    pub(in crate::kafka) fn retry(&self, reason: &str) {
        self.0.retries.fetch_add(1, Ordering::Relaxed);
        let before = self.0.held_up.lock().replace(reason.to_owned());
        if before.as_deref() != Some(reason) {
            tracing::warn!(reason, "a batch could not be committed; trying again");
        }
    }

    /// Takes note that a batch was published.
    pub(in crate::kafka) fn published(&self, positions: &[Stamped]) {
        for Stamped { position, generation, .. } in positions {
            let mut topics = self.0.topics.lock();
            let topic = topics.entry(position.topic.clone()).or_default();
            let current = topic.generation == *generation;
            let entry = topic.partitions.entry(position.partition).or_default();
            entry.group = Some(position.offset);
            if current {
                entry.committed = Some(position.offset);
            }
        }
        if self.0.held_up.lock().take().is_some() {
            tracing::info!("batches are committed again");
        }
    }

    /// Takes note that some messages can't be read, for that reason; `None` once they are read.
    pub(in crate::kafka) fn unreadable(&self, reason: Option<String>) {
        let mut unreadable = self.0.unreadable.lock();
        if let Some(reason) = reason.as_ref().filter(|reason| Some(*reason) != unreadable.as_ref()) {
            tracing::error!(reason, "messages can't be read");
        }
        *unreadable = reason;
    }

    pub(in crate::kafka) fn fetched(&self, position: &Position) {
        self.update(&position.topic, position.partition, |entry| entry.position = Some(position.offset));
    }

    /// Takes note that reading begins there, and that the group has committed `group`.
    pub(in crate::kafka) fn begin(&self, position: &Position, group: Option<i64>) {
        self.update(&position.topic, position.partition, |entry| {
            let at = Some(position.offset);
            (entry.began, entry.position) = (at, at);
            entry.group = group;
            entry.committed = group.filter(|group| *group == position.offset);
        });
    }

    /// What the group has committed for a partition, as far as this host knows.
    pub(in crate::kafka) fn group(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.topics.lock().get(topic)?.partitions.get(&partition)?.group
    }

    /// Counts messages of a partition that were deleted before they could be read.
    pub(in crate::kafka) fn lose(&self, partition: &TopicPartition, messages: i64) {
        let messages = u64::try_from(messages).unwrap_or(0);
        self.update(&partition.topic, partition.partition, |entry| entry.lost += messages);
    }

    /// Whether all of a topic that was handed to the pipeline is committed.
    pub(in crate::kafka) fn is_committed(&self, topic: &str) -> bool {
        let topics = self.0.topics.lock();
        topics.get(topic).is_none_or(|topic| topic.partitions.values().all(Entry::is_committed))
    }

    /// Takes note that a topic is read from other offsets on.
    pub(in crate::kafka) fn begin_anew(&self, topic: &Arc<str>, id: Option<TopicId>) {
        let mut topics = self.0.topics.lock();
        let topic = topics.entry(topic.clone()).or_default();
        topic.id = id;
        topic.generation += 1;
    }

    /// Takes note that the topic is another one, of which nothing is known yet.
    pub(in crate::kafka) fn forget(&self, topic: &Arc<str>, id: Option<TopicId>) {
        self.begin_anew(topic, id);
        let mut topics = self.0.topics.lock();
        for entry in topics.get_mut(topic).into_iter().flat_map(|topic| topic.partitions.values_mut()) {
            *entry = Entry { group: entry.group, lost: entry.lost, ..Entry::default() };
        }
    }

    pub(in crate::kafka) fn topic_id(&self, topic: &str) -> Option<TopicId> {
        self.0.topics.lock().get(topic)?.id
    }

    /// Adds to positions the ids of the topics that they are of.
    pub(in crate::kafka) fn stamp(&self, positions: &[Position]) -> Vec<Stamped> {
        let topics = self.0.topics.lock();
        let stamp = |position: &Position| {
            let topic = topics.get(&position.topic);
            let (topic, generation) = (topic.and_then(|topic| topic.id), topic.map_or(0, |topic| topic.generation));
            Stamped { position: position.clone(), topic, generation }
        };
        positions.iter().map(stamp).collect()
    }

    /// The offsets to commit once more so that brokers don't forget them: the last commit of each partition, or where reading
    /// began.
    pub(in crate::kafka) fn kept_alive(&self) -> Vec<Stamped> {
        let topics = self.0.topics.lock();
        let mut kept = Vec::new();
        for (name, topic) in &*topics {
            for (&partition, entry) in &topic.partitions {
                if let Some(offset) = entry.committed.or(entry.began) {
                    let position = Position { topic: name.clone(), partition, offset };
                    kept.push(Stamped { position, topic: topic.id, generation: topic.generation });
                }
            }
        }
        kept
    }

    fn update(&self, topic: &str, partition: i32, change: impl FnOnce(&mut Entry)) {
        let mut topics = self.0.topics.lock();
        if !topics.contains_key(topic) {
            topics.insert(topic.into(), Topic::default());
        }
        if let Some(topic) = topics.get_mut(topic) {
            change(topic.partitions.entry(partition).or_default());
        }
    }
}

impl Entry {
    /// Whether the partition exists. A topic may have been created anew with fewer partitions.
    fn is_known(&self) -> bool {
        self.position.or(self.committed).or(self.high).is_some()
    }

    fn is_committed(&self) -> bool {
        self.position.is_none_or(|position| {
            self.began == Some(position) || self.committed.is_some_and(|committed| committed >= position)
        })
    }

    fn lag(&self, topic: &Arc<str>, partition: i32) -> PartitionLag {
        let &Entry { position, committed, lost, .. } = self;
        // Behind the last message there may be markers of transactions, which are no messages.
        let high = match (self.read_up_to, self.high) {
            (Some((at, end)), Some(high)) if position == Some(at) => Some(at + (high - end).max(0)),
            (_, high) => high,
        };
        PartitionLag { topic: topic.to_string(), partition, position, committed, high, lost }
    }
}
