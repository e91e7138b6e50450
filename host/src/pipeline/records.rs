//! Makes the records that are published: unchanged accepted alerts, dead letters, and counters of quotas.

use std::sync::Arc;

use bytes::Bytes;

use super::batch::{Batch, Undecodable};
use super::io::{Header, Message, Record};
use super::outcome::{FaultReport, Output, QuotaCounter};
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
