//! The record of where a filter is judged, which is published in the transaction that makes it true.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::io::Record;
use super::positions::Positions;
use crate::filters::{Entry, Lane, Origin, Settings, StreamIdentity};

/// What comes behind a filter's name in the key of its lane. No visit has such a key.
const LANE: &str = "@lane";

/// Where a filter is judged, unless that is simply where the live lane is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LaneRecord {
    /// The lane. A host that is started again lets the filter go on there.
    pub lane: Lane,
    /// The filter's positions. `None`: where its lane is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Positions>,
    /// How it came there.
    #[serde(flatten)]
    pub origin: Origin,
    /// The host that it was moved to, and where it stopped. It is not judged here any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Departure>,
}

/// A filter that was moved to another host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Departure {
    /// The id of the move.
    pub id: String,
    /// The host that is to take it.
    pub to: String,
    /// The version.
    pub sha256: String,
    /// Its settings.
    pub settings: Settings,
    /// The stream that the positions are of.
    pub stream: StreamIdentity,
}

/// A change of where a filter is judged.
#[derive(Clone, Debug)]
pub struct LaneChange {
    /// The filter's name.
    pub filter: String,
    /// Where it is judged from now on.
    pub to: LaneRecord,
}

impl LaneChange {
    /// A filter is judged from these positions on, or where the live lane is.
    pub fn new(entry: &Entry, to: Option<(Lane, Positions)>) -> LaneChange {
        let (lane, from) = to.map_or((Lane::Live, None), |(lane, from)| (lane, Some(from)));
        let to = LaneRecord { lane, from, origin: entry.origin(), gone: None };
        LaneChange { filter: entry.name.clone(), to }
    }

    /// Nothing is known any more about a filter of that name.
    pub fn forget(filter: &str) -> LaneChange {
        LaneChange { filter: filter.to_owned(), to: LaneRecord::default() }
    }

    /// Its record: a tombstone if there is nothing to say. The last one counts.
    pub fn record(&self, topic: &Arc<str>) -> Record {
        let LaneRecord { from, origin, gone, .. } = &self.to;
        let is_plain = from.is_none() && gone.is_none() && origin.is_plain();
        let payload =
            if is_plain { Vec::new() } else { serde_json::to_vec(&self.to).expect("it is made of text and numbers") };
        Record {
            topic: topic.clone(),
            key: format!("{}/{LANE}", self.filter).into_bytes(),
            payload: Bytes::from(payload),
            headers: Vec::new(),
        }
    }

    /// Reads a record that [`record`](Self::record) made. `None` for any other record.
    pub fn read(key: &[u8], payload: &[u8]) -> Option<LaneChange> {
        let (filter, LANE) = std::str::from_utf8(key).ok()?.split_once('/')? else { return None };
        Some(LaneChange { filter: filter.to_owned(), to: serde_json::from_slice(payload).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::io::Position;
    use super::*;

    fn record(to: LaneRecord) -> Record {
        LaneChange { filter: "bright".to_owned(), to }.record(&"quotas".into())
    }

    #[test]
    fn a_record_says_what_was_written() {
        let from: Positions = [Position { topic: "alerts".into(), partition: 0, offset: 7 }].into_iter().collect();
        let slow = record(LaneRecord { lane: Lane::Slow, from: Some(from.clone()), ..LaneRecord::default() });
        assert_eq!(slow.payload, r#"{"lane":"slow","from":{"alerts":{"0":7}}}"#);
        let read = LaneChange::read(&slow.key, &slow.payload).unwrap();
        assert_eq!((&*read.filter, read.to.lane, read.to.from), ("bright", Lane::Slow, Some(from)));
        let origin = Origin { began: Some("earliest".to_owned()), moved: None };
        let began = record(LaneRecord { origin: origin.clone(), ..LaneRecord::default() });
        assert_eq!(began.payload, r#"{"lane":"live","began":"earliest"}"#);
        assert_eq!(LaneChange::read(&began.key, &began.payload).unwrap().to.origin, origin);
        let gone = Departure {
            id: "1".to_owned(),
            to: "b".to_owned(),
            sha256: "abc".to_owned(),
            settings: Settings { quota: Some(3), ..Settings::default() },
            stream: StreamIdentity::default(),
        };
        let moved = record(LaneRecord { gone: Some(gone), ..LaneRecord::default() });
        let gone = LaneChange::read(&moved.key, &moved.payload).unwrap().to.gone.unwrap();
        assert_eq!((&*gone.id, &*gone.to, gone.settings.quota), ("1", "b", Some(3)));
    }

    #[test]
    fn where_the_live_lane_is_needs_no_record() {
        let none = LaneChange::forget("bright").record(&"quotas".into());
        assert!(none.payload.is_empty() && none.key == b"bright/@lane");
        assert!(LaneChange::read(&none.key, &none.payload).is_none());
        assert!(LaneChange::read(b"bright/v5", b"3").is_none());
    }
}
