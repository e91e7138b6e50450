//! Messages to a batch: the fields of all filters, decoded once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::filters::Entry;
use skysieve_avro::{AvroError, Decoded, Decoder, Projection, SchemaId, Schemas};

use super::batch::{Batch, HostSlots, Identities, Undecodable, host_projection};
use super::io::Message;

/// The decoder for the filters there are, with the host's own fields.
pub struct BatchDecoder {
    schemas: Arc<Schemas>,
    decoder: Decoder,
    slots: HostSlots,
    seen: HashSet<SchemaId>,
}

impl BatchDecoder {
    /// A decoder of the host's own fields only.
    pub fn new(schemas: Arc<Schemas>) -> BatchDecoder {
        let (projection, slots) = host_projection();
        let decoder = Decoder::new(schemas.clone(), projection);
        BatchDecoder { schemas, decoder, slots, seen: HashSet::new() }
    }

    /// Decodes for these filters from now on. Returns the projection to bind them to.
    pub fn set_filters<'a>(&mut self, entries: impl Iterator<Item = &'a Arc<Entry>>) -> Projection {
        let (mut projection, slots) = host_projection();
        for field in entries.flat_map(|entry| &entry.manifest.fields) {
            projection.add(field).expect("the fields were checked when the filter was prepared");
        }
        self.slots = slots;
        self.decoder = Decoder::new(self.schemas.clone(), projection.clone());
        projection
    }

    /// Why a message can't be decoded yet, if another attempt may succeed: its schema is not known.
    pub fn obstacle(&self, messages: &[Message]) -> Option<String> {
        messages.iter().find_map(|message| {
            let Message { topic, partition, offset, .. } = message;
            let error = self.schemas.frame(&message.bytes).err().filter(AvroError::may_pass)?;
            Some(format!("waiting for a schema: {error} (topic {topic}, partition {partition}, offset {offset})"))
        })
    }

    /// Decodes the messages; what is no alert stands beside the batch's alerts. `new_schema` is told of each schema that
    /// was not met before.
    pub fn decode(&mut self, messages: Vec<Message>, mut new_schema: impl FnMut(SchemaId)) -> Batch {
        let mut undecodable = Vec::new();
        for (row, message) in (0u32..).zip(&messages) {
            let pushed = self.schemas.frame(&message.bytes).and_then(|alert| {
                self.decoder.push(row, &alert)?;
                if self.seen.insert(alert.schema) {
                    new_schema(alert.schema);
                }
                Ok(())
            });
            if let Err(error) = pushed {
                undecodable.push(Undecodable { row, error: error.to_string() });
            }
        }
        let decoded = self.decoder.finish();
        let alerts = Identities::of(&decoded, messages.len(), self.slots);
        Batch { messages, decoded, undecodable, alerts }
    }

    /// Takes a batch's buffers back.
    pub fn recycle(&mut self, decoded: Decoded) {
        self.decoder.recycle(decoded);
    }
}
