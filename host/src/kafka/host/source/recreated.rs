//! Topics that are deleted and created anew while they are read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use super::KafkaSource;
use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::error::Error;
use crate::kafka::client::start_at::StartAt;
use crate::kafka::host::start;
use crate::kafka::librdkafka::partitions;
use crate::kafka::librdkafka::partitions::ASK;
use crate::kafka::wire::TopicId;
use crate::pipeline::{Position, TopicPartition};

/// Partitions to read anew once all that was read of their topic is committed: messages that are still on their way have
/// offsets that must not be mixed with the new ones.
pub(super) struct Restart {
    pub topic: Arc<str>,
    pub id: Option<TopicId>,
    /// Some of its partitions, and where to begin in them. If empty, all are read from the beginning.
    pub partitions: Vec<(TopicPartition, i64)>,
}

/// Whether a message is of the topic that is read.
pub(super) enum Doubt {
    /// It is.
    None,
    /// It is of another one of that name.
    AnotherTopic,
    /// No broker says so.
    NoAnswer,
}

impl KafkaSource {
    /// Waits for the topics' ids, at the start.
    pub(super) fn await_ids(&mut self) -> Result<HashMap<Arc<str>, TopicId>, Error> {
        let deadline = Instant::now() + self.options.patience;
        let mut backoff = Backoff::new(&self.options);
        loop {
            match self.cluster.topic_ids(&self.topics) {
                Ok(ids) => return Ok(ids),
                Err(error) if !error.may_pass() => return Err(error),
                Err(error) if Instant::now() >= deadline => return Err(self.options.unreachable(error.to_string())),
                Err(_) => backoff.pause()?,
            }
        }
    }

    /// Whether the topic of a message that has come is still the one that is read. The brokers are asked after each gap, in
    /// which the topic may have been created anew: librdkafka would read on at the old offset in the new topic.
    pub(super) fn doubt(&mut self, topic: &Arc<str>) -> Result<Doubt, Error> {
        if self.seen.follows(topic) {
            return Ok(Doubt::None);
        }
        if self.watch.topic_id(topic).is_some() {
            if !self.compare_ids()? {
                return Ok(Doubt::NoAnswer);
            }
            if self.restarts.iter().any(|restart| restart.topic == *topic) {
                return Ok(Doubt::AnotherTopic);
            }
        }
        self.seen.note(topic);
        Ok(Doubt::None)
    }

    /// Compares the topics' ids with those that are read. Returns whether a broker has answered.
    pub(super) fn compare_ids(&mut self) -> Result<bool, Error> {
        let ids = match self.cluster.topic_ids(&self.topics) {
            Ok(ids) => ids,
            Err(error) if error.may_pass() => {
                tracing::debug!(%error, "the topics' ids are not known");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        for (topic, now) in ids {
            let pending = self.restarts.iter().find(|restart| restart.topic == topic && restart.partitions.is_empty());
            let known = pending.map_or_else(|| self.watch.topic_id(&topic), |restart| restart.id);
            if let Some(before) = known.filter(|before| *before != now) {
                tracing::warn!(%topic, %before, %now, "the topic was deleted and created anew; reading it from its beginning");
                self.restart(Restart { topic, id: Some(now), partitions: Vec::new() })?;
            }
        }
        Ok(true)
    }

    /// Looks for partitions that don't have the offset to be read next, and begins elsewhere in them if the user wants that.
    pub(super) fn compare_offsets(&mut self) -> Result<(), Error> {
        if !self.compare_ids()? || !self.restarts.is_empty() {
            return Ok(());
        }
        for partition in self.known.iter().cloned().collect::<Vec<_>>() {
            let Some(position) = self.watch.position(&partition.topic, partition.partition) else { continue };
            let range = start::range(&self.consumer, &partition, &self.options)?;
            let offset = self.still_there(&partition, position, range)?;
            if offset != position {
                let (topic, id) = (partition.topic.clone(), self.watch.topic_id(&partition.topic));
                self.restart(Restart { topic, id, partitions: vec![(partition, offset)] })?;
            }
        }
        Ok(())
    }

    pub(super) fn restart(&mut self, restart: Restart) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        let concerned = |partition: &TopicPartition| {
            let named = || restart.partitions.iter().any(|(named, _)| named == partition);
            partition.topic == restart.topic && (restart.partitions.is_empty() || named())
        };
        for partition in self.known.iter().filter(|partition| concerned(partition)) {
            list.add_partition(&partition.topic, partition.partition);
        }
        self.known.retain(|partition| !concerned(partition));
        self.held.take_if(|message| concerned(&message.topic_partition()));
        if list.count() > 0 {
            self.consumer.incremental_unassign(&list)?;
        }
        if restart.partitions.is_empty() {
            self.restarts.retain(|pending| pending.topic != restart.topic);
        }
        self.restarts.push(restart);
        Ok(())
    }

    /// Begins the pending restarts that can begin. Returns whether none is left.
    pub(super) fn begin_anew(&mut self) -> Result<bool, Error> {
        while let Some(restart) = self.restarts.pop() {
            if !self.try_begin(&restart)? {
                self.restarts.push(restart);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn try_begin(&mut self, restart: &Restart) -> Result<bool, Error> {
        let Restart { topic, id, partitions } = restart;
        if !self.watch.is_committed(topic) {
            return Ok(false);
        }
        if partitions.is_empty() {
            let Ok(found) = partitions::partitions(&self.consumer, std::slice::from_ref(topic), ASK) else {
                return Ok(false);
            };
            self.watch.forget(topic, *id);
            let committed = match start::committed(&self.consumer, &found, &self.options) {
                Err(error) if error.may_pass() => return Ok(false),
                committed => committed?,
            };
            return match self.assign(found, &committed, StartAt::Earliest) {
                Err(error) if error.may_pass() => Ok(false),
                assigned => assigned.map(|()| true),
            };
        }
        self.watch.begin_anew(topic, *id);
        let mut list = TopicPartitionList::new();
        for (partition, offset) in partitions {
            let TopicPartition { topic, partition } = partition.clone();
            list.add_partition_offset(&topic, partition, Offset::Offset(*offset))?;
            let group = self.watch.group(&topic, partition);
            self.watch.begin(&Position { topic, partition, offset: *offset }, group);
        }
        self.consumer.incremental_assign(&list)?;
        self.known.extend(partitions.iter().map(|(partition, _)| partition.clone()));
        Ok(true)
    }
}
