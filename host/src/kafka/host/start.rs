//! From where a host reads: what its group has committed, and whether that is still in the topic.

use std::time::Instant;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::librdkafka::partitions::{ASK, list};
use crate::kafka::wire::TopicId;
use crate::pipeline::TopicPartition;

/// What a host does where the committed offset is not in the topic any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LostOffsets {
    /// It stops, and names the partition and the offsets.
    #[default]
    Stop,
    /// It goes on from the oldest message, and counts what is gone.
    Earliest,
}

/// What a group has committed for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Committed {
    /// The next message to read.
    pub offset: i64,
    /// The id that the topic had then, if that was written beside it.
    pub topic: Option<TopicId>,
}

/// The offsets that a partition has.
#[derive(Clone, Copy, Debug)]
pub(in crate::kafka) struct Range {
    /// The offset of its oldest message.
    pub oldest: i64,
    /// One past its last message.
    pub end: i64,
}

/// Asks the brokers until they answer or the patience ends.
fn ask<T>(options: &Options, mut question: impl FnMut() -> Result<T, KafkaError>) -> Result<T, Error> {
    use RDKafkaErrorCode::{ClusterAuthorizationFailed, GroupAuthorizationFailed, TopicAuthorizationFailed};
    let deadline = Instant::now() + options.patience;
    let mut backoff = Backoff::new(options);
    loop {
        let error = match question() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if let Some(code @ (TopicAuthorizationFailed | GroupAuthorizationFailed | ClusterAuthorizationFailed)) =
            error.rdkafka_error_code()
        {
            return Err(Error::MayNotRead { code, detail: String::new(), who: "the user of this host" });
        }
        if Instant::now() >= deadline {
            return Err(options.unreachable(error.to_string()));
        }
        tracing::debug!(%error, "asking for offsets once more");
        backoff.pause()?;
    }
}

/// Asks what the group has committed for each partition, until the coordinator answers or the patience ends.
pub(in crate::kafka) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    options: &Options,
) -> Result<Vec<Option<Committed>>, Error> {
    let asked = list(partitions, Offset::Invalid)?;
    let answer = ask(options, || {
        let answer = consumer.committed_offsets(asked.clone(), ASK.min(options.patience))?;
        answer.elements().iter().try_for_each(rdkafka::topic_partition_list::TopicPartitionListElem::error)?;
        Ok(answer)
    })?;
    Ok(partitions.iter().map(|partition| committed_of(&answer, partition)).collect())
}

fn committed_of(answer: &TopicPartitionList, partition: &TopicPartition) -> Option<Committed> {
    let found = answer.find_partition(&partition.topic, partition.partition)?;
    match found.offset() {
        Offset::Offset(offset) => Some(Committed { offset, topic: TopicId::parse(found.metadata()) }),
        _ => None,
    }
}

/// Asks for the offsets that a partition has now.
pub(in crate::kafka) fn range<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partition: &TopicPartition,
    options: &Options,
) -> Result<Range, Error> {
    let TopicPartition { topic, partition } = partition;
    let (oldest, end) = ask(options, || consumer.fetch_watermarks(topic, *partition, ASK))?;
    Ok(Range { oldest, end })
}

/// Asks where the first message of that time or later is in each partition, in milliseconds since 1970; the end where there
/// is none.
pub(in crate::kafka) fn at_time<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    milliseconds: i64,
    options: &Options,
) -> Result<Vec<Offset>, Error> {
    let asked = list(partitions, Offset::Offset(milliseconds))?;
    let answer = ask(options, || consumer.offsets_for_times(asked.clone(), 2 * ASK))?;
    let of = |partition: &TopicPartition| match answer.find_partition(&partition.topic, partition.partition) {
        Some(found) if matches!(found.offset(), Offset::Offset(_)) => found.offset(),
        _ => Offset::End,
    };
    Ok(partitions.iter().map(of).collect())
}
