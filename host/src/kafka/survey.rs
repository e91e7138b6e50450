//! A survey's side of Kafka: alerts are published.

pub(super) mod outbound;
