//! A filter that is handed from one host to another: what the hosts have to agree on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lane::Lane;
use super::settings::Settings;

/// For each topic and partition the offset of the next message.
pub type Offsets = BTreeMap<String, BTreeMap<i32, i64>>;

/// A filter that one host hands over to another: where it stopped, and all that is needed to go on from there. The
/// module itself is sent beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HandOver {
    /// The filter's name.
    pub name: String,
    /// The id of this move.
    pub id: String,
    /// The host that has let it go.
    pub from: String,
    /// The host that is to take it.
    pub to: String,
    /// The version: the SHA-256 hash of the module, in hexadecimal.
    pub sha256: String,
    /// Its config, quota and limits, as they were given.
    pub settings: Settings,
    /// The lane that it is quick enough for.
    pub lane: Lane,
    /// The topic of its accepted alerts.
    pub topic: String,
    /// The stream that its offsets are of.
    pub stream: StreamIdentity,
    /// The offset of the next alert that it is to judge, for each topic and partition.
    pub positions: Offsets,
    /// How many alerts of each visit it has published, in the order of the last changes: the visit's key, and the number.
    pub published: Vec<(String, u32)>,
}

/// What tells one stream of alerts from another. Topics of the same names on another cluster, or topics that were created
/// anew, have other offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StreamIdentity {
    /// The id of the Kafka cluster, if it has one.
    pub cluster: Option<String>,
    /// The topics that alerts are read from, with their ids, if they have any.
    pub topics: BTreeMap<String, Option<String>>,
}

impl StreamIdentity {
    /// Says in what another stream differs from this one. `None` if it does not.
    pub fn difference(&self, other: &StreamIdentity) -> Option<String> {
        let names = |stream: &StreamIdentity| stream.topics.keys().cloned().collect::<Vec<_>>().join(", ");
        if self.topics.keys().ne(other.topics.keys()) {
            return Some(format!("one reads {}, and the other {}", names(self), names(other)));
        }
        // It may be unknown for a moment, and the topics' ids tell as much.
        if self.cluster.is_some() && other.cluster.is_some() && self.cluster != other.cluster {
            return Some("they are on different Kafka clusters".to_owned());
        }
        let anew = self.topics.iter().find(|(name, id)| other.topics.get(*name) != Some(*id));
        anew.map(|(name, _)| format!("topic {name} was deleted and created anew in the meantime"))
    }
}

/// What there is to know of a host before filters are moved to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostInfo {
    /// Its name.
    pub name: String,
    /// The prefix that it puts before a filter's name to make the name of its topic.
    pub output_prefix: String,
    /// The stream that it reads.
    pub stream: StreamIdentity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_cluster_topics_and_their_ids() {
        let stream = |cluster: &str, topics: &[(&str, &str)]| StreamIdentity {
            cluster: Some(cluster.to_owned()),
            topics: topics.iter().map(|(name, id)| ((*name).to_owned(), Some((*id).to_owned()))).collect(),
        };
        let one = stream("c1", &[("lsst", "7"), ("ztf", "8")]);
        assert_eq!(one.difference(&one.clone()), None);
        for (other, says) in [
            (stream("c2", &[("lsst", "7"), ("ztf", "8")]), "different Kafka clusters"),
            (stream("c1", &[("lsst", "7")]), "one reads lsst, ztf, and the other lsst"),
            (stream("c1", &[("lsst", "7"), ("ztf", "9")]), "topic ztf was deleted and created anew"),
        ] {
            assert!(one.difference(&other).unwrap().contains(says), "{other:?}");
        }
    }
}
