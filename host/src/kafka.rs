//! Kafka: source, sink and the embedded broker. librdkafka is seen nowhere else.
//!
//! [`KafkaSource`] and [`KafkaSink`] stand behind the pipeline's traits and deliver at least once: offsets are committed
//! after the outputs were acknowledged. [`Follower`] reads as subscribers do. [`EmbeddedBroker`], [`Feeder`] and [`Subscriber`] are for the demo and for
//! tests: a broker in this process, what fills it without outrunning its readers, and what reads many topics at once.

mod connection;
mod embedded;
mod error;
mod feeder;
mod follow;
mod lag;
mod options;
mod publisher;
mod sink;
mod source;
mod subscriber;
#[cfg(test)]
mod tests;

pub use embedded::EmbeddedBroker;
pub use error::Error;
pub use feeder::{Consumed, Feeder};
pub use follow::{Acknowledge, FetchLimits, FollowConfig, Follower, PartitionEnd, Start};
pub use lag::{Lag, Watch};
pub use options::Options;
pub use sink::{DROPPED_PAYLOAD, KafkaSink};
pub use source::KafkaSource;
pub use subscriber::{Received, Subscriber};
