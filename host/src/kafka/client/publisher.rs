//! Publishing records and knowing what became of each: for the embedded broker, and for tests.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};

use crate::kafka::client::backoff::TICK;
use crate::kafka::client::connection::{Connection, log};
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::pipeline::Record;

/// What a publisher adds to librdkafka's defaults.
const PROPERTIES: [(&str, &str); 6] = [
    ("enable.idempotence", "true"),
    // Whoever publishes waits for the acknowledgement: waiting for more to send would be lost time.
    ("linger.ms", "0"),
    ("message.timeout.ms", "120000"),
    // What is too large is for the broker to say.
    ("message.max.bytes", "67108864"),
    ("queue.buffering.max.kbytes", "262144"),
    // As Java's clients do it, so that a key has the same partition whoever publishes it.
    ("partitioner", "murmur2_random"),
];

/// How long acknowledgements are waited for once the process was asked to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A producer whose thread takes in acknowledgements as they come: rdkafka's own `flush` looks every 100 ms only.
pub(in crate::kafka) struct Publisher {
    producer: ThreadedProducer<Context>,
    options: Options,
}

impl Publisher {
    /// Waits until a broker has answered.
    pub(in crate::kafka) fn new(options: &Options) -> Result<Publisher, Error> {
        let config = options.client_config(&PROPERTIES)?;
        let producer: ThreadedProducer<Context> = config.create_with_context(Context::default())?;
        producer.context().connection.establish(producer.client(), options, || {})?;
        Ok(Publisher { producer, options: options.clone() })
    }

    /// Hands a record to librdkafka; `receipts` gets to know under `number` what became of it. Waits while the queue is
    /// full.
    pub(in crate::kafka) fn send(
        &self,
        record: &Record,
        partition: Option<i32>,
        number: usize,
        receipts: &Arc<Receipts>,
    ) -> Result<(), Error> {
        receipts.expect();
        let ticket = Box::new(Ticket { number, receipts: receipts.clone() });
        let mut outgoing = BaseRecord {
            topic: &record.topic,
            partition,
            payload: Some(&*record.payload),
            key: (!record.key.is_empty()).then_some(&*record.key),
            timestamp: None,
            headers: headers(record),
            delivery_opaque: ticket,
        };
        loop {
            match self.producer.send(outgoing) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    if receipts.failed() {
                        // Waits end at once from now on: this one would never find room.
                        back.delivery_opaque.settle(Some(RDKafkaErrorCode::QueueFull));
                        return Ok(());
                    }
                    outgoing = back;
                    // One goes out before this one comes in; what is sent now is not acknowledged yet.
                    self.wait(receipts, receipts.outstanding().saturating_sub(1).max(1))?;
                }
                Err((error, back)) => {
                    let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::InvalidTopic);
                    back.delivery_opaque.settle(Some(code));
                    return Ok(());
                }
            }
        }
    }

    /// Waits until all but `rest` records are settled, or one has failed.
    pub(in crate::kafka) fn wait(&self, receipts: &Receipts, rest: usize) -> Result<(), Error> {
        let connection = &self.producer.context().connection;
        let mut stop_at = None;
        loop {
            let (outstanding, failed) = receipts.wait(rest, TICK);
            if outstanding <= rest || failed {
                return Ok(());
            }
            connection.report();
            connection.check()?;
            if self.options.stopping()
                && Instant::now() >= *stop_at.get_or_insert_with(|| Instant::now() + STOP_PATIENCE)
            {
                return Err(Error::Stopped(outstanding));
            }
        }
    }

    /// Says in full why records were not acknowledged, if any was not. `failed` are numbers of `records`.
    pub(in crate::kafka) fn explain(
        &self,
        failed: &[(usize, RDKafkaErrorCode)],
        records: &[Record],
    ) -> Result<(), Error> {
        use RDKafkaErrorCode::*;
        let Some(&(number, code)) = failed.first() else {
            self.producer.context().connection.works();
            return Ok(());
        };
        let advice = match code {
            UnknownTopic | UnknownTopicOrPartition | UnknownPartition => {
                "create the topic, or let the brokers create topics (auto.create.topics.enable)".to_owned()
            }
            TopicAuthorizationFailed | ClusterAuthorizationFailed => {
                "the user of this host needs the right to write to the topic".to_owned()
            }
            MessageTimedOut => self.producer.context().connection.reason(),
            _ => self.producer.client().fatal_error().map_or_else(String::new, |(_, reason)| reason),
        };
        let topic = records.get(number).map_or("", |record| &*record.topic);
        let (some, all) = (failed.len(), records.len());
        Err(Error::Other(format!(
            "{some} of {all} records were not acknowledged, the first for topic {topic:?}: {code}; {advice}"
        )))
    }
}

fn headers(record: &Record) -> Option<OwnedHeaders> {
    if record.headers.is_empty() {
        return None;
    }
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    Some(
        record
            .headers
            .iter()
            .fold(empty, |headers, header| headers.insert(Header { key: &header.name, value: Some(&header.value) })),
    )
}

/// What became of some records.
#[derive(Default)]
pub(in crate::kafka) struct Receipts {
    state: Mutex<Awaited>,
    changed: Condvar,
}

#[derive(Default)]
struct Awaited {
    outstanding: usize,
    failed: Vec<(usize, RDKafkaErrorCode)>,
}

impl Receipts {
    /// How many records are not settled yet.
    pub(in crate::kafka) fn outstanding(&self) -> usize {
        self.state.lock().unwrap().outstanding
    }

    /// Whether a record has failed.
    fn failed(&self) -> bool {
        !self.state.lock().unwrap().failed.is_empty()
    }

    /// The numbers of the records that failed since last asked, and why.
    pub(in crate::kafka) fn take_failed(&self) -> Vec<(usize, RDKafkaErrorCode)> {
        std::mem::take(&mut self.state.lock().unwrap().failed)
    }

    fn expect(&self) {
        self.state.lock().unwrap().outstanding += 1;
    }

    /// Waits for all but `rest` to settle, or one to fail; returns how many have not, and whether one has.
    fn wait(&self, rest: usize, timeout: Duration) -> (usize, bool) {
        let state = self.state.lock().unwrap();
        let more = |state: &mut Awaited| state.outstanding > rest && state.failed.is_empty();
        let state = self.changed.wait_timeout_while(state, timeout, more).unwrap().0;
        (state.outstanding, !state.failed.is_empty())
    }
}

/// Goes with a record through librdkafka.
pub(in crate::kafka) struct Ticket {
    number: usize,
    receipts: Arc<Receipts>,
}

impl Ticket {
    fn settle(&self, failure: Option<RDKafkaErrorCode>) {
        let mut state = self.receipts.state.lock().unwrap();
        state.outstanding -= 1;
        state.failed.extend(failure.map(|code| (self.number, code)));
        self.receipts.changed.notify_all();
    }
}

#[derive(Default)]
pub(in crate::kafka) struct Context {
    connection: Connection,
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
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let failure = result.as_ref().err().map(|(error, _)| error.rdkafka_error_code());
        ticket.settle(failure.map(|code| code.unwrap_or(RDKafkaErrorCode::Fail)));
    }
}
