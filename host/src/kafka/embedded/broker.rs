//! A Kafka broker in this process.

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer, ProducerContext};

use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;

/// One broker, librdkafka's mock cluster, on a port of 127.0.0.1 that the system chose. Any Kafka client on this machine
/// can use it. For the demo and tests:
///
/// - it keeps about 5 MB a partition, whatever is configured, and drops the oldest (a [`Feeder`](crate::kafka::Feeder) heeds
///   that);
/// - it forgets the offsets that are committed in a transaction, so a host begins anew after a restart;
/// - it keeps everything in memory, and forgets it when this is dropped;
/// - a topic that was not created has 4 partitions once a producer asks for it, or a consumer that may create topics;
/// - the first member of a consumer group gets its partitions after 3 s.
pub struct EmbeddedBroker {
    /// The client that librdkafka's mock cluster lives in.
    client: BaseProducer<Context>,
    brokers: String,
}

impl EmbeddedBroker {
    /// Starts a broker.
    ///
    /// # Errors
    /// [`Error::Other`] when it can't, say because no port is left.
    pub fn start() -> Result<EmbeddedBroker, Error> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1").set_log_level(RDKafkaLogLevel::Emerg);
        let client: BaseProducer<Context> = config.create_with_context(Context)?;
        let brokers = cluster(&client)?.bootstrap_servers();
        Ok(EmbeddedBroker { client, brokers })
    }

    /// Its address, `host:port`.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// How to reach it.
    pub fn options(&self) -> Options {
        Options::new(self.brokers())
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`Error::Other`] when there is one of that name, or the number of partitions is not positive.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), Error> {
        // The mock cluster's thread can lose a request that comes right behind another, until it looks again after 1 s.
        std::thread::sleep(Duration::from_millis(1));
        cluster(&self.client)?
            .create_topic(topic, partitions, 1)
            .map_err(|error| Error::Other(format!("cannot create topic {topic:?}: {error}")))
    }

    /// The cluster itself, for tests to have it misbehave.
    #[cfg(test)]
    pub(in crate::kafka) fn cluster(&self) -> MockCluster<'_, impl ClientContext> {
        cluster(&self.client).unwrap()
    }
}

/// Whether a cluster with this id is an embedded broker. librdkafka's mock clusters put the address of a structure behind this name.
pub(in crate::kafka) fn is_embedded(cluster: &str) -> bool {
    cluster.starts_with("mockCluster")
}

fn cluster(client: &BaseProducer<Context>) -> Result<MockCluster<'_, Context>, Error> {
    client.client().mock_cluster().ok_or_else(|| Error::Other("librdkafka started no mock cluster".to_owned()))
}

/// The broker's own client: what it reports is ignored.
struct Context;

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, _: ()) {}
}
