//! Which partitions are read, and from where.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use super::KafkaSource;
use crate::kafka::client::error::Error;
use crate::kafka::client::start_at::StartAt;
use crate::kafka::host::start::{self, Committed, LostOffsets, Range};
use crate::kafka::librdkafka::look::Look;
use crate::kafka::librdkafka::partitions;
use crate::pipeline::{Position, TopicPartition};

/// How often new partitions are looked for, and how long that may take.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const LOOK_FOR: Duration = Duration::from_millis(500);

impl KafkaSource {
    /// Begins to read. Nobody else may be about to commit for the group. `expected` says that the host has published before,
    /// so that there must be committed offsets.
    ///
    /// # Errors
    /// [`Error::NoTopic`], [`Error::LostOffset`], [`Error::NoOffsets`]; [`Error`] when the brokers don't answer.
    pub(in crate::kafka) fn begin(&mut self, from: StartAt, expected: bool) -> Result<(), Error> {
        let partitions = partitions::await_topics(&self.consumer, &self.topics, &self.options)?;
        let ids = self.await_ids()?;
        for topic in &self.topics {
            self.watch.begin_anew(topic, ids.get(topic).copied());
        }
        let committed = start::committed(&self.consumer, &partitions, &self.options)?;
        if from == StartAt::Committed && expected && committed.iter().all(Option::is_none) {
            let error = Error::NoOffsets(self.group.clone());
            match self.lost {
                LostOffsets::Stop => return Err(error),
                LostOffsets::Earliest => tracing::warn!(%error, "going on from the earliest message"),
            }
        }
        self.assign(partitions, &committed, from)
    }

    /// Gets ready to [seek](crate::pipeline::Source::seek), without reading anything yet.
    ///
    /// # Errors
    /// [`Error::NoTopic`]; [`Error`] when the brokers don't answer.
    pub(in crate::kafka) fn get_ready(&mut self) -> Result<(), Error> {
        partitions::await_topics(&self.consumer, &self.topics, &self.options)?;
        let ids = self.await_ids()?;
        for topic in &self.topics {
            self.watch.begin_anew(topic, ids.get(topic).copied());
        }
        Ok(())
    }

    /// Reads on from these positions, and nothing else. What is still being published does not count as progress there.
    pub(super) fn read_from(&mut self, to: Vec<Position>) -> Result<(), Error> {
        let mut before = TopicPartitionList::new();
        for TopicPartition { topic, partition } in self.known.drain() {
            before.add_partition(&topic, partition);
        }
        self.held = None;
        // Topics that were created anew will be noticed once more.
        self.restarts.clear();
        if before.count() > 0 {
            self.consumer.incremental_unassign(&before)?;
        }
        for topic in &self.topics {
            self.watch.begin_anew(topic, self.watch.topic_id(topic));
        }
        let mut list = TopicPartitionList::new();
        for position in &to {
            list.add_partition_offset(&position.topic, position.partition, Offset::Offset(position.offset))?;
            self.watch.begin(position, self.watch.group(&position.topic, position.partition));
            self.known.insert(position.topic_partition());
        }
        if list.count() > 0 {
            self.consumer.incremental_assign(&list)?;
        }
        tracing::debug!(partitions = list.count(), "reading from other positions");
        Ok(())
    }

    /// Begins to read partitions, for which the group has committed `committed`.
    pub(super) fn assign(
        &mut self,
        partitions: Vec<TopicPartition>,
        committed: &[Option<Committed>],
        from: StartAt,
    ) -> Result<(), Error> {
        let offsets = self.offsets(&partitions, committed, from)?;
        let mut list = TopicPartitionList::new();
        for ((partition, (offset, position)), committed) in partitions.iter().zip(offsets).zip(committed) {
            let TopicPartition { topic, partition } = partition.clone();
            list.add_partition_offset(&topic, partition, offset)?;
            let committed = committed.map(|committed| committed.offset);
            tracing::debug!(%topic, partition, ?offset, position, ?committed, "reading a partition");
            self.watch.begin(&Position { topic, partition, offset: position }, committed);
        }
        self.consumer.incremental_assign(&list)?;
        self.known.extend(partitions);
        Ok(())
    }

    /// Where to begin in each partition: what librdkafka is told, and the offset that this means.
    fn offsets(
        &self,
        partitions: &[TopicPartition],
        committed: &[Option<Committed>],
        from: StartAt,
    ) -> Result<Vec<(Offset, i64)>, Error> {
        let ranges: Vec<Range> = partitions
            .iter()
            .map(|partition| start::range(&self.consumer, partition, &self.options))
            .collect::<Result<_, _>>()?;
        if let StartAt::Time(milliseconds) = from {
            let times = start::at_time(&self.consumer, partitions, milliseconds, &self.options)?;
            let of = |(time, range): (Offset, &Range)| match time {
                Offset::Offset(offset) => (time, offset),
                // Every message is older: those that come from now on are read.
                _ => (Offset::Offset(range.end), range.end),
            };
            return Ok(times.into_iter().zip(&ranges).map(of).collect());
        }
        let recreated = self.recreated(partitions, committed);
        let at = |offset| (Offset::Offset(offset), offset);
        let mut look = None;
        let mut offsets = Vec::new();
        for ((partition, committed), range) in partitions.iter().zip(committed).zip(ranges) {
            let begin = match (from, committed) {
                (StartAt::Committed, Some(committed)) if !recreated.contains(&partition.topic) => {
                    at(self.still_there(partition, committed.offset, range)?)
                }
                (StartAt::Latest, _) => at(range.end),
                (StartAt::Last(count), _) => {
                    let look = match &mut look {
                        Some(look) => look,
                        none => none.insert(Look::new(&self.options)?),
                    };
                    at(look.last(partition, (range.oldest, range.end), count)?)
                }
                // Not by the offset's number: the oldest message may be deleted at any moment.
                (StartAt::Committed | StartAt::Earliest | StartAt::Time(_), _) => (Offset::Beginning, range.oldest),
            };
            offsets.push(begin);
        }
        Ok(offsets)
    }

    /// The topics whose committed offsets are of an earlier topic of the same name.
    fn recreated(&self, partitions: &[TopicPartition], committed: &[Option<Committed>]) -> HashSet<Arc<str>> {
        let mut recreated = HashSet::new();
        for (TopicPartition { topic, .. }, committed) in partitions.iter().zip(committed) {
            let before = committed.and_then(|committed| committed.topic);
            if let (Some(before), Some(now)) = (before, self.watch.topic_id(topic))
                && before != now
                && recreated.insert(topic.clone())
            {
                tracing::warn!(%topic, %before, %now, "the topic was deleted and created anew; reading it from its beginning");
            }
        }
        recreated
    }

    /// Returns the offset if it is in the partition; else the oldest one if the user wants to go on there.
    pub(super) fn still_there(&self, partition: &TopicPartition, offset: i64, range: Range) -> Result<i64, Error> {
        let Range { oldest, end } = range;
        if (oldest..=end).contains(&offset) {
            return Ok(offset);
        }
        let error = Error::LostOffset { partition: partition.clone(), committed: offset, oldest, end };
        match self.lost {
            LostOffsets::Stop => Err(error),
            LostOffsets::Earliest => {
                tracing::warn!(%error, "going on from the earliest message");
                self.watch.lose(partition, oldest - offset);
                Ok(oldest)
            }
        }
    }

    /// Looks now and then for topics that were created anew, and for partitions that were added.
    pub(super) fn look(&mut self) -> Result<(), Error> {
        if self.looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        self.looked = Instant::now();
        self.compare_ids()?;
        // Brokers that don't answer are reported by the connection.
        let Ok(mut found) = partitions::partitions(&self.consumer, &self.topics, LOOK_FOR) else { return Ok(()) };
        if self.topics.iter().all(|topic| found.iter().any(|partition| partition.topic == *topic)) {
            self.absent = None;
        }
        let begins_anew = |topic: &Arc<str>| self.restarts.iter().any(|restart| restart.topic == *topic);
        found.retain(|partition| !self.known.contains(partition) && !begins_anew(&partition.topic));
        if found.is_empty() {
            return Ok(());
        }
        let added = found.len();
        let begun = start::committed(&self.consumer, &found, &self.options)
            .and_then(|committed| self.assign(found, &committed, StartAt::Committed));
        match begun {
            Ok(()) => tracing::info!(partitions = added, "the topic has new partitions"),
            Err(error) if error.may_pass() => {
                tracing::warn!(%error, "the topic has new partitions; trying again to read them");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// For tests: brings about what takes long in earnest.
#[cfg(test)]
impl KafkaSource {
    /// Stops to read a partition, as if it did not exist yet.
    pub(in crate::kafka::host) fn forget(&mut self, partition: &TopicPartition) -> bool {
        let mut list = TopicPartitionList::new();
        list.add_partition(&partition.topic, partition.partition);
        self.known.remove(partition) && self.consumer.incremental_unassign(&list).is_ok()
    }

    pub(in crate::kafka::host) fn reads(&self, partition: &TopicPartition) -> bool {
        self.known.contains(partition)
    }

    pub(in crate::kafka::host) fn look_again(&mut self, looked: Instant) {
        self.looked = looked;
    }

    pub(in crate::kafka::host) fn absent_since(&mut self, since: Instant) {
        self.absent = Some(since);
    }

    pub(in crate::kafka::host) fn is_absent(&self) -> bool {
        self.absent.is_some()
    }
}
