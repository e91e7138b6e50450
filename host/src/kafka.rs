//! Kafka: source, sink and the embedded broker. librdkafka and the protocol are seen nowhere else.
//!
//! A [`Claim`] on a host's name makes [`KafkaSource`] and [`KafkaSink`], which stand behind the pipeline's traits and
//! deliver exactly once: outputs and offsets are committed in one transaction. [`Topics`] creates what a host needs.
//! [`Outbound`] sends as a survey does, [`Follower`] reads as subscribers do. [`EmbeddedBroker`], [`Feeder`] and
//! [`Subscriber`] are for the demo and for
//! tests: a broker in this process, what fills it without outrunning its readers, and what reads many topics at once.

mod claim;
mod connection;
mod embedded;
mod error;
mod feeder;
mod follow;
mod lag;
mod options;
mod outbound;
mod publisher;
mod sink;
mod source;
mod start;
mod subscriber;
mod table;
#[cfg(test)]
mod tests;
mod topics;
mod transaction;
mod wire;

pub use claim::Claim;
pub use embedded::EmbeddedBroker;
pub use error::Error;
pub use feeder::{Consumed, Feeder};
pub use follow::{Acknowledge, FetchLimits, FollowConfig, Follower, PartitionEnd, Start};
pub use lag::Watch;
pub use options::Options;
pub use outbound::{Deliveries, Outbound, Settled, Undelivered};
pub use sink::{DROPPED_PAYLOAD, KafkaSink};
pub use source::KafkaSource;
pub use start::From;
pub use subscriber::{Received, Subscriber};
pub use table::Table;
pub use topics::{TopicSettings, Topics};
