//! The schemas that the stream was seen to use, and filters checked against them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::entry::Entry;
use super::error::FilterError;
use skysieve_avro::{SchemaId, Schemas, fit};
use skysieve_sandbox::Manifest;

/// How many schemas filters are checked against; these are the newest. A stream has one for each version of a survey's
/// alerts.
pub const STREAM_SCHEMAS: usize = 64;

/// The schemas of the stream.
#[derive(Debug)]
pub struct StreamSchemas {
    schemas: Arc<Schemas>,
    /// The schemas, with the topic in which each was seen; oldest first.
    seen: Mutex<VecDeque<(String, SchemaId)>>,
    /// Held while filters are told, so that an older finding does not replace a newer one.
    telling: Mutex<()>,
}

impl StreamSchemas {
    /// A stream of which nothing has been seen.
    pub fn new(schemas: Arc<Schemas>) -> StreamSchemas {
        StreamSchemas { schemas, seen: Mutex::default(), telling: Mutex::default() }
    }

    /// Records that a topic has alerts of a schema. Returns whether that is new.
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

    /// Checks a filter's fields against the schemas of the topics that are `shown` to it, and returns warnings for its
    /// author. Before the first alert nothing is known, and only fields that no schema could have are refused.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`] if none of the schemas has everything that the filter requires, if a field is
    /// of a kind that does not promote, or if there are warnings and `strict` is set.
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

    /// Checks running filters again. New findings go into their status and to the log.
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
