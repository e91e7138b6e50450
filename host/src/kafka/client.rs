//! How Kafka is reached, and what can go wrong: what every kind of client shares.

pub(super) mod backoff;
pub(super) mod compression;
pub(super) mod error;
pub(super) mod options;
pub(super) mod start_at;
pub(super) mod stop;
