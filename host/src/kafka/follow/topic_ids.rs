//! The ids of the topics that are followed. A topic that is deleted and created anew has another id, and its messages have
//! the offsets of others: a group that was in the old topic reads the new one from its beginning. Kafka itself does not say
//! so, and librdkafka reads on at the old offset.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;

use crate::kafka::client::options::Options;
use crate::kafka::wire::{Cluster, LastSeen, TopicId};

/// How often the ids are compared while no message comes.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The ids that are known, and who is asked for them.
pub(super) struct TopicIds {
    /// `None`: nobody can be asked, as the brokers are too old, or the settings are only for librdkafka.
    cluster: Option<Cluster>,
    known: HashMap<Arc<str>, TopicId>,
    /// Topics that were created anew while this process followed them.
    anew: HashSet<Arc<str>>,
    seen: LastSeen,
    looked: Instant,
}

impl TopicIds {
    /// None is known yet.
    pub(super) fn new(options: &Options) -> TopicIds {
        let cluster = Cluster::new(options, "", "").inspect_err(|error| {
            tracing::debug!(%error, "topics that are created anew are not noticed");
        });
        TopicIds {
            cluster: cluster.ok(),
            known: HashMap::new(),
            anew: HashSet::new(),
            seen: LastSeen::default(),
            looked: Instant::now(),
        }
    }

    /// Learns the ids of topics. Returns those that were created anew.
    pub(super) fn learn(&mut self, topics: impl IntoIterator<Item = Arc<str>>) -> Vec<Arc<str>> {
        let topics: HashSet<Arc<str>> = topics.into_iter().collect();
        let ids = self.ask(&topics.into_iter().collect::<Vec<_>>());
        ids.into_iter().filter_map(|(topic, id)| self.know(&topic, id).then_some(topic)).collect()
    }

    /// Takes note of a topic's id. Whether it was another one before.
    pub(super) fn know(&mut self, topic: &Arc<str>, id: TopicId) -> bool {
        let anew = self.known.insert(topic.clone(), id).is_some_and(|before| before != id);
        if anew {
            self.anew.insert(topic.clone());
        }
        anew
    }

    /// Whether a topic was created anew while this process followed it.
    pub(super) fn is_anew(&self, topic: &str) -> bool {
        self.anew.contains(topic)
    }

    /// Whether an offset was committed in an earlier topic of that name, by what was committed beside it. That is told.
    pub(super) fn is_of_another(&self, topic: &str, metadata: &str) -> bool {
        match (TopicId::parse(metadata), self.known.get(topic)) {
            (Some(before), Some(now)) if before != *now => {
                tracing::warn!(topic, %before, %now, "{ANEW}");
                true
            }
            _ => false,
        }
    }

    /// Notes the topics' ids beside offsets that are to be committed.
    pub(super) fn note(&self, offsets: &TopicPartitionList) {
        for mut element in offsets.elements() {
            if let Some(id) = self.known.get(element.topic()) {
                element.set_metadata(id.metadata());
            }
        }
    }

    /// The topics that were created anew, with their new ids, when a message of `topic` has come. Asks only after a gap.
    pub(super) fn doubt(&mut self, topic: &Arc<str>) -> Vec<(Arc<str>, TopicId)> {
        if self.seen.follows(topic) {
            return Vec::new();
        }
        let changed = if self.known.contains_key(topic) { self.compare() } else { Vec::new() };
        self.seen.note(topic);
        changed
    }

    /// The same while no message comes. Asks only now and then.
    pub(super) fn look(&mut self) -> Vec<(Arc<str>, TopicId)> {
        if self.looked.elapsed() < LOOK_EVERY || self.known.is_empty() { Vec::new() } else { self.compare() }
    }

    fn compare(&mut self) -> Vec<(Arc<str>, TopicId)> {
        self.looked = Instant::now();
        let mut changed = self.ask(&self.known.keys().cloned().collect::<Vec<_>>());
        changed.retain(|(topic, now)| self.known.get(topic).is_some_and(|before| before != now));
        for (topic, now) in &changed {
            tracing::warn!(%topic, before = %self.known[topic], %now, "{ANEW}");
        }
        changed
    }

    fn ask(&mut self, topics: &[Arc<str>]) -> Vec<(Arc<str>, TopicId)> {
        let Some(cluster) = self.cluster.as_mut().filter(|_| !topics.is_empty()) else { return Vec::new() };
        match cluster.topic_ids(topics) {
            Ok(ids) => ids.into_iter().collect(),
            Err(error) => {
                tracing::debug!(%error, "the topics' ids are not known");
                if !error.may_pass() {
                    self.cluster = None;
                }
                Vec::new()
            }
        }
    }
}

/// What is told of such a topic.
const ANEW: &str = "the topic was deleted and created anew; it is read from its beginning";
