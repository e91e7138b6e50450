//! Reads a part of the past. It ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::span::{self, Begin, Part, Span};
use crate::jobs::Job;
use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::host::source::held::Held;
use crate::kafka::host::source::{Client, Context};
use crate::kafka::host::start::{self, Range};
use crate::kafka::host::watch::Watch;
use crate::kafka::librdkafka::look::unreadable;
use crate::kafka::librdkafka::partitions;
use crate::pipeline::{BatchLimits, Message, Monitor, Source, SourceError, TopicPartition};

/// How long the time of the oldest message is waited for.
const OLDEST: Duration = Duration::from_secs(3);

/// What a replay's consumers add to librdkafka's defaults.
const PROPERTIES: [(&str, &str); 9] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("check.crcs", "true"),
    ("isolation.level", "read_committed"),
    ("enable.partition.eof", "true"),
    // A replay is not in a hurry, and its memory is not for live alerts.
    ("fetch.message.max.bytes", "4194304"),
    ("queued.max.messages.kbytes", "16384"),
    // librdkafka's mock broker answers a fetch that found nothing only when this is over.
    ("fetch.wait.max.ms", "50"),
];

/// Reads parts of topics once, without any offsets being committed. Each topic has a consumer of its own, because rdkafka
/// does not say of which topic a partition's end is.
pub(super) struct PastReader {
    options: Options,
    watch: Watch,
    topics: Vec<TopicReader>,
    job: Arc<Job>,
    /// A message that did not fit the last batch.
    held: Option<Message>,
}

/// Reads one topic.
struct TopicReader {
    topic: Arc<str>,
    consumer: Arc<Client>,
    /// The offset of the next message, and the end, of partitions that were not read to their ends.
    open: BTreeMap<i32, (i64, i64)>,
}

impl PastReader {
    /// Connects.
    pub fn new(options: &Options, group: &str, topics: &[String], job: &Arc<Job>) -> Result<PastReader, Error> {
        let watch = Watch::default();
        let reader = |topic: &String| -> Result<TopicReader, Error> {
            let mut config = options.client_config(&PROPERTIES)?;
            config.set("group.id", group);
            let consumer: Client = config.create_with_context(Context::new(&watch))?;
            watch.connection().establish(consumer.client(), options, || drop(consumer.poll(Duration::ZERO)))?;
            Ok(TopicReader { topic: topic.as_str().into(), consumer: Arc::new(consumer), open: BTreeMap::new() })
        };
        let topics = topics.iter().map(reader).collect::<Result<_, _>>()?;
        Ok(PastReader { options: options.clone(), watch, topics, job: job.clone(), held: None })
    }

    /// Finds the offsets of a time in each partition.
    pub fn look_up(&self, span: &Span) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        for TopicReader { topic, consumer, .. } in &self.topics {
            let found = partitions::await_topics(consumer, std::slice::from_ref(topic), &self.options)?;
            let at = |time: Option<i64>| -> Result<Vec<Option<Offset>>, Error> {
                let Some(time) = time else { return Ok(vec![None; found.len()]) };
                let offsets = start::at_time(consumer, &found, time, &self.options)?;
                Ok(offsets.into_iter().map(Some).collect())
            };
            let from = if let Begin::Time(from) = span.from { Some(from) } else { None };
            let (from, to) = (at(from)?, at(span.to)?);
            for ((partition, from), to) in found.iter().zip(from).zip(to) {
                let Range { oldest, end } = start::range(consumer, partition, &self.options)?;
                let offset = |at: Option<Offset>, otherwise: i64| match at {
                    None => otherwise,
                    Some(Offset::Offset(offset)) => offset.clamp(oldest, end),
                    // All messages are of an earlier time.
                    Some(_) => end,
                };
                let (begin, end) = (offset(from, oldest), offset(to, end));
                parts.push(Part { partition: partition.clone(), begin, end, oldest });
            }
        }
        if let Begin::Last(count) = span.from {
            span::keep_last(&mut parts, count);
        }
        Ok(parts)
    }

    /// When the oldest message came, in milliseconds since 1970. `None` if there is none, or it is not known.
    pub fn oldest(&self) -> Result<Option<i64>, Error> {
        let mut oldest: Option<i64> = None;
        for TopicReader { topic, consumer, .. } in &self.topics {
            for TopicPartition { partition, .. } in
                partitions::partitions(consumer, std::slice::from_ref(topic), partitions::ASK)?
            {
                let mut list = TopicPartitionList::new();
                list.add_partition_offset(topic, partition, Offset::Beginning)?;
                consumer.assign(&list)?;
                let deadline = Instant::now() + OLDEST;
                while Instant::now() < deadline && !self.options.stopping() {
                    match consumer.poll(TICK) {
                        Some(Ok(message)) => {
                            let time = message.timestamp().to_millis();
                            oldest = time.map(|time| oldest.map_or(time, |oldest| oldest.min(time))).or(oldest);
                            break;
                        }
                        Some(Err(_)) => break,
                        None => {}
                    }
                }
                consumer.unassign()?;
            }
        }
        Ok(oldest)
    }

    /// Begins to read.
    pub fn begin(mut self, parts: &[Part]) -> Result<PastReader, Error> {
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let TopicPartition { topic, partition } = &part.partition;
            let reader = self.topics.iter_mut().find(|reader| reader.topic == *topic);
            if let Some(reader) = reader {
                reader.open.insert(*partition, (part.begin, part.end));
            }
        }
        self.topics.retain(|reader| !reader.open.is_empty());
        for TopicReader { topic, consumer, open } in &self.topics {
            let mut list = TopicPartitionList::new();
            for (partition, (begin, _)) in open {
                list.add_partition_offset(topic, *partition, Offset::Offset(*begin))?;
            }
            consumer.incremental_assign(&list)?;
        }
        Ok(self)
    }

    /// The next message, if one comes in time. May return early without one.
    fn next(&mut self, timeout: Duration) -> Result<Option<Message>, Error> {
        // While there are several topics, none of them holds up the others.
        let timeout = if self.topics.len() > 1 { timeout.min(Duration::from_millis(5)) } else { timeout };
        let count = self.topics.len();
        self.topics.rotate_left(1.min(count));
        let Some(reader) = self.topics.first_mut() else { return Ok(None) };
        let message = match Held::poll(&reader.consumer, timeout) {
            Ok(Some(held)) => {
                self.watch.connection().works();
                reader.take(held.into_message(&mut vec![reader.topic.clone()]))?
            }
            Err(KafkaError::PartitionEOF(partition)) => {
                reader.close(partition)?;
                None
            }
            Err(error) => {
                let lost = reader.failed(&error, &self.watch, &self.options)?;
                self.job.update(|status| status.lost += lost);
                None
            }
            Ok(None) => {
                self.watch.connection().report();
                None
            }
        };
        self.topics.retain(|reader| !reader.open.is_empty());
        Ok(message)
    }

    fn has_ended(&self) -> bool {
        self.topics.is_empty() && self.held.is_none()
    }
}

impl TopicReader {
    /// Takes a message in, if it is one of those that are to be read.
    fn take(&mut self, message: Message) -> Result<Option<Message>, Error> {
        let Some((next, end)) = self.open.get_mut(&message.partition) else { return Ok(None) };
        let (end, is_wanted) = (*end, message.offset < *end);
        *next = message.offset + 1;
        if message.offset + 1 >= end {
            self.close(message.partition)?;
        }
        Ok(is_wanted.then_some(message))
    }

    /// Ends to read a partition.
    fn close(&mut self, partition: i32) -> Result<(), Error> {
        if self.open.remove(&partition).is_some() {
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.topic, partition);
            self.consumer.incremental_unassign(&list)?;
        }
        Ok(())
    }

    /// Sorts an error of the consumer: one that may pass by itself is waited out. Returns how many messages are gone.
    fn failed(&mut self, error: &KafkaError, watch: &Watch, options: &Options) -> Result<u64, Error> {
        use RDKafkaErrorCode::*;
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return Err(Error::ReadingEnded { reason: code.to_string(), advice: "" });
        }
        if let Some(reason) = unreadable(error) {
            let reason = format!("topic {} can't be read on: {reason}", self.topic);
            return Err(Error::ReadingEnded { reason, advice: "" });
        }
        watch.connection().check()?;
        match error.rdkafka_error_code() {
            Some(code @ (UnknownTopic | UnknownTopicOrPartition | UnknownPartition)) => {
                let advice = ": was the topic deleted while it was read?";
                Err(Error::ReadingEnded { reason: format!("topic {}: {code}", self.topic), advice })
            }
            Some(code @ (TopicAuthorizationFailed | GroupAuthorizationFailed | ClusterAuthorizationFailed)) => {
                Err(Error::MayNotRead { code, detail: String::new(), who: "the user of this host" })
            }
            Some(AutoOffsetReset | OffsetOutOfRange) => self.read_on(options),
            _ => {
                watch.connection().report();
                Ok(0)
            }
        }
    }

    /// Goes on with the oldest messages that there are, where those that were to be read next have been deleted. Returns
    /// how many those were.
    fn read_on(&mut self, options: &Options) -> Result<u64, Error> {
        let mut lost = 0;
        for (partition, (next, end)) in self.open.clone() {
            let range = start::range(&self.consumer, &TopicPartition::new(self.topic.clone(), partition), options)?;
            if range.oldest <= next && next <= range.end {
                continue;
            }
            let at = range.oldest.min(end);
            tracing::warn!(topic = %self.topic, partition, next, oldest = range.oldest, "messages were deleted before they were replayed");
            lost += u64::try_from(at - next).unwrap_or(0);
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&self.topic, partition, Offset::Offset(at))?;
            // librdkafka no longer fetches partitions that are out of range, and lets nobody seek in them.
            self.consumer.incremental_unassign(&list)?;
            self.open.remove(&partition);
            if at < end {
                self.consumer.incremental_assign(&list)?;
                self.open.insert(partition, (at, end));
            }
        }
        Ok(lost)
    }
}

impl Source for PastReader {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        if self.options.stopping() {
            self.job.cancel();
        }
        let begin = batch.len();
        let (mut bytes, mut deadline) = (0, Instant::now() + wait);
        while batch.len() - begin < limits.count.max(1) && !self.has_ended() && !self.job.stop.load(Ordering::Relaxed) {
            let next = match self.held.take() {
                Some(message) => Some(message),
                None => self.next(deadline.saturating_duration_since(Instant::now()))?,
            };
            let Some(message) = next else {
                if Instant::now() >= deadline {
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
        Ok(!self.has_ended())
    }

    fn monitor(&self) -> Monitor {
        let watch = self.watch.clone();
        Box::new(move || watch.condition())
    }
}
