//! A plain librdkafka consumer.

use std::time::Duration;

use anyhow::Context;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::bench::Bench;

/// The properties that the host uses (`host/src/kafka/source.rs`).
const PROPERTIES: [(&str, &str); 10] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    ("isolation.level", "read_committed"),
    ("fetch.message.max.bytes", "8388608"),
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.wait.max.ms", "50"),
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("statistics.interval.ms", "5000"),
    ("socket.timeout.ms", "30000"),
];

/// How long the consumer waits for a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads the first `count` messages of a topic from the beginning of all partitions.
///
/// # Errors
/// Returns an error if there are fewer.
pub fn read(bench: &Bench, topic: &str, count: u64, mut put: impl FnMut(&BorrowedMessage<'_>)) -> anyhow::Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &bench.brokers).set("group.id", bench.name("bare"));
    for (key, value) in PROPERTIES {
        config.set(key, value);
    }
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..bench.partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    for _ in 0..count {
        put(&consumer.poll(PATIENCE).context("the bare consumer gets no more")??);
    }
    Ok(())
}
