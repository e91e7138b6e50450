//! Publishing ready-made messages, and knowing what became of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};

use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::client::stop::Stop;
use crate::kafka::librdkafka::connection::{Connection, log};
use crate::kafka::librdkafka::deliveries::Deliveries;

/// What a publisher adds to librdkafka's defaults.
const PROPERTIES: [(&str, &str); 5] = [
    // A retry never publishes a message twice.
    ("enable.idempotence", "true"),
    ("message.timeout.ms", "120000"),
    // It is for the broker to say that a message is too large.
    ("message.max.bytes", "67108864"),
    // Room for the largest message.
    ("queue.buffering.max.kbytes", "65536"),
    // As Java's clients do it, so that a key has the same partition whoever publishes it.
    ("partitioner", "murmur2_random"),
];

/// The settings in which publishers differ.
pub(in crate::kafka) struct Settings<'a> {
    /// How long a batch may take to fill up, in milliseconds.
    pub(in crate::kafka) linger_ms: &'a str,
    /// none, gzip, snappy, lz4 or zstd.
    pub(in crate::kafka) compression: &'a str,
    /// How long acknowledgements are waited for once the process was asked to stop.
    pub(in crate::kafka) grace: Duration,
}

/// Settings for a caller that waits for each acknowledgement, so that waiting for more messages would be lost time.
impl Default for Settings<'_> {
    fn default() -> Self {
        Settings { linger_ms: "0", compression: "none", grace: Duration::from_secs(5) }
    }
}

/// A message to be published.
pub(in crate::kafka) struct Outgoing<'a> {
    /// Its topic.
    pub(in crate::kafka) topic: &'a str,
    /// Its partition; if `None`, its key decides.
    pub(in crate::kafka) partition: Option<i32>,
    /// Its key, empty if it has none.
    pub(in crate::kafka) key: &'a [u8],
    /// Its payload. `None`: whoever compacts the topic removes the key.
    pub(in crate::kafka) payload: Option<&'a [u8]>,
}

/// A producer whose thread takes in acknowledgements as they come: rdkafka's own `flush` looks every 100 ms only.
pub(in crate::kafka) struct Publisher {
    producer: ThreadedProducer<Context>,
    stop: Stop,
    /// Bytes that may be on their way.
    room: usize,
}

impl Publisher {
    /// Connects, and waits until a broker has answered.
    ///
    /// # Errors
    /// [`Error`] when none does, or an override is wrong.
    pub(in crate::kafka) fn new(options: &Options, settings: &Settings<'_>) -> Result<Publisher, Error> {
        let own = [("linger.ms", settings.linger_ms), ("compression.codec", settings.compression)];
        let config = options.client_config(&[&PROPERTIES[..], &own].concat())?;
        let producer: ThreadedProducer<Context> = config.create_with_context(Context::default())?;
        producer.context().connection.establish(producer.client(), options, || {})?;
        Ok(Publisher { producer, stop: Stop::after(options, settings.grace), room: usize::MAX })
    }

    /// Limits the bytes that are on their way at a time. A message that is larger than that goes alone.
    pub(in crate::kafka) fn with_room(self, bytes: usize) -> Publisher {
        Publisher { room: bytes, ..self }
    }

    pub(in crate::kafka) fn client(&self) -> &Client<impl ClientContext + use<>> {
        self.producer.client()
    }

    /// Hands a message to librdkafka; `deliveries` is told what became of it. Waits while too many are on their way.
    ///
    /// # Errors
    /// [`Error`] when sending can't go on: the brokers refuse this client, or the process was asked to stop and there was
    /// no room for long.
    pub(in crate::kafka) fn send(&self, message: &Outgoing<'_>, deliveries: &Arc<Deliveries>) -> Result<(), Error> {
        let bytes = message.payload.map_or(0, <[u8]>::len);
        while !self.has_room(bytes) {
            deliveries.wait(deliveries.outstanding().saturating_sub(1), TICK);
            self.check(deliveries)?;
        }
        let context = self.producer.context();
        context.on_their_way.fetch_add(bytes, Ordering::Relaxed);
        deliveries.expect();
        let mut record: BaseRecord<'_, [u8], [u8], Arc<Deliveries>> =
            BaseRecord::with_opaque_to(message.topic, Arc::clone(deliveries));
        record.payload = message.payload;
        record.key = (!message.key.is_empty()).then_some(message.key);
        record.partition = message.partition;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                // A queue that is empty will not have more room.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if self.producer.in_flight_count() > 0 =>
                {
                    record = back;
                    // This message is outstanding too, but can't be settled.
                    let enough = deliveries.outstanding().saturating_sub(1).max(1);
                    deliveries.wait(enough, TICK);
                    self.check(deliveries)?;
                }
                Err((error, _)) => {
                    context.on_their_way.fetch_sub(bytes, Ordering::Relaxed);
                    deliveries.fail(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail), message.key);
                    return Ok(());
                }
            }
        }
    }

    /// Waits until everything that `deliveries` expects is settled.
    ///
    /// # Errors
    /// As [`send`](Publisher::send)'s.
    pub(in crate::kafka) fn finish(&self, deliveries: &Deliveries) -> Result<(), Error> {
        while deliveries.wait(0, TICK) > 0 {
            self.check(deliveries)?;
        }
        Ok(())
    }

    /// Says in full why messages for a topic were not acknowledged, if any was not.
    ///
    /// # Errors
    /// [`Error::Unacknowledged`].
    pub(in crate::kafka) fn explain(&self, deliveries: &Deliveries, topic: &str) -> Result<(), Error> {
        use RDKafkaErrorCode::*;
        let Some(code) = deliveries.first_failure() else { return Ok(()) };
        let forbidden = matches!(code, TopicAuthorizationFailed | ClusterAuthorizationFailed);
        let advice = match code {
            UnknownTopic | UnknownTopicOrPartition | UnknownPartition => {
                "create the topic, or let the brokers create topics (auto.create.topics.enable)".to_owned()
            }
            _ if forbidden => "the user of this host needs the right to write to the topic".to_owned(),
            MessageTimedOut => self.producer.context().connection.reason(),
            _ => self.producer.client().fatal_error().map_or_else(String::new, |(_, reason)| reason),
        };
        let settled = deliveries.settled();
        Err(Error::Unacknowledged {
            topic: topic.to_owned(),
            failed: settled.undelivered.iter().map(|one| one.count as usize).sum(),
            of: settled.submitted as usize,
            reason: format!("{code}; {advice}"),
            forbidden,
        })
    }

    fn has_room(&self, bytes: usize) -> bool {
        let on_their_way = self.producer.context().on_their_way.load(Ordering::Relaxed);
        on_their_way == 0 || on_their_way.saturating_add(bytes) <= self.room
    }

    /// Returns an error if waiting makes no sense any more.
    fn check(&self, deliveries: &Deliveries) -> Result<(), Error> {
        let connection = &self.producer.context().connection;
        connection.report();
        connection.check()?;
        if self.stop.is_over() {
            return Err(Error::Stopped(deliveries.outstanding() as usize));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Context {
    connection: Connection,
    /// Bytes of messages that librdkafka has and that are not settled.
    on_their_way: AtomicUsize,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.failed(&error, reason);
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ProducerContext for Context {
    type DeliveryOpaque = Arc<Deliveries>;

    fn delivery(&self, result: &DeliveryResult<'_>, deliveries: Arc<Deliveries>) {
        let (Ok(message) | Err((_, message))) = result;
        self.on_their_way.fetch_sub(message.payload_len(), Ordering::Relaxed);
        match result {
            Ok(message) => {
                self.connection.works();
                deliveries.deliver(message.payload_len());
            }
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                deliveries.fail(code, message.key().unwrap_or_default());
            }
        }
    }
}
