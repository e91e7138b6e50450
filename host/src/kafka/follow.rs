//! Reading topics as a subscriber does: in a consumer group, from where `--from` says, up to their ends.

mod begin;
mod config;
mod context;
pub(in crate::kafka) mod group;
mod held;
mod range;
mod topic_ids;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

pub use config::{Acknowledge, FollowConfig};
pub use held::PartitionEnd;

use crate::kafka::client::backoff::{Backoff, TICK};
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::librdkafka::look::{Look, unreadable};
use crate::kafka::librdkafka::partitions::intern;
use crate::kafka::wire::TopicId;
use crate::pipeline::Message;
use begin::Beginning;
use context::Context;

/// How long a commit is tried.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a member may be without a partition before it counts as having none to read.
const NOTHING_ASSIGNED: Duration = Duration::from_secs(5);

/// Reads topics as a member of a consumer group.
///
/// Brokers that go away while it runs are waited for; that is logged once. Headers are never looked at: rdkafka panics on
/// one whose name is not UTF-8.
pub struct Follower {
    consumer: BaseConsumer<Context>,
    options: Options,
    group: String,
    acknowledge: Acknowledge,
    topics: Vec<Arc<str>>,
    /// Whether the last fetch waited in vain.
    quiet: bool,
    /// What is to be found out before the next fetch.
    doubt: Option<Doubt>,
}

/// Something that librdkafka reports without saying of which partition.
enum Doubt {
    /// A partition does not have the offset that was to be read next.
    Range,
    /// The next message of a partition can't be read, for this reason.
    Unreadable(String),
    /// These topics were created anew; their ids by now.
    Anew(Vec<(Arc<str>, TopicId)>),
}

/// What bounds a fetch.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// The number of messages.
    pub count: usize,
    /// The number of bytes. The message that exceeds it is the last.
    pub bytes: usize,
    /// How long to wait for the first; further ones are not waited for.
    pub wait: Duration,
}

impl Follower {
    /// Subscribes. Waits until a broker has answered, and until the topics exist.
    ///
    /// # Errors
    /// [`Error`] when that takes longer than the options' patience, or an override is wrong.
    pub fn new(options: &Options, config: &FollowConfig) -> Result<Follower, Error> {
        let mut client = options.client_config(&config.properties())?;
        client.set("group.id", &config.group);
        let consumer: BaseConsumer<Context> = client.create_with_context(Context::new(config, options))?;
        let connection = &consumer.context().connection;
        // Nothing but errors can come before the subscription.
        connection.establish(consumer.client(), options, || drop(consumer.poll(Duration::ZERO)))?;
        await_topics(&consumer, options, &config.topics)?;
        let beginning = Beginning::find(&consumer, config, options, &mut consumer.context().ids())?;
        consumer.context().begin_at(beginning);
        let names: Vec<&str> = config.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names)?;
        let topics = names.into_iter().map(Arc::from).collect();
        Ok(Follower {
            consumer,
            options: options.clone(),
            group: config.group.clone(),
            acknowledge: config.acknowledge,
            topics,
            quiet: false,
            doubt: None,
        })
    }

    /// Appends messages to `batch`.
    ///
    /// # Errors
    /// [`Error`] when reading can't go on.
    pub fn fetch(&mut self, batch: &mut Vec<Message>, limits: FetchLimits) -> Result<(), Error> {
        // All messages that came before the doubt arose are handed out by now.
        self.settle()?;
        let begun = Instant::now();
        let first = batch.len();
        let mut bytes = 0;
        while batch.len() - first < limits.count && bytes < limits.bytes && self.doubt.is_none() {
            let wait = if batch.len() == first { limits.wait } else { Duration::ZERO };
            let Some(message) = self.poll(wait)? else { break };
            let anew = self.consumer.context().ids().doubt(&message.topic);
            if !anew.is_empty() {
                self.doubt = Some(Doubt::Anew(anew));
                break;
            }
            bytes += message.bytes.len();
            batch.push(message);
        }
        // A poll that served something else ends early, without a message.
        self.quiet = batch.len() == first && begun.elapsed() >= limits.wait;
        if self.quiet && self.doubt.is_none() {
            let anew = self.consumer.context().ids().look();
            self.doubt = (!anew.is_empty()).then_some(Doubt::Anew(anew));
            self.quiet = self.doubt.is_none();
        }
        let context = self.consumer.context();
        let mut held = context.held();
        // The member that has a partition now reads on from the last commit.
        let mut at = 0;
        batch.retain(|message| {
            at += 1;
            at <= first || held.holds(message)
        });
        if batch.len() > first {
            context.connection.works();
            batch[first..].iter().for_each(|message| held.fetched(message));
        }
        Ok(())
    }

    /// Says that all of these, the last that were fetched, are done with ([`Acknowledge::After`]) or about to be
    /// ([`Acknowledge::Before`]). The latter commits at once; the former within a second, when partitions go to another
    /// member, and on [`close`](Self::close). `Ok(false)` says that the group's partitions were
    /// shared out again, and that the messages will come again.
    ///
    /// # Errors
    /// [`Error`] when offsets can't be committed.
    pub fn acknowledge(&self, messages: &[Message]) -> Result<bool, Error> {
        let held = self.consumer.context().held();
        let mut list = TopicPartitionList::new();
        for (index, message) in messages.iter().enumerate() {
            let same = |other: &Message| other.partition == message.partition && other.topic == message.topic;
            if self.acknowledge != Acknowledge::Never && !messages[index + 1..].iter().any(same) && held.holds(message)
            {
                list.add_partition_offset(&message.topic, message.partition, Offset::Offset(message.offset + 1))?;
            }
        }
        // The calls below may call back into the context, which locks this too.
        drop(held);
        if list.count() == 0 {
            return Ok(true);
        }
        self.consumer.context().ids().note(&list);
        if let Err(error) = self.consumer.store_offsets(&list) {
            tracing::debug!(%error, "offsets are not noted: the group's partitions are being shared out again");
            return Ok(false);
        }
        if self.acknowledge == Acknowledge::Before { self.commit() } else { Ok(true) }
    }

    /// Commits what was acknowledged, and leaves the group.
    ///
    /// # Errors
    /// [`Error`] when offsets can't be committed.
    pub fn close(self) -> Result<(), Error> {
        if self.acknowledge == Acknowledge::After { self.commit().map(drop) } else { Ok(()) }
    }

    /// Partitions whose end was reached since this was last asked.
    pub fn ends(&self) -> Vec<PartitionEnd> {
        self.consumer.context().held().take_reached()
    }

    /// Whether every partition that this member has was read to its end, and nothing is left to fetch.
    pub fn at_end(&self) -> bool {
        self.quiet && self.consumer.context().held().all_reached(NOTHING_ASSIGNED)
    }

    /// Whether the group has given this member its part.
    pub fn is_member(&self) -> bool {
        self.consumer.context().held().assigned()
    }

    /// The number of messages that were not fetched yet, as of a second ago; `None` before that is known.
    pub fn behind(&self) -> Option<i64> {
        self.consumer.context().held().behind()
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Message>, Error> {
        let context = self.consumer.context();
        if let Some(error) = context.take_trouble() {
            return Err(error);
        }
        let error = match self.consumer.poll(wait) {
            None => {
                context.connection.report();
                return Ok(None);
            }
            Some(Ok(message)) => {
                return Ok(Some(Message {
                    bytes: message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice),
                    topic: intern(&mut self.topics, message.topic()),
                    partition: message.partition(),
                    offset: message.offset(),
                    timestamp: message.timestamp().to_millis(),
                }));
            }
            Some(Err(error)) => error,
        };
        match error {
            KafkaError::PartitionEOF(partition) => context.held().event(partition),
            error => self.failed(&error)?,
        }
        Ok(None)
    }

    /// Sorts an error of the consumer: one that may pass by itself is waited out.
    fn failed(&mut self, error: &KafkaError) -> Result<(), Error> {
        use RDKafkaErrorCode::*;
        if let Some(reason) = unreadable(error) {
            self.doubt = Some(Doubt::Unreadable(reason));
            return Ok(());
        }
        let connection = &self.consumer.context().connection;
        if let KafkaError::MessageConsumptionFatal(code) = error {
            let advice = ": this member's part in the consumer group has ended";
            return Err(Error::ReadingEnded { reason: code.to_string(), advice });
        }
        connection.check()?;
        match error.rdkafka_error_code() {
            Some(code @ (TopicAuthorizationFailed | GroupAuthorizationFailed | ClusterAuthorizationFailed)) => {
                let detail = format!(" ({})", connection.reason());
                Err(Error::MayNotRead { code, detail, who: "the user" })
            }
            Some(AutoOffsetReset | OffsetOutOfRange) => {
                self.doubt = Some(Doubt::Range);
                Ok(())
            }
            _ => {
                tracing::debug!(%error, "reading goes on");
                connection.report();
                Ok(())
            }
        }
    }

    /// Finds out which partition an error was about.
    fn settle(&mut self) -> Result<(), Error> {
        match self.doubt.take() {
            None => Ok(()),
            Some(Doubt::Range) => self.read_on(&[]),
            Some(Doubt::Anew(topics)) => {
                let context = self.consumer.context();
                for (topic, id) in &topics {
                    context.ids().know(topic, *id);
                    context.held().forget(topic);
                }
                self.read_on(&topics.into_iter().map(|(topic, _)| topic).collect::<Vec<_>>())
            }
            Some(Doubt::Unreadable(reason)) => {
                let look = Look::new(&self.options)?;
                for (partition, offset) in self.consumer.context().held().next_offsets() {
                    look.check(&partition, offset.unwrap_or(0))?;
                }
                let reason = format!("a partition can't be read on: {reason}");
                Err(Error::ReadingEnded { reason, advice: "" })
            }
        }
    }

    /// Reads on in partitions that don't have the offset that was to be read next. Topics that were created anew are read
    /// from their beginning.
    fn read_on(&self, anew: &[Arc<str>]) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in self.consumer.context().held().next_offsets() {
            let next = match offset {
                Some(offset) if !anew.contains(&partition.topic) => {
                    range::next(&self.consumer, &partition, offset).map_or(Offset::Offset(offset), Offset::Offset)
                }
                _ => Offset::Beginning,
            };
            list.add_partition_offset(&partition.topic, partition.partition, next)?;
        }
        // librdkafka no longer fetches partitions that are out of range, and lets nobody seek in them.
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                self.consumer.incremental_unassign(&list)?;
                self.consumer.incremental_assign(&list)?;
            }
            _ => self.consumer.assign(&list)?,
        }
        self.consumer.context().held().begin(&list);
        Ok(())
    }

    /// Commits what was stored. `Ok(false)` says that the group's partitions are being shared out again.
    fn commit(&self) -> Result<bool, Error> {
        use RDKafkaErrorCode::*;
        let deadline = Instant::now() + COMMIT_PATIENCE;
        let mut backoff = Backoff::every(&self.options, TICK);
        loop {
            let Err(error) = self.consumer.commit_consumer_state(CommitMode::Sync) else { return Ok(true) };
            match error.rdkafka_error_code() {
                Some(NoOffset) => return Ok(true),
                Some(RebalanceInProgress | IllegalGeneration | UnknownMemberId | AssignmentLost) => return Ok(false),
                Some(FencedInstanceId | GroupAuthorizationFailed | TopicAuthorizationFailed | Fatal) => {
                    return Err(self.not_committed(&error, ""));
                }
                _ if Instant::now() >= deadline || backoff.pause().is_err() => {
                    return Err(self.not_committed(&error, "; what followed the last commit comes again next time"));
                }
                _ => {}
            }
        }
    }

    fn not_committed(&self, error: &KafkaError, consequence: &str) -> Error {
        let problem = format!("offsets can't be committed: {error}{consequence}");
        Error::NotCommitted { group: self.group.clone(), problem }
    }
}

/// Waits for topics that are not patterns to be there.
fn await_topics(consumer: &BaseConsumer<Context>, options: &Options, topics: &[String]) -> Result<(), Error> {
    let deadline = Instant::now() + options.patience;
    let mut told = false;
    let mut backoff = Backoff::every(options, TICK);
    loop {
        let metadata = consumer.fetch_metadata(None, options.patience)?;
        let exists = |topic: &str| metadata.topics().iter().any(|found| found.name() == topic);
        let absent: Vec<&str> =
            topics.iter().map(String::as_str).filter(|topic| !topic.starts_with('^') && !exists(topic)).collect();
        if absent.is_empty() {
            return Ok(());
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
