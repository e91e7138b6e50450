//! Kafka, by who uses it. librdkafka and the protocol are seen nowhere else.
//!
//! | module | does |
//! | --- | --- |
//! | `client` | how Kafka is reached, and what can go wrong: options, errors and what to do about them, pauses |
//! | `wire` | Kafka's protocol, as far as a host's transactions need it |
//! | `librdkafka` | clients made by librdkafka: connection, statistics, partitions, tables, ready-made messages published |
//! | `host` | a host's side: [`HostLock`] on its name, [`KafkaSource`], [`KafkaPast`], [`KafkaSink`] and its transactions, [`Watch`], [`Topics`] |
//! | `follow` | a subscriber's side: [`Follower`] reads topics in a consumer group |
//! | `registry` | [`KafkaRegistry`]: filters that outlive hosts; [`HostsTopic`]: which hosts share them |
//! | `audit` | [`AuditTopic`]: who has changed what |
//! | `survey` | a survey's side: [`Outbound`] publishes alerts as fast as the brokers take them |
//! | `embedded` | for the demo and for tests: [`EmbeddedBroker`], [`Feeder`], which fills it, and [`Subscriber`] |
//!
//! The first three stand on each other in this order, and the others stand on these three.
//!
//! A [`HostLock`] makes [`KafkaSource`] and [`KafkaSink`], which stand behind the pipeline's traits and deliver exactly
//! once: outputs and offsets are committed in one transaction.

mod audit;
mod client;
mod embedded;
mod follow;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
mod host;
mod librdkafka;
mod registry;
mod survey;
mod wire;

pub use audit::AuditTopic;
pub use client::compression::Compression;
pub use client::error::{About, Error};
pub use client::options::Options;
pub use client::start_at::StartAt;
pub use embedded::broker::EmbeddedBroker;
pub use embedded::feeder::{Consumed, Feeder};
pub use embedded::subscriber::{Received, Subscriber};
pub use follow::{Acknowledge, FetchLimits, FollowConfig, Follower, PartitionEnd};
pub use host::alert_topics::KafkaAlertTopics;
pub use host::lock::HostLock;
pub use host::past::KafkaPast;
pub use host::sink::{DROPPED_PAYLOAD, KafkaSink};
pub use host::source::KafkaSource;
pub use host::start::LostOffsets;
pub use host::topics::{RECORDS_KEPT, TopicSettings, Topics};
pub use host::watch::Watch;
pub use librdkafka::deliveries::{Deliveries, Settled, Undelivered};
pub use librdkafka::table::Table;
pub use registry::KafkaRegistry;
pub use registry::hosts::HostsTopic;
pub use survey::outbound::Outbound;
