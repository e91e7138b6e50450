//! Sending ready-made alerts as fast as the brokers take them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use crate::kafka::client::backoff::{Backoff, TICK};
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::librdkafka::deliveries::Deliveries;
use crate::kafka::librdkafka::publisher::{Outgoing, Publisher, Settings};

/// How long a batch may take to fill up. While a partition has a batch on its way, a thread of an idempotent producer looks
/// for work without a pause as soon as another message has waited longer than that (librdkafka 2.12.1): a whole core, which
/// brokers lack where they share the machine.
const LINGER_MS: &str = "50";

/// Bytes that a producer may have on their way for each partition: a batch (1 MB) that is sent and one that fills up. With
/// less, batches wait for `linger.ms`; with more, messages wait longer than that for a broker, and the thread above has
/// nothing but to look.
const OF_PARTITION: usize = 2 << 20;

/// Bounds of the same for all partitions together.
const ON_THEIR_WAY: (usize, usize) = (8 << 20, 64 << 20);

/// How long a topic that is absent may take to be created by the brokers.
const CREATION: Duration = Duration::from_secs(10);

/// How long acknowledgements are waited for once the process was asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// A producer for one topic; several may share the work.
pub struct Outbound {
    publisher: Publisher,
    topic: String,
}

impl Outbound {
    /// `count` producers for a topic that exists, or that the brokers create when asked for it. `compression`: none,
    /// gzip, snappy, lz4 or zstd.
    ///
    /// # Errors
    /// [`Error`] when no broker answers, there is no such topic, or an override is wrong.
    pub fn several(options: &Options, topic: &str, compression: &str, count: usize) -> Result<Vec<Outbound>, Error> {
        let settings = Settings { linger_ms: LINGER_MS, compression, grace: GRACE };
        let start = |_| {
            let publisher = Publisher::new(options, &settings)?;
            let partitions = find_topic(&publisher, topic, options)?;
            Ok(Outbound { publisher: publisher.with_room(room(partitions)), topic: topic.to_owned() })
        };
        (0..count).map(start).collect()
    }

    /// Hands a message to librdkafka, which tells `deliveries` what became of it. Waits while too many are on their way.
    ///
    /// # Errors
    /// [`Error`] when sending can't go on: the brokers refuse this client, or the process was asked to stop and there was
    /// no room for long.
    pub fn send(&self, key: &str, payload: &[u8], deliveries: &Arc<Deliveries>) -> Result<(), Error> {
        let message = Outgoing { topic: &self.topic, partition: None, key: key.as_bytes(), payload: Some(payload) };
        self.publisher.send(&message, deliveries)
    }

    /// Waits until everything that `deliveries` expects is settled.
    ///
    /// # Errors
    /// As [`send`](Outbound::send)'s.
    pub fn finish(&self, deliveries: &Deliveries) -> Result<(), Error> {
        self.publisher.finish(deliveries)
    }
}

/// Waits until the topic is known to have partitions, and returns how many. Asking makes brokers create it, if they may.
fn find_topic(publisher: &Publisher, topic: &str, options: &Options) -> Result<usize, Error> {
    use RDKafkaErrorCode::{InvalidTopic, TopicAuthorizationFailed};
    let deadline = Instant::now() + CREATION.min(options.patience);
    let mut backoff = Backoff::every(options, TICK);
    loop {
        let found = publisher.client().fetch_metadata(Some(topic), options.patience)?;
        let described = found.topics().iter().find(|found| found.name() == topic);
        let problem = described.and_then(|described| described.error()).map(RDKafkaErrorCode::from);
        match (described, problem) {
            (Some(described), None) if !described.partitions().is_empty() => return Ok(described.partitions().len()),
            (_, Some(code @ (TopicAuthorizationFailed | InvalidTopic))) => {
                return Err(Error::topic(topic, code.to_string()));
            }
            _ if Instant::now() >= deadline => return Err(Error::NoTopic(topic.to_owned())),
            _ => backoff.pause()?,
        }
    }
}

/// Bytes that may be on their way to a topic of so many partitions.
fn room(partitions: usize) -> usize {
    partitions.saturating_mul(OF_PARTITION).clamp(ON_THEIR_WAY.0, ON_THEIR_WAY.1)
}
