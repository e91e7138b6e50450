//! Messages that stay in librdkafka's memory, so that packets are not copied.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedMessage, Message as _};

use super::Client;
use crate::kafka::librdkafka::partitions::intern;
use crate::pipeline::Message;

self_cell::self_cell!(
    /// A message in librdkafka's memory, with the consumer that it came from. It keeps the whole answer of the broker in
    /// memory, which is some megabytes; the messages of a batch mostly share one.
    pub(in crate::kafka::host) struct Held {
        owner: Arc<Client>,
        #[covariant]
        dependent: BorrowedMessage,
    }
);

impl Held {
    /// The next message of the consumer, or what it reports, if something comes in time.
    pub(in crate::kafka::host) fn poll(consumer: &Arc<Client>, timeout: Duration) -> KafkaResult<Option<Held>> {
        let polled = Held::try_new(consumer.clone(), |consumer| match consumer.poll(timeout) {
            Some(polled) => polled.map_err(Some),
            None => Err(None),
        });
        polled.map(Some).or_else(|error| error.map_or(Ok(None), Err))
    }

    pub(in crate::kafka::host) fn into_message(self, topics: &mut Vec<Arc<str>>) -> Message {
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
