//! The partitions that a member of a group holds: how far each was read, and whether to its end.
//!
//! rdkafka tells a partition's number when its end is reached, but neither the topic nor the offset; librdkafka's
//! statistics know these, some tenths of a second later. An end counts once both have come: then all messages before it
//! were handed out, as the events come in their order. Its time is the event's.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use crate::kafka::librdkafka::statistics::Statistics;
use crate::pipeline::{Message, TopicPartition};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

/// An event that no statistics explain after so long is forgotten: the end had moved on before they were taken.
const STALE: Duration = Duration::from_secs(2);

/// The end of a partition was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionEnd {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset of the message that comes next.
    pub offset: i64,
    /// When it was reached.
    pub time: SystemTime,
}

#[derive(Default)]
pub(super) struct Held {
    /// When the group last gave this member partitions; `None` while they are being shared out.
    assigned: Option<Instant>,
    partitions: BTreeMap<TopicPartition, Partition>,
    /// How far partitions that were held earlier were read.
    earlier: HashMap<TopicPartition, Option<i64>>,
    /// When ends were reached whose topic is not known yet, by partition number.
    events: HashMap<i32, VecDeque<SystemTime>>,
    reached: Vec<PartitionEnd>,
}

#[derive(Default)]
struct Partition {
    /// The offset that reading began with.
    begin: Option<i64>,
    /// One past the last message that was handed out.
    position: Option<i64>,
    /// One past the last message that can be read.
    high: Option<i64>,
    /// The last end that was reached, by the statistics.
    end: Option<i64>,
    /// The last end that counted.
    reached: Option<i64>,
}

impl Held {
    pub(super) fn assign(&mut self, list: &TopicPartitionList) {
        self.assigned = Some(Instant::now());
        for element in list.elements() {
            let partition = Partition { begin: begin(&element), ..Partition::default() };
            self.partitions.insert(of(&element), partition);
        }
    }

    /// Takes note of the offsets that partitions are read on from.
    pub(super) fn begin(&mut self, list: &TopicPartitionList) {
        for element in list.elements() {
            if let Some(partition) = self.partitions.get_mut(&of(&element)) {
                *partition = Partition { begin: begin(&element), ..Partition::default() };
            }
        }
    }

    /// What comes next in each partition, as far as it is known.
    pub(super) fn next_offsets(&self) -> Vec<(TopicPartition, Option<i64>)> {
        let next = |(at, held): (&TopicPartition, &Partition)| (at.clone(), held.position.or(held.begin));
        self.partitions.iter().map(next).collect()
    }

    pub(super) fn revoke(&mut self, list: &TopicPartitionList) {
        self.assigned = None;
        for element in list.elements() {
            let at = of(&element);
            if let Some(partition) = self.partitions.remove(&at) {
                let before = self.earlier(&at);
                self.earlier.insert(at, partition.position.or(before));
            }
            self.events.remove(&element.partition());
        }
    }

    /// Whether a partition is held.
    pub(super) fn holds(&self, message: &Message) -> bool {
        self.partitions.contains_key(&message.topic_partition())
    }

    /// Forgets how far a topic was read: it is another one by now.
    pub(super) fn forget(&mut self, topic: &str) {
        self.earlier.retain(|partition, _| *partition.topic != *topic);
    }

    /// How far a partition was read when it was held earlier.
    pub(super) fn earlier(&self, partition: &TopicPartition) -> Option<i64> {
        self.earlier.get(partition).copied().flatten()
    }

    pub(super) fn fetched(&mut self, message: &Message) {
        if let Some(partition) = self.partitions.get_mut(&message.topic_partition()) {
            partition.position = Some(message.offset + 1);
        }
    }

    /// Messages not handed out yet.
    pub(super) fn behind(&self) -> Option<i64> {
        let behind = |partition: &Partition| {
            let position = partition.position.max(partition.reached);
            Some((partition.high? - position?).max(0))
        };
        self.partitions.values().map(behind).sum()
    }

    /// The end of a partition of that number was reached.
    pub(super) fn event(&mut self, partition: i32) {
        self.events.entry(partition).or_default().push_back(SystemTime::now());
        self.explain();
    }

    /// Takes in librdkafka's statistics.
    pub(super) fn statistics(&mut self, statistics: &Statistics) {
        for (at, partition) in &mut self.partitions {
            let Some(found) = statistics.partition(at) else { continue };
            partition.end = found.met_end();
            partition.high = found.stable().or(found.high()).or(partition.high);
        }
        self.explain();
        let fresh = |time: &SystemTime| time.elapsed().is_ok_and(|age| age < STALE);
        self.events.values_mut().for_each(|times| times.retain(fresh));
    }

    /// The ends that were reached since this was last asked.
    pub(super) fn take_reached(&mut self) -> Vec<PartitionEnd> {
        std::mem::take(&mut self.reached)
    }

    /// Whether the group has given this member its part.
    pub(super) fn assigned(&self) -> bool {
        self.assigned.is_some()
    }

    /// Whether the ends of all partitions were reached since they were given to this member. If it has no partition, whether
    /// that has been so for long.
    pub(super) fn all_reached(&self, without_one: Duration) -> bool {
        let Some(assigned) = self.assigned else { return false };
        let all = self.partitions.values().all(|partition| partition.reached.is_some());
        all && (!self.partitions.is_empty() || assigned.elapsed() >= without_one)
    }

    /// Brings events and statistics together.
    fn explain(&mut self) {
        for (at, partition) in &mut self.partitions {
            let Some(offset) = partition.end.filter(|_| partition.end != partition.reached) else { continue };
            let Some(time) = self.events.get_mut(&at.partition).and_then(VecDeque::pop_front) else { continue };
            partition.reached = Some(offset);
            self.reached.push(PartitionEnd { partition: at.clone(), offset, time });
        }
    }
}

fn begin(element: &TopicPartitionListElem<'_>) -> Option<i64> {
    if let Offset::Offset(offset) = element.offset() { Some(offset) } else { None }
}

fn of(element: &TopicPartitionListElem<'_>) -> TopicPartition {
    TopicPartition::new(element.topic(), element.partition())
}
