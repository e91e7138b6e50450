//! What a pipeline asks about the topics of alerts: their ids, and which offsets they had at a time.

use std::sync::Arc;

use parking_lot::Mutex;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::filters::StreamIdentity;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::client::start_at::StartAt;
use crate::kafka::host::start::{self, Range};
use crate::kafka::librdkafka::context::Context;
use crate::kafka::librdkafka::look::Look;
use crate::kafka::librdkafka::partitions::{self, ASK};
use crate::kafka::wire::Cluster;
use crate::pipeline::{AlertTopics, Position, Positions, TopicPartition};

/// Asks Kafka about the topics that a host reads. It connects when it is first asked.
pub struct KafkaAlertTopics {
    options: Options,
    host: String,
    topics: Vec<Arc<str>>,
    clients: Mutex<Option<Clients>>,
}

struct Clients {
    consumer: BaseConsumer<Context>,
    cluster: Cluster,
}

impl KafkaAlertTopics {
    /// For the host of that name.
    pub fn new(options: &Options, host: &str, topics: &[String]) -> KafkaAlertTopics {
        let topics = topics.iter().map(|topic| topic.as_str().into()).collect();
        KafkaAlertTopics { options: options.clone(), host: host.to_owned(), topics, clients: Mutex::default() }
    }

    /// Asks with clients that are kept for the next question.
    fn ask<T>(&self, question: impl FnOnce(&mut Clients) -> Result<T, Error>) -> Result<T, String> {
        let mut kept = self.clients.lock();
        let clients = match &mut *kept {
            Some(clients) => clients,
            none => none.insert(self.connect().map_err(|error| error.to_string())?),
        };
        question(clients).map_err(|error| error.to_string())
    }

    fn connect(&self) -> Result<Clients, Error> {
        let config = self.options.client_config(&[("group.id", "skysieve-topics"), ("enable.auto.commit", "false")])?;
        let consumer = config.create_with_context(Context::default())?;
        // It is not asked for coordinators, and nothing is published by it.
        Ok(Clients { consumer, cluster: Cluster::new(&self.options, "", "")? })
    }

    fn offsets(&self, clients: &Clients, from: StartAt) -> Result<Positions, Error> {
        let consumer = &clients.consumer;
        let partitions = partitions::partitions(consumer, &self.topics, ASK)?;
        let times = match from {
            StartAt::Time(milliseconds) => start::at_time(consumer, &partitions, milliseconds, &self.options)?,
            _ => Vec::new(),
        };
        let look = if matches!(from, StartAt::Last(_)) { Some(Look::new(&self.options)?) } else { None };
        let mut positions = Positions::default();
        for (at, partition) in partitions.into_iter().enumerate() {
            let range = start::range(consumer, &partition, &self.options)?;
            let offset = match (from, &look) {
                (StartAt::Latest, _) => range.end,
                (StartAt::Last(count), Some(look)) => look.last(&partition, (range.oldest, range.end), count)?,
                (StartAt::Time(_), _) => at_time(times[at], range),
                _ => range.oldest,
            };
            let TopicPartition { topic, partition } = partition;
            positions.set(Position { topic, partition, offset });
        }
        Ok(positions)
    }
}

/// The offset of the first message since a time. If every message is older, it is that of those that come from now on.
fn at_time(found: Offset, range: Range) -> i64 {
    match found {
        Offset::Offset(offset) => offset,
        _ => range.end,
    }
}

impl AlertTopics for KafkaAlertTopics {
    fn host(&self) -> &str {
        &self.host
    }

    fn identity(&self) -> Result<StreamIdentity, String> {
        self.ask(|clients| {
            let ids = clients.cluster.topic_ids(&self.topics)?;
            let id = |topic: &Arc<str>| (topic.to_string(), ids.get(topic).map(ToString::to_string));
            let cluster = clients.consumer.client().fetch_cluster_id(ASK);
            Ok(StreamIdentity { cluster, topics: self.topics.iter().map(id).collect() })
        })
    }

    fn check(&self, from: &str) -> Result<(), String> {
        match from.parse()? {
            StartAt::Committed => {
                Err("a new filter has committed nothing; give earliest, latest, -N or a time".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn positions(&self, from: &str) -> Result<Positions, String> {
        let from = from.parse()?;
        let positions = self.ask(|clients| self.offsets(clients, from))?;
        if self.topics.iter().any(|topic| !positions.iter().any(|position| position.topic == *topic)) {
            return Err("Kafka does not say which partitions the topics have; try again".to_owned());
        }
        Ok(positions)
    }
}
