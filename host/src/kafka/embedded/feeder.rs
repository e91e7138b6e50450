//! Filling the embedded broker without outrunning what reads it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::librdkafka::deliveries::Deliveries;
use crate::kafka::librdkafka::publisher::{Outgoing, Publisher, Settings};

/// How many bytes of a partition may wait to be read: the embedded broker keeps 5 MB, and drops up to 1 MB at a time.
const UNREAD: usize = 3 << 20;

/// How long readers may stand still while they are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a wait asks how far the readers are.
const POLL: Duration = Duration::from_millis(2);

/// How far a partition was read: one past the last offset that is done with, 0 before the first.
pub type Consumed = Arc<dyn Fn(i32) -> i64 + Send + Sync>;

/// Sends packets to a fresh topic of an embedded broker, and waits where readers are behind.
pub struct Feeder {
    publisher: Publisher,
    deliveries: Arc<Deliveries>,
    topic: Arc<str>,
    partitions: Vec<Partition>,
    consumed: Consumed,
    options: Options,
}

/// What a partition holds that was not read when last looked.
#[derive(Default)]
struct Partition {
    sent: i64,
    unread: VecDeque<usize>,
    bytes: usize,
}

impl Partition {
    /// Forgets what was read. Returns whether anything was.
    fn read_up_to(&mut self, offset: i64) -> bool {
        let before = self.unread.len();
        while self.sent - (self.unread.len() as i64) < offset {
            match self.unread.pop_front() {
                Some(bytes) => self.bytes -= bytes,
                None => break,
            }
        }
        self.unread.len() < before
    }
}

impl Feeder {
    /// Feeds `topic`, which has `partitions` partitions and is empty. `consumed` tells how far each was read.
    ///
    /// # Errors
    /// [`Error`] when the broker does not answer.
    pub fn new(options: &Options, topic: &str, partitions: i32, consumed: Consumed) -> Result<Feeder, Error> {
        Ok(Feeder {
            publisher: Publisher::new(options, &Settings::default())?,
            deliveries: Arc::default(),
            topic: topic.into(),
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
            consumed,
            options: options.clone(),
        })
    }

    /// Sends a packet to a partition, once what is unread there leaves room for it.
    ///
    /// # Errors
    /// [`Error`] when there is no such partition, its reader stands still for 30 s, an earlier packet was not acknowledged, or
    /// the process was asked to stop.
    pub fn send(&mut self, partition: i32, key: Vec<u8>, packet: Bytes) -> Result<(), Error> {
        let bytes = packet.len();
        self.make_room(partition, bytes)?;
        let message = Outgoing { topic: &self.topic, partition: Some(partition), key: &key, payload: Some(&packet) };
        self.publisher.send(&message, &self.deliveries)?;
        let held = &mut self.partitions[partition as usize];
        held.sent += 1;
        held.bytes += bytes;
        held.unread.push_back(bytes);
        self.check()
    }

    /// Waits until everything sent was acknowledged, and returns how many packets that are.
    ///
    /// # Errors
    /// [`Error`] when a packet was not acknowledged, or the process was asked to stop.
    pub fn finish(&mut self) -> Result<u64, Error> {
        self.publisher.finish(&self.deliveries)?;
        self.check()?;
        Ok(self.partitions.iter().map(|partition| partition.sent as u64).sum())
    }

    fn check(&self) -> Result<(), Error> {
        self.publisher.explain(&self.deliveries, &self.topic)
    }

    fn make_room(&mut self, partition: i32, bytes: usize) -> Result<(), Error> {
        let topic = &self.topic;
        let no_partition =
            || Error::Change { topic: topic.to_string(), problem: format!("has no partition {partition}") };
        let index = usize::try_from(partition).map_err(|_| no_partition())?;
        let held = self.partitions.get_mut(index).ok_or_else(no_partition)?;
        let mut moved = Instant::now();
        let mut backoff = Backoff::every(&self.options, POLL);
        while held.bytes > 0 && held.bytes + bytes > UNREAD {
            let consumed = (self.consumed)(partition);
            if held.read_up_to(consumed) {
                moved = Instant::now();
                continue;
            }
            if moved.elapsed() >= PATIENCE {
                let (topic, seconds) = (&self.topic, PATIENCE.as_secs());
                let stuck = format!(
                    "nobody read on in {topic:?}, partition {partition}, from offset {consumed} for {seconds} s"
                );
                return Err(Error::Other(stuck));
            }
            backoff.pause().map_err(|_| Error::Stopped(held.unread.len()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::*;
    use crate::kafka::embedded::broker::EmbeddedBroker;

    #[test]
    fn packets_that_the_broker_refuses_are_counted() {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("alerts", 1).unwrap();
        let mut feeder = Feeder::new(&broker.options(), "alerts", 1, Arc::new(|_| 0)).unwrap();
        feeder.send(0, Vec::new(), "one".into()).unwrap();
        feeder.finish().unwrap();
        let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        broker.cluster().request_errors(RDKafkaApiKey::Produce, &[refused]);
        let sent = feeder.send(0, Vec::new(), "two".into());
        let error = sent.and_then(|()| feeder.finish()).unwrap_err().to_string();
        assert!(error.starts_with("1 of 2 records were not acknowledged, the first for topic \"alerts\""), "{error}");
        assert!(error.contains("the right to write"), "{error}");
    }
}
