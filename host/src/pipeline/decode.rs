//! Decodes messages into a batch, once for the fields of all filters.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::filters::Entry;
use crate::heap;
use skysieve_avro::{AvroError, Decoded, Decoder, Projection, SchemaId, Schemas};
use skysieve_survey::Surveys;

use super::batch::{Batch, HostSlots, Identities, Undecodable, host_projection};
use super::io::Message;
use super::panics::caught;
use super::topics::StreamTopics;

/// Decodes the fields of all filters, and the host's own fields.
pub struct BatchDecoder {
    schemas: Arc<Schemas>,
    surveys: Surveys,
    decoder: Decoder,
    projection: Projection,
    slots: HostSlots,
    topics: Arc<Mutex<StreamTopics>>,
    /// How many bytes the columns of a batch may have.
    most: usize,
    /// For how many more batches freed buffers are given back, because fields have gone.
    giving_back: usize,
}

/// From how many bytes on freed buffers are returned to the system. That takes time, and most filters read little.
const GIVEN_BACK: usize = 16 << 20;
/// For how many batches this is done after fields have gone. There are less than that on their way.
const GIVING_BACK: usize = 16;

impl BatchDecoder {
    /// A decoder for the host's own fields only. It adds the topics and schemas that it meets to `topics`. The columns of
    /// a batch may have `most` bytes.
    pub fn new(schemas: Arc<Schemas>, surveys: Surveys, topics: Arc<Mutex<StreamTopics>>, most: usize) -> BatchDecoder {
        let (projection, slots) = host_projection(&surveys);
        let decoder = Decoder::new(schemas.clone(), projection.clone()).with_most(most);
        BatchDecoder { schemas, surveys, decoder, projection, slots, topics, most, giving_back: 0 }
    }

    /// From now on, decodes for these filters. Returns the projection to which they must be bound.
    pub fn set_filters<'a>(&mut self, entries: impl Iterator<Item = &'a Arc<Entry>>) -> Projection {
        let (mut projection, slots) = host_projection(&self.surveys);
        for field in entries.flat_map(|entry| &entry.manifest.fields) {
            projection.add(field).expect("the fields were checked when the filter was prepared");
        }
        self.slots = slots;
        if projection.len() < self.projection.len() {
            self.giving_back = GIVING_BACK;
        }
        self.projection = projection.clone();
        let freed = self.decoder.spare_bytes();
        self.renew();
        self.give_back(freed);
        projection
    }

    /// Why a message can't be decoded yet: the registry can't be asked for its schema or, if the stream is to wait
    /// `for_unknown` schemas, its schema is not known and there is no registry to ask.
    pub fn obstacle(&self, messages: &[Message], for_unknown: bool) -> Option<String> {
        let waits =
            |error: &AvroError| error.may_pass() || for_unknown && matches!(error, AvroError::UnknownSchema { .. });
        messages.iter().find_map(|message| {
            let Message { topic, partition, offset, .. } = message;
            // If this panics for a message, decoding it will panic again, and the message becomes a dead letter then.
            let resolved = caught(|| self.schemas.resolve(&message.bytes)).ok()?;
            let error = resolved.err().filter(waits)?;
            Some(format!("waiting for a schema: {error} (topic {topic}, partition {partition}, offset {offset})"))
        })
    }

    /// Decodes the messages. Those that are not alerts are listed separately in the batch. `new_schema` is called for
    /// each schema that is new in a topic. Also returns the messages for which the batch had no room; they come after
    /// the others.
    pub fn decode(
        &mut self,
        mut messages: Vec<Message>,
        mut new_schema: impl FnMut(&str, SchemaId),
    ) -> (Batch, Vec<Message>) {
        let mut undecodable = Vec::new();
        // Messages for which the host has panicked. That is a bug, but it must not end the stream.
        let mut panicked: Vec<Undecodable> = Vec::new();
        let (decoded, alerts, rows) = loop {
            undecodable.clone_from(&panicked);
            match self.try_decode(&messages, &mut undecodable, &mut new_schema) {
                Ok(done) => break done,
                Err(culprits) => {
                    for Undecodable { row, error } in &culprits {
                        let Message { topic, partition, offset, .. } = &messages[*row as usize];
                        tracing::error!(%topic, partition, offset, error, "the host failed on a message");
                    }
                    panicked.extend(culprits);
                    self.renew();
                }
            }
        };
        let rest = messages.split_off(rows);
        undecodable.retain(|undecodable| (undecodable.row as usize) < rows);
        undecodable.sort_by_key(|undecodable| undecodable.row);
        let topics = self.topics.lock().of(&messages);
        let (begin, end) = (Arc::default(), Arc::default());
        (Batch { messages, decoded, undecodable, alerts, topics, begin, end, kept: OnceLock::new() }, rest)
    }

    /// Decodes the messages that are not yet among the `undecodable`, and adds those that are not alerts. Returns how
    /// many messages the batch has room for.
    ///
    /// # Errors
    /// Returns the messages to blame if the host panics. Neither the batch nor the decoder may be used then.
    fn try_decode(
        &mut self,
        messages: &[Message],
        undecodable: &mut Vec<Undecodable>,
        new_schema: &mut impl FnMut(&str, SchemaId),
    ) -> Result<(Decoded, Identities, usize), Vec<Undecodable>> {
        let left_out = undecodable.clone();
        let mut rows = messages.len();
        for (row, message) in (0u32..).zip(messages) {
            if left_out.iter().any(|known| known.row == row) {
                continue;
            }
            let pushed = caught(|| {
                let alert = self.schemas.frame(&message.bytes)?;
                self.decoder.push(row, &alert).map(|()| alert.schema)
            });
            match pushed.map_err(|error| vec![Undecodable { row, error }])? {
                Ok(schema) => {
                    if self.topics.lock().add(&message.topic, schema, &self.schemas) {
                        tell(&self.schemas, &self.surveys, schema);
                        new_schema(&message.topic, schema);
                    }
                }
                Err(AvroError::BatchFull { .. }) => {
                    rows = row as usize;
                    break;
                }
                Err(error) => undecodable.push(Undecodable { row, error: error.to_string() }),
            }
        }
        let finished = caught(|| {
            let decoded = self.decoder.finish();
            let alerts = Identities::of_messages(&decoded, &messages[..rows], self.slots);
            (decoded, alerts, rows)
        });
        // It is not known which alert is to blame, so each of the remaining ones might be.
        let rest = || (0..rows as u32).filter(|row| undecodable.iter().all(|known| known.row != *row));
        finished.map_err(|error| rest().map(|row| Undecodable { row, error: error.clone() }).collect())
    }

    /// Replaces the decoder if it was made for another projection, or can't be trusted any more.
    fn renew(&mut self) {
        self.decoder = Decoder::new(self.schemas.clone(), self.projection.clone()).with_most(self.most);
    }

    /// Takes back the buffers of a batch, to reuse them.
    pub fn recycle(&mut self, decoded: Decoded) {
        let freed = self.decoder.recycle(decoded);
        self.give_back(freed);
        self.giving_back = self.giving_back.saturating_sub(1);
    }

    /// Returns freed buffers to the system if fields have gone. The buffers of the other fields will be needed again.
    fn give_back(&self, freed: usize) {
        if self.giving_back > 0 && freed >= GIVEN_BACK {
            heap::give_back();
        }
    }
}

/// Logs why alerts of a schema can't be distinguished by visit, or which fields that the user named it lacks.
fn tell(schemas: &Schemas, surveys: &Surveys, schema: SchemaId) {
    for error in surveys.named().unfit(schemas, schema) {
        tracing::warn!("a field that was named is not read: {error}");
    }
    let layout = surveys.layout(&schemas.outline(schema));
    if layout.lacks_visit() {
        tracing::warn!(
            "alerts of schema {} have neither visit nor time: those that arrive in the same minute count as one visit; \
             name a field with --visit-field or --time-field",
            schemas.name(schema)
        );
    }
}
