//! Outputs, dead letters and offsets to Kafka, each batch in one transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::connection::TICK;
use super::source::Client;
use super::transaction::{Failure, Transactions};
use super::wire::Parcel;
use super::{Error, Options, Watch, start};
use crate::pipeline::{Header, Position, Record, Sink, SinkError};

/// The header of a dead letter whose payload the brokers found too large, and how many bytes it had.
pub const DROPPED_PAYLOAD: &str = "skysieve-dropped-payload";

/// The pause before a batch is tried again, doubled each time up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Publishes batches exactly once: a batch's records and the offsets behind it are committed in one transaction.
///
/// Batches that can't be committed just now are tried again, however long; the monitor tells why. A record that the
/// brokers find too large becomes a dead letter without its payload.
pub struct KafkaSink {
    transactions: Transactions,
    consumer: Arc<Client>,
    watch: Watch,
    options: Options,
    name: String,
    dead_letters: Arc<str>,
}

/// How a record is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In a batch with others.
    Together,
    /// By itself: a batch with it was too large.
    Alone,
    /// As a dead letter: by itself it was too large.
    Dropped,
}

/// Where a group's offsets are, seen from a batch.
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
    /// `transactions` are those of the host's name.
    pub(super) fn new(
        transactions: Transactions,
        consumer: Arc<Client>,
        options: &Options,
        watch: Watch,
        name: &str,
        dead_letters: Arc<str>,
    ) -> KafkaSink {
        let (options, name) = (options.clone(), name.to_owned());
        KafkaSink { transactions, consumer, watch, options, name, dead_letters }
    }

    fn publish_all(&mut self, records: Vec<Record>, positions: &[Position]) -> Result<(), Error> {
        let mut batch: Vec<Outgoing> =
            records.into_iter().map(|record| Outgoing { record, way: Way::Together }).collect();
        let mut pause = PAUSES.0;
        while let Some(reason) = self.attempt(&mut batch, positions)? {
            self.watch.retry(&self.because(reason));
            if self.transactions.is_stopped() {
                return Err(Error::Stopped(batch.len()));
            }
            wait(pause, &self.options);
            pause = (2 * pause).min(PAUSES.1);
        }
        self.watch.published(positions);
        Ok(())
    }

    /// Tries to commit the batch; why it has to be tried again, if so.
    fn attempt(&mut self, batch: &mut [Outgoing], positions: &[Position]) -> Result<Option<String>, Error> {
        loop {
            let parcels: Vec<Parcel<'_>> = batch.iter().map(Outgoing::parcel).collect();
            return match self.transactions.commit(&parcels, positions) {
                Ok(()) => Ok(None),
                Err(Failure::TooLarge(large)) => {
                    // Each record is made smaller twice at most, and then refused.
                    large.into_iter().try_for_each(|number| batch[number].shrink(&self.dead_letters))?;
                    continue;
                }
                Err(Failure::Again(reason)) => Ok(Some(reason)),
                Err(Failure::Lost { fenced: true, .. }) => Err(self.fenced()),
                Err(Failure::Lost { reason, .. }) => self.renew(positions, reason),
                Err(Failure::Fatal(error)) => Err(error),
            };
        }
    }

    /// The reason with what is known of the brokers.
    fn because(&self, reason: String) -> String {
        match self.watch.trouble() {
            Some(trouble) if !reason.contains(&trouble) => {
                format!("{reason}; no Kafka broker can be reached ({trouble})")
            }
            _ => reason,
        }
    }

    /// A new producer in place of one that is of no use any more. Whether the batch had been committed all the same is told
    /// as by [`attempt`](Self::attempt).
    ///
    /// The brokers end a transaction that takes too long, which looks to the producer as if another host had taken its
    /// place. Whether one has is told by the group's offsets: asked for before this host takes the name over again, so that
    /// it does not end the other, and after that, when nothing is on its way any more.
    fn renew(&mut self, positions: &[Position], reason: String) -> Result<Option<String>, Error> {
        let begun = self.found(positions).and_then(|found| match found {
            Found::Elsewhere => Err(self.fenced()),
            _ => self.transactions.renew(),
        });
        match begun.and_then(|()| self.found(positions)) {
            Ok(Found::Elsewhere) => Err(self.fenced()),
            Ok(Found::Behind) => {
                self.transactions.be_sure();
                self.watch.retry(&reason);
                Ok(None)
            }
            Ok(Found::Before) => {
                self.transactions.be_sure();
                Ok(Some(reason))
            }
            Err(error) if error.may_pass() => Ok(Some(format!("{reason}; {error}"))),
            Err(error) => Err(error),
        }
    }

    /// Where the group's offsets are.
    fn found(&self, positions: &[Position]) -> Result<Found, Error> {
        let partition = |position: &Position| (position.topic.clone(), position.partition);
        let partitions: Vec<_> = positions.iter().map(partition).collect();
        let found = start::committed(&self.consumer, &partitions, self.options.patience)
            .map_err(|error| self.options.unreachable(error.to_string()))?;
        let known = |position: &Position| self.watch.committed(&position.topic, position.partition);
        let mut pairs = positions.iter().zip(found);
        Ok(if pairs.clone().all(|(position, found)| found == Some(position.offset)) {
            Found::Behind
        } else if pairs.all(|(position, found)| found == known(position)) {
            Found::Before
        } else {
            Found::Elsewhere
        })
    }

    fn fenced(&self) -> Error {
        Error::Other(format!(
            "another host named {:?} has taken over; nothing is lost or doubled. Hosts that shall all see the whole stream \
             need different names (--name)",
            self.name
        ))
    }
}

impl Sink for KafkaSink {
    fn publish(&mut self, records: Vec<Record>, positions: &[Position]) -> Result<(), SinkError> {
        Ok(self.publish_all(records, positions)?)
    }
}

impl Outgoing {
    fn parcel(&self) -> Parcel<'_> {
        Parcel { record: &self.record, alone: self.way != Way::Together }
    }

    /// Makes of a record that was too large one that may not be.
    fn shrink(&mut self, dead_letters: &Arc<str>) -> Result<(), Error> {
        let Record { topic, payload, headers, .. } = &mut self.record;
        match self.way {
            Way::Together => self.way = Way::Alone,
            Way::Alone => {
                let bytes = payload.len();
                let why = format!("{bytes} bytes are more than topic {topic} takes (max.message.bytes)");
                tracing::warn!(%topic, bytes, "too large for Kafka: a dead letter without payload instead");
                if topic != dead_letters {
                    headers.insert(0, Header { name: "skysieve-kind".to_owned(), value: b"too-large".to_vec() });
                    headers.insert(1, Header { name: "skysieve-reason".to_owned(), value: why.clone().into_bytes() });
                    *topic = dead_letters.clone();
                }
                headers.push(Header { name: DROPPED_PAYLOAD.to_owned(), value: why.into_bytes() });
                *payload = Bytes::new();
                self.way = Way::Dropped;
            }
            Way::Dropped => {
                return Err(Error::Other(format!(
                    "a record for topic {topic:?} is too large even without its payload"
                )));
            }
        }
        Ok(())
    }
}

/// Waits, unless the process shall stop.
fn wait(pause: Duration, options: &Options) {
    let until = Instant::now() + pause;
    while Instant::now() < until && !options.stopping() {
        std::thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
    }
}
