//! Publishes outputs, dead letters and offsets to Kafka, each batch in one transaction. One batch is sent while the one before
//! is being committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::compression::Compression;
use crate::kafka::client::error::{Error, Remedy};
use crate::kafka::client::options::Options;
use crate::kafka::host::source::Client;
use crate::kafka::host::start;
use crate::kafka::host::transactions::{Transactions, take_over};
use crate::kafka::host::watch::{Stamped, Watch};
use crate::kafka::wire::Parcel;
use crate::pipeline::{Header, Position, Published, Record, Sink, SinkError};

/// The header of a dead letter whose payload the brokers found too large, and how many bytes it had.
pub const DROPPED_PAYLOAD: &str = "skysieve-dropped-payload";

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

/// What is to be done about a batch.
enum Next {
    /// It is committed.
    Nothing,
    /// Try again at once.
    Repeat,
    /// Try again after a pause, for this reason.
    Pause(String),
    /// The producer is of no use any more, for this reason, and the batch may have been committed.
    Renew(String),
}

/// How a record is sent. Each way is tried when the brokers found the one before it too large.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In a batch with others.
    Together,
    /// By itself.
    Alone,
    /// By itself, compressed as strongly as can be. It may have come so, because surveys' producers compress their batches.
    Compressed,
    /// As a dead letter without its payload.
    Dropped,
}

/// Where a group's offsets are, compared with a batch.
enum Found {
    /// Where the last commit of this host left them.
    Before,
    /// Behind the batch: it was committed.
    Behind,
    /// Another host has committed.
    Elsewhere,
}

struct Outgoing {
    record: Record,
    way: Way,
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
    ) -> [KafkaSink; 2] {
        let transactions = transactions.map(Mutex::new);
        let (sending, refused, repeats) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let shared =
            Arc::new(Shared { transactions, sending, refused, repeats, kept_alive: Mutex::new(Instant::now()) });
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
        let positions = self.offsets(&positions, batch.is_empty());
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

    /// Tries again until it is committed. No other sink sends meanwhile.
    fn repeat(&mut self, mut next: Next, batch: &mut [Outgoing], positions: &[Stamped]) -> Result<(), Error> {
        let shared = self.shared.clone();
        let _sending = shared.sending.lock();
        shared.repeats.fetch_add(1, Ordering::Release);
        let mut backoff = Backoff::until(shared.transactions(self.number).stop());
        loop {
            match next {
                Next::Nothing => return Ok(()),
                Next::Repeat => {}
                Next::Pause(reason) => {
                    self.watch.retry(&self.because(reason));
                    backoff.pause().map_err(|_| Error::Stopped(batch.len()))?;
                }
                Next::Renew(reason) => {
                    next = self.renew(positions, reason)?;
                    continue;
                }
            }
            let tried = shared.transactions(self.number).commit(&self.parcels(batch), positions);
            next = self.settle(tried, batch)?;
        }
    }

    /// Decides what to do after an attempt.
    fn settle(&self, tried: Result<(), Error>, batch: &mut [Outgoing]) -> Result<Next, Error> {
        let Err(error) = tried else { return Ok(Next::Nothing) };
        match error.remedy() {
            Remedy::Retry => Ok(Next::Pause(error.to_string())),
            Remedy::Shrink(large) => {
                // Each record is made smaller three times at most, and then refused.
                large.iter().try_for_each(|number| self.shrink(&mut batch[*number]))?;
                Ok(Next::Repeat)
            }
            Remedy::Renew => Ok(Next::Renew(error.to_string())),
            Remedy::GiveUp => Err(error),
        }
    }

    /// The records as they are sent.
    fn parcels<'a>(&self, batch: &'a [Outgoing]) -> Vec<Parcel<'a>> {
        let parcel = |Outgoing { record, way }: &'a Outgoing| {
            let compression = match way {
                Way::Together | Way::Alone => self.options.compression,
                Way::Compressed => Compression::Zstd,
                Way::Dropped => Compression::None,
            };
            Parcel { record, alone: *way != Way::Together, compression }
        };
        batch.iter().map(parcel).collect()
    }

    /// Makes a record smaller that was too large.
    fn shrink(&self, outgoing: &mut Outgoing) -> Result<(), Error> {
        let (topic, bytes) = (outgoing.record.topic.clone(), outgoing.record.payload.len());
        outgoing.way = match outgoing.way {
            Way::Together => Way::Alone,
            Way::Alone if self.options.compression != Compression::Zstd => {
                self.shared.refuse(&topic, bytes);
                Way::Compressed
            }
            Way::Alone | Way::Compressed => {
                // The pipeline counts and logs it.
                tracing::debug!(%topic, bytes, "too large for Kafka: a dead letter without payload instead");
                outgoing.drop_payload(&self.dead_letters);
                Way::Dropped
            }
            Way::Dropped => {
                return Err(Error::StillTooLarge { topic });
            }
        };
        Ok(())
    }

    /// The reason, and what is known of the brokers.
    fn because(&self, reason: String) -> String {
        match self.watch.trouble() {
            Some(trouble) if !reason.contains(&trouble) => {
                format!("{reason}; no Kafka broker can be reached ({trouble})")
            }
            _ => reason,
        }
    }

    /// Makes both producers anew after one has become useless. The batch may have been committed all the same.
    ///
    /// The brokers end a transaction that takes too long, which looks to the producer as if another host had taken its
    /// place. Whether one has, the group's offsets tell. They are asked for before this host takes the name over again, so
    /// that it does not end the other, and once more after that, when nothing is on its way any more. Both ids are taken
    /// over: otherwise two hosts might publish the same, each under one id.
    fn renew(&mut self, positions: &[Stamped], reason: String) -> Result<Next, Error> {
        let [mut first, mut second] = [0, 1].map(|number| self.shared.transactions(number));
        let begun = self.found(positions).and_then(|found| match found {
            Found::Elsewhere => Err(self.fenced()),
            _ => take_over([&mut first, &mut second], &self.options),
        });
        let found = match begun.and_then(|()| self.found(positions)) {
            Ok(Found::Elsewhere) => return Err(self.fenced()),
            Err(error) if error.may_pass() => return Ok(Next::Pause(format!("{reason}; {error}"))),
            found => found?,
        };
        first.be_sure();
        second.be_sure();
        if matches!(found, Found::Before) {
            return Ok(Next::Pause(reason));
        }
        self.watch.retry(&reason);
        Ok(Next::Nothing)
    }

    /// Finds out where the group's offsets are.
    fn found(&self, positions: &[Stamped]) -> Result<Found, Error> {
        let positions: Vec<&Position> = positions.iter().map(|stamped| &stamped.position).collect();
        let partitions: Vec<_> = positions.iter().map(|position| position.topic_partition()).collect();
        let found = start::committed(&self.consumer, &partitions, &self.options)?;
        let known = |position: &Position| self.watch.group(&position.topic, position.partition);
        let found = found.into_iter().map(|committed| committed.map(|committed| committed.offset));
        let mut pairs = positions.into_iter().zip(found);
        Ok(if pairs.clone().all(|(position, found)| found == Some(position.offset)) {
            Found::Behind
        } else if pairs.all(|(position, found)| found == known(position)) {
            Found::Before
        } else {
            Found::Elsewhere
        })
    }

    fn fenced(&self) -> Error {
        Error::Fenced { name: self.name.clone() }
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

impl Outgoing {
    /// Makes the record a dead letter without its payload, which was too large.
    fn drop_payload(&mut self, dead_letters: &Arc<str>) {
        let Record { topic, payload, headers, .. } = &mut self.record;
        let why = format!("{} bytes are more than topic {topic} takes (max.message.bytes)", payload.len());
        if topic != dead_letters {
            headers.insert(0, Header { name: "skysieve-kind".to_owned(), value: b"too-large".to_vec() });
            headers.insert(1, Header { name: "skysieve-reason".to_owned(), value: why.clone().into_bytes() });
            *topic = dead_letters.clone();
        }
        headers.push(Header { name: DROPPED_PAYLOAD.to_owned(), value: why.into_bytes() });
        *payload = Bytes::new();
    }
}
