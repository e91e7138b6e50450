//! Where a group begins: what `--from` asks for, as offsets.
//!
//! `--from` holds once for a group, when the first of its members starts. That member commits the offsets before it joins,
//! because brokers let nobody do so once the group has members. All members then go on from the group's offsets, whichever
//! partitions they are given, and read partitions that are added later from their beginning. If the group already has members
//! that read other topics, or if nothing is to be committed, the offsets are kept in this process.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::group::Members;
use super::topic_ids::TopicIds;
use super::{Acknowledge, FollowConfig};
use crate::kafka::client::backoff::{Backoff, TICK};
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::client::start_at::StartAt;
use crate::kafka::librdkafka::look::Look;
use crate::pipeline::TopicPartition;

/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(10);

/// Where this process begins in partitions that it has not read, whatever the group has committed.
#[derive(Default)]
pub(super) struct Beginning {
    offsets: HashMap<TopicPartition, i64>,
    /// Whether other partitions count as new and are read from their beginning; else they go on from the group's offsets.
    alone: bool,
}

impl Beginning {
    /// Where to begin in a partition, if that is given.
    pub(super) fn of(&self, partition: &TopicPartition) -> Option<Offset> {
        match self.offsets.get(partition) {
            Some(offset) => Some(Offset::Offset(*offset)),
            None => self.alone.then_some(Offset::Beginning),
        }
    }

    /// Finds the offsets that `config` asks for, and makes the group begin there unless it has begun.
    pub(super) fn find<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        config: &FollowConfig,
        options: &Options,
        ids: &mut TopicIds,
    ) -> Result<Beginning, Error> {
        if config.start == StartAt::Committed {
            return Ok(Beginning::default());
        }
        let topics = topics(consumer, &config.topics)?;
        ids.learn(topics.iter().map(|topic| topic.as_str().into()));
        let alone = config.acknowledge == Acknowledge::Never;
        let members = if alone { Members::default() } else { Members::of(consumer, &config.group, options)? };
        let new = members.leave_out(topics.clone(), &config.group);
        let mut offsets = offsets(consumer, &new, config.start, options)?;
        if alone || !members.is_empty() {
            return Ok(Beginning { offsets, alone });
        }
        if commit(consumer, &config.group, &offsets, options, ids)? {
            return Ok(Beginning::default());
        }
        // Another member has joined in the meantime, or these brokers let nobody but members commit.
        let left = Members::of(consumer, &config.group, options)?.leave_out(topics, &config.group);
        offsets.retain(|partition, _| left.contains(&*partition.topic));
        Ok(Beginning { offsets, alone })
    }
}

/// The topics that have these names, or match these patterns.
fn topics<C: ConsumerContext>(consumer: &BaseConsumer<C>, asked: &[String]) -> Result<BTreeSet<String>, Error> {
    let metadata = consumer.fetch_metadata(None, ASK)?;
    // A pattern that the regex crate does not understand, but librdkafka does, might match any topic.
    let matches = |pattern: &String, name: &str| regex::Regex::new(pattern).map_or(true, |regex| regex.is_match(name));
    let is_asked = |name: &str| {
        asked
            .iter()
            .any(|asked| asked == name || asked.starts_with('^') && !name.starts_with("__") && matches(asked, name))
    };
    Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).filter(|name| is_asked(name)).collect())
}

/// The offset in each partition of these topics.
fn offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &BTreeSet<String>,
    start: StartAt,
    options: &Options,
) -> Result<HashMap<TopicPartition, i64>, Error> {
    let mut found = HashMap::new();
    let mut look = None;
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
        let described = metadata.topics().iter().find(|described| described.name() == topic);
        for partition in described.map_or(&[][..], |described| described.partitions()) {
            if options.stopping() {
                return Err(Error::Stopped(0));
            }
            let partition = TopicPartition::new(topic.as_str(), partition.id());
            let (low, high) = consumer.fetch_watermarks(topic, partition.partition, ASK)?;
            let offset = match start {
                StartAt::Committed | StartAt::Earliest => low,
                StartAt::Latest => high,
                StartAt::Time(time) => of_time(consumer, &partition, time)?.unwrap_or(high),
                StartAt::Last(count) => {
                    let look = match &mut look {
                        Some(look) => look,
                        none => none.insert(Look::new(options)?),
                    };
                    look.last(&partition, (low, high), count)?
                }
            };
            found.insert(partition, offset);
        }
    }
    Ok(found)
}

/// The offset of a partition's first message from that time on.
fn of_time<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partition: &TopicPartition,
    time: i64,
) -> Result<Option<i64>, Error> {
    let TopicPartition { topic, partition } = partition;
    let mut times = TopicPartitionList::new();
    times.add_partition_offset(topic, *partition, Offset::Offset(time))?;
    let answer = consumer.offsets_for_times(times, ASK)?;
    let Some(found) = answer.find_partition(topic, *partition) else { return Ok(None) };
    found.error()?;
    Ok(if let Offset::Offset(offset) = found.offset() { Some(offset) } else { None })
}

/// Commits offsets for the group. Returns false if it has members by now, so that nobody else may commit.
fn commit<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    group: &str,
    offsets: &HashMap<TopicPartition, i64>,
    options: &Options,
    ids: &TopicIds,
) -> Result<bool, Error> {
    use RDKafkaErrorCode::*;
    if offsets.is_empty() {
        return Ok(true);
    }
    let mut list = TopicPartitionList::new();
    for (TopicPartition { topic, partition }, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    ids.note(&list);
    let deadline = Instant::now() + options.patience;
    let mut backoff = Backoff::every(options, TICK);
    loop {
        let Err(error) = consumer.commit(&list, CommitMode::Sync) else { return Ok(true) };
        match error.rdkafka_error_code() {
            Some(UnknownMemberId | IllegalGeneration | RebalanceInProgress | FencedInstanceId | StaleMemberEpoch) => {
                return Ok(false);
            }
            Some(GroupAuthorizationFailed | TopicAuthorizationFailed) => return Err(not_committed(group, &error)),
            _ if Instant::now() >= deadline => return Err(not_committed(group, &error)),
            _ => backoff.pause()?,
        }
    }
}

fn not_committed(group: &str, error: &KafkaError) -> Error {
    let problem = format!("where to begin can't be committed for the consumer group: {error}");
    Error::NotCommitted { group: group.to_owned(), problem }
}
