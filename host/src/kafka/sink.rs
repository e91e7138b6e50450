//! Outputs and dead letters to Kafka.

use std::sync::Arc;

use bytes::Bytes;
use rdkafka::error::RDKafkaErrorCode::{MessageBatchTooLarge, MessageSizeTooLarge};

use super::publisher::{Publisher, Receipts};
use super::{Error, Options};
use crate::pipeline::{Header, Record, Sink, SinkError};

/// The header of a record whose payload the brokers found too large: why, and how many bytes it had. The record itself
/// is published with an empty payload, so that one of them does not stop the stream.
pub const DROPPED_PAYLOAD: &str = "skysieve-dropped-payload";

/// Publishes records and waits for all acknowledgements, by an idempotent producer with `acks=all`.
///
/// Brokers that go away are waited for, up to `message.timeout.ms` (2 minutes).
pub struct KafkaSink {
    publisher: Publisher,
}

impl KafkaSink {
    /// Waits until a broker has answered.
    ///
    /// # Errors
    /// [`Error`] when none does, or an override is wrong.
    pub fn new(options: &Options) -> Result<KafkaSink, Error> {
        Ok(KafkaSink { publisher: Publisher::new(options)? })
    }

    /// Publishes a record that was too large, or was in a batch that was: by itself, then without its payload.
    fn publish_alone(&self, record: &Record) -> Result<(), Error> {
        if self.publish_one(record)? {
            return Ok(());
        }
        let bytes = record.payload.len();
        tracing::warn!(topic = %record.topic, bytes, "too large for Kafka: published without its payload");
        let why = format!("{bytes} bytes are more than the topic takes (max.message.bytes)");
        let mut rest = Record { payload: Bytes::new(), ..record.clone() };
        rest.headers.push(Header { name: DROPPED_PAYLOAD.to_owned(), value: why.into_bytes() });
        if self.publish_one(&rest)? {
            return Ok(());
        }
        Err(Error::Other(format!("a record for topic {:?} is too large even without its payload", record.topic)))
    }

    /// Publishes one record; `false` when it is too large.
    fn publish_one(&self, record: &Record) -> Result<bool, Error> {
        let receipts = Arc::new(Receipts::default());
        self.publisher.send(record, None, 0, &receipts)?;
        self.publisher.wait(&receipts, 0)?;
        match receipts.take_failed()[..] {
            [(_, MessageSizeTooLarge | MessageBatchTooLarge)] => Ok(false),
            ref failed => self.publisher.explain(failed, std::slice::from_ref(record)).map(|()| true),
        }
    }

    fn publish_all(&self, records: &[Record]) -> Result<(), Error> {
        let receipts = Arc::new(Receipts::default());
        for (number, record) in records.iter().enumerate() {
            self.publisher.send(record, None, number, &receipts)?;
        }
        self.publisher.wait(&receipts, 0)?;
        let (too_large, failed): (Vec<_>, Vec<_>) = receipts
            .take_failed()
            .into_iter()
            .partition(|(_, code)| matches!(code, MessageSizeTooLarge | MessageBatchTooLarge));
        self.publisher.explain(&failed, records)?;
        too_large.into_iter().try_for_each(|(number, _)| self.publish_alone(&records[number]))
    }
}

impl Sink for KafkaSink {
    fn publish(&mut self, records: Vec<Record>) -> Result<(), SinkError> {
        Ok(self.publish_all(&records)?)
    }
}
