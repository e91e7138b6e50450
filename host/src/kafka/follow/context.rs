//! What librdkafka calls back for: partitions given and taken, statistics, errors.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::held::Held;
use super::{Acknowledge, FollowConfig};
use crate::kafka::client::connection::{Connection, log};
use crate::kafka::client::error::Error;
use crate::kafka::client::start_at::StartAt;

/// How long to wait for the offsets of a time.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Context {
    pub(super) connection: Connection,
    held: Mutex<Held>,
    start: StartAt,
    acknowledge: Acknowledge,
    trouble: Mutex<Option<Error>>,
}

impl Context {
    pub(super) fn new(config: &FollowConfig) -> Context {
        Context {
            connection: Connection::default(),
            held: Mutex::default(),
            start: config.start,
            acknowledge: config.acknowledge,
            trouble: Mutex::default(),
        }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }

    /// What went wrong in a callback, if anything did.
    pub(super) fn take_trouble(&self) -> Option<Error> {
        lock(&self.trouble).take()
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        self.begin(consumer, list)?;
        self.held().assign(list);
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
            _ => consumer.assign(list),
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        self.held().revoke(list);
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            _ => consumer.unassign(),
        }
    }

    /// Sets where to begin in partitions. One that this process has read goes on where the group is, or, when nothing is
    /// ever committed, where this process was.
    fn begin(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        let earlier = |topic: &str, partition| self.held().earlier(topic, partition);
        let mut new = Vec::new();
        for (topic, partition) in partitions(list) {
            match earlier(&topic, partition) {
                None => new.push((topic, partition)),
                Some(offset) if self.acknowledge == Acknowledge::Never => {
                    list.set_partition_offset(&topic, partition, Offset::Offset(offset))?;
                }
                Some(_) => {}
            }
        }
        let offset = match self.start {
            StartAt::Committed => return Ok(()),
            StartAt::Earliest => Offset::Beginning,
            StartAt::Latest => Offset::End,
            StartAt::Last(count) => Offset::OffsetTail(count),
            StartAt::Time(time) => return set_times(consumer, list, &new, time),
        };
        new.iter().try_for_each(|(topic, partition)| list.set_partition_offset(topic, *partition, offset))
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<(String, i32)> {
    list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
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
        self.connection.failed(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        if self.held().statistics(statistics) {
            self.connection.works();
        }
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
