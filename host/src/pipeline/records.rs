//! Makes the records that are published: unchanged accepted alerts, dead letters, and counters of quotas.

use std::sync::Arc;

use bytes::Bytes;

use super::batch::{Batch, Undecodable};
use super::io::{Header, Message, Record};
use super::outcome::{FaultReport, LaneChange, Output, QuotaCounter};
use super::positions::Positions;
use crate::filters::Lane;
use skysieve_survey::Visit;

/// The record of an accepted alert: the packet byte for byte, with the alert's id as its key.
pub fn accepted(batch: &Batch, output: &Output) -> Record {
    let message = &batch.messages[output.row as usize];
    let mut headers =
        vec![header("skysieve-filter", &output.entry.name), header("skysieve-version", &output.entry.sha256)];
    headers.extend(origin(message));
    headers.extend(output.annotations.iter().map(|note| header(&note.name, &note.value)));
    Record {
        topic: output.topic.clone(),
        key: batch.alerts.id_text(output.row).into_bytes(),
        payload: message.bytes.clone(),
        headers,
    }
}

/// The dead letter of a fault: a description of what happened, as JSON. The headers say where the alert itself is.
pub fn fault(topic: &Arc<str>, batch: &Batch, report: &FaultReport) -> Record {
    let FaultReport { entry, fault } = report;
    let message = &batch.messages[fault.row as usize];
    let id = batch.alerts.id_text(fault.row);
    let payload = serde_json::json!({
        "filter": entry.name,
        "version": entry.sha256,
        "topic": &*message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "alert": id,
        "kind": fault.kind,
        "message": fault.message,
        "backtrace": fault.backtrace,
    });
    let mut headers = vec![
        header("skysieve-kind", &fault.kind.to_string()),
        header("skysieve-reason", &fault.message),
        header("skysieve-filter", &entry.name),
        header("skysieve-version", &entry.sha256),
        header("skysieve-alert", &id),
    ];
    headers.extend(origin(message));
    Record { topic: topic.clone(), key: id.into_bytes(), payload: Bytes::from(payload.to_string()), headers }
}

/// The dead letter of a message that is not an alert: the unchanged message, with the reason in a header.
pub fn undecodable(topic: &Arc<str>, batch: &Batch, undecodable: &Undecodable) -> Record {
    let message = &batch.messages[undecodable.row as usize];
    let mut headers = vec![header("skysieve-kind", "undecodable"), header("skysieve-reason", &undecodable.error)];
    headers.extend(origin(message));
    Record { topic: topic.clone(), key: Vec::new(), payload: message.bytes.clone(), headers }
}

/// The record of a quota's counter. If there are several records for a filter and visit, the last one counts.
pub fn counter(topic: &Arc<str>, counter: &QuotaCounter) -> Record {
    Record {
        topic: topic.clone(),
        key: format!("{}/{}", counter.entry.name, counter.visit.key()).into_bytes(),
        payload: Bytes::from(counter.used.to_string()),
        headers: Vec::new(),
    }
}

/// The record that deletes a counter's record: a tombstone.
pub fn forgotten(topic: &Arc<str>, counter: &QuotaCounter) -> Record {
    Record { payload: Bytes::new(), ..self::counter(topic, counter) }
}

/// Reads a record that [`counter`] made, and returns the filter, the visit and the number of alerts published. `None`
/// for any other record.
pub fn read_counter(key: &[u8], payload: &[u8]) -> Option<(String, Visit, u32)> {
    // The name of a filter has no slash.
    let (filter, visit) = std::str::from_utf8(key).ok()?.split_once('/')?;
    let used = std::str::from_utf8(payload).ok()?.parse().ok()?;
    Some((filter.to_owned(), Visit::from_key(visit)?, used))
}

/// What comes behind a filter's name in the key of its lane. No visit has such a key.
const LANE: &str = "@lane";

/// The record that says from where on, and in which lane, a filter is judged; a tombstone if that is where the live
/// lane is. The last one counts.
pub fn lane(topic: &Arc<str>, change: &LaneChange) -> Record {
    let LaneChange { filter, to } = change;
    let payload =
        to.as_ref().map(|(lane, from)| serde_json::json!({ "lane": lane, "from": from.to_json() }).to_string());
    Record {
        topic: topic.clone(),
        key: format!("{filter}/{LANE}").into_bytes(),
        payload: payload.unwrap_or_default().into(),
        headers: Vec::new(),
    }
}

/// Reads a record that [`lane`] made. `None` for any other record.
pub fn read_lane(key: &[u8], payload: &[u8]) -> Option<(String, Lane, Positions)> {
    let (filter, LANE) = std::str::from_utf8(key).ok()?.split_once('/')? else { return None };
    let value: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let lane = serde_json::from_value(value.get("lane")?.clone()).ok()?;
    Some((filter.to_owned(), lane, Positions::from_json(value.get("from")?)?))
}

fn origin(message: &Message) -> [Header; 3] {
    [
        header("skysieve-topic", &message.topic),
        header("skysieve-partition", &message.partition.to_string()),
        header("skysieve-offset", &message.offset.to_string()),
    ]
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.as_bytes().to_vec() }
}
