//! Messages where librdkafka has them: packets are not copied.

use std::sync::Arc;

use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Message as _};

use super::Client;
use crate::kafka::client::partitions::intern;
use crate::pipeline::Message;

self_cell::self_cell!(
    /// A message where librdkafka has it, with the consumer that it is of. It keeps the broker's answer in memory that it
    /// came in, some megabytes with others: those of a batch are neighbours.
    pub(super) struct Held {
        owner: Arc<Client>,
        #[covariant]
        dependent: BorrowedMessage,
    }
);

impl Held {
    pub(super) fn into_message(self, topics: &mut Vec<Arc<str>>) -> Message {
        let message = self.borrow_dependent();
        let (topic, partition, offset) = (intern(topics, message.topic()), message.partition(), message.offset());
        let timestamp = message.timestamp().to_millis();
        Message { bytes: Bytes::from_owner(self), topic, partition, offset, timestamp }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.borrow_dependent().payload().unwrap_or_default()
    }
}
