//! What can go wrong with Kafka before and beside the pipeline's own errors.

use rdkafka::error::KafkaError;

use crate::pipeline::{SinkError, SourceError};

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
    /// Topics that don't exist.
    #[error("no such topic: {0}; create it, or correct its name")]
    NoTopic(String),
    /// The process was asked to stop before all was acknowledged.
    #[error("stopped while {0} messages were not acknowledged")]
    Stopped(usize),
    /// Anything else, said in full.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// Whether it may pass by itself.
    pub(in crate::kafka) fn may_pass(&self) -> bool {
        matches!(self, Error::Unreachable { .. })
    }
}

impl From<KafkaError> for Error {
    fn from(error: KafkaError) -> Error {
        match error {
            // The value stays out of it: it may be a password.
            KafkaError::ClientConfig(_, problem, key, _) => Error::Property { key, problem },
            KafkaError::ClientCreation(problem) => Error::Other(format!("cannot set up a Kafka client: {problem}")),
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
