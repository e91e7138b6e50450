//! What can go wrong with Kafka before and beside the pipeline's own errors.

use rdkafka::error::KafkaError;

use crate::pipeline::{SinkError, SourceError, TopicPartition};

/// Why a client of Kafka could not be made, or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A property given for librdkafka is none, or has a value that it can't have.
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
        /// The addresses tried.
        brokers: String,
        /// How long, in seconds.
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
    /// A batch of messages can't be read. The partition would stand still there.
    #[error(
        "{partition}, offset {offset}: {reason}. To read what follows, begin behind it (--from and a \
         time, or another --group)"
    )]
    Unreadable {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the first message that can't be read, or a little before.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// Topics that don't exist.
    #[error("no such topic: {0}; create it, or correct its name")]
    NoTopic(String),
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
    /// The brokers failed to answer a question; it may be asked again.
    #[error("{0}")]
    Unanswered(String),
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

    /// Whether it may pass by itself.
    pub(in crate::kafka) fn may_pass(&self) -> bool {
        matches!(self, Error::Unreachable { .. } | Error::Unanswered(_))
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
