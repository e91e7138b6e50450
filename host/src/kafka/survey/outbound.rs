//! Sending ready-made messages as fast as the brokers take them, and knowing what became of each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};

use crate::kafka::client::backoff::{Backoff, TICK};
use crate::kafka::client::connection::{Connection, log};
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;

/// What a producer adds to librdkafka's defaults.
const PROPERTIES: [(&str, &str); 6] = [
    // A retry doubles nothing.
    ("enable.idempotence", "true"),
    ("message.timeout.ms", "120000"),
    // What is too large is for the broker to say.
    ("message.max.bytes", "67108864"),
    // The largest message.
    ("queue.buffering.max.kbytes", "65536"),
    // How long a batch may take to fill up. While a partition has a batch on its way, a thread of an idempotent producer
    // looks for work without a pause as soon as another message has waited longer than that (librdkafka 2.12.1): a whole
    // core, which brokers lack where they share the machine.
    ("linger.ms", "50"),
    // As Java's clients do it, so that a key has the same partition whoever publishes it.
    ("partitioner", "murmur2_random"),
];

/// Bytes that a producer may have on their way for each partition: a batch (1 MB) that is sent and one that fills up. With
/// less, batches wait for `linger.ms`; with more, messages wait longer than that for a broker, and the thread above has
/// nothing but to look.
const OF_PARTITION: usize = 2 << 20;

/// Bounds of the same for all partitions together. A message that is larger goes alone.
const ON_THEIR_WAY: (usize, usize) = (8 << 20, 64 << 20);

/// How long a topic that is absent may take to be created by the brokers.
const CREATION: Duration = Duration::from_secs(10);

/// How long acknowledgements are waited for once the process was asked to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A producer for one topic; several may share the work.
pub struct Outbound {
    producer: ThreadedProducer<Context>,
    topic: String,
    options: Options,
    /// Bytes that may be on their way.
    room: usize,
}

impl Outbound {
    /// `count` producers for a topic that exists, or that the brokers create when asked for it. `compression`: none,
    /// gzip, snappy, lz4 or zstd.
    ///
    /// # Errors
    /// [`Error`] when no broker answers, there is no such topic, or an override is wrong.
    pub fn several(options: &Options, topic: &str, compression: &str, count: usize) -> Result<Vec<Outbound>, Error> {
        let properties = [&PROPERTIES[..], &[("compression.codec", compression)]].concat();
        let config = options.client_config(&properties)?;
        let start = |_| {
            let producer: ThreadedProducer<Context> = config.create_with_context(Context::default())?;
            producer.context().connection.establish(producer.client(), options, || {})?;
            let mut outbound = Outbound { producer, topic: topic.to_owned(), options: options.clone(), room: 0 };
            outbound.room = room(outbound.find_topic()?);
            Ok(outbound)
        };
        (0..count).map(start).collect()
    }

    /// Waits until the topic is known to have partitions, and returns how many. Asking makes brokers create it, if they may.
    fn find_topic(&self) -> Result<usize, Error> {
        use RDKafkaErrorCode::{InvalidTopic, TopicAuthorizationFailed};
        let deadline = Instant::now() + CREATION.min(self.options.patience);
        let mut backoff = Backoff::every(&self.options, TICK);
        loop {
            let found = self.producer.client().fetch_metadata(Some(&self.topic), self.options.patience)?;
            let topic = found.topics().iter().find(|topic| topic.name() == self.topic);
            let problem = topic.and_then(|topic| topic.error()).map(RDKafkaErrorCode::from);
            match (topic, problem) {
                (Some(topic), None) if !topic.partitions().is_empty() => return Ok(topic.partitions().len()),
                (_, Some(code @ (TopicAuthorizationFailed | InvalidTopic))) => {
                    return Err(Error::Other(format!("topic {:?}: {code}", self.topic)));
                }
                _ if Instant::now() >= deadline => return Err(Error::NoTopic(self.topic.clone())),
                _ => backoff.pause()?,
            }
        }
    }

    /// Hands a message to librdkafka, which tells `deliveries` what became of it. Waits while too many are on their way.
    ///
    /// # Errors
    /// [`Error`] when sending can't go on: the brokers refuse this client, or the process was asked to stop and there was
    /// no room for long.
    pub fn send(&self, key: &str, payload: &[u8], deliveries: &Arc<Deliveries>) -> Result<(), Error> {
        let mut patience = Patience::default();
        let context = self.producer.context();
        while !self.has_room(payload.len()) {
            deliveries.wait(deliveries.outstanding().saturating_sub(1), TICK);
            self.check(&mut patience, deliveries)?;
        }
        context.on_their_way.fetch_add(payload.len(), Ordering::Relaxed);
        deliveries.expect();
        let mut record: BaseRecord<'_, str, [u8], Arc<Deliveries>> =
            BaseRecord::with_opaque_to(&self.topic, Arc::clone(deliveries)).payload(payload);
        record.key = (!key.is_empty()).then_some(key);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                // A queue that is empty will not have more room.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if self.producer.in_flight_count() > 0 =>
                {
                    record = back;
                    // What is sent now is outstanding too, but can't be settled.
                    let enough = deliveries.outstanding().saturating_sub(1).max(1);
                    deliveries.wait(enough, TICK);
                    self.check(&mut patience, deliveries)?;
                }
                Err((error, _)) => {
                    context.on_their_way.fetch_sub(payload.len(), Ordering::Relaxed);
                    let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                    deliveries.settle(Some(code), key, 0);
                    return Ok(());
                }
            }
        }
    }

    /// Waits until everything that `deliveries` expects is settled.
    ///
    /// # Errors
    /// As [`send`](Outbound::send)'s.
    pub fn finish(&self, deliveries: &Deliveries) -> Result<(), Error> {
        let mut patience = Patience::default();
        while deliveries.wait(0, TICK) > 0 {
            self.check(&mut patience, deliveries)?;
        }
        Ok(())
    }

    fn has_room(&self, bytes: usize) -> bool {
        let on_their_way = self.producer.context().on_their_way.load(Ordering::Relaxed);
        on_their_way == 0 || on_their_way + bytes <= self.room
    }

    /// Whether waiting makes sense.
    fn check(&self, patience: &mut Patience, deliveries: &Deliveries) -> Result<(), Error> {
        let connection = &self.producer.context().connection;
        connection.report();
        connection.check()?;
        if self.options.stopping() && patience.is_over() {
            return Err(Error::Stopped(deliveries.outstanding() as usize));
        }
        Ok(())
    }
}

/// Bytes that may be on their way to a topic of so many partitions.
fn room(partitions: usize) -> usize {
    partitions.saturating_mul(OF_PARTITION).clamp(ON_THEIR_WAY.0, ON_THEIR_WAY.1)
}

/// How long to wait once the process was asked to stop.
#[derive(Default)]
struct Patience(Option<Instant>);

impl Patience {
    fn is_over(&mut self) -> bool {
        Instant::now() >= *self.0.get_or_insert_with(|| Instant::now() + STOP_PATIENCE)
    }
}

/// What became of some messages, as the delivery reports say.
#[derive(Default)]
pub struct Deliveries {
    state: Mutex<Settled>,
    changed: Condvar,
}

/// Counts of messages.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Handed to librdkafka.
    pub submitted: u64,
    /// Neither acknowledged nor failed yet.
    pub outstanding: u64,
    /// Acknowledged by the brokers.
    pub delivered: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// When the last of them was handed over.
    pub last_submitted: Option<SystemTime>,
    /// When the last acknowledgement came.
    pub last_acknowledged: Option<SystemTime>,
    /// What was not delivered, by reason.
    pub undelivered: Vec<Undelivered>,
}

/// Messages that were not delivered, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// librdkafka's words.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The key of the first.
    pub first_key: String,
}

impl Deliveries {
    /// How things are.
    pub fn settled(&self) -> Settled {
        self.state().clone()
    }

    fn outstanding(&self) -> u64 {
        self.state().outstanding
    }

    fn state(&self) -> MutexGuard<'_, Settled> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expect(&self) {
        let mut state = self.state();
        state.submitted += 1;
        state.outstanding += 1;
        state.last_submitted = Some(SystemTime::now());
    }

    fn settle(&self, failure: Option<RDKafkaErrorCode>, key: &str, bytes: usize) {
        let mut state = self.state();
        state.outstanding -= 1;
        match failure {
            None => {
                state.delivered += 1;
                state.bytes += bytes as u64;
                state.last_acknowledged = Some(SystemTime::now());
            }
            Some(code) => {
                let reason = code.to_string();
                match state.undelivered.iter_mut().find(|known| known.reason == reason) {
                    Some(known) => known.count += 1,
                    None => state.undelivered.push(Undelivered { reason, count: 1, first_key: key.to_owned() }),
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for all but `rest` to settle, and returns how many have not.
    fn wait(&self, rest: u64, timeout: Duration) -> u64 {
        let more = |state: &mut Settled| state.outstanding > rest;
        match self.changed.wait_timeout_while(self.state(), timeout, more) {
            Ok((state, _)) => state.outstanding,
            Err(poisoned) => poisoned.into_inner().0.outstanding,
        }
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
                deliveries.settle(None, "", message.payload_len());
            }
            Err((error, message)) => {
                let key = String::from_utf8_lossy(message.key().unwrap_or_default());
                deliveries.settle(error.rdkafka_error_code().or(Some(RDKafkaErrorCode::Fail)), &key, 0);
            }
        }
    }
}
