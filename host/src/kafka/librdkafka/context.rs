//! Callbacks of a librdkafka client of which only the connection's state is needed.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::kafka::librdkafka::connection::{Connection, log};

/// Keeps the state of a consumer's connection.
#[derive(Default)]
pub(in crate::kafka) struct Context {
    pub(in crate::kafka) connection: Connection,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.failed(&error, reason);
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ConsumerContext for Context {}
