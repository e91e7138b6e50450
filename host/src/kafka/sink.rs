//! Outputs, dead letters and offsets to Kafka, each batch in one transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::connection::TICK;
use super::publisher::Receipts;
use super::source::Client;
use super::transaction::{Failure, Transactions};
use super::{Error, Options, Watch, start};
use crate::pipeline::{Header, Position, Record, Sink, SinkError};

/// The header of a dead letter whose payload the brokers found too large, and how many bytes it had.
pub const DROPPED_PAYLOAD: &str = "skysieve-dropped-payload";

/// The pause before a batch is tried again, doubled each time up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A transaction that takes longer is aborted by the brokers, who then refuse the producer as if it were fenced.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Publishes batches exactly once: a batch's records and the offsets behind it are committed in one transaction.
///
/// Batches that can't be committed just now are tried again, however long; the monitor tells why. A record that the
/// brokers find too large becomes a dead letter without its payload.
pub struct KafkaSink {
    transactions: Transactions,
    consumer: Arc<Client>,
    group: ConsumerGroupMetadata,
    watch: Watch,
    options: Options,
    name: String,
    dead_letters: Arc<str>,
}

/// How a record is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In a batch with others, as librdkafka sees fit.
    Together,
    /// By itself: a batch with it was too large.
    Alone,
    /// As a dead letter: by itself it was too large.
    Dropped,
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
    ) -> Result<KafkaSink, Error> {
        let no_group = || Error::Other("librdkafka knows of no consumer group".to_owned());
        let group = consumer.group_metadata().ok_or_else(no_group)?;
        let (options, name) = (options.clone(), name.to_owned());
        Ok(KafkaSink { transactions, consumer, group, watch, options, name, dead_letters })
    }

    /// One transaction with the batch in it.
    fn attempt(&self, batch: &mut [Outgoing], positions: &TopicPartitionList) -> Result<(), Failure> {
        self.transactions.open()?;
        let publisher = &self.transactions.publisher;
        let receipts = Arc::new(Receipts::default());
        for (number, outgoing) in batch.iter().enumerate() {
            if outgoing.way == Way::Together {
                publisher.send(&outgoing.record, None, number, &receipts)?;
            }
        }
        publisher.wait(&receipts, 0)?;
        for (number, outgoing) in batch.iter().enumerate() {
            if outgoing.way != Way::Together {
                publisher.send(&outgoing.record, None, number, &receipts)?;
                publisher.wait(&receipts, 0)?;
            }
        }
        self.check(&receipts.take_failed(), batch)?;
        self.transactions.offsets(positions, &self.group)?;
        self.transactions.commit()
    }

    /// The same; a transaction that failed is taken back.
    fn attempt_or_abort(&self, batch: &mut [Outgoing], positions: &TopicPartitionList) -> Result<(), Failure> {
        let reason = match self.attempt(batch, positions) {
            Err(Failure::Abort(reason)) => reason,
            tried => return tried,
        };
        match self.transactions.abort() {
            Ok(()) | Err(Failure::Abort(_)) => Err(Failure::Abort(reason)),
            Err(worse) => Err(worse),
        }
    }

    /// Sorts out why records were not acknowledged, if any was not.
    fn check(&self, failed: &[(usize, RDKafkaErrorCode)], batch: &mut [Outgoing]) -> Result<(), Failure> {
        use RDKafkaErrorCode::*;
        let too_large = |code| matches!(code, MessageSizeTooLarge | MessageBatchTooLarge);
        let large: Vec<usize> = failed.iter().filter(|(_, code)| too_large(*code)).map(|(number, _)| *number).collect();
        if !large.is_empty() {
            large.into_iter().try_for_each(|number| batch[number].shrink(&self.dead_letters))?;
            return Err(Failure::Abort(String::new()));
        }
        let Some(&(number, code)) = failed.first() else { return Ok(()) };
        let topic = &batch[number].record.topic;
        let reason = format!(
            "{} of {} records were not acknowledged, the first for topic {topic:?}: {code}",
            failed.len(),
            batch.len()
        );
        match code {
            UnknownTopic | UnknownTopicOrPartition | UnknownPartition => {
                Err(Failure::Fatal(Error::Other(format!("{reason}; create the topic"))))
            }
            TopicAuthorizationFailed | ClusterAuthorizationFailed => Err(Failure::Fatal(Error::Other(format!(
                "{reason}; the user of this host needs the right to write to it"
            )))),
            // If the producer is of no use any more, taking the transaction back will tell.
            _ => Err(Failure::Abort(reason)),
        }
    }

    fn publish_all(&mut self, records: Vec<Record>, positions: &[Position]) -> Result<(), Error> {
        let list = offsets(positions)?;
        let mut batch: Vec<Outgoing> =
            records.into_iter().map(|record| Outgoing { record, way: Way::Together }).collect();
        let (mut pause, mut stop_at, mut lost) = (PAUSES.0, None, false);
        loop {
            let begun = Instant::now();
            let tried = if lost { Err(Failure::lost()) } else { self.attempt_or_abort(&mut batch, &list) };
            match tried {
                Ok(()) => break,
                Err(Failure::Fatal(error)) => return Err(error),
                // Smaller now.
                Err(Failure::Abort(reason)) if reason.is_empty() => continue,
                Err(Failure::Abort(reason)) => self.watch.retry(&self.because(reason)),
                Err(Failure::Lost { fenced, reason }) => {
                    if fenced && begun.elapsed() < TRANSACTION_TIMEOUT {
                        return Err(self.fenced());
                    }
                    self.watch.retry(&reason);
                    match self.renew(positions) {
                        Ok(true) => break,
                        Ok(false) => lost = false,
                        Err(error) if error.may_pass() => lost = true,
                        Err(error) => return Err(error),
                    }
                }
            }
            let patience = Duration::from_secs(4);
            if self.options.stopping() && Instant::now() >= *stop_at.get_or_insert_with(|| Instant::now() + patience) {
                return Err(Error::Stopped(batch.len()));
            }
            wait(pause, &self.options);
            pause = (2 * pause).min(PAUSES.1);
        }
        self.watch.published(positions);
        Ok(())
    }

    /// The reason with what is known of the brokers.
    fn because(&self, reason: String) -> String {
        match self.transactions.publisher.trouble() {
            Some(trouble) => format!("{reason}; no Kafka broker can be reached ({trouble})"),
            None => reason,
        }
    }

    /// A new producer in place of one that is of no use any more; whether the batch had been committed all the same.
    ///
    /// The brokers end a transaction that takes too long, which looks to the producer as if another host had taken its
    /// place. Whether one has is told by the group's offsets.
    fn renew(&mut self, positions: &[Position]) -> Result<bool, Error> {
        self.transactions = Transactions::begin(&self.options, &self.name)?;
        let partitions: Vec<_> =
            positions.iter().map(|position| (position.topic.clone(), position.partition)).collect();
        let found = start::committed(&self.consumer, &partitions, self.options.patience)
            .map_err(|error| self.options.unreachable(error.to_string()))?;
        let after = positions.iter().zip(&found).all(|(position, found)| *found == Some(position.offset));
        let before = positions
            .iter()
            .zip(&found)
            .all(|(position, found)| *found == self.watch.committed(&position.topic, position.partition));
        if after || before { Ok(after) } else { Err(self.fenced()) }
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

fn offsets(positions: &[Position]) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::new();
    for Position { topic, partition, offset } in positions {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

/// Waits, unless the process shall stop.
fn wait(pause: Duration, options: &Options) {
    let until = Instant::now() + pause;
    while Instant::now() < until && !options.stopping() {
        std::thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
    }
}
