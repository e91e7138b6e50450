//! A compacted topic, read in full.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;

use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::librdkafka::context::Context;
use crate::kafka::librdkafka::look::unreadable;
use crate::kafka::librdkafka::partitions;

/// What the reader of a table adds to librdkafka's defaults.
const PROPERTIES: [(&str, &str); 7] = [
    // librdkafka wants one. No group is joined, as partitions are assigned by hand.
    ("group.id", "skysieve-table"),
    ("enable.auto.commit", "false"),
    ("check.crcs", "true"),
    ("isolation.level", "read_committed"),
    ("auto.offset.reset", "earliest"),
    ("enable.partition.eof", "true"),
    ("fetch.wait.max.ms", "50"),
];

/// Records of a compacted topic: `(key, payload)`, each key once, in the order in which they were written (of several
/// partitions: read).
pub type Table = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads the last record of each key, without those whose payload is null.
pub(in crate::kafka) fn read(options: &Options, topic: &str) -> Result<Table, Error> {
    let config = options.client_config(&PROPERTIES)?;
    let consumer: rdkafka::consumer::BaseConsumer<Context> = config.create_with_context(Context::default())?;
    let connection = &consumer.context().connection;
    connection.establish(consumer.client(), options, || drop(consumer.poll(Duration::ZERO)))?;
    let partitions = partitions::await_topics(&consumer, &[Arc::from(topic)], options)?;
    consumer.assign(&partitions::list(&partitions, Offset::Beginning)?)?;
    let (mut table, mut count) = (HashMap::new(), 0u64);
    let mut unread: HashSet<i32> = partitions.into_iter().map(|partition| partition.partition).collect();
    while !unread.is_empty() {
        match consumer.poll(TICK) {
            Some(Ok(message)) => {
                let key = message.key().unwrap_or_default().to_vec();
                count += 1;
                match message.payload() {
                    Some(payload) => drop(table.insert(key, (count, payload.to_vec()))),
                    None => drop(table.remove(&key)),
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(unread.remove(&partition)),
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error.into()),
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                return Err(Error::forbidden(topic, "read"));
            }
            // Without its last records a table would be another one.
            Some(Err(error)) if unreadable(&error).is_some() => {
                let reason = unreadable(&error).unwrap_or_default();
                return Err(Error::Other(format!(
                    "topic {topic} can't be read in full: {reason}. Delete the records up to there (kafka-delete-records), \
                     or restore the topic"
                )));
            }
            Some(Err(_)) | None => {
                connection.report();
                connection.check()?;
            }
        }
        if options.stopping() {
            return Err(Error::Stopped(0));
        }
    }
    let mut records: Vec<_> = table.into_iter().collect();
    records.sort_unstable_by_key(|(_, (written, _))| *written);
    Ok(records.into_iter().map(|(key, (_, payload))| (key, payload)).collect())
}
