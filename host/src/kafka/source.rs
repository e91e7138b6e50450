//! Alerts from Kafka.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::connection::{TICK, log};
use super::{Error, Options, Watch};
use crate::pipeline::{BatchLimits, Message, Position, Source, SourceError};

/// What a source adds to librdkafka's defaults.
const PROPERTIES: [(&str, &str); 11] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    ("isolation.level", "read_committed"),
    // Alerts are some 80 KB: a hundred of a partition at a time instead of a dozen.
    ("fetch.message.max.bytes", "8388608"),
    // The prefetch (64 MB) is read within 70 ms; by default a full one would not be filled again for 1 s.
    ("fetch.queue.backoff.ms", "10"),
    // librdkafka's mock broker answers a fetch that found nothing only when this is over.
    ("fetch.wait.max.ms", "50"),
    // A host that was killed gives its partitions up after this.
    ("session.timeout.ms", "10000"),
    // So soon a new topic or partition is found.
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("statistics.interval.ms", "5000"),
    ("socket.timeout.ms", "30000"),
];

/// How long a commit is tried.
const COMMIT_PATIENCE: Duration = Duration::from_secs(60);

/// Reads topics as a member of a consumer group.
///
/// Brokers that go away while it runs are waited for, however long; that is logged once, and [`Watch::trouble`] says it.
/// Offsets begin at the earliest unless the overrides say `auto.offset.reset=latest`.
pub struct KafkaSource {
    consumer: BaseConsumer<Context>,
    options: Options,
    watch: Watch,
    /// What was subscribed to, and what was met since: each name is kept once.
    topics: Vec<Arc<str>>,
    /// A message that did not fit the last batch.
    held: Option<Message>,
    /// Since when a topic has been absent.
    absent_since: Option<Instant>,
}

impl KafkaSource {
    /// Subscribes to `topics` (names, or patterns beginning with `^`) as a member of `group`, the host's name. Waits
    /// until a broker has answered.
    ///
    /// # Errors
    /// [`Error`] when none does, or an override is wrong.
    pub fn new(options: &Options, group: &str, topics: &[String]) -> Result<KafkaSource, Error> {
        let watch = Watch::default();
        let mut config = options.client_config(&PROPERTIES)?;
        config.set("group.id", group);
        let consumer: BaseConsumer<Context> = config.create_with_context(Context { watch: watch.clone() })?;
        // Nothing but errors can come before the subscription.
        watch.connection().establish(consumer.client(), options, || drop(consumer.poll(Duration::ZERO)))?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names)?;
        let topics = names.into_iter().map(Arc::from).collect();
        Ok(KafkaSource { consumer, options: options.clone(), watch, topics, held: None, absent_since: None })
    }

    /// What tells from any thread how far this source has read.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The next message, if one comes in time. May return early without one.
    fn next(&mut self, timeout: Duration) -> Result<Option<Message>, SourceError> {
        let error = match self.consumer.poll(timeout) {
            None => {
                self.watch.connection().report();
                return Ok(None);
            }
            Some(Ok(message)) => return Ok(Some(own(&message, &mut self.topics))),
            Some(Err(error)) => error,
        };
        self.failed(&error)?;
        Ok(None)
    }

    /// Sorts an error that the consumer met: those that time may heal are waited out.
    fn failed(&mut self, error: &KafkaError) -> Result<(), SourceError> {
        use RDKafkaErrorCode::*;
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return Err(SourceError(format!("{code}; this host's part in the consumer group has ended: restart it")));
        }
        self.watch.connection().check()?;
        match error.rdkafka_error_code() {
            Some(UnknownTopic | UnknownTopicOrPartition) => {
                if self.absent_since.is_none() {
                    tracing::warn!(reason = self.watch.connection().reason(), "waiting for a topic to be created");
                    self.absent_since = Some(Instant::now());
                }
            }
            Some(code @ (TopicAuthorizationFailed | GroupAuthorizationFailed | ClusterAuthorizationFailed)) => {
                let rights = "the user of this host needs the right to read the topics and the consumer group";
                return Err(SourceError(format!("{code} ({}): {rights}", self.watch.connection().reason())));
            }
            Some(AutoOffsetReset | OffsetOutOfRange) => {
                let reason = self.watch.connection().reason();
                return Err(SourceError(format!(
                    "the committed offset is not in the topic any more ({reason}): \
                     restart with -X auto.offset.reset=earliest or latest"
                )));
            }
            Some(PollExceeded) => {
                tracing::warn!(
                    "a batch took longer than max.poll.interval.ms: the group has left this host behind; joining again"
                );
            }
            _ => self.watch.connection().report(),
        }
        Ok(())
    }

    /// An error once a topic has been absent for too long.
    fn check_topics(&mut self) -> Result<(), SourceError> {
        if self.absent_since.is_none_or(|since| since.elapsed() < self.options.patience) {
            return Ok(());
        }
        let mut absent = Vec::new();
        for topic in self.topics.iter().filter(|topic| !topic.starts_with('^')) {
            match self.consumer.fetch_metadata(Some(topic), Duration::from_secs(5)) {
                Ok(metadata) => absent.extend(
                    metadata
                        .topics()
                        .iter()
                        .filter(|found| found.error() == Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART))
                        .map(|found| found.name().to_owned()),
                ),
                // Brokers that don't answer say nothing about topics.
                Err(_) => {
                    self.absent_since = Some(Instant::now());
                    return Ok(());
                }
            }
        }
        self.absent_since = None;
        if absent.is_empty() { Ok(()) } else { Err(Error::NoTopic(absent.join(", ")).into()) }
    }

    /// Commits, trying again what may pass. `Ok(false)`: the group is being shared out anew, so what was read since the
    /// last commit is read again.
    fn commit_list(&self, list: &TopicPartitionList) -> Result<bool, SourceError> {
        use RDKafkaErrorCode::*;
        let deadline = Instant::now() + COMMIT_PATIENCE;
        loop {
            let Err(error) = self.consumer.commit(list, CommitMode::Sync) else { return Ok(true) };
            match error.rdkafka_error_code() {
                Some(RebalanceInProgress | IllegalGeneration | UnknownMemberId | AssignmentLost) => {
                    tracing::debug!(%error, "not committed: the group is being shared out anew");
                    return Ok(false);
                }
                Some(FencedInstanceId | GroupAuthorizationFailed | TopicAuthorizationFailed | Fatal) => {
                    return Err(SourceError(format!("offsets can't be committed: {error}")));
                }
                _ if Instant::now() >= deadline || self.options.stopping() => {
                    return Err(SourceError(format!(
                        "offsets can't be committed: {error}; what followed the last commit \
                                                    is read again at the next start"
                    )));
                }
                _ => {
                    self.watch.connection().report();
                    std::thread::sleep(TICK);
                }
            }
        }
    }
}

impl Source for KafkaSource {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        self.check_topics()?;
        let begin = batch.len();
        let mut bytes = 0;
        let mut deadline = Instant::now() + wait;
        let mut next = self.held.take();
        while batch.len() - begin < limits.count.max(1) {
            let Some(message) = next.take() else {
                next = self.next(deadline.saturating_duration_since(Instant::now()))?;
                if next.is_none() && Instant::now() >= deadline {
                    break;
                }
                continue;
            };
            if batch.len() == begin {
                deadline = Instant::now() + limits.linger;
            } else if bytes + message.bytes.len() > limits.bytes {
                self.held = Some(message);
                break;
            }
            bytes += message.bytes.len();
            batch.push(message);
        }
        if batch.len() > begin {
            self.watch.connection().works();
            positions(&batch[begin..]).iter().for_each(|position| self.watch.fetched(position));
        }
        Ok(true)
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), SourceError> {
        let (held, lost): (Vec<&Position>, Vec<&Position>) =
            positions.iter().partition(|position| self.watch.holds(&position.topic, position.partition));
        for Position { topic, partition, offset } in lost {
            tracing::debug!(%topic, partition, offset, "not committed: the partition is another host's now");
        }
        let mut list = TopicPartitionList::new();
        for Position { topic, partition, offset } in &held {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).map_err(Error::from)?;
        }
        if list.count() > 0 && self.commit_list(&list)? {
            held.into_iter().for_each(|position| self.watch.commit(position));
        }
        Ok(())
    }
}

/// Where reading goes on after `messages`, for each of their partitions.
fn positions(messages: &[Message]) -> Vec<Position> {
    let mut positions: Vec<Position> = Vec::new();
    for Message { topic, partition, offset, .. } in messages {
        match positions.iter_mut().find(|known| known.partition == *partition && Arc::ptr_eq(&known.topic, topic)) {
            Some(position) => position.offset = offset + 1,
            None => positions.push(Position { topic: topic.clone(), partition: *partition, offset: offset + 1 }),
        }
    }
    positions
}

/// A message apart from its consumer. This is where the payload is copied.
fn own(message: &BorrowedMessage<'_>, topics: &mut Vec<Arc<str>>) -> Message {
    let topic = intern(topics, message.topic());
    let bytes = message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice);
    Message { bytes, topic, partition: message.partition(), offset: message.offset() }
}

/// The one copy of a topic's name.
pub(super) fn intern(topics: &mut Vec<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(topic) = topics.iter().find(|topic| ***topic == *name) {
        return topic.clone();
    }
    let topic: Arc<str> = name.into();
    topics.push(topic.clone());
    topic
}

struct Context {
    watch: Watch,
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
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                tracing::debug!(partitions = list.count(), "the group gave partitions to this host");
                self.watch.assign(list, true);
            }
            Rebalance::Revoke(list) => {
                tracing::debug!(partitions = list.count(), "the group took partitions from this host");
                self.watch.assign(list, false);
            }
            Rebalance::Error(error) => tracing::warn!(%error, "the group can't be shared out"),
        }
    }
}
