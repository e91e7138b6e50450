//! Kafka's protocol, as far as the host's transactions need it.
//!
//! librdkafka sends a request for each partition, and brokers answer the requests of a connection one after another:
//! with a topic for each of a hundred filters a transaction is mostly waiting. Here one request carries the records of
//! all partitions that a broker leads, and payloads are written to the socket from where they are.
//!
//! Requests are sent in fixed versions, which Apache Kafka 2.8 to 4.x understands
//! ([protocol](https://kafka.apache.org/protocol)).

mod broker;
mod cluster;
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

pub(super) use cluster::{Cluster, Coordinates};
pub(super) use probe::mismatch;
pub(super) use produce::{Parcel, Producer, plan};
pub(super) use topic_ids::{LastSeen, TopicId};
