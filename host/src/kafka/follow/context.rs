//! librdkafka's callbacks: partitions given and taken, statistics, errors.

use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::begin::Beginning;
use super::held::Held;
use super::topic_ids::TopicIds;
use super::{Acknowledge, FollowConfig, range};
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::librdkafka::connection::{Connection, log};
use crate::kafka::librdkafka::statistics::Statistics;
use crate::pipeline::TopicPartition;

/// How long to wait for the group's offsets.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Context {
    pub(super) connection: Connection,
    held: Mutex<Held>,
    ids: Mutex<TopicIds>,
    beginning: OnceLock<Beginning>,
    acknowledge: Acknowledge,
    trouble: Mutex<Option<Error>>,
}

impl Context {
    pub(super) fn new(config: &FollowConfig, options: &Options) -> Context {
        Context {
            connection: Connection::default(),
            held: Mutex::default(),
            ids: Mutex::new(TopicIds::new(options)),
            beginning: OnceLock::new(),
            acknowledge: config.acknowledge,
            trouble: Mutex::default(),
        }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock()
    }

    /// What is known of the topics' ids.
    pub(super) fn ids(&self) -> MutexGuard<'_, TopicIds> {
        self.ids.lock()
    }

    /// Says where to begin, before any partition is given.
    pub(super) fn begin_at(&self, beginning: Beginning) {
        let _ = self.beginning.set(beginning);
    }

    /// What went wrong in a callback, if anything did.
    pub(super) fn take_trouble(&self) -> Option<Error> {
        self.trouble.lock().take()
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        let begun = self.begin(consumer, list)?;
        self.held().assign(list);
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
            _ => consumer.assign(list),
        }?;
        tracing::debug!(partitions = list.count(), "the group has given this member its part");
        self.ids().note(&begun);
        // If another member gets these partitions before any message has come, it goes on from these offsets.
        match self.acknowledge {
            _ if begun.count() == 0 => Ok(()),
            Acknowledge::Never => Ok(()),
            Acknowledge::After => consumer.store_offsets(&begun),
            Acknowledge::Before => consumer.commit(&begun, CommitMode::Async),
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        self.held().revoke(list);
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            _ => consumer.unassign(),
        }
    }

    /// Sets where to begin in partitions, and returns those that begin where `--from` says. A partition that this process has
    /// read earlier goes on from the group's offset or, if nothing is ever committed, from where this process was.
    fn begin(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<TopicPartitionList> {
        let (mut begun, mut rest) = (TopicPartitionList::new(), TopicPartitionList::new());
        let partitions = partitions(list);
        let mut ids = self.ids();
        for topic in ids.learn(partitions.iter().map(|partition| partition.topic.clone())) {
            self.held().forget(&topic);
        }
        for partition in partitions {
            let earlier = self.held().earlier(&partition);
            let given = match earlier {
                Some(offset) if self.acknowledge == Acknowledge::Never => Some(Offset::Offset(offset)),
                Some(_) => None,
                None if ids.is_anew(&partition.topic) => {
                    (self.acknowledge == Acknowledge::Never).then_some(Offset::Beginning)
                }
                None => self.beginning.get().and_then(|beginning| beginning.of(&partition)),
            };
            let TopicPartition { topic, partition } = partition;
            match given {
                None => drop(rest.add_partition(&topic, partition)),
                Some(offset) => {
                    list.set_partition_offset(&topic, partition, offset)?;
                    if earlier.is_none() && matches!(offset, Offset::Offset(_)) {
                        begun.add_partition_offset(&topic, partition, offset)?;
                    }
                }
            }
        }
        if rest.count() > 0 {
            go_on(consumer, list, rest, &ids)?;
        }
        Ok(begun)
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| TopicPartition::new(element.topic(), element.partition())).collect()
}

/// Sets the offsets that the group has committed of `partitions`, or the beginning where it has committed none.
fn go_on(
    consumer: &BaseConsumer<Context>,
    list: &mut TopicPartitionList,
    partitions: TopicPartitionList,
    ids: &TopicIds,
) -> KafkaResult<()> {
    let committed = match consumer.committed_offsets(partitions, PATIENCE) {
        Ok(committed) => committed,
        Err(error) => {
            // librdkafka asks for them itself, however long that takes.
            tracing::debug!(%error, "the group's offsets are not known yet");
            return Ok(());
        }
    };
    for element in committed.elements() {
        let partition = TopicPartition::new(element.topic(), element.partition());
        let offset = match element.offset() {
            Offset::Offset(_) if ids.is_of_another(element.topic(), element.metadata()) => {
                list.set_partition_offset(element.topic(), element.partition(), Offset::Beginning)?;
                continue;
            }
            Offset::Offset(offset) => range::next(consumer, &partition, offset).unwrap_or(offset),
            _ if element.error().is_err() => continue,
            _ => {
                list.set_partition_offset(element.topic(), element.partition(), Offset::Beginning)?;
                continue;
            }
        };
        list.set_partition_offset(element.topic(), element.partition(), Offset::Offset(offset))?;
    }
    Ok(())
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.failed(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Some(statistics) = Statistics::parse(statistics) else { return };
        self.held().statistics(&statistics);
        if statistics.is_connected() {
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
            *self.trouble.lock() = Some(Error::ReadingEnded { reason: why, advice: "" });
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result.as_ref().map_err(KafkaError::rdkafka_error_code) {
            Ok(()) | Err(Some(RDKafkaErrorCode::NoOffset)) => {}
            Err(_) => tracing::debug!(?result, "offsets were not committed; tried again soon"),
        }
    }
}
