//! Kafka's protocol, as far as the host's transactions need it.
//!
//! librdkafka sends a request for each partition, and brokers answer the requests of a connection one after another:
//! with a topic for each of a hundred filters a transaction is mostly waiting. Here one request carries the records of
//! all partitions that a broker leads, and payloads are written to the socket from where they are.
//!
//! Versions of requests are fixed ones that Apache Kafka 2.8 to 4.x understands
//! ([protocol](https://kafka.apache.org/protocol)).

mod broker;
mod cluster;
mod compression;
pub(super) mod frame;
mod partitioner;
mod pieces;
mod probe;
mod produce;
mod records;
pub(super) mod requests;
mod resolve;
pub(super) mod sasl;
mod security;
mod shape;
mod stream;
#[cfg(test)]
mod tests;
mod topic_ids;

use kafka_protocol::ResponseError;

use crate::kafka::client::error::Error;

pub use compression::Compression;

pub(super) use cluster::{Cluster, Coordinates};
pub(super) use probe::mismatch;
pub(super) use produce::{Parcel, Producer, plan};
pub(super) use security::Security;
pub(super) use topic_ids::TopicId;

/// Why a request has no answer that helps.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A broker can't be reached, or its answer is malformed; what happened.
    Connection(String),
    /// A broker answered with an error.
    Answer(ResponseError),
    /// Trying again won't help.
    Fatal(Error),
}

impl Trouble {
    fn at(address: &str, what: impl std::fmt::Display) -> Trouble {
        Trouble::Connection(format!("{address}: {what}"))
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Connection(reason) => f.write_str(reason),
            Trouble::Answer(code) => write!(f, "{code} (Kafka's error {})", code.code()),
            Trouble::Fatal(error) => error.fmt(f),
        }
    }
}

/// `Ok`, or the error of that number.
fn check(code: i16) -> Result<(), Trouble> {
    ResponseError::try_from_code(code).map_or(Ok(()), |error| Err(Trouble::Answer(error)))
}
