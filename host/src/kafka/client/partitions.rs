//! Which partitions topics have.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::connection::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;

/// How long one question to the brokers may take.
pub(in crate::kafka) const ASK: Duration = Duration::from_secs(5);

/// A partition of a topic.
pub(in crate::kafka) type Partition = (Arc<str>, i32);

/// The partitions of `topics`; topics that are not there have none.
pub(in crate::kafka) fn partitions<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &[Arc<str>],
    patience: Duration,
) -> Result<Vec<Partition>, Error> {
    let mut found = Vec::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), patience)?;
        for described in metadata.topics().iter().filter(|described| described.name() == &**topic) {
            match described.error() {
                None => found.extend(described.partitions().iter().map(|partition| (topic.clone(), partition.id()))),
                Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) => {
                    return Err(Error::Other(format!("the user of this host needs the right to read topic {topic:?}")));
                }
                Some(_) => {}
            }
        }
    }
    Ok(found)
}

/// Waits for all of `topics` to be there.
pub(in crate::kafka) fn await_topics<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &[Arc<str>],
    options: &Options,
) -> Result<Vec<Partition>, Error> {
    let deadline = Instant::now() + options.patience;
    let mut told = false;
    loop {
        let found = partitions(consumer, topics, ASK)?;
        let absent: Vec<&str> =
            topics.iter().filter(|topic| !found.iter().any(|(name, _)| name == *topic)).map(|topic| &**topic).collect();
        if absent.is_empty() {
            return Ok(found);
        }
        if options.stopping() {
            return Err(Error::Stopped(0));
        }
        if Instant::now() >= deadline {
            return Err(Error::NoTopic(absent.join(", ")));
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(topics = absent.join(", "), "waiting for topics to be created");
        }
        std::thread::sleep(2 * TICK);
    }
}

/// The partitions, each with the same offset.
pub(in crate::kafka) fn list(partitions: &[Partition], offset: Offset) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition_offset(topic, *partition, offset)?;
    }
    Ok(list)
}

/// The one copy of a topic's name.
pub(in crate::kafka) fn intern(topics: &mut Vec<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(topic) = topics.iter().find(|topic| ***topic == *name) {
        return topic.clone();
    }
    let topic: Arc<str> = name.into();
    topics.push(topic.clone());
    topic
}
