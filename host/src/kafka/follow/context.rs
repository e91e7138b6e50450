//! What librdkafka calls back for: partitions given and taken, statistics, errors.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::ends::Ends;
use super::{Acknowledge, FollowConfig, Start};
use crate::kafka::connection::log;
use crate::kafka::{Error, Watch};

/// How long to wait for the offsets of a time.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Context {
    pub(super) watch: Watch,
    ends: Mutex<Ends>,
    start: Start,
    acknowledge: Acknowledge,
    /// Partitions that this process had at some time.
    begun: Mutex<HashSet<(String, i32)>>,
    trouble: Mutex<Option<Error>>,
}

impl Context {
    pub(super) fn new(config: &FollowConfig) -> Context {
        Context {
            watch: Watch::default(),
            ends: Mutex::default(),
            start: config.start,
            acknowledge: config.acknowledge,
            begun: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    pub(super) fn ends(&self) -> MutexGuard<'_, Ends> {
        lock(&self.ends)
    }

    /// What went wrong in a callback, if anything did.
    pub(super) fn take_trouble(&self) -> Option<Error> {
        lock(&self.trouble).take()
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        self.begin(consumer, list)?;
        self.watch.assign(list, true);
        self.ends().assign(list);
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
            _ => consumer.assign(list),
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        self.watch.assign(list, false);
        self.ends().revoke(list);
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            _ => consumer.unassign(),
        }
    }

    /// Sets where to begin in partitions. One that this process had before goes on where the group is, or, when nothing is
    /// committed, where this process was.
    fn begin(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        let partitions: Vec<(String, i32)> =
            list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect();
        let mut begun = lock(&self.begun);
        let (known, new): (Vec<_>, Vec<_>) = partitions.into_iter().partition(|partition| begun.contains(partition));
        for (topic, partition) in known.iter().filter(|_| self.acknowledge == Acknowledge::Never) {
            if let Some(offset) = self.watch.position(topic, *partition) {
                list.set_partition_offset(topic, *partition, Offset::Offset(offset))?;
            }
        }
        let offset = match self.start {
            Start::Committed => Offset::Stored,
            Start::Earliest => Offset::Beginning,
            Start::Latest => Offset::End,
            Start::Last(count) => Offset::OffsetTail(count),
            Start::Time(time) => {
                set_times(consumer, list, &new, time)?;
                begun.extend(new);
                return Ok(());
            }
        };
        for (topic, partition) in new {
            if offset != Offset::Stored {
                list.set_partition_offset(&topic, partition, offset)?;
            }
            begun.insert((topic, partition));
        }
        Ok(())
    }
}

/// Sets the offsets of the first messages from `time` on.
fn set_times(
    consumer: &BaseConsumer<Context>,
    list: &mut TopicPartitionList,
    partitions: &[(String, i32)],
    time: i64,
) -> KafkaResult<()> {
    if partitions.is_empty() {
        return Ok(());
    }
    let mut times = TopicPartitionList::new();
    for (topic, partition) in partitions {
        times.add_partition_offset(topic, *partition, Offset::Offset(time))?;
    }
    for found in consumer.offsets_for_times(times, PATIENCE)?.elements() {
        found.error()?;
        // Without a message from then on: behind the last one.
        let offset = if let offset @ Offset::Offset(_) = found.offset() { offset } else { Offset::End };
        list.set_partition_offset(found.topic(), found.partition(), offset)?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.connection().failed(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.watch.statistics(statistics);
        self.ends().statistics(statistics);
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let done = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, list),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => self.revoke(consumer, list),
            other => {
                tracing::warn!(error = %RDKafkaErrorCode::from(other), "the group can't be shared out");
                self.revoke(consumer, list)
            }
        };
        if let Err(error) = done {
            let why = format!("the partitions that the consumer group gave can't be taken over: {error}");
            *lock(&self.trouble) = Some(Error::Other(why));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result.as_ref().map_err(KafkaError::rdkafka_error_code) {
            Ok(()) | Err(Some(RDKafkaErrorCode::NoOffset)) => {}
            Err(_) => tracing::debug!(?result, "offsets were not committed; tried again soon"),
        }
    }
}
