//! Putting alerts into a framing.

use sha2::{Digest, Sha256};

use super::container::MAGIC;
use super::folder::lsst_id;
use super::framed::SchemaId;
use super::parse::without_comments;
use super::schemas::Schemas;
use super::wire::put_long;

/// The size of the header of Confluent's wire format, in bytes.
const WIRE: usize = 5;

/// Puts alerts of one schema into a framing, each in a message of its own.
#[derive(Clone, Debug)]
pub enum Wrapper {
    /// Confluent's wire format with this schema id.
    Wire(u32),
    /// An object container file: the bytes before the alert's length, and the sync marker behind the alert.
    Container(Box<[u8]>, [u8; 16]),
}

impl Wrapper {
    /// How much room to leave before the alert so that a message need not grow; this is an upper estimate.
    fn room(&self) -> usize {
        match self {
            Wrapper::Wire(_) => WIRE,
            Wrapper::Container(head, sync) => head.len() + 10 + sync.len(),
        }
    }

    /// Returns the message that holds an alert without framing.
    pub fn wrap(&self, alert: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.room() + alert.len());
        match self {
            Wrapper::Wire(id) => {
                message.push(0);
                message.extend(id.to_be_bytes());
                message.extend_from_slice(alert);
            }
            Wrapper::Container(head, sync) => {
                message.extend_from_slice(head);
                put_long(&mut message, alert.len() as i64);
                message.extend_from_slice(alert);
                message.extend_from_slice(sync);
            }
        }
        message
    }
}

impl Schemas {
    /// The Confluent id of a schema: the id under which it was added or, failing that, LSST's number for its name (1101
    /// for `lsst.v11_1.alert`).
    pub fn confluent_id(&self, schema: SchemaId) -> Option<u32> {
        self.added_as(schema).or_else(|| lsst_id(&format!("{}.avsc", self.name(schema))))
    }

    /// Wraps alerts in object container files of one alert each, without compression. `None` if the schema's JSON is
    /// spread over files that refer to each other by relative names.
    pub fn container(&self, schema: SchemaId) -> Option<Wrapper> {
        let schema = self.schema(schema).ok()?;
        let json = &*without_comments(schema.json.as_deref()?);
        let digest = Sha256::digest(json.as_bytes());
        let sync = *digest.first_chunk()?;
        let mut head = Vec::with_capacity(json.len() + 64);
        head.extend_from_slice(MAGIC);
        put_long(&mut head, 2);
        for text in ["avro.codec", "null", "avro.schema", json] {
            put_long(&mut head, text.len() as i64);
            head.extend_from_slice(text.as_bytes());
        }
        head.push(0);
        head.extend_from_slice(&sync);
        // The block has one alert.
        put_long(&mut head, 1);
        Some(Wrapper::Container(head.into(), sync))
    }
}
