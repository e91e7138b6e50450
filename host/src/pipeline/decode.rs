//! Decodes messages into a batch, once for the fields of all filters.

use std::sync::Arc;

use crate::filters::Entry;
use skysieve_avro::{AvroError, Decoded, Decoder, Projection, SchemaId, Schemas};
use skysieve_survey::Surveys;

use super::batch::{Batch, HostSlots, Identities, Undecodable, host_projection};
use super::io::Message;
use super::panics::caught;
use super::topics::{SeenTopic, StreamTopics};

/// Decodes the fields of all filters, and the host's own fields.
pub struct BatchDecoder {
    schemas: Arc<Schemas>,
    surveys: Surveys,
    decoder: Decoder,
    projection: Projection,
    slots: HostSlots,
    topics: StreamTopics,
}

impl BatchDecoder {
    /// A decoder of the host's own fields only.
    pub fn new(schemas: Arc<Schemas>, surveys: Surveys) -> BatchDecoder {
        let (projection, slots) = host_projection(&surveys);
        let decoder = Decoder::new(schemas.clone(), projection.clone());
        BatchDecoder { schemas, surveys, decoder, projection, slots, topics: StreamTopics::default() }
    }

    /// Decodes for these filters from now on. Returns the projection to bind them to.
    pub fn set_filters<'a>(&mut self, entries: impl Iterator<Item = &'a Arc<Entry>>) -> Projection {
        let (mut projection, slots) = host_projection(&self.surveys);
        for field in entries.flat_map(|entry| &entry.manifest.fields) {
            projection.add(field).expect("the fields were checked when the filter was prepared");
        }
        self.slots = slots;
        self.projection = projection.clone();
        self.renew();
        projection
    }

    /// Why a message can't be decoded yet: the registry can't be asked for its schema, or, if the stream is to wait
    /// `for_unknown` schemas, its schema is not known and there is no registry to ask.
    pub fn obstacle(&self, messages: &[Message], for_unknown: bool) -> Option<String> {
        let waits =
            |error: &AvroError| error.may_pass() || for_unknown && matches!(error, AvroError::UnknownSchema { .. });
        messages.iter().find_map(|message| {
            let Message { topic, partition, offset, .. } = message;
            // A message over which this panics does so again when it is decoded, and becomes a dead letter then.
            let resolved = caught(|| self.schemas.resolve(&message.bytes)).ok()?;
            let error = resolved.err().filter(waits)?;
            Some(format!("waiting for a schema: {error} (topic {topic}, partition {partition}, offset {offset})"))
        })
    }

    /// Decodes the messages; those that are not alerts stand beside the batch's alerts. `new_schema` is told of each schema
    /// that was not met before in a topic.
    pub fn decode(&mut self, messages: Vec<Message>, mut new_schema: impl FnMut(&str, SchemaId)) -> Batch {
        let mut undecodable = Vec::new();
        // Messages over which the host has panicked: a bug, which must not end the stream.
        let mut panicked: Vec<Undecodable> = Vec::new();
        let (decoded, alerts) = loop {
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
        undecodable.sort_by_key(|undecodable| undecodable.row);
        let topics = self.topics.of(&messages);
        Batch { messages, decoded, undecodable, alerts, topics }
    }

    /// Decodes the messages that are not among the `undecodable` yet, and adds those that are not alerts.
    ///
    /// # Errors
    /// The messages to blame, if the host panics: nothing of the batch is to be used then, nor the decoder.
    fn try_decode(
        &mut self,
        messages: &[Message],
        undecodable: &mut Vec<Undecodable>,
        new_schema: &mut impl FnMut(&str, SchemaId),
    ) -> Result<(Decoded, Identities), Vec<Undecodable>> {
        let left_out = undecodable.clone();
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
                    if self.topics.add(&message.topic, schema, &self.schemas) {
                        tell(&self.schemas, &self.surveys, schema);
                        new_schema(&message.topic, schema);
                    }
                }
                Err(error) => undecodable.push(Undecodable { row, error: error.to_string() }),
            }
        }
        let finished = caught(|| {
            let decoded = self.decoder.finish();
            let alerts = Identities::of_messages(&decoded, messages, self.slots);
            (decoded, alerts)
        });
        // It is not known which alert is to blame.
        let rest = || (0..messages.len() as u32).filter(|row| undecodable.iter().all(|known| known.row != *row));
        finished.map_err(|error| rest().map(|row| Undecodable { row, error: error.clone() }).collect())
    }

    /// A fresh decoder in place of one that was for another projection, or can't be trusted any more.
    fn renew(&mut self) {
        self.decoder = Decoder::new(self.schemas.clone(), self.projection.clone());
    }

    /// The stream's topics and their schemas, as far as they were seen.
    pub fn seen_topics(&self) -> Arc<[SeenTopic]> {
        self.topics.seen()
    }

    /// Takes a batch's buffers back.
    pub fn recycle(&mut self, decoded: Decoded) {
        self.decoder.recycle(decoded);
    }
}

/// Says of a schema what keeps its alerts from being told apart by visit, or by the fields that the user named.
fn tell(schemas: &Schemas, surveys: &Surveys, schema: SchemaId) {
    for error in surveys.named().unfit(schemas, schema) {
        tracing::warn!("a field that was named is not read: {error}");
    }
    let layout = surveys.layout(&schemas.outline(schema));
    if layout.lacks_visit() {
        tracing::warn!(
            "alerts of schema {} tell neither visit nor time: those that come within a minute count as one visit; \
             name a field with --visit-field or --time-field",
            schemas.name(schema)
        );
    }
}
