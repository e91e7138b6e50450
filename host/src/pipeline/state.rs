//! The state that the pipeline's threads and its handles share.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use skysieve_avro::{SchemaId, Schemas};
use skysieve_sandbox::{Cancel, Engine};

use super::config::Config;
use super::lane_time::Live;
use super::moving::SharedMoves;
use super::past::Past;
use super::recent::RecentAlerts;
use super::topics::{SeenTopic, StreamTopics};
use super::totals::Totals;
use crate::filters::{Entry, FilterError, Modules, StreamSchemas};
use crate::health::Health;
use crate::heap;
use crate::jobs::Jobs;

/// The parts of a pipeline that its threads and its handles share.
pub struct PipelineState {
    /// The engine, which compiles modules.
    pub engine: Engine,
    /// The writers' schemas.
    pub schemas: Arc<Schemas>,
    /// The pipeline's settings.
    pub config: Config,
    /// The counts of the live lane.
    pub totals: Arc<Totals>,
    /// The counts of the slow lane, if there is one.
    pub slow: OnceLock<Arc<Totals>>,
    /// Ends the evaluations and the starts of all filters, when the host has to stop.
    pub cancel: Cancel,
    /// How far the live lane has come.
    pub live: Live,
    /// The filters that are on their way to other hosts, or from them.
    pub moves: SharedMoves,
    /// The modules that were uploaded.
    pub modules: Modules,
    /// The newest messages of the live lane.
    pub recent: RecentAlerts,
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
    /// The schemas that have been seen in the stream.
    pub stream: StreamSchemas,
    /// The topics of the stream, as all lanes know them.
    pub topics: Arc<Mutex<StreamTopics>>,
    /// The replays.
    pub jobs: Arc<Jobs>,
    past: OnceLock<Arc<dyn Past>>,
}

impl PipelineState {
    /// The state of a pipeline without filters.
    pub fn new(config: Config, engine: Engine, schemas: Arc<Schemas>) -> PipelineState {
        let (totals, live, stream) = (Arc::default(), Live::default(), StreamSchemas::new(schemas.clone()));
        let (cancel, entries, topics) = (Cancel::default(), RwLock::default(), Arc::default());
        let (jobs, past) = (Arc::default(), OnceLock::new());
        let (moves, modules) = (SharedMoves::default(), Modules::default());
        PipelineState {
            engine,
            schemas,
            config,
            totals,
            slow: OnceLock::new(),
            cancel,
            live,
            moves,
            modules,
            recent: RecentAlerts::default(),
            entries,
            stream,
            topics,
            jobs,
            past,
        }
    }

    /// The state of a lane that stands beside these, with filters and counts of its own. It begins with the topics that
    /// are known, and what it learns of topics and schemas changes nothing here. `cancel` ends its filters.
    pub fn aside(&self, config: Config, cancel: Cancel) -> PipelineState {
        let topics = Arc::new(Mutex::new(self.topics.lock().clone()));
        PipelineState { topics, cancel, ..PipelineState::new(config, self.engine.clone(), self.schemas.clone()) }
    }

    /// The health of both lanes.
    pub fn health(&self) -> Health {
        let live = self.totals.health();
        let health = match self.slow.get() {
            Some(slow) => live.beside(slow.health()),
            None => live,
        };
        let queue = self.engine.compile_queue();
        Health { memory: heap::resident(), compiling: queue.running, compile_queue: queue.waiting, ..health }
    }

    /// The past of the stream, once it can be read.
    pub fn past(&self) -> Option<Arc<dyn Past>> {
        self.past.get().cloned()
    }

    /// Allows replays of the past, so many at a time.
    pub fn set_past(&self, past: Arc<dyn Past>, most: usize) {
        // It is set once.
        let _ = self.past.set(past);
        self.jobs.set_most(most);
    }

    /// The records of the filters, by name.
    pub fn entries(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.entries.read()
    }

    /// The records of the filters, by name, for changing them.
    pub fn entries_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.entries.write()
    }

    /// Registers the record of a filter, replacing an earlier one of its name.
    ///
    /// # Errors
    /// Returns [`FilterError::Full`] if there is no room for another filter.
    pub fn register(&self, entry: &Arc<Entry>) -> Result<(), FilterError> {
        let mut entries = self.entries_mut();
        self.check_room(&entries, &entry.name)?;
        if let Some(earlier) = entries.insert(entry.name.clone(), entry.clone()) {
            // It goes on where that one is.
            let (lane, behind) = earlier.lane();
            entry.set_lane(lane, behind);
            entry.set_origin(earlier.origin());
            entry.set_journals(earlier.journals());
        }
        Ok(())
    }

    /// Refuses a filter for which there is no room.
    ///
    /// # Errors
    /// Returns [`FilterError::Full`].
    pub fn check_room(&self, entries: &BTreeMap<String, Arc<Entry>>, name: &str) -> Result<(), FilterError> {
        let room = self.config.max_filters;
        if entries.len() >= room && !entries.contains_key(name) { Err(FilterError::Full(room)) } else { Ok(()) }
    }

    /// Refuses a shadow of a filter for which there is no room.
    ///
    /// # Errors
    /// Returns [`FilterError::FullOfShadows`].
    pub fn check_shadows(&self, name: &str) -> Result<(), FilterError> {
        let room = self.config.max_shadows;
        let has_shadow = |entry: &Arc<Entry>| entry.shadow().is_some_and(|shadow| !shadow.is_over());
        let others = self.all_entries().iter().filter(|entry| entry.name != name && has_shadow(entry)).count();
        if others >= room { Err(FilterError::FullOfShadows(room)) } else { Ok(()) }
    }

    /// The topics of the stream and their schemas, as far as they have been seen.
    pub fn seen_topics(&self) -> Arc<[SeenTopic]> {
        self.topics.lock().seen()
    }

    /// Records a schema that was seen in a topic, and reports which fields of filters it lacks.
    pub fn add_stream_schema(self: &Arc<Self>, topic: &str, schema: SchemaId) {
        if !self.stream.add(topic, schema) {
            return;
        }
        let state = self.clone();
        // This runs on another thread than the one that reads the stream, because alerts must not wait for advice.
        let thread = std::thread::Builder::new().name("fields".to_owned());
        if let Err(error) = thread.spawn(move || state.stream.tell(|| state.all_entries())) {
            tracing::warn!(%error, "filters' fields are not checked against the stream's new schema: no thread for it");
        }
    }

    fn all_entries(&self) -> Vec<Arc<Entry>> {
        self.entries().values().cloned().collect()
    }
}
