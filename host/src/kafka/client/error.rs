//! What can go wrong with Kafka: what it is about, and what to do about it ([`Error::remedy`]).

mod answer;
mod remedy;

use std::sync::Arc;

use kafka_protocol::ResponseError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::pipeline::{SinkError, SourceError, TopicPartition};

pub use answer::About;

pub(in crate::kafka) use answer::Code;
pub(in crate::kafka) use remedy::Remedy;

/// Why a client of Kafka could not be made, or why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A property that was given for librdkafka does not exist, or can't have that value.
    #[error("-X {key}=…: {problem}")]
    Property {
        /// The property's name, as it was given.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No broker answered in time.
    #[error("no Kafka broker answered at {brokers} within {seconds} s ({reason}): is one running there?")]
    Unreachable {
        /// The addresses that were tried.
        brokers: String,
        /// How long they were tried, in seconds.
        seconds: u64,
        /// The last failure that librdkafka reported.
        reason: String,
    },
    /// The brokers refused this client's credentials.
    #[error(
        "Kafka refused to let this client in ({0}): check -X security.protocol, sasl.mechanism and the credentials"
    )]
    Refused(String),
    /// A setting of this client does not fit the listener that it connects to; which, and what to set.
    #[error("no Kafka broker lets this client in: {0}")]
    Mismatch(String),
    /// One broker can't be reached, or its answer is malformed.
    #[error("{address}: {reason}")]
    Broker {
        /// The broker's address.
        address: String,
        /// What happened.
        reason: String,
    },
    /// A broker does not know a version of a request that hosts need.
    #[error(
        "the broker at {address} does not know version {version} of {request}: hosts need Apache Kafka 2.8 or newer"
    )]
    TooOld {
        /// The broker's address.
        address: String,
        /// The request's name.
        request: &'static str,
        /// Its version.
        version: i16,
    },
    /// A broker answered a request with an error.
    #[error("{about}{code}{advice}", code = Code(*.code), advice = about.advice(*.code))]
    Answer {
        /// What the request is about.
        about: About,
        /// The error.
        code: ResponseError,
    },
    /// The brokers failed to answer a question, which may be asked again.
    #[error("{0}")]
    Unanswered(String),

    /// Topics that don't exist.
    #[error("no such topic: {0}; create it, or correct its name")]
    NoTopic(String),
    /// A topic can't be used, and that will not change by itself.
    #[error("topic {topic:?}: {problem}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A topic can't be used yet: it has no leader, for one.
    #[error("topic {topic:?}: {reason}")]
    NotReady {
        /// The topic.
        topic: String,
        /// What the brokers say.
        reason: String,
    },
    /// A topic can't be created, changed or deleted.
    #[error("topic {topic:?} {problem}")]
    Change {
        /// The topic.
        topic: String,
        /// What can't be done with it, and why.
        problem: String,
    },
    /// The user may not do that.
    #[error(
        "the user of this program needs the right to {right} topic {topic:?}: grant it (kafka-acls), or name another topic"
    )]
    Forbidden {
        /// The topic.
        topic: String,
        /// What is to be done with it.
        right: &'static str,
    },

    /// A batch of messages can't be read. The partition would stand still there.
    #[error(
        "{partition}, offset {offset}: {reason}. To read what follows, begin behind it (--from and a time, or latest)"
    )]
    Unreadable {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the first message that can't be read, or a little before.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// The user may not read.
    #[error("{code}{detail}: {who} needs the right to read the topics and the consumer group")]
    MayNotRead {
        /// The error.
        code: RDKafkaErrorCode,
        /// What else is known, in parentheses, behind a space; or nothing.
        detail: String,
        /// Who needs the right.
        who: &'static str,
    },
    /// Reading can't go on.
    #[error("{reason}{advice}")]
    ReadingEnded {
        /// What librdkafka says.
        reason: String,
        /// What that means, or what to do.
        advice: &'static str,
    },
    /// Offsets can't be committed for a consumer group.
    #[error("{problem}")]
    NotCommitted {
        /// The consumer group.
        group: String,
        /// Which offsets, and why.
        problem: String,
    },
    /// The committed offset is not in the topic any more.
    #[error(
        "{partition}: the committed offset {committed} is {}: start once with --on-lost-offsets earliest, or with --from \
         earliest, latest or a time",
        lost(*committed, *oldest, *end)
    )]
    LostOffset {
        /// The partition.
        partition: TopicPartition,
        /// The committed offset, or how far this host had read.
        committed: i64,
        /// The oldest message's offset.
        oldest: i64,
        /// One past the last message's.
        end: i64,
    },
    /// A host that has published before has no offsets.
    #[error(
        "no offset is committed for the group {0:?}, though this host has published before (its quotas' topic has \
         counters): the group's offsets were deleted, or have expired. Say where to begin: --from earliest (what was \
         published is published again), latest or a time; or --on-lost-offsets earliest"
    )]
    NoOffsets(String),

    /// Records were not acknowledged.
    #[error("{failed} of {of} records were not acknowledged, the first for topic {topic:?}: {reason}")]
    Unacknowledged {
        /// The topic of the first.
        topic: String,
        /// How many were not.
        failed: usize,
        /// How many were sent.
        of: usize,
        /// Why the first was not.
        reason: String,
        /// Whether the user lacks a right, so that it would be the same again.
        forbidden: bool,
    },
    /// Some records of a transaction are larger than the brokers take. It may be tried again with smaller ones.
    #[error("{} records are larger than the brokers take", .0.len())]
    TooLarge(Vec<usize>),
    /// Nothing is left of a record that could be taken away, and it is still too large.
    #[error("a record for topic {topic:?} is too large even without its payload")]
    StillTooLarge {
        /// The topic.
        topic: Arc<str>,
    },

    /// A transaction failed, and may be tried again.
    #[error("{}", Code(*.code))]
    Attempt {
        /// The producer.
        transactional_id: String,
        /// What the brokers said.
        code: ResponseError,
    },
    /// The brokers have not ended a producer's last transaction yet.
    #[error(
        "the brokers have not ended the last transaction yet: a partition of it has no leader or too few replicas ({})",
        Code(*.code)
    )]
    NotEnded {
        /// The producer.
        transactional_id: String,
        /// What the brokers said.
        code: ResponseError,
    },
    /// A consumer is in the group whose offsets a host commits.
    #[error(
        "another consumer is in the group {group:?}, which is this host's name: end that consumer ({})",
        Code(*.code)
    )]
    NotAlone {
        /// The group.
        group: String,
        /// What the brokers said.
        code: ResponseError,
    },
    /// A producer is of no use any more, and whether its transaction was committed is not known.
    #[error("{reason}")]
    InDoubt {
        /// The producer.
        transactional_id: String,
        /// What happened.
        reason: String,
    },
    /// Another host of the same name has taken a host's place.
    #[error(
        "another host named {name:?} has taken over; nothing is lost or doubled. Hosts that shall all see the whole stream \
         need different names (--name)"
    )]
    Fenced {
        /// The host's name.
        name: String,
    },

    /// The process was asked to stop before all was acknowledged.
    #[error("stopped while {0} messages were not acknowledged")]
    Stopped(usize),
    /// Anything else, said in full.
    #[error("{0}")]
    Other(String),
}

/// What is wrong with an offset that is not in a topic any more.
fn lost(committed: i64, oldest: i64, end: i64) -> String {
    if committed < oldest {
        let gone = oldest - committed;
        return format!(
            "not in the topic any more, which begins at {oldest}: {gone} messages were deleted before they were read"
        );
    }
    format!(
        "beyond the end of the topic, which is {end}: the topic was created anew, or the cluster restored; its messages \
         may be others"
    )
}

impl Error {
    pub(in crate::kafka) fn forbidden(topic: &str, right: &'static str) -> Error {
        Error::Forbidden { topic: topic.to_owned(), right }
    }

    pub(in crate::kafka) fn topic(topic: &str, problem: impl Into<String>) -> Error {
        Error::Topic { topic: topic.to_owned(), problem: problem.into() }
    }

    /// What happened at a broker's address.
    pub(in crate::kafka) fn at(address: &str, reason: impl std::fmt::Display) -> Error {
        Error::Broker { address: address.to_owned(), reason: reason.to_string() }
    }
}

impl From<KafkaError> for Error {
    fn from(error: KafkaError) -> Error {
        match error {
            // The value stays out of it: it may be a password.
            KafkaError::ClientConfig(_, problem, key, _) => Error::Property { key, problem },
            KafkaError::ClientCreation(problem) => Error::Other(format!("cannot set up a Kafka client: {problem}")),
            KafkaError::MetadataFetch(_) | KafkaError::OffsetFetch(_) => Error::Unanswered(error.to_string()),
            error => Error::Other(error.to_string()),
        }
    }
}

impl From<Error> for SourceError {
    fn from(error: Error) -> SourceError {
        SourceError(error.to_string())
    }
}

impl From<Error> for SinkError {
    fn from(error: Error) -> SinkError {
        SinkError(error.to_string())
    }
}
