//! What the pipeline and its handles share.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use skysieve_avro::{Projection, SchemaId, Schemas, check_field};
use skysieve_sandbox::{Engine, Manifest};

use super::config::Config;
use super::totals::Totals;
use crate::filters::{Entry, FilterError};

/// The parts of a pipeline that its threads and its handles share.
pub struct PipelineState {
    /// The engine that compiles modules.
    pub engine: Engine,
    /// The writers' schemas.
    pub schemas: Arc<Schemas>,
    /// What the pipeline was told at its start.
    pub config: Config,
    /// Its own counts.
    pub totals: Totals,
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
    stream: RwLock<Vec<SchemaId>>,
}

impl PipelineState {
    /// The state of a pipeline without filters.
    pub fn new(config: Config, engine: Engine, schemas: Arc<Schemas>) -> PipelineState {
        let (entries, stream) = (RwLock::default(), RwLock::default());
        PipelineState { engine, schemas, config, totals: Totals::default(), entries, stream }
    }

    /// The filters' records by name.
    pub fn entries(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.entries.read()
    }

    /// The same, to be changed.
    pub fn entries_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.entries.write()
    }

    /// Registers a filter's record, in place of an earlier one of its name.
    ///
    /// # Errors
    /// [`FilterError::Full`] when there is no room for another filter.
    pub fn register(&self, entry: &Arc<Entry>) -> Result<(), FilterError> {
        let mut entries = self.entries_mut();
        let room = self.config.max_filters;
        if entries.len() >= room && !entries.contains_key(&entry.name) {
            return Err(FilterError::Full(room));
        }
        entries.insert(entry.name.clone(), entry.clone());
        Ok(())
    }

    /// Remembers a schema that the stream was seen to use.
    pub fn add_stream_schema(&self, schema: SchemaId) {
        self.stream.write().push(schema);
    }

    /// Refuses required fields that no schema of the stream has. Before the first alert no schema is known, and nothing is
    /// refused.
    pub fn check_fields(&self, manifest: &Manifest) -> Result<(), FilterError> {
        let mut projection = Projection::new();
        for field in &manifest.fields {
            projection.add(field).map_err(|error| FilterError::Refused(error.to_string()))?;
        }
        let stream = self.stream.read();
        let fits = |schema: &SchemaId| {
            let mut required = manifest.fields.iter().filter(|field| !field.optional);
            required.try_for_each(|field| check_field(&self.schemas, *schema, field))
        };
        match stream.iter().rev().map(fits).reduce(Result::or) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(FilterError::Refused(format!("the stream's alerts: {error}"))),
        }
    }
}
