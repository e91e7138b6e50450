//! Creates the topics that a host writes to.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResourceResult, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::timeout;

use crate::kafka::client::backoff::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::embedded;
use crate::kafka::librdkafka::context::Context;

/// How many names of created topics are logged.
const LOGGED: usize = 10;

/// How long counters, positions and moves are kept in the topic of the quotas.
pub const RECORDS_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// How long records of changes are kept.
const AUDIT_KEPT: Duration = Duration::from_secs(366 * 86_400);

/// How long a question to the brokers may take.
const ASK: Duration = Duration::from_secs(30);

/// How topics are created.
#[derive(Clone, Debug)]
pub struct TopicSettings {
    /// Whether topics are created; if not, a topic that does not exist is an error.
    pub create: bool,
    /// The number of partitions of a filter's topic.
    pub partitions: i32,
    /// The number of copies of each partition; -1 for the brokers' default.
    pub replication: i32,
    /// How long accepted alerts are kept.
    pub retention: Duration,
    /// Topics of alerts. A filter's topic takes messages as large as these do, and so does that of the dead letters
    /// (`max.message.bytes`).
    pub inputs: Vec<String>,
}

impl Default for TopicSettings {
    fn default() -> TopicSettings {
        let retention = Duration::from_secs(7 * 86_400);
        TopicSettings { create: true, partitions: 1, replication: -1, retention, inputs: Vec::new() }
    }
}

/// What a topic is for.
enum Use {
    Output,
    DeadLetters,
    Quotas,
    Registry,
    Hosts,
    Audit,
}

/// Creates topics.
pub struct Topics {
    admin: AdminClient<DefaultClientContext>,
    /// Knows why brokers can't be reached, which librdkafka does not tell an admin client.
    consumer: BaseConsumer<Context>,
    runtime: tokio::runtime::Runtime,
    settings: TopicSettings,
    options: Options,
}

impl Topics {
    /// A client that connects when it is first asked.
    ///
    /// # Errors
    /// [`Error`] when an override is wrong.
    pub fn new(options: &Options, settings: TopicSettings) -> Result<Topics, Error> {
        let config = options.client_config(&[("group.id", "skysieve-topics"), ("enable.auto.commit", "false")])?;
        let consumer = config.create_with_context(Context::default())?;
        let admin = options.client_config(&[])?.create()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Other(format!("cannot start a runtime: {error}")))?;
        Ok(Topics { admin, consumer, runtime, settings, options: options.clone() })
    }

    /// Makes sure that the topics of filters are there.
    ///
    /// # Errors
    /// [`Error::NoTopic`] when some don't exist and may not be created, [`Error::Change`] when they can't be created; [`Error`]
    /// when no broker answers in time.
    pub fn outputs(&self, topics: &[&str]) -> Result<(), Error> {
        self.ensure(topics, &Use::Output)
    }

    /// Makes sure that the host's own topics are there.
    ///
    /// # Errors
    /// As [`Topics::outputs`].
    pub fn own(&self, dead_letters: &str, quotas: &str) -> Result<(), Error> {
        self.ensure(&[dead_letters], &Use::DeadLetters)?;
        self.ensure(&[quotas], &Use::Quotas)
    }

    /// Makes sure that the topics of the registry are there.
    ///
    /// # Errors
    /// As [`Topics::outputs`].
    pub fn registry(&self, filters: &str, modules: &str) -> Result<(), Error> {
        self.ensure(&[filters, modules], &Use::Registry)
    }

    /// Makes sure that the topic is there in which hosts announce themselves.
    ///
    /// # Errors
    /// As [`Topics::outputs`].
    pub fn hosts(&self, topic: &str) -> Result<(), Error> {
        self.ensure(&[topic], &Use::Hosts)
    }

    /// Makes sure that the topic is there in which changes are recorded.
    ///
    /// # Errors
    /// As [`Topics::outputs`].
    pub fn audit(&self, topic: &str) -> Result<(), Error> {
        self.ensure(&[topic], &Use::Audit)
    }

    /// Says whether a topic keeps the last record of each key for ever. `None` if the brokers don't tell.
    pub fn is_compacted(&self, topic: &str) -> Option<bool> {
        if embedded::broker::is_embedded(&self.consumer.client().fetch_cluster_id(ASK)?) {
            return None; // It knows no such question, which librdkafka finds out only when the time is over.
        }
        let in_time = AdminOptions::new().request_timeout(Some(ASK));
        let answers = self.request(self.admin.describe_configs(&[ResourceSpecifier::Topic(topic)], &in_time)).ok()?;
        let config = answers.into_iter().next()?.ok()?;
        let policy = config.get("cleanup.policy")?.value.clone()?;
        Some(policy == "compact")
    }

    /// Creates a topic that takes messages of up to `bytes` only.
    ///
    /// # Errors
    /// [`Error`] when it can't be created.
    pub fn limited(&self, topic: &str, bytes: usize) -> Result<(), Error> {
        let bytes = bytes.to_string();
        self.create(&[NewTopic::new(topic, 1, TopicReplication::Fixed(-1)).set("max.message.bytes", &bytes)])
    }

    /// Adds partitions to a topic, up to `partitions`.
    ///
    /// # Errors
    /// [`Error`] when they can't be added.
    pub fn grow(&self, topic: &str, partitions: usize) -> Result<(), Error> {
        let more = NewPartitions::new(topic, partitions);
        let answers = self.request(self.admin.create_partitions([&more], &AdminOptions::new()))?;
        match answers.into_iter().next() {
            Some(Err((name, code))) => {
                Err(Error::Change { topic: name, problem: format!("gets no partitions: {code}") })
            }
            _ => Ok(()),
        }
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// [`Error`] when it can't be deleted.
    pub fn delete(&self, topic: &str) -> Result<(), Error> {
        let answers = self.request(self.admin.delete_topics(&[topic], &AdminOptions::new()))?;
        match answers.into_iter().next() {
            Some(Err((name, code))) => Err(Error::Change { topic: name, problem: format!("can't be deleted: {code}") }),
            _ => Ok(()),
        }
    }

    /// Deletes a partition's messages before an offset, as retention does.
    ///
    /// # Errors
    /// [`Error`] when they can't be deleted.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<(), Error> {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(before))?;
        let answer = self.request(self.admin.delete_records(&offsets, &AdminOptions::new()))?;
        Ok(answer.elements().iter().try_for_each(TopicPartitionListElem::error)?)
    }

    fn ensure(&self, topics: &[&str], purpose: &Use) -> Result<(), Error> {
        let serve = || drop(self.consumer.poll(Duration::ZERO));
        self.consumer.context().connection.establish(self.consumer.client(), &self.options, serve)?;
        let metadata = self.consumer.fetch_metadata(None, ASK)?;
        let there = |topic: &&&str| metadata.topics().iter().any(|found| found.name() == **topic);
        let absent: Vec<&str> = topics.iter().filter(|topic| !there(topic)).copied().collect();
        if absent.is_empty() {
            return Ok(());
        }
        if !self.settings.create {
            return Err(Error::NoTopic(absent.join(", ")));
        }
        let TopicSettings { partitions, replication, retention, .. } = self.settings;
        let retention = retention.as_millis().to_string();
        let largest = if matches!(purpose, Use::Quotas | Use::Registry | Use::Hosts | Use::Audit) {
            None
        } else {
            self.largest_input().map(|bytes| bytes.to_string())
        };
        let kept = RECORDS_KEPT.as_millis().to_string();
        let audited = AUDIT_KEPT.as_millis().to_string();
        let topic = |name| {
            let partitions = if matches!(purpose, Use::Output) { partitions } else { 1 };
            let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
            match purpose {
                Use::Output | Use::DeadLetters => {
                    let topic = topic.set("retention.ms", &retention);
                    largest.iter().fold(topic, |topic, bytes| topic.set("max.message.bytes", bytes))
                }
                Use::Registry => topic.set("cleanup.policy", "compact"),
                Use::Audit => topic.set("retention.ms", &audited),
                // A counter matters for as long as alerts of its visit may come.
                Use::Quotas => newest(topic, &kept),
                // Hosts' clocks may differ.
                Use::Hosts => newest(topic, &kept).set("message.timestamp.type", "LogAppendTime"),
            }
        };
        self.create(&absent.iter().map(|name| topic(*name)).collect::<Vec<_>>())?;
        let first = &absent[..absent.len().min(LOGGED)];
        tracing::info!(count = absent.len(), first = first.join(", "), "created topics");
        Ok(())
    }

    /// The largest batch, in bytes, that an input topic takes, if some have limits of their own.
    fn largest_input(&self) -> Option<usize> {
        let topics: Vec<_> = self.settings.inputs.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        if topics.is_empty() {
            return None;
        }
        let in_time = AdminOptions::new().request_timeout(Some(ASK));
        let answers = self.request(self.admin.describe_configs(&topics, &in_time));
        let limit = |answer: ConfigResourceResult| {
            // A host may lack the right to see the settings, and then does without them.
            let config = answer.inspect_err(|error| tracing::debug!(%error, "a topic's settings are not told")).ok()?;
            let entry = config.get("max.message.bytes")?;
            entry.value.as_ref().filter(|_| entry.source == ConfigSource::DynamicTopic)?.parse().ok()
        };
        answers.ok()?.into_iter().filter_map(limit).max()
    }

    /// Waits for the answer to a request. librdkafka's waits can't be interrupted, and last a minute.
    fn request<T>(&self, answer: impl Future<Output = KafkaResult<T>>) -> Result<T, Error> {
        let mut answer = pin!(answer);
        self.runtime.block_on(async {
            loop {
                match timeout(TICK, answer.as_mut()).await {
                    Ok(answer) => return Ok(answer?),
                    Err(_) if self.options.stopping() => return Err(Error::Stopped(0)),
                    Err(_) => {}
                }
            }
        })
    }

    fn create(&self, topics: &[NewTopic<'_>]) -> Result<(), Error> {
        let answers = self.request(self.admin.create_topics(topics, &AdminOptions::new()))?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    let advice =
                        "create it by hand (--no-create-topics), or give this host's user the right to create topics";
                    let problem = format!("can't be created: {code}; {advice}");
                    return Err(Error::Change { topic: name, problem });
                }
            }
        }
        Ok(())
    }
}

/// A topic of which the newest message of each key counts, as long as it is not older than `kept` milliseconds.
fn newest<'a>(topic: NewTopic<'a>, kept: &'a str) -> NewTopic<'a> {
    topic.set("cleanup.policy", "compact,delete").set("retention.ms", kept).set("segment.ms", "3600000")
}
