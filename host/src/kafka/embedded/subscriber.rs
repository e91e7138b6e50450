//! Reading many topics at once, for the demo and for tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::librdkafka::context::Context;
use crate::kafka::librdkafka::partitions::intern;
use crate::pipeline::Header;

/// What a subscriber adds to librdkafka's defaults.
const PROPERTIES: [(&str, &str); 9] = [
    // librdkafka wants one. No group is joined, as partitions are assigned by hand.
    ("group.id", "skysieve-subscriber"),
    ("enable.auto.commit", "false"),
    ("isolation.level", "read_committed"),
    ("auto.offset.reset", "earliest"),
    ("enable.partition.eof", "true"),
    ("fetch.queue.backoff.ms", "10"),
    // librdkafka hands messages over when a whole answer has come: with many topics, smaller answers come sooner. A visit's
    // twenty alerts of a topic fit into one.
    ("fetch.max.bytes", "8388608"),
    ("fetch.message.max.bytes", "2097152"),
    // librdkafka's mock broker answers a fetch that found nothing only when this is over.
    ("fetch.wait.max.ms", "50"),
];

/// One message as a subscriber gets it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key; empty if it has none.
    pub key: Vec<u8>,
    /// Its payload; empty if it has none.
    pub payload: Bytes,
    /// Its headers, in order.
    pub headers: Vec<Header>,
    /// When it came here.
    pub arrived: Instant,
}

impl Received {
    /// The value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|header| header.name == name).map(|header| &*header.value)
    }
}

/// Reads all partitions of some topics, without a consumer group, through one client.
///
/// Meant for topics that Skysieve writes: rdkafka panics on a header whose name is not UTF-8.
pub struct Subscriber {
    consumer: BaseConsumer<Context>,
    topics: Vec<Arc<str>>,
    partitions: TopicPartitionList,
    /// How often the end of a partition was reached.
    reached: usize,
}

impl Subscriber {
    /// Begins to read `topics`, which exist, from their beginning.
    ///
    /// # Errors
    /// [`Error`] when no broker answers, a topic is absent, or an override is wrong.
    pub fn new(options: &Options, topics: &[String]) -> Result<Subscriber, Error> {
        Subscriber::begin(options, topics, Offset::Beginning)
    }

    /// Begins to read `topics` with the messages that come from now on, or from a moment later.
    ///
    /// # Errors
    /// As [`Subscriber::new`]'s.
    pub fn from_now_on(options: &Options, topics: &[String]) -> Result<Subscriber, Error> {
        Subscriber::begin(options, topics, Offset::End)
    }

    fn begin(options: &Options, topics: &[String], from: Offset) -> Result<Subscriber, Error> {
        let config = options.client_config(&PROPERTIES)?;
        let consumer: BaseConsumer<Context> = config.create_with_context(Context::default())?;
        let client = consumer.client();
        // Nothing but errors can come before the assignment.
        client.context().connection.establish(client, options, || drop(consumer.poll(Duration::ZERO)))?;
        let partitions = partitions(&consumer, topics, from, options.patience)?;
        consumer.assign(&partitions)?;
        Ok(Subscriber { consumer, topics: Vec::new(), partitions, reached: 0 })
    }

    /// The offset at which each partition ends by now. Where a transaction is open, that is its first message, unless the
    /// options set `isolation.level` to `read_uncommitted`.
    ///
    /// # Errors
    /// [`Error`] when a partition's leader does not tell within the time.
    pub fn ends(&self, timeout: Duration) -> Result<Vec<i64>, Error> {
        let partitions = self.partitions.elements();
        let end = |partition: &TopicPartitionListElem<'_>| {
            let (_, end) = self.consumer.fetch_watermarks(partition.topic(), partition.partition(), timeout)?;
            Ok(end)
        };
        partitions.iter().map(end).collect()
    }

    /// Whether the end of every partition was reached, provided that the partitions have not grown since reading began.
    pub fn at_end(&self) -> bool {
        self.reached >= self.partitions.count()
    }

    /// The next message of any topic, if one comes in time.
    ///
    /// # Errors
    /// [`Error`] when reading can't go on. Brokers out of reach are waited for.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Received>, Error> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.consumer.poll(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(message)) => return Ok(Some(own(&message, &mut self.topics))),
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error.into()),
                Some(Err(KafkaError::PartitionEOF(_))) => self.reached += 1,
                Some(Err(_)) => {
                    let connection = &self.consumer.context().connection;
                    connection.report();
                    connection.check()?;
                }
                None => {}
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }
}

/// All partitions of `topics`.
fn partitions(
    consumer: &BaseConsumer<Context>,
    topics: &[String],
    from: Offset,
    timeout: Duration,
) -> Result<TopicPartitionList, Error> {
    let metadata = consumer.fetch_metadata(None, timeout)?;
    let mut list = TopicPartitionList::new();
    let mut absent = Vec::new();
    for topic in topics {
        match metadata.topics().iter().find(|found| found.name() == topic && !found.partitions().is_empty()) {
            Some(found) => {
                for partition in found.partitions() {
                    list.add_partition_offset(topic, partition.id(), from)?;
                }
            }
            None => absent.push(topic.as_str()),
        }
    }
    if absent.is_empty() { Ok(list) } else { Err(Error::NoTopic(absent.join(", "))) }
}

/// Copies a message out of its consumer's memory.
fn own(message: &BorrowedMessage<'_>, topics: &mut Vec<Arc<str>>) -> Received {
    let header = |header: rdkafka::message::Header<'_, &[u8]>| Header {
        name: header.key.to_owned(),
        value: header.value.map(<[u8]>::to_vec).unwrap_or_default(),
    };
    Received {
        topic: intern(topics, message.topic()),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().unwrap_or_default().to_vec(),
        payload: message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice),
        headers: message.headers().map(|headers| headers.iter().map(header).collect()).unwrap_or_default(),
        arrived: Instant::now(),
    }
}
