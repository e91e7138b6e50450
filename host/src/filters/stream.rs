//! The schemas that the stream was seen to use, and filters checked against them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::control::FilterError;
use super::entry::Entry;
use skysieve_avro::{SchemaId, Schemas, fit};
use skysieve_sandbox::Manifest;

/// Schemas that filters are checked against: the newest. A stream has one for each version of a survey's alerts.
pub const STREAM_SCHEMAS: usize = 64;

/// The schemas of the stream.
#[derive(Debug)]
pub struct StreamSchemas {
    schemas: Arc<Schemas>,
    /// In which topic each was seen; oldest first.
    seen: Mutex<VecDeque<(String, SchemaId)>>,
    /// Held by whoever tells filters, so that an older finding does not replace a newer one.
    telling: Mutex<()>,
}

impl StreamSchemas {
    /// A stream of which nothing was seen.
    pub fn new(schemas: Arc<Schemas>) -> StreamSchemas {
        StreamSchemas { schemas, seen: Mutex::default(), telling: Mutex::default() }
    }

    /// Takes note that a topic has alerts of a schema. Returns whether that is new.
    pub fn add(&self, topic: &str, schema: SchemaId) -> bool {
        let mut seen = self.seen.lock();
        if seen.iter().any(|known| *known.0 == *topic && known.1 == schema) {
            return false;
        }
        if seen.len() == STREAM_SCHEMAS {
            seen.pop_front();
        }
        seen.push_back((topic.to_owned(), schema));
        true
    }

    /// Checks a filter's fields against the schemas of the topics that are `shown` to it, and returns what its author should be
    /// told. Before the first alert nothing is known, and only what no schema could have is refused.
    ///
    /// # Errors
    /// [`FilterError::Refused`]: none of the schemas has all that the filter requires, a field is of a kind that does not
    /// promote, or there is something to tell and `strict` is set.
    pub fn check(
        &self,
        manifest: &Manifest,
        shown: impl Fn(&str) -> bool,
        strict: bool,
    ) -> Result<Vec<String>, FilterError> {
        let found = fit(&self.schemas, &self.seen(shown), &manifest.fields);
        if let Some(error) = found.refusal {
            return Err(FilterError::Refused(format!("the stream's alerts: {error}")));
        }
        let warnings: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
        match warnings.is_empty() || !strict {
            true => Ok(warnings),
            false => Err(FilterError::Refused(format!("strict: {}", warnings.join("; ")))),
        }
    }

    /// Checks running filters again and tells what is new: in their status, and in the log.
    pub fn tell(&self, filters: impl FnOnce() -> Vec<Arc<Entry>>) {
        let _telling = self.telling.lock();
        for entry in filters() {
            let topics = entry.topics();
            let seen = self.seen(|topic| topics.iter().any(|shown| shown == topic));
            let found = fit(&self.schemas, &seen, &entry.manifest.fields);
            let refusal = found.refusal.map(|error| format!("{error}; alerts that it can't judge are faults"));
            let warnings = refusal.into_iter().chain(found.warnings.iter().map(ToString::to_string)).collect();
            for warning in entry.set_warnings(warnings) {
                tracing::warn!(filter = entry.name, "{warning}");
            }
        }
    }

    fn seen(&self, shown: impl Fn(&str) -> bool) -> Vec<SchemaId> {
        let seen = self.seen.lock();
        let mut schemas: Vec<SchemaId> = Vec::new();
        for (_, schema) in seen.iter().filter(|(topic, _)| shown(topic)) {
            if !schemas.contains(schema) {
                schemas.push(*schema);
            }
        }
        schemas
    }
}
