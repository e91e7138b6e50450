//! Which partitions topics have.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::backoff::{Backoff, TICK};
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::pipeline::TopicPartition;

/// How long one question to the brokers may take.
pub(in crate::kafka) const ASK: Duration = Duration::from_secs(5);

/// Asks for the partitions of `topics`. Topics that don't exist have no partitions.
pub(in crate::kafka) fn partitions<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &[Arc<str>],
    patience: Duration,
) -> Result<Vec<TopicPartition>, Error> {
    let mut found = Vec::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), patience)?;
        for described in metadata.topics().iter().filter(|described| described.name() == &**topic) {
            match described.error() {
                None => {
                    found.extend(described.partitions().iter().map(|one| TopicPartition::new(topic.clone(), one.id())))
                }
                Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) => {
                    return Err(Error::forbidden(topic, "read"));
                }
                Some(_) => {}
            }
        }
    }
    Ok(found)
}

/// Waits until all of `topics` exist.
pub(in crate::kafka) fn await_topics<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &[Arc<str>],
    options: &Options,
) -> Result<Vec<TopicPartition>, Error> {
    let deadline = Instant::now() + options.patience;
    let mut told = false;
    let mut backoff = Backoff::every(options, 2 * TICK);
    loop {
        let found = match partitions(consumer, topics, ASK) {
            Err(error) if error.may_pass() && Instant::now() < deadline => {
                tracing::warn!(%error, "asking for the topics once more");
                Vec::new()
            }
            found => found?,
        };
        let there = |topic: &Arc<str>| found.iter().any(|partition| partition.topic == *topic);
        let absent: Vec<&str> = topics.iter().filter(|topic| !there(topic)).map(|topic| &**topic).collect();
        if absent.is_empty() {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            return Err(Error::NoTopic(absent.join(", ")));
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(topics = absent.join(", "), "waiting for topics to be created");
        }
        backoff.pause()?;
    }
}

/// Makes librdkafka's list of the partitions, each with the same offset.
pub(in crate::kafka) fn list(partitions: &[TopicPartition], offset: Offset) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(&partition.topic, partition.partition, offset)?;
    }
    Ok(list)
}

/// Returns the one copy of a topic's name that is kept.
pub(in crate::kafka) fn intern(topics: &mut Vec<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(topic) = topics.iter().find(|topic| ***topic == *name) {
        return topic.clone();
    }
    let topic: Arc<str> = name.into();
    topics.push(topic.clone());
    topic
}
