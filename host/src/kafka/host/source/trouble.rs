//! What a consumer's errors mean.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaSource;
use super::recreated::Restart;
use crate::health::PartitionLag;
use crate::kafka::client::error::Error;
use crate::pipeline::Position;

/// A partition that makes no progress for so long after such an error is taken for the one that can't be read, because
/// librdkafka does not say which it is.
const STUCK: Duration = Duration::from_secs(1);

/// How often such a partition is read again from there: the batch may have been deleted.
const AGAIN: Duration = Duration::from_secs(5);

/// Messages that can't be read, in one of some partitions.
pub(super) struct Unreadable {
    why: String,
    /// How far partitions were read when that was said, without those that have got on since. `None`: not looked yet.
    at: Option<Vec<Position>>,
    /// Since when one of these has had messages that don't come.
    behind: Option<Instant>,
    /// When they were last read from there again.
    again: Instant,
}

impl KafkaSource {
    /// Sorts an error of the consumer: one that may pass by itself is waited out.
    pub(super) fn failed(&mut self, error: &KafkaError) -> Result<(), Error> {
        use RDKafkaErrorCode::*;
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return Err(Error::ReadingEnded { reason: code.to_string(), advice: "; restart this host" });
        }
        let watch = self.watch.clone();
        let connection = watch.connection();
        connection.check()?;
        match error.rdkafka_error_code() {
            Some(code @ (UnknownTopic | UnknownTopicOrPartition | UnknownPartition)) => {
                // A broker that has just started may not know of it yet.
                if self.absent.get_or_insert_with(Instant::now).elapsed() < self.options.patience {
                    return Ok(());
                }
                let reason = format!("{code} ({})", connection.reason());
                Err(Error::ReadingEnded { reason, advice: ": was the topic deleted while it was read?" })
            }
            Some(code @ (TopicAuthorizationFailed | GroupAuthorizationFailed | ClusterAuthorizationFailed)) => {
                let detail = format!(" ({})", connection.reason());
                Err(Error::MayNotRead { code, detail, who: "the user of this host" })
            }
            Some(AutoOffsetReset | OffsetOutOfRange) => self.compare_offsets(),
            Some(
                code @ (BadMessage
                | BadCompression
                | InvalidMessage
                | InvalidMessageSize
                | UnsupportedCompressionType
                | NotImplemented),
            ) => {
                self.unreadable(&code.to_string());
                Ok(())
            }
            _ => {
                connection.report();
                Ok(())
            }
        }
    }

    /// Takes note of messages that can't be read. librdkafka says so once, and not of which partition: it is one that does
    /// not get on from here.
    fn unreadable(&mut self, why: &str) {
        self.unreadable.get_or_insert_with(|| Unreadable {
            why: why.to_owned(),
            at: None,
            behind: None,
            again: Instant::now(),
        });
    }

    /// Says where messages are that can't be read, once that is known. The other partitions are read on. All messages that
    /// were fetched are counted by now.
    pub(super) fn look_for_unreadable(&mut self) -> Result<(), Error> {
        let Some(Unreadable { why, at, behind, again }) = &mut self.unreadable else { return Ok(()) };
        let lags = self.watch.lags();
        let position = |lag: &PartitionLag| {
            Some(Position { topic: (*lag.topic).into(), partition: lag.partition, offset: lag.position? })
        };
        let at = at.get_or_insert_with(|| lags.iter().filter_map(position).collect());
        // The end of a partition may not be known yet: then it may be this one.
        let stuck = lags.iter().filter(|lag| lag.behind() != Some(0)).filter_map(position);
        let stuck: Vec<Position> = stuck.filter(|position| at.contains(position)).collect();
        if stuck.is_empty() {
            if behind.take().is_some() {
                self.watch.unreadable(None);
            }
            return Ok(());
        }
        if behind.get_or_insert_with(Instant::now).elapsed() < STUCK {
            return Ok(());
        }
        let named = |position: &Position| format!("{} from offset {}", position.topic_partition(), position.offset);
        let named: Vec<String> = stuck.iter().map(named).collect();
        self.watch.unreadable(Some(format!(
            "{}: {why}: a batch of messages there is damaged, or compressed in a way that is not known. Reading goes on \
             there once it is deleted (kafka-delete-records), with --on-lost-offsets earliest",
            named.join(", or ")
        )));
        let due = again.elapsed() >= AGAIN && self.restarts.is_empty();
        *at = stuck.clone();
        if due {
            *again = Instant::now();
            // librdkafka has gone on behind the batch, or at an offset that it took from what is damaged.
            for position in stuck {
                let (partition, id) = (position.topic_partition(), self.watch.topic_id(&position.topic));
                let partitions = vec![(partition, position.offset)];
                self.restart(Restart { topic: position.topic, id, partitions })?;
            }
        }
        Ok(())
    }

    /// Messages have come, perhaps of the partition that could not be read.
    pub(super) fn readable(&mut self) {
        let Some(Unreadable { at: Some(at), .. }) = &mut self.unreadable else { return };
        let watch = &self.watch;
        at.retain(|at| watch.position(&at.topic, at.partition) == Some(at.offset));
        if at.is_empty() {
            self.unreadable = None;
            self.watch.unreadable(None);
        }
    }
}
