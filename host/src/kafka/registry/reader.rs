//! Reads the registry's topics, as far as they are committed.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::librdkafka::context::Context;
use crate::kafka::librdkafka::look::unreadable;
use crate::kafka::librdkafka::partitions::{ASK, partitions};
use crate::registry::{Blob, Blobs, Pieces, Raw};

/// How often to look whether a topic was created, and for how long one look for new records lasts.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// How often to look whether the topic is there while it is absent.
const ABSENT: Duration = Duration::from_secs(2);

/// How long brokers may say nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// How long to wait for pieces of which the records are there already: a transaction becomes visible in each topic by
/// itself.
const SETTLING: Duration = Duration::from_secs(2);

/// The most records that are taken in one go.
const MOST: usize = 1000;

const PROPERTIES: [(&str, &str); 8] = [
    // librdkafka wants one. No group is joined, as partitions are assigned by hand.
    ("group.id", "skysieve-registry"),
    ("enable.auto.commit", "false"),
    ("isolation.level", "read_committed"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "earliest"),
    ("check.crcs", "true"),
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.wait.max.ms", "50"),
];

/// Reads the filters' topic from its begin, and follows it.
pub(super) struct Reader {
    consumer: BaseConsumer<Context>,
    options: Options,
    topic: Arc<str>,
    /// The offset behind the last record that was read.
    next: Option<i64>,
    is_assigned: bool,
    /// Whether a broker has answered.
    is_connected: Cell<bool>,
    /// When the topic was last looked for, while it is absent.
    looked: Option<Instant>,
}

/// What a poll has led to.
enum Polled {
    Record(Raw),
    End,
    Nothing,
}

impl Reader {
    pub(super) fn new(options: &Options, topic: &Arc<str>) -> Result<Reader, Error> {
        let consumer = consumer(options)?;
        let (options, topic) = (options.clone(), topic.clone());
        Ok(Reader {
            consumer,
            options,
            topic,
            next: None,
            is_assigned: false,
            is_connected: Cell::new(false),
            looked: None,
        })
    }

    /// How many partitions a topic has.
    pub(super) fn partitions(&self, topic: &Arc<str>) -> Result<usize, Error> {
        if !self.is_connected.get() {
            connect(&self.consumer, &self.options)?;
            self.is_connected.set(true);
        }
        Ok(partitions(&self.consumer, std::slice::from_ref(topic), ASK)?.len())
    }

    /// Whether the topic is there.
    pub(super) fn exists(&self) -> Result<bool, Error> {
        Ok(self.is_assigned || self.partitions(&self.topic)? > 0)
    }

    /// Reads everything that is committed by now.
    pub(super) fn catch_up(&mut self, take: &mut dyn FnMut(Raw)) -> Result<(), Error> {
        if !self.exists()? {
            return Ok(());
        }
        // An end that is reported after this was reached after this.
        self.assign()?;
        let mut heard = Instant::now();
        loop {
            match self.poll(TICK)? {
                Polled::Record(raw) => {
                    heard = Instant::now();
                    take(raw);
                }
                Polled::End => return Ok(()),
                Polled::Nothing if heard.elapsed() >= SILENCE => return Err(silent(&self.consumer, &self.options)),
                Polled::Nothing => {}
            }
        }
    }

    /// Takes what has come, and waits for it for a moment. Returns whether it has.
    pub(super) fn follow(&mut self, take: &mut dyn FnMut(Raw)) -> Result<bool, Error> {
        if !self.is_assigned {
            if self.looked.is_some_and(|looked| looked.elapsed() < ABSENT) {
                return Ok(false);
            }
            self.looked = Some(Instant::now());
            if !self.exists()? {
                return Ok(false);
            }
            self.assign()?;
        }
        let mut wait = LOOK;
        for _ in 0..MOST {
            match self.poll(wait)? {
                Polled::Record(raw) => take(raw),
                Polled::End => {}
                Polled::Nothing => break,
            }
            wait = Duration::ZERO;
        }
        self.check_connection()?;
        Ok(true)
    }

    /// Returns an error while no broker answers.
    fn check_connection(&self) -> Result<(), Error> {
        let connection = &self.consumer.context().connection;
        let Some(reason) = connection.trouble() else { return Ok(()) };
        match self.consumer.fetch_metadata(Some(&self.topic), TICK) {
            Ok(_) => connection.works(),
            Err(_) => return Err(self.options.unreachable(reason)),
        }
        Ok(())
    }

    fn assign(&mut self) -> Result<(), Error> {
        let from = self.next.map_or(Offset::Beginning, Offset::Offset);
        assign(&self.consumer, &self.topic, from)?;
        self.is_assigned = true;
        Ok(())
    }

    fn poll(&mut self, wait: Duration) -> Result<Polled, Error> {
        let polled = poll(&self.consumer, &self.options, &self.topic, wait, |message| Raw {
            key: message.key().unwrap_or_default().to_vec(),
            value: message.payload().map(<[u8]>::to_vec),
            offset: message.offset(),
            time: message.timestamp().to_millis(),
        })?;
        if let Polled::Record(raw) = &polled {
            self.next = Some(raw.offset + 1);
        }
        Ok(polled)
    }
}

/// Reads content from the modules' topic.
pub(super) fn blobs(options: &Options, topic: &Arc<str>, wanted: &[Blob]) -> Result<Blobs, Error> {
    let consumer = consumer(options)?;
    connect(&consumer, options)?;
    let mut pieces = Pieces::of(wanted);
    if partitions(&consumer, std::slice::from_ref(topic), ASK)?.is_empty() {
        return Ok(Blobs::new());
    }
    assign(&consumer, topic, Offset::Beginning)?;
    let (mut heard, mut ended) = (Instant::now(), None);
    loop {
        let polled = poll(&consumer, options, topic, TICK, |message| {
            pieces.add(message.key().unwrap_or_default(), message.payload());
            Raw { key: Vec::new(), value: None, offset: message.offset(), time: None }
        })?;
        match polled {
            Polled::Record(_) => heard = Instant::now(),
            Polled::End => drop(ended.get_or_insert_with(Instant::now)),
            Polled::Nothing if heard.elapsed() >= SILENCE => return Err(silent(&consumer, options)),
            Polled::Nothing => {}
        }
        if ended.is_some_and(|ended| pieces.is_full() || ended.elapsed() >= SETTLING) {
            return Ok(pieces.complete());
        }
    }
}

fn consumer(options: &Options) -> Result<BaseConsumer<Context>, Error> {
    Ok(options.client_config(&PROPERTIES)?.create_with_context(Context::default())?)
}

fn connect(consumer: &BaseConsumer<Context>, options: &Options) -> Result<(), Error> {
    let connection = &consumer.context().connection;
    connection.establish(consumer.client(), options, || ())
}

fn assign(consumer: &BaseConsumer<Context>, topic: &str, from: Offset) -> Result<(), Error> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, from)?;
    Ok(consumer.assign(&list)?)
}

fn silent(consumer: &BaseConsumer<Context>, options: &Options) -> Error {
    options.unreachable(consumer.context().connection.reason())
}

fn poll(
    consumer: &BaseConsumer<Context>,
    options: &Options,
    topic: &str,
    wait: Duration,
    read: impl FnOnce(&BorrowedMessage<'_>) -> Raw,
) -> Result<Polled, Error> {
    if options.stopping() {
        return Err(Error::Stopped(0));
    }
    match consumer.poll(wait) {
        Some(Ok(message)) => Ok(Polled::Record(read(&message))),
        Some(Err(KafkaError::PartitionEOF(_))) => Ok(Polled::End),
        Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => Err(error.into()),
        Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            Err(Error::forbidden(topic, "read"))
        }
        // Without its last records a registry would be another one.
        Some(Err(error)) if unreadable(&error).is_some() => {
            let reason = unreadable(&error).unwrap_or_default();
            Err(Error::topic(topic, format!("it can't be read in full: {reason}")))
        }
        Some(Err(_)) | None => {
            let connection = &consumer.context().connection;
            connection.report();
            connection.check()?;
            Ok(Polled::Nothing)
        }
    }
}
