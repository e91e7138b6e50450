//! The members that a consumer group has already.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

use crate::kafka::client::backoff::{Backoff, TICK};
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;

/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(5);

/// How long to wait while a group's partitions are being shared out: until then nobody knows what its members read.
const SHARING: Duration = Duration::from_secs(15);

/// What the members of a group read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Members {
    count: usize,
    /// `None` if that is not known: they may read any topic.
    topics: Option<BTreeSet<String>>,
}

impl Members {
    /// Asks for the members of a group. If the brokers don't say, it counts as having none.
    pub(super) fn of<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        group: &str,
        options: &Options,
    ) -> Result<Members, Error> {
        let deadline = Instant::now() + SHARING;
        let mut backoff = Backoff::every(options, TICK);
        loop {
            let groups = match consumer.fetch_group_list(Some(group), ASK) {
                Ok(groups) => groups,
                Err(error) => {
                    tracing::debug!(%error, "the group's members are not known");
                    return Ok(Members::default());
                }
            };
            let members =
                groups.groups().iter().find(|found| found.name() == group).map_or(&[][..], |found| found.members());
            let subscriptions: Option<Vec<_>> =
                members.iter().map(|member| subscription(member.metadata().unwrap_or_default())).collect();
            let topics = subscriptions.map(|subscriptions| subscriptions.into_iter().flatten().collect());
            if members.is_empty() || topics.is_some() || Instant::now() >= deadline {
                return Ok(Members { count: members.len(), topics });
            }
            backoff.pause()?;
        }
    }

    /// Whether the group has no members.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the topics that no member reads, and logs the others.
    pub(super) fn leave_out(&self, mut topics: BTreeSet<String>, group: &str) -> BTreeSet<String> {
        let is_read = |topic: &String| !self.is_empty() && self.topics.as_ref().is_none_or(|read| read.contains(topic));
        let read: Vec<String> = topics.iter().filter(|topic| is_read(topic)).cloned().collect();
        if !read.is_empty() {
            tracing::warn!(
                topics = read.join(", "),
                group,
                "other members of the group read these topics already: this one goes on where they are, as --from holds for \
                 the first of a group. For a reading of your own, give another --group"
            );
        }
        topics.retain(|topic| !is_read(topic));
        topics
    }
}

/// Reads the topics that a member subscribes to
/// ([format](https://kafka.apache.org/protocol#The_Messages_ConsumerProtocolSubscription)).
pub(in crate::kafka) fn subscription(metadata: &[u8]) -> Option<Vec<String>> {
    let (_version, rest) = metadata.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut topics = Vec::new();
    for _ in 0..i32::from_be_bytes(*count) {
        let (length, others) = rest.split_first_chunk::<2>()?;
        let (name, others) = others.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        topics.push(std::str::from_utf8(name).ok()?.to_owned());
        rest = others;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_name_their_topics() {
        let bytes = b"\0\x01\0\0\0\x02\0\x01a\0\x03ztf\xff\xff\xff\xff";
        assert_eq!(subscription(bytes), Some(vec!["a".to_owned(), "ztf".to_owned()]));
        for cut in 0..14 {
            assert_eq!(subscription(&bytes[..cut]), None, "{cut}");
        }
        assert_eq!(subscription(b"\0\0\x7f\xff\xff\xff\0\x01a"), None, "a count that lies");
    }

    #[test]
    fn topics_that_members_read_are_left_out() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<String>>();
        let left = |members: &Members| members.leave_out(names(&["a", "b"]), "g");
        assert_eq!(left(&Members::default()), names(&["a", "b"]));
        assert_eq!(left(&Members { count: 1, topics: Some(names(&["b", "c"])) }), names(&["a"]));
        assert_eq!(left(&Members { count: 1, topics: None }), names(&[]));
    }
}
