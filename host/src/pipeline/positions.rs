//! How far each partition has been read, decoded or judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::io::{Message, Position};
use crate::filters::Offsets;

/// For each partition the offset of the next message. A partition that is not among them has not been met. As JSON:
/// `{"topic": {"0": 17}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Offsets", into = "Offsets")]
pub struct Positions(BTreeMap<Arc<str>, BTreeMap<i32, i64>>);

impl Positions {
    /// The offset of the next message of a partition.
    pub fn get(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.get(topic)?.get(&partition).copied()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(BTreeMap::is_empty)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Position> + '_ {
        self.0.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(|(&partition, &offset)| Position { topic: topic.clone(), partition, offset })
        })
    }

    /// Sets the position of a partition.
    pub fn set(&mut self, Position { topic, partition, offset }: Position) {
        self.0.entry(topic).or_default().insert(partition, offset);
    }

    /// Sets the position of a partition, unless it is further already.
    pub fn set_at_least(&mut self, position: Position) {
        if self.get(&position.topic, position.partition).is_none_or(|offset| offset < position.offset) {
            self.set(position);
        }
    }

    /// Sets the positions of partitions that are not known yet.
    pub fn learn(&mut self, other: &Positions) {
        for position in other.iter() {
            if self.get(&position.topic, position.partition).is_none() {
                self.set(position);
            }
        }
    }

    /// Forgets the partitions of a topic, which was created anew.
    pub fn forget(&mut self, topic: &str) {
        self.0.remove(topic);
    }

    /// Takes note of where partitions begin that are met for the first time. Returns the topics whose messages begin
    /// anew: they have offsets that were passed already.
    pub fn meet(&mut self, messages: &[Message]) -> Vec<Arc<str>> {
        let mut anew: Vec<Arc<str>> = Vec::new();
        let mut before: Option<(&Message, i64)> = None;
        for message in messages {
            let expected = match before.filter(|(before, _)| message.is_of_same_partition(before)) {
                Some((_, next)) => next,
                None => *self.partition(message).or_insert(message.offset),
            };
            if message.offset < expected && !anew.contains(&message.topic) {
                anew.push(message.topic.clone());
            }
            before = Some((message, message.offset + 1));
        }
        anew
    }

    /// Moves on behind these messages.
    pub fn advance<'a>(&mut self, messages: impl IntoIterator<Item = &'a Message>) {
        for message in messages {
            let next = self.partition(message).or_insert(message.offset);
            *next = (*next).max(message.offset + 1);
        }
    }

    /// Whether these are as far as `other` in every partition of `other`.
    pub fn reach(&self, other: &Positions) -> bool {
        other.iter().all(|Position { topic, partition, offset }| {
            self.get(&topic, partition).is_some_and(|reached| reached >= offset)
        })
    }

    /// How many messages `other` is ahead.
    pub fn behind(&self, other: &Positions) -> u64 {
        let of = |Position { topic, partition, offset }| match self.get(&topic, partition) {
            Some(reached) => u64::try_from(offset - reached).unwrap_or(0),
            None => 0,
        };
        other.iter().map(of).sum()
    }

    fn partition(&mut self, message: &Message) -> std::collections::btree_map::Entry<'_, i32, i64> {
        if !self.0.contains_key(&message.topic) {
            self.0.insert(message.topic.clone(), BTreeMap::new());
        }
        self.0.get_mut(&message.topic).expect("it was just inserted").entry(message.partition)
    }
}

impl From<Offsets> for Positions {
    fn from(offsets: Offsets) -> Positions {
        Positions(offsets.into_iter().map(|(topic, partitions)| (topic.into(), partitions)).collect())
    }
}

impl From<Positions> for Offsets {
    fn from(positions: Positions) -> Offsets {
        positions.0.into_iter().map(|(topic, partitions)| (topic.to_string(), partitions)).collect()
    }
}

impl FromIterator<Position> for Positions {
    fn from_iter<I: IntoIterator<Item = Position>>(positions: I) -> Positions {
        let mut all = Positions::default();
        positions.into_iter().for_each(|position| all.set(position));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, partition: i32, offset: i64) -> Message {
        Message { bytes: Default::default(), topic: topic.into(), partition, offset, timestamp: None }
    }

    fn at(positions: &[(&str, i32, i64)]) -> Positions {
        positions
            .iter()
            .map(|&(topic, partition, offset)| Position { topic: topic.into(), partition, offset })
            .collect()
    }

    #[test]
    fn positions_move_with_messages_and_back() {
        let mut positions = at(&[("a", 0, 5)]);
        let messages = [message("a", 0, 5), message("a", 1, 9), message("a", 0, 7)];
        assert!(positions.meet(&messages).is_empty());
        assert_eq!(positions, at(&[("a", 0, 5), ("a", 1, 9)]));
        let begin = positions.clone();
        positions.advance(&messages);
        assert_eq!(positions, at(&[("a", 0, 8), ("a", 1, 10)]));
        assert!(positions.reach(&begin) && !begin.reach(&positions));
        assert_eq!((begin.behind(&positions), positions.behind(&begin)), (4, 0));
        positions.learn(&at(&[("a", 1, 3), ("b", 0, 1)]));
        assert_eq!(positions, at(&[("a", 0, 8), ("a", 1, 10), ("b", 0, 1)]));
    }

    #[test]
    fn a_topic_that_begins_anew_is_noticed() {
        let mut positions = at(&[("a", 0, 5), ("b", 0, 2)]);
        assert_eq!(positions.meet(&[message("b", 0, 2), message("a", 0, 0), message("a", 0, 1)]), ["a".into()]);
        // A partition that is met for the first time can't begin anew.
        assert!(positions.meet(&[message("c", 0, 0), message("c", 0, 1)]).is_empty());
    }

    #[test]
    fn json_gives_the_same_positions() {
        let positions = at(&[("a.b", 0, 5), ("a.b", 12, 1 << 40), ("c", 3, 0)]);
        let json = serde_json::to_string(&positions).unwrap();
        assert_eq!(json, r#"{"a.b":{"0":5,"12":1099511627776},"c":{"3":0}}"#);
        assert_eq!(serde_json::from_str::<Positions>(&json).unwrap(), positions);
        for wrong in ["1", "{\"a\": 1}", "{\"a\": {\"x\": 1}}", "{\"a\": {\"1\": 1.5}}"] {
            assert!(serde_json::from_str::<Positions>(wrong).is_err(), "{wrong}");
        }
    }
}
