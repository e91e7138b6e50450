//! The ids of topics: a topic that is deleted and created anew has another one.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::cluster::Cluster;
use crate::kafka::client::error::Error;

/// The text before the id in the metadata of a committed offset.
const PREFIX: &str = "topic-id=";

/// A topic can't be deleted, created and written to within that time: messages that come without such a gap between them
/// are of one topic.
const GAP: Duration = Duration::from_millis(200);

/// A topic's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct TopicId(u128);

impl TopicId {
    /// Reads the id from the metadata of a committed offset, if a host wrote it there.
    pub(in crate::kafka) fn parse(metadata: &str) -> Option<TopicId> {
        u128::from_str_radix(metadata.strip_prefix(PREFIX)?, 16).ok().map(TopicId)
    }

    /// The metadata that is written beside a committed offset.
    pub(in crate::kafka) fn metadata(self) -> String {
        format!("{PREFIX}{self}")
    }
}

/// When the last message of each topic came.
#[derive(Default)]
pub(in crate::kafka) struct LastSeen(HashMap<Arc<str>, Instant>);

impl LastSeen {
    /// Takes note of a message, if it follows another one of its topic so closely that both are of one topic. Otherwise the
    /// topic may have been created anew in between.
    pub(in crate::kafka) fn follows(&mut self, topic: &str) -> bool {
        let Some(seen) = self.0.get_mut(topic) else { return false };
        let now = Instant::now();
        let follows = now.duration_since(*seen) < GAP;
        if follows {
            *seen = now;
        }
        follows
    }

    /// Takes note of a message behind a gap.
    pub(in crate::kafka) fn note(&mut self, topic: &Arc<str>) {
        self.0.insert(topic.clone(), Instant::now());
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Cluster {
    /// Asks one broker once for the ids of those topics that exist.
    ///
    /// # Errors
    /// [`Error`] when none answers; connections are then made anew.
    pub(in crate::kafka) fn topic_ids(&mut self, topics: &[Arc<str>]) -> Result<HashMap<Arc<str>, TopicId>, Error> {
        let named = |topic: &Arc<str>| {
            MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(topic.to_string()))))
        };
        let request = MetadataRequest::default()
            .with_topics(Some(topics.iter().map(named).collect()))
            .with_allow_auto_topic_creation(false);
        let answer = self.any().and_then(|broker| broker.ask(&request)).inspect_err(|_| self.forget())?;
        let mut ids = HashMap::new();
        for described in answer.topics.iter().filter(|described| described.error_code == 0) {
            let name = described.name.as_ref().map_or("", |name| name);
            // Brokers that know no ids answer with 0.
            if let Some(topic) = topics.iter().find(|topic| ***topic == *name)
                && !described.topic_id.is_nil()
            {
                ids.insert(topic.clone(), TopicId(described.topic_id.as_u128()));
            }
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::TopicId;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let id = TopicId(0x2f);
        assert_eq!(TopicId::parse(&id.metadata()), Some(id));
        for other in ["", "topic-id=", "topic-id=x", "committed by another program"] {
            assert_eq!(TopicId::parse(other), None, "{other}");
        }
    }
}
