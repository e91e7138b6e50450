//! The schemas that the stream was seen to use, and what filters make of them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::control::FilterError;
use super::entry::Entry;
use skysieve_avro::{SchemaId, Schemas, fit};
use skysieve_sandbox::Manifest;

/// Schemas that filters are checked against: the newest. A stream has one for each version of a survey's alerts.
const SCHEMAS: usize = 64;

/// The schemas of the stream.
#[derive(Debug)]
pub struct StreamSchemas {
    schemas: Arc<Schemas>,
    /// Oldest first.
    seen: Mutex<VecDeque<SchemaId>>,
    /// Held by whoever tells filters, so that an older finding does not replace a newer one.
    telling: Mutex<()>,
}

impl StreamSchemas {
    /// A stream of which nothing was seen.
    pub fn new(schemas: Arc<Schemas>) -> StreamSchemas {
        StreamSchemas { schemas, seen: Mutex::default(), telling: Mutex::default() }
    }

    /// Takes note of a schema; whether it is new.
    pub fn add(&self, schema: SchemaId) -> bool {
        let mut seen = self.seen.lock();
        if seen.contains(&schema) {
            return false;
        }
        if seen.len() == SCHEMAS {
            seen.pop_front();
        }
        seen.push_back(schema);
        true
    }

    /// Checks a filter's fields; what its author should be told. Before the first alert nothing is known, and nothing is
    /// refused but what no schema could have.
    ///
    /// # Errors
    /// [`FilterError::Refused`]: none of the schemas has all that the filter requires, a field is of a kind that does not
    /// promote, or there is something to tell and `strict` is set.
    pub fn check(&self, manifest: &Manifest, strict: bool) -> Result<Vec<String>, FilterError> {
        let found = fit(&self.schemas, &self.seen(), &manifest.fields);
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
        let seen = self.seen();
        for entry in filters() {
            let found = fit(&self.schemas, &seen, &entry.manifest.fields);
            let refusal = found.refusal.map(|error| format!("{error}; alerts that it can't judge are faults"));
            let warnings = refusal.into_iter().chain(found.warnings.iter().map(ToString::to_string)).collect();
            for warning in entry.set_warnings(warnings) {
                tracing::warn!(filter = entry.name, "{warning}");
            }
        }
    }

    fn seen(&self) -> Vec<SchemaId> {
        self.seen.lock().iter().copied().collect()
    }
}
