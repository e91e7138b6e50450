//! Clients made by librdkafka: their connections and statistics, and what several of them do.

pub(super) mod connection;
pub(super) mod context;
pub(super) mod deliveries;
pub(super) mod look;
pub(super) mod partitions;
pub(super) mod publisher;
pub(super) mod statistics;
pub(super) mod table;
