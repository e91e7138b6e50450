//! The running pipeline's filters from outside: upload, status, removal.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::judge::Judge;
use super::resident::Resident;
use super::totals::Totals;
use super::{Config, OpenTopic};
use crate::filters::{Control, Entry, FilterError, Health, Status, Upload, check_name};
use skysieve_avro::{Projection, SchemaId, Schemas, check_field};
use skysieve_sandbox::{Engine, Filter, Manifest};

/// What the pipeline and its handles share.
pub struct Shared {
    pub engine: Engine,
    pub schemas: Arc<Schemas>,
    pub config: Config,
    pub totals: Totals,
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
    stream: RwLock<Vec<SchemaId>>,
}

/// A filter that was checked, compiled and described, ready to run.
pub struct Prepared {
    /// Its record.
    pub entry: Arc<Entry>,
    /// The topic of what it accepts.
    pub topic: Arc<str>,
    filter: Filter,
}

/// Done by the pipeline between two batches.
pub enum Command {
    Put(Box<Prepared>, Sender<Result<(), FilterError>>),
    Delete(String, Sender<Result<Arc<Entry>, FilterError>>),
}

/// Asks a running pipeline about its filters, and changes them. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    commands: Sender<Command>,
}

impl Shared {
    pub fn new(config: Config, engine: Engine, schemas: Arc<Schemas>) -> Shared {
        let (entries, stream) = (RwLock::default(), RwLock::default());
        Shared { engine, schemas, config, totals: Totals::default(), entries, stream }
    }

    pub fn entries(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn entries_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a schema that the stream was seen to use.
    pub fn add_stream_schema(&self, schema: SchemaId) {
        self.stream.write().unwrap_or_else(PoisonError::into_inner).push(schema);
    }

    /// Refuses fields that no schema of the stream has. Before the first alert nothing is known, and nothing refused.
    fn check_fields(&self, manifest: &Manifest) -> Result<(), FilterError> {
        let mut projection = Projection::new();
        for field in &manifest.fields {
            projection.add(field).map_err(|error| FilterError::Refused(error.to_string()))?;
        }
        let stream = self.stream.read().unwrap_or_else(PoisonError::into_inner);
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

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> (Handle, Receiver<Command>) {
        let (commands, inbox) = unbounded();
        (Handle { shared, commands }, inbox)
    }

    /// Checks and compiles a filter; takes up to seconds.
    ///
    /// # Errors
    /// [`FilterError::Name`], [`FilterError::Refused`].
    pub fn prepare(&self, name: &str, upload: Upload) -> Result<Prepared, FilterError> {
        check_name(name)?;
        let config = &self.shared.config;
        let topic = config.topics.output(name).ok_or_else(|| {
            FilterError::Refused(format!("the topic of a filter {name:?} is one that this host uses otherwise"))
        })?;
        let limits = upload.settings.limits.over(&config.limits);
        let refused = |error: skysieve_sandbox::Refusal| FilterError::Refused(error.to_string());
        let module = self.shared.engine.load(&upload.module, &limits).map_err(refused)?;
        let filter = Filter::start(&module, &upload.settings.config, &limits).map_err(refused)?;
        self.shared.check_fields(filter.manifest())?;
        let entry = Arc::new(Entry::new(name, module.sha256(), filter.manifest().clone(), upload.settings));
        Ok(Prepared { entry, filter, topic })
    }

    fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, FilterError> {
        let (answer, answered) = bounded(1);
        self.commands.send(command(answer)).map_err(|_| FilterError::Stopping)?;
        answered.recv().map_err(|_| FilterError::Stopping)
    }
}

impl Prepared {
    /// Binds the filter to the projection in which batches come.
    pub(super) fn settle(self, projection: &mut Projection, config: &Config) -> Resident {
        let quota = self.entry.settings.quota.unwrap_or(config.quota);
        let judge = Judge::new(self.filter, projection).expect("the fields were checked when it was prepared");
        Resident::new(self.entry, self.topic, judge, quota, &config.faults)
    }
}

impl Control for Handle {
    fn list(&self) -> Vec<Status> {
        self.shared.entries().values().map(|entry| entry.status()).collect()
    }

    fn get(&self, name: &str) -> Result<Status, FilterError> {
        check_name(name)?;
        let entries = self.shared.entries();
        entries.get(name).map(|entry| entry.status()).ok_or_else(|| FilterError::Unknown(name.to_owned()))
    }

    fn put(&self, name: &str, upload: Upload) -> Result<Status, FilterError> {
        let prepared = self.prepare(name, upload)?;
        if let Some(OpenTopic(open)) = &self.shared.config.open_topic {
            open(&prepared.topic).map_err(FilterError::Topic)?;
        }
        let entry = prepared.entry.clone();
        self.ask(|answer| Command::Put(Box::new(prepared), answer))??;
        Ok(entry.status())
    }

    fn delete(&self, name: &str) -> Result<Status, FilterError> {
        check_name(name)?;
        let entry = self.ask(|answer| Command::Delete(name.to_owned(), answer))??;
        Ok(entry.status())
    }

    fn health(&self) -> Health {
        self.shared.totals.health()
    }
}
