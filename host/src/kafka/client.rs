//! What everything that talks to Kafka shares.

pub(super) mod backoff;
pub(super) mod connection;
pub(super) mod context;
pub(super) mod deliveries;
pub(super) mod error;
pub(super) mod look;
pub(super) mod options;
pub(super) mod partitions;
pub(super) mod publisher;
pub(super) mod start_at;
pub(super) mod statistics;
pub(super) mod stop;
pub(super) mod table;
