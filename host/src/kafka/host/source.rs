//! Alerts from Kafka.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::kafka::client::connection::log;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::client::partitions::{self, Partition, intern};
use crate::kafka::host::start::{self, From};
use crate::kafka::host::watch::Watch;
use crate::pipeline::{BatchLimits, Message, Monitor, Position, Source, SourceError};

/// What a source adds to librdkafka's defaults.
const PROPERTIES: [(&str, &str); 10] = [
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
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("statistics.interval.ms", "5000"),
    ("socket.timeout.ms", "30000"),
];

/// How often new partitions are looked for, and how long that may take.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const LOOK_FOR: Duration = Duration::from_millis(500);

pub(super) type Client = BaseConsumer<Context>;

/// Reads all partitions of some topics, those that are added later too.
///
/// There is one host of a name at a time, so partitions are not shared out by Kafka's group protocol: who holds the
/// name's transactional id reads them all. The group of the name only keeps the offsets. That a host has died is thus
/// known at once by the one that takes its place, not after a session's timeout.
///
/// Brokers that go away while it runs are waited for, however long; that is logged once, and the monitor tells it.
pub struct KafkaSource {
    consumer: Arc<Client>,
    watch: Watch,
    /// Each name is kept once.
    topics: Vec<Arc<str>>,
    known: HashSet<Partition>,
    looked: Instant,
    /// A message that did not fit the last batch.
    held: Option<Message>,
    /// Since when a topic has been said to be absent, and how long that is borne.
    absent: Option<Instant>,
    patience: Duration,
}

/// A consumer that does not read yet.
pub(super) fn consumer(options: &Options, group: &str, watch: &Watch) -> Result<Arc<Client>, Error> {
    let mut config = options.client_config(&PROPERTIES)?;
    config.set("group.id", group);
    let consumer: Client = config.create_with_context(Context::new(watch))?;
    // Nothing but errors can come before the assignment.
    watch.connection().establish(consumer.client(), options, || drop(consumer.poll(Duration::ZERO)))?;
    Ok(Arc::new(consumer))
}

impl KafkaSource {
    /// Begins to read. Nobody else may be about to commit for the group.
    pub(super) fn new(
        consumer: Arc<Client>,
        options: &Options,
        watch: Watch,
        topics: &[String],
        from: From,
    ) -> Result<KafkaSource, Error> {
        let topics: Vec<Arc<str>> = topics.iter().map(|topic| topic.as_str().into()).collect();
        let partitions = partitions::await_topics(&consumer, &topics, options)?;
        let (known, looked) = (HashSet::new(), Instant::now());
        let patience = options.patience;
        let mut source = KafkaSource { consumer, watch, topics, known, looked, held: None, absent: None, patience };
        source.assign(partitions, from, patience)?;
        Ok(source)
    }

    /// What tells from any thread how far this source has read.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    fn assign(&mut self, partitions: Vec<Partition>, from: From, patience: Duration) -> Result<(), Error> {
        let committed = start::committed(&self.consumer, &partitions, patience)?;
        let offsets = start::offsets(&self.consumer, &partitions, &committed, from)?;
        let mut list = TopicPartitionList::new();
        for (((topic, partition), offset), committed) in partitions.iter().zip(offsets).zip(committed) {
            list.add_partition_offset(topic, *partition, offset)?;
            tracing::debug!(%topic, partition, ?offset, ?committed, "reading a partition");
            let position = |offset| Position { topic: topic.clone(), partition: *partition, offset };
            committed.iter().for_each(|&offset| self.watch.commit(&position(offset)));
            if let Offset::Offset(offset) = offset {
                self.watch.fetched(&position(offset));
            }
        }
        self.consumer.incremental_assign(&list)?;
        self.known.extend(partitions);
        Ok(())
    }

    /// Reads partitions that were added since last looked.
    fn look_for_partitions(&mut self) -> Result<(), Error> {
        if self.looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        self.looked = Instant::now();
        // Brokers that don't answer are reported elsewhere.
        let Ok(mut found) = partitions::partitions(&self.consumer, &self.topics, LOOK_FOR) else { return Ok(()) };
        found.retain(|partition| !self.known.contains(partition));
        if !found.is_empty() {
            tracing::info!(partitions = found.len(), "the topic has new partitions");
            self.assign(found, From::Committed, LOOK_EVERY)?;
        }
        Ok(())
    }

    /// The next message, if one comes in time. May return early without one.
    fn next(&mut self, timeout: Duration) -> Result<Option<Message>, SourceError> {
        let polled = Held::try_new(self.consumer.clone(), |consumer| match consumer.poll(timeout) {
            Some(polled) => polled.map_err(Some),
            None => Err(None),
        });
        match polled {
            Ok(held) => return Ok(Some(held.into_message(&mut self.topics))),
            Err(Some(error)) => self.failed(&error)?,
            Err(None) => self.watch.connection().report(),
        }
        Ok(None)
    }

    /// Sorts an error that the consumer met: those that time may heal are waited out.
    fn failed(&mut self, error: &KafkaError) -> Result<(), SourceError> {
        use RDKafkaErrorCode::*;
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return Err(SourceError(format!("{code}; restart this host")));
        }
        let connection = self.watch.connection();
        connection.check()?;
        match error.rdkafka_error_code() {
            Some(code @ (UnknownTopic | UnknownTopicOrPartition | UnknownPartition)) => {
                // A broker that has just started may not know of it yet.
                if self.absent.get_or_insert_with(Instant::now).elapsed() < self.patience {
                    return Ok(());
                }
                let reason = connection.reason();
                Err(SourceError(format!("{code} ({reason}): was the topic deleted while it was read?")))
            }
            Some(code @ (TopicAuthorizationFailed | GroupAuthorizationFailed | ClusterAuthorizationFailed)) => {
                let rights = "the user of this host needs the right to read the topics and the consumer group";
                Err(SourceError(format!("{code} ({}): {rights}", connection.reason())))
            }
            Some(AutoOffsetReset | OffsetOutOfRange) => Err(SourceError(format!(
                "the committed offset is not in the topic any more ({}): restart with --from earliest or latest",
                connection.reason()
            ))),
            _ => {
                connection.report();
                Ok(())
            }
        }
    }
}

impl Source for KafkaSource {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        self.look_for_partitions()?;
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
            self.absent = None;
            self.watch.connection().works();
            Position::after(&batch[begin..]).iter().for_each(|position| self.watch.fetched(position));
        }
        Ok(true)
    }

    fn monitor(&self) -> Monitor {
        let watch = self.watch.clone();
        Box::new(move || watch.condition())
    }
}

self_cell::self_cell!(
    /// A message where librdkafka has it, with the consumer that it is of. It keeps the broker's answer in memory that it
    /// came in, some megabytes with others: those of a batch are neighbours.
    struct Held {
        owner: Arc<Client>,
        #[covariant]
        dependent: BorrowedMessage,
    }
);

impl Held {
    fn into_message(self, topics: &mut Vec<Arc<str>>) -> Message {
        let message = self.borrow_dependent();
        let (topic, partition, offset) = (intern(topics, message.topic()), message.partition(), message.offset());
        Message { bytes: Bytes::from_owner(self), topic, partition, offset }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.borrow_dependent().payload().unwrap_or_default()
    }
}

/// Passes on what a consumer has to tell.
pub(super) struct Context {
    watch: Watch,
}

impl Context {
    pub(super) fn new(watch: &Watch) -> Context {
        Context { watch: watch.clone() }
    }
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

impl ConsumerContext for Context {}
