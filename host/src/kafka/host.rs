//! A host's side of Kafka: alerts in, outputs and offsets out, each batch in one transaction.

pub(super) mod alert_topics;
pub(super) mod lock;
pub(super) mod past;
pub(super) mod sink;
pub(super) mod source;
pub(super) mod start;
#[cfg(test)]
mod tests;
pub(super) mod topics;
mod transactions;
pub(super) mod watch;
