//! A source and a sink in memory, for tests and for work without Kafka.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;

use super::io::{BatchLimits, Message, Position, Published, Record, Sink, SinkError, Source, SourceError};

/// A topic with one partition, which is fed through a channel. It ends when the sender is dropped.
pub struct MemorySource {
    packets: Receiver<Bytes>,
    topic: Arc<str>,
    next: i64,
}

impl MemorySource {
    /// Makes a topic with that name, and the sender that feeds it.
    pub fn new(topic: &str) -> (MemorySource, Sender<Bytes>) {
        let (sender, packets) = unbounded();
        (MemorySource::of(topic, packets), sender)
    }

    /// Makes a topic that is fed by the sender of this receiver.
    pub fn of(topic: &str, packets: Receiver<Bytes>) -> MemorySource {
        MemorySource { packets, topic: topic.into(), next: 0 }
    }

    fn push(&mut self, batch: &mut Vec<Message>, bytes: Bytes) {
        batch.push(Message { bytes, topic: self.topic.clone(), partition: 0, offset: self.next, timestamp: None });
        self.next += 1;
    }
}

impl Source for MemorySource {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        match self.packets.recv_timeout(wait) {
            Ok(bytes) => self.push(batch, bytes),
            Err(error) => return Ok(error.is_timeout()),
        }
        let mut size = batch[0].bytes.len();
        while batch.len() < limits.count && size < limits.bytes {
            let Ok(bytes) = self.packets.recv_timeout(limits.linger) else { break };
            size += bytes.len();
            self.push(batch, bytes);
        }
        Ok(true)
    }
}

/// A sink that keeps what is published.
#[derive(Clone, Debug, Default)]
pub struct MemorySink {
    records: Arc<Mutex<Vec<Record>>>,
    committed: Arc<Mutex<Vec<Position>>>,
}

impl MemorySink {
    /// All records published so far, in order.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().clone()
    }

    /// The positions committed so far, in order.
    pub fn committed(&self) -> Vec<Position> {
        self.committed.lock().clone()
    }
}

impl Sink for MemorySink {
    type Sent = (Vec<Record>, Vec<Position>);

    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Self::Sent {
        (records, positions)
    }

    fn commit(&mut self, (records, positions): Self::Sent) -> Result<Published, SinkError> {
        self.records.lock().extend(records);
        self.committed.lock().extend(positions);
        Ok(Published::default())
    }
}
