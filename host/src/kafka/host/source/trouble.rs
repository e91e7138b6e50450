//! What a consumer's errors mean.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaSource;
use crate::kafka::client::error::Error;
use crate::pipeline::Position;

/// A partition that makes no progress for so long after such an error is taken for the one that can't be read, because
/// librdkafka does not say which it is.
const STUCK: Duration = Duration::from_secs(1);

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

    /// Reports where messages can't be read. Reading goes on in the other partitions.
    fn unreadable(&mut self, why: &str) {
        let lags = self.watch.lags();
        let known = self.known.iter().filter_map(|partition| {
            let lag = lags.iter().find(|lag| *lag.topic == *partition.topic && lag.partition == partition.partition)?;
            let position =
                Position { topic: partition.topic.clone(), partition: partition.partition, offset: lag.position? };
            Some((position, lag.behind()))
        });
        let positions: Vec<(Position, Option<i64>)> = known.collect();
        let all = || positions.iter().map(|(position, _)| position.clone()).collect();
        let (since, before) = self.unreadable.get_or_insert_with(|| (Instant::now(), all()));
        if since.elapsed() < STUCK {
            return;
        }
        // The end of a partition may not be known yet: then it may be this one.
        let stuck = positions.iter().filter(|(position, behind)| *behind != Some(0) && before.contains(position));
        let stuck: Vec<Position> = stuck.map(|(position, _)| position.clone()).collect();
        if stuck.is_empty() {
            self.unreadable = None;
            return;
        }
        let named = |position: &Position| format!("{} from offset {}", position.topic_partition(), position.offset);
        let named: Vec<String> = stuck.iter().map(named).collect();
        *before = stuck;
        self.watch.unreadable(Some(format!(
            "{}: {why}: a batch of messages there is damaged, or compressed in a way that is not known. Reading goes on \
             there once it is deleted (kafka-delete-records), with --on-lost-offsets earliest",
            named.join(", or ")
        )));
    }

    /// Messages have come, perhaps of the partition that could not be read.
    pub(super) fn readable(&mut self) {
        let Some((_, stuck)) = &mut self.unreadable else { return };
        let watch = &self.watch;
        stuck.retain(|at| watch.position(&at.topic, at.partition) == Some(at.offset));
        if stuck.is_empty() {
            self.unreadable = None;
            self.watch.unreadable(None);
        }
    }
}
