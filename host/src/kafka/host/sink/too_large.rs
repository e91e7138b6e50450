//! Makes records smaller that the brokers found too large.

use std::sync::Arc;

use bytes::Bytes;

use super::KafkaSink;
use crate::kafka::client::compression::Compression;
use crate::kafka::client::error::Error;
use crate::kafka::wire::Parcel;
use crate::pipeline::{Header, Record};

/// The header of a dead letter whose payload the brokers found too large, and how many bytes it had.
pub const DROPPED_PAYLOAD: &str = "skysieve-dropped-payload";

/// How a record is sent. Each way is tried when the brokers found the one before it too large.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In a batch with others.
    Together,
    /// By itself.
    Alone,
    /// By itself, compressed as strongly as can be. It may have come so, because surveys' producers compress their batches.
    Compressed,
    /// As a dead letter without its payload.
    Dropped,
}

/// A record, and how it is sent.
pub(super) struct Outgoing {
    pub(super) record: Record,
    pub(super) way: Way,
}

impl KafkaSink {
    /// The records as they are sent.
    pub(super) fn parcels<'a>(&self, batch: &'a [Outgoing]) -> Vec<Parcel<'a>> {
        let parcel = |Outgoing { record, way }: &'a Outgoing| {
            let compression = match way {
                Way::Together | Way::Alone => self.options.compression,
                Way::Compressed => Compression::Zstd,
                Way::Dropped => Compression::None,
            };
            Parcel { record, alone: *way != Way::Together, compression }
        };
        batch.iter().map(parcel).collect()
    }

    /// Makes a record smaller that was too large.
    pub(super) fn shrink(&self, outgoing: &mut Outgoing) -> Result<(), Error> {
        let (topic, bytes) = (outgoing.record.topic.clone(), outgoing.record.payload.len());
        outgoing.way = match outgoing.way {
            Way::Together => Way::Alone,
            Way::Alone if self.options.compression != Compression::Zstd => {
                self.shared.refuse(&topic, bytes);
                Way::Compressed
            }
            Way::Alone | Way::Compressed => {
                // The pipeline counts and logs it.
                tracing::debug!(%topic, bytes, "too large for Kafka: a dead letter without payload instead");
                outgoing.drop_payload(&self.dead_letters);
                Way::Dropped
            }
            Way::Dropped => {
                return Err(Error::StillTooLarge { topic });
            }
        };
        Ok(())
    }
}

impl Outgoing {
    /// Makes the record a dead letter without its payload, which was too large.
    fn drop_payload(&mut self, dead_letters: &Arc<str>) {
        let Record { topic, payload, headers, .. } = &mut self.record;
        let why = format!("{} bytes are more than topic {topic} takes (max.message.bytes)", payload.len());
        if topic != dead_letters {
            headers.insert(0, Header { name: "skysieve-kind".to_owned(), value: b"too-large".to_vec() });
            headers.insert(1, Header { name: "skysieve-reason".to_owned(), value: why.clone().into_bytes() });
            *topic = dead_letters.clone();
        }
        headers.push(Header { name: DROPPED_PAYLOAD.to_owned(), value: why.into_bytes() });
        *payload = Bytes::new();
    }
}
