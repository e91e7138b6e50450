//! Which partitions were read to their ends.
//!
//! rdkafka tells a partition's number when its end is reached, but neither the topic nor the offset; librdkafka's
//! statistics know these, some tenths of a second later. An end counts once both have come: then all messages before it
//! were handed out, as the events come in their order. Its time is the event's.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rdkafka::TopicPartitionList;
use serde::Deserialize;

/// An event that no statistics explain after so long is forgotten: its end had moved on before they were taken.
const STALE: Duration = Duration::from_secs(2);

/// The end of a partition was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionEnd {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// The offset of the message that comes next.
    pub offset: i64,
    /// When.
    pub time: SystemTime,
}

#[derive(Default)]
pub(super) struct Ends {
    /// Since when the group's last word on this member's partitions holds.
    assigned: Option<Instant>,
    partitions: BTreeMap<(Arc<str>, i32), Partition>,
    /// By partition number, when ends were reached that were not explained yet.
    events: HashMap<i32, VecDeque<SystemTime>>,
    reached: Vec<PartitionEnd>,
}

#[derive(Default)]
struct Partition {
    /// The last end, by statistics.
    known: Option<i64>,
    /// The last end that counted.
    reached: Option<i64>,
}

impl Ends {
    pub(super) fn assign(&mut self, list: &TopicPartitionList) {
        self.assigned = Some(Instant::now());
        for element in list.elements() {
            self.partitions.insert((element.topic().into(), element.partition()), Partition::default());
        }
    }

    pub(super) fn revoke(&mut self, list: &TopicPartitionList) {
        self.assigned = None;
        for element in list.elements() {
            self.partitions.remove(&(element.topic().into(), element.partition()));
            self.events.remove(&element.partition());
        }
    }

    /// The end of a partition of that number was reached.
    pub(super) fn event(&mut self, partition: i32) {
        self.events.entry(partition).or_default().push_back(SystemTime::now());
        self.explain();
    }

    /// Takes in librdkafka's statistics
    /// ([format](https://github.com/confluentinc/librdkafka/blob/v2.12.1/STATISTICS.md)).
    pub(super) fn statistics(&mut self, json: &[u8]) {
        // What can't be read is said where lags are.
        let Ok(statistics) = serde_json::from_slice::<Statistics>(json) else { return };
        for ((topic, number), partition) in &mut self.partitions {
            let found = statistics.topics.get(&**topic).and_then(|topic| topic.partitions.get(number));
            partition.known = found.map(|found| found.eof_offset).filter(|offset| *offset >= 0);
        }
        self.explain();
        let fresh = |time: &SystemTime| time.elapsed().is_ok_and(|age| age < STALE);
        self.events.values_mut().for_each(|times| times.retain(fresh));
    }

    pub(super) fn take(&mut self) -> Vec<PartitionEnd> {
        std::mem::take(&mut self.reached)
    }

    /// Whether the group has given this member its part.
    pub(super) fn assigned(&self) -> bool {
        self.assigned.is_some()
    }

    /// Whether all partitions' ends were reached since they were given; without one, whether that has been so for long.
    pub(super) fn all_reached(&self, without_one: Duration) -> bool {
        let Some(assigned) = self.assigned else { return false };
        let all = self.partitions.values().all(|partition| partition.reached.is_some());
        all && (!self.partitions.is_empty() || assigned.elapsed() >= without_one)
    }

    /// Brings events and statistics together.
    fn explain(&mut self) {
        for ((topic, number), partition) in &mut self.partitions {
            let Some(offset) = partition.known.filter(|_| partition.known != partition.reached) else { continue };
            let Some(time) = self.events.get_mut(number).and_then(VecDeque::pop_front) else { continue };
            partition.reached = Some(offset);
            self.reached.push(PartitionEnd { topic: topic.clone(), partition: *number, offset, time });
        }
    }
}

#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: HashMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct TopicStatistics {
    partitions: HashMap<i32, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    eof_offset: i64,
}
