//! Publishes outputs, dead letters and offsets to Kafka, each batch in one transaction. One batch is sent while the one before
//! is being committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::host::source::Client;
use crate::kafka::host::transactions::Transactions;
use crate::kafka::host::watch::{Stamped, Watch};
use crate::pipeline::{Position, Published, Record, Sink, SinkError, TopicPartition};
use retry::Next;
use too_large::{Outgoing, Way};

mod retry;
mod too_large;

pub use too_large::DROPPED_PAYLOAD;

/// How often the offsets of partitions without messages are committed beside those of others: brokers forget what was not
/// committed for days (`offsets.retention.minutes`).
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Publishes batches exactly once: a batch's records and the offsets behind it are committed in one transaction.
///
/// Batches that can't be committed just now are tried again, however long; the monitor tells why. A record that the
/// brokers find too large is compressed; if it still is, it becomes a dead letter without its payload.
pub struct KafkaSink {
    /// Which of the host's two sinks this is.
    number: usize,
    shared: Arc<Shared>,
    consumer: Arc<Client>,
    watch: Watch,
    options: Options,
    name: String,
    dead_letters: Arc<str>,
}

/// What a host's two sinks share, so that records are in the topics in the order in which they are committed. For example,
/// the last counter of a quota must be the last in its topic.
struct Shared {
    /// The transactions of each sink. A sink touches the other's only while it may commit and holds `sending`, when nobody
    /// else does.
    transactions: [Mutex<Transactions>; 2],
    /// Held by the sink that sends.
    sending: Mutex<()>,
    /// The bytes of the smallest payload that a topic has refused as too large by itself. Payloads that are as large are
    /// compressed at once, so that they don't cost each transaction an attempt.
    refused: Mutex<HashMap<Arc<str>, usize>>,
    /// How often a batch was sent once more. A batch that the other sink had sent before that is too early in its topics.
    repeats: AtomicU64,
    /// When the offsets of all partitions were last committed.
    kept_alive: Mutex<Instant>,
    /// Where the number of transactions is committed, instead of offsets of alerts.
    counted_at: Option<TopicPartition>,
}

/// A batch whose records were sent.
pub struct Sent {
    batch: Vec<Outgoing>,
    positions: Vec<Position>,
    /// What became of it.
    outcome: Result<(), Error>,
    /// [`Shared::repeats`] at that time.
    repeats: u64,
}

impl KafkaSink {
    /// The two sinks of a host that has taken its name over.
    pub(super) fn pair(
        transactions: [Transactions; 2],
        consumer: &Arc<Client>,
        options: &Options,
        watch: &Watch,
        name: &str,
        dead_letters: &Arc<str>,
        counted_at: Option<TopicPartition>,
    ) -> [KafkaSink; 2] {
        let transactions = transactions.map(Mutex::new);
        let (sending, refused, repeats) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let kept_alive = Mutex::new(Instant::now());
        let shared = Arc::new(Shared { transactions, sending, refused, repeats, kept_alive, counted_at });
        [0, 1].map(|number| KafkaSink {
            number,
            shared: shared.clone(),
            consumer: consumer.clone(),
            watch: watch.clone(),
            options: options.clone(),
            name: name.to_owned(),
            dead_letters: dead_letters.clone(),
        })
    }

    fn finish(&mut self, sent: Sent) -> Result<Published, Error> {
        let Sent { mut batch, positions, outcome, repeats } = sent;
        let positions = self.offsets(&self.count(positions, batch.is_empty()), batch.is_empty());
        if batch.is_empty() && positions.is_empty() {
            return Ok(Published::default());
        }
        let mut next = Next::Repeat;
        if repeats == self.shared.repeats.load(Ordering::Acquire) {
            let finished = outcome.and_then(|()| self.shared.transactions(self.number).finish(&positions));
            next = self.settle(finished, &mut batch)?;
        }
        if !matches!(next, Next::Nothing) {
            self.repeat(next, &mut batch, &positions)?;
        }
        self.watch.published(&positions);
        let dropped = batch.iter().enumerate().filter(|(_, outgoing)| outgoing.way == Way::Dropped);
        Ok(Published { too_large: dropped.map(|(number, _)| number).collect() })
    }

    /// The number of this transaction in the place of its positions, if transactions are counted. Positions that go back
    /// and forth would not tell whether a batch was committed; a number that grows does.
    fn count(&self, positions: Vec<Position>, nothing_published: bool) -> Vec<Position> {
        let Some(TopicPartition { topic, partition }) = &self.shared.counted_at else { return positions };
        let committed = self.watch.group(topic, *partition).unwrap_or(0);
        let next = Position { topic: topic.clone(), partition: *partition, offset: committed + 1 };
        if nothing_published { Vec::new() } else { vec![next] }
    }

    /// The offsets to commit with a batch, now that everything before it is committed: its own, and now and then those of
    /// the other partitions once more.
    fn offsets(&self, positions: &[Position], nothing_published: bool) -> Vec<Stamped> {
        let mut stamped = self.watch.stamp(positions);
        let mut kept_alive = self.shared.kept_alive.lock();
        if nothing_published && positions.is_empty() || kept_alive.elapsed() >= KEEP_ALIVE {
            *kept_alive = Instant::now();
            let others = self.watch.kept_alive().into_iter().filter(|kept| {
                let Position { topic, partition, .. } = &kept.position;
                !positions.iter().any(|own| own.partition == *partition && own.topic == *topic)
            });
            stamped.extend(others);
        }
        stamped
    }
}

impl Shared {
    fn transactions(&self, number: usize) -> MutexGuard<'_, Transactions> {
        self.transactions[number].lock()
    }

    /// Chooses the way in which a record's topic may take it.
    fn outgoing(&self, record: Record) -> Outgoing {
        let is_large = self.refused.lock().get(&record.topic).is_some_and(|refused| record.payload.len() >= *refused);
        Outgoing { way: if is_large { Way::Compressed } else { Way::Together }, record }
    }

    /// Takes note that a topic does not take payloads of so many bytes as they are.
    fn refuse(&self, topic: &Arc<str>, bytes: usize) {
        let mut refused = self.refused.lock();
        let smallest = refused.entry(topic.clone()).or_insert(bytes);
        *smallest = bytes.min(*smallest);
    }
}

impl Sink for KafkaSink {
    type Sent = Sent;

    fn send(&mut self, records: Vec<Record>, positions: Vec<Position>) -> Sent {
        let batch: Vec<Outgoing> = records.into_iter().map(|record| self.shared.outgoing(record)).collect();
        let _sending = self.shared.sending.lock();
        let repeats = self.shared.repeats.load(Ordering::Acquire);
        let outcome = self.shared.transactions(self.number).send(&self.parcels(&batch));
        Sent { batch, positions, outcome, repeats }
    }

    fn commit(&mut self, sent: Sent) -> Result<Published, SinkError> {
        Ok(self.finish(sent)?)
    }
}
