//! Alerts from Kafka.

mod assign;
pub(in crate::kafka::host) mod held;
mod recreated;
mod trouble;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;

use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::host::start::LostOffsets;
use crate::kafka::host::watch::Watch;
use crate::kafka::librdkafka::connection::log;
use crate::kafka::wire::{Cluster, LastSeen};
use crate::pipeline::{BatchLimits, Message, Monitor, Position, Source, SourceError, TopicPartition};
use held::Held;
use recreated::{Doubt, Restart};
use trouble::Unreadable;

/// What a source adds to librdkafka's defaults.
const PROPERTIES: [(&str, &str); 11] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // Messages that are deleted before they were read are not skipped silently.
    ("auto.offset.reset", "error"),
    // A byte that changed on a disk or on the way shall not pass for a measurement. The processor has an instruction for it:
    // 4 µs for an alert of 80 KB.
    ("check.crcs", "true"),
    ("isolation.level", "read_committed"),
    // Alerts have some 80 KB: this fetches a hundred of a partition at a time instead of a dozen.
    ("fetch.message.max.bytes", "8388608"),
    // The prefetch (64 MB) is read within 70 ms; by default a full one would not be filled again for 1 s.
    ("fetch.queue.backoff.ms", "10"),
    // librdkafka's mock broker answers a fetch that found nothing only when this is over.
    ("fetch.wait.max.ms", "50"),
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("statistics.interval.ms", "5000"),
    ("socket.timeout.ms", "30000"),
];

pub(in crate::kafka) type Client = BaseConsumer<Context>;

/// Reads all partitions of some topics, including those that are added later.
///
/// There is one host of a name at a time, so partitions are not shared out by Kafka's group protocol: the host that holds the
/// name's transactional id reads them all, and the group of that name only keeps the offsets. So a host that takes a dead
/// one's place need not wait for a session's timeout.
///
/// Brokers that go away while it runs are waited for, however long; that is logged once, and the monitor shows it. A topic
/// that is deleted and created anew is read from its beginning.
pub struct KafkaSource {
    consumer: Arc<Client>,
    watch: Watch,
    options: Options,
    /// The consumer group.
    group: String,
    lost: LostOffsets,
    /// The names of the topics, each kept once.
    topics: Vec<Arc<str>>,
    known: HashSet<TopicPartition>,
    /// Asks for the topics' ids.
    cluster: Cluster,
    looked: Instant,
    /// A message that did not fit the last batch.
    held: Option<Message>,
    seen: LastSeen,
    /// Partitions that are read anew once all that was read of them is committed.
    restarts: Vec<Restart>,
    /// Since when a topic has been said to be absent.
    absent: Option<Instant>,
    /// Messages that can't be read, if there are any.
    unreadable: Option<Unreadable>,
}

/// Makes a consumer that does not read yet.
pub(in crate::kafka) fn consumer(options: &Options, group: &str, watch: &Watch) -> Result<Arc<Client>, Error> {
    let mut config = options.client_config(&PROPERTIES)?;
    config.set("group.id", group);
    let consumer: Client = config.create_with_context(Context::new(watch))?;
    // Nothing but errors can come before the assignment.
    watch.connection().establish(consumer.client(), options, || drop(consumer.poll(Duration::ZERO)))?;
    Ok(Arc::new(consumer))
}

impl KafkaSource {
    /// Makes a source that does not read before it [begins](Self::begin).
    pub(in crate::kafka) fn new(
        consumer: Arc<Client>,
        options: &Options,
        group: &str,
        watch: Watch,
        topics: &[String],
        lost: LostOffsets,
    ) -> Result<KafkaSource, Error> {
        Ok(KafkaSource {
            consumer,
            watch,
            options: options.clone(),
            group: group.to_owned(),
            lost,
            topics: topics.iter().map(|topic| topic.as_str().into()).collect(),
            known: HashSet::new(),
            // It is not asked for coordinators, and nothing is published by it.
            cluster: Cluster::new(options, "", "")?,
            looked: Instant::now(),
            held: None,
            seen: LastSeen::default(),
            restarts: Vec::new(),
            absent: None,
            unreadable: None,
        })
    }

    /// Tells any thread how far this source has read.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The next message, if one comes in time. May return early without one.
    fn next(&mut self, timeout: Duration) -> Result<Option<Message>, SourceError> {
        match Held::poll(&self.consumer, timeout) {
            Ok(Some(held)) => return Ok(Some(held.into_message(&mut self.topics))),
            Ok(None) => self.watch.connection().report(),
            Err(error) => self.failed(&error)?,
        }
        Ok(None)
    }

    /// Fills a batch until a bound is reached, the time is over, or a topic turns out to be another one.
    fn fill(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<(), SourceError> {
        let begin = batch.len();
        let mut bytes = 0;
        let mut deadline = Instant::now() + wait;
        let mut next = self.held.take();
        while batch.len() - begin < limits.count.max(1) && self.restarts.is_empty() {
            let Some(message) = next.take() else {
                next = self.next(deadline.saturating_duration_since(Instant::now()))?;
                if next.is_none() && Instant::now() >= deadline {
                    break;
                }
                continue;
            };
            match self.doubt(&message.topic)? {
                Doubt::None => {}
                Doubt::AnotherTopic => break,
                Doubt::NoAnswer => {
                    self.held = Some(message);
                    std::thread::sleep(TICK.min(wait));
                    break;
                }
            }
            if batch.len() == begin {
                deadline = Instant::now() + limits.linger;
            } else if bytes + message.bytes.len() > limits.bytes {
                self.held = Some(message);
                break;
            }
            bytes += message.bytes.len();
            batch.push(message);
        }
        Ok(())
    }
}

impl Source for KafkaSource {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        let begun = self.look().and_then(|()| self.look_for_unreadable()).and_then(|()| self.begin_anew());
        let begun = match begun {
            // The pipeline sees for itself that it is time to stop.
            Err(Error::Stopped(_)) => false,
            begun => begun?,
        };
        if !begun {
            // Messages of the topic that was deleted are still on their way through the pipeline.
            std::thread::sleep(TICK.min(wait));
            return Ok(true);
        }
        let begin = batch.len();
        self.fill(batch, limits, wait)?;
        if batch.len() > begin {
            self.absent = None;
            self.watch.connection().works();
            Position::after(&batch[begin..]).iter().for_each(|position| self.watch.fetched(position));
            self.readable();
        }
        Ok(true)
    }

    fn positions(&self) -> Vec<Position> {
        let of = |TopicPartition { topic, partition }: &TopicPartition| {
            let offset = self.watch.position(topic, *partition)?;
            Some(Position { topic: topic.clone(), partition: *partition, offset })
        };
        self.known.iter().filter_map(of).collect()
    }

    fn seek(&mut self, to: Vec<Position>) -> Result<(), SourceError> {
        Ok(self.read_from(to)?)
    }

    fn monitor(&self) -> Monitor {
        let watch = self.watch.clone();
        Box::new(move || watch.condition())
    }
}

/// Passes on what a consumer reports.
pub(in crate::kafka) struct Context {
    watch: Watch,
}

impl Context {
    pub(in crate::kafka) fn new(watch: &Watch) -> Context {
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
