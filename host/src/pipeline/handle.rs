//! Uploads, deletes and describes the filters of a running pipeline from other threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::channels::Command;
use super::check_upload::{NewShadow, Prepared, check_shadow, check_upload};
use super::config::OpenTopic;
use super::load::{load, start};
use super::past::Past;
use super::ready::{Begins, Ready};
use super::replay;
use super::state::PipelineState;
use crate::filters::{
    Checked, Control, FilterError, FilterStats, HandOver, HostInfo, Inspected, Journals, Runner, ShadowStatus, Status,
    Upload, check_name,
};
use crate::health::Health;
use crate::jobs::{CheckRequest, JobControl, JobError, JobStatus, Jobs, ReplayRequest};

/// How long a host that stops waits for replays to end: a transaction that is left open holds up those who read its topic.
const REPLAYS_END: Duration = Duration::from_secs(1);

/// A handle to a running pipeline, for asking about its filters and changing them. It is cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) state: Arc<PipelineState>,
    commands: Sender<Command>,
}

impl Handle {
    pub(super) fn new(state: Arc<PipelineState>, commands: Sender<Command>) -> Handle {
        Handle { state, commands }
    }

    /// The sender of commands to the live lane.
    pub(super) fn commands(&self) -> Sender<Command> {
        self.commands.clone()
    }

    /// Checks and compiles a filter, which can take seconds.
    ///
    /// # Errors
    /// Returns [`FilterError::Name`], [`FilterError::Refused`], [`FilterError::Busy`] or
    /// [`FilterError::Stopping`].
    pub fn prepare(&self, name: &str, upload: Upload) -> Result<Prepared, FilterError> {
        check_upload(&self.state, name, upload)
    }

    /// Ends the starts of filters that are being uploaded, and replays, because the host is stopping.
    pub fn stop(&self) {
        self.state.cancel.cancel();
        self.state.jobs.stop(REPLAYS_END);
    }

    /// Allows replays of the past, so many at a time.
    pub fn allow_replays(&self, past: Arc<dyn Past>, most: usize) {
        self.state.set_past(past, most);
    }

    /// Sets what the host is doing before it reads the stream, as shown in its health.
    pub fn starting(&self, doing: &str) {
        self.state.totals.set_state(false, doing);
    }

    /// Checks and compiles a filter, and makes sure that its topic is there.
    pub(super) fn prepare_with_topic(&self, name: &str, upload: Upload) -> Result<Prepared, FilterError> {
        let prepared = self.prepare(name, upload)?;
        if let Some(OpenTopic(open)) = &self.state.config.open_topic {
            open(&prepared.topic).map_err(FilterError::Topic)?;
        }
        Ok(prepared)
    }

    /// Checks and compiles a filter, however it is to begin.
    fn ready(&self, name: &str, mut upload: Upload) -> Result<Ready, FilterError> {
        match (upload.handover.take(), upload.settings.from.clone()) {
            (Some(handover), _) if handover.name != name => {
                Err(FilterError::Refused(format!("the hand-over is of filter {:?}", handover.name)))
            }
            (Some(handover), _) => self.take(upload, *handover),
            (None, Some(from)) => self.begin(name, upload, &from),
            (None, None) => self.replace(name, upload),
        }
    }

    /// Checks a filter that begins with the live alerts, or replaces an earlier one of its name.
    pub(super) fn replace(&self, name: &str, upload: Upload) -> Result<Ready, FilterError> {
        let prepared = self.prepare_with_topic(name, upload)?;
        Ok(Ready { entry: prepared.entry.clone(), begins: Begins::Now(Box::new(prepared)) })
    }

    pub(super) fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, FilterError> {
        let (answer, answered) = bounded(1);
        self.commands.send(command(answer)).map_err(|_| FilterError::Stopping)?;
        answered.recv().map_err(|_| FilterError::Stopping)
    }
}

impl Control for Handle {
    fn list(&self) -> Vec<Status> {
        let mut all: BTreeMap<String, Status> = BTreeMap::new();
        all.extend(self.state.moves.lock().statuses().into_iter().map(|status| (status.name.clone(), status)));
        all.extend(self.state.entries().iter().map(|(name, entry)| (name.clone(), entry.status())));
        all.into_values().collect()
    }

    fn get(&self, name: &str) -> Result<Status, FilterError> {
        check_name(name)?;
        let here = self.state.entries().get(name).map(|entry| entry.status());
        let gone = || self.state.moves.lock().departed(name).map(|departed| departed.status(name));
        here.or_else(gone).ok_or_else(|| FilterError::Unknown(name.to_owned()))
    }

    fn stats(&self, name: &str) -> Result<FilterStats, FilterError> {
        check_name(name)?;
        let here = self.state.entries().get(name).map(|entry| entry.stats());
        here.ok_or_else(|| FilterError::Unknown(name.to_owned()))
    }

    fn journals(&self, name: &str) -> Result<Journals, FilterError> {
        check_name(name)?;
        let here = self.state.entries().get(name).map(|entry| entry.journals());
        here.ok_or_else(|| FilterError::Unknown(name.to_owned()))
    }

    fn put(&self, name: &str, upload: Upload) -> Result<Status, FilterError> {
        self.run(self.ready(name, upload)?)
    }

    fn delete(&self, name: &str) -> Result<Status, FilterError> {
        check_name(name)?;
        self.ask(|answer| Command::Delete(name.to_owned(), answer))?
    }

    fn release(&self, name: &str, to: &str) -> Result<HandOver, FilterError> {
        self.let_go(name, to)
    }

    fn inspect(&self, name: &str, upload: &Upload) -> Result<Inspected, FilterError> {
        let module = load(&self.state, name, upload)?;
        let filter = start(&self.state, &module, &upload.settings)?;
        Ok(Inspected { sha256: filter.sha256().to_owned(), manifest: filter.manifest().clone(), module: Some(module) })
    }

    fn confirm(&self, name: &str, id: &str) -> Result<Status, FilterError> {
        self.end_move(name, id)
    }

    fn module(&self, name: &str) -> Result<Arc<Vec<u8>>, FilterError> {
        self.read_module(name)
    }

    fn shadow(&self, name: &str) -> Result<ShadowStatus, FilterError> {
        check_name(name)?;
        let entry = self.state.entries().get(name).cloned().ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        entry.shadow().map(|shadow| shadow.status(name)).ok_or_else(|| FilterError::NoShadow(name.to_owned()))
    }

    fn host(&self) -> Result<HostInfo, FilterError> {
        self.describe_host()
    }

    fn health(&self) -> Health {
        self.state.health()
    }
}

impl Runner for Handle {
    type Ready = Ready;
    type ReadyShadow = Box<NewShadow>;

    fn check(&self, name: &str, upload: Upload) -> Result<Ready, FilterError> {
        check_name(name)?;
        if upload.handover.is_none() {
            // What the live lane would find out, too, is better known before the filter is kept.
            self.state.moves.lock().check_upload(name)?;
        }
        self.state.check_room(&self.state.entries(), name)?;
        self.ready(name, upload)
    }

    fn describe(&self, Ready { entry, .. }: &Ready) -> Checked {
        let first = |field: &skysieve_avro::alert::Field| field.paths.first().cloned().unwrap_or_default();
        Checked {
            sha256: entry.sha256.clone(),
            module: entry.source.as_ref().and_then(|source| source.read(&entry.sha256)),
            description: entry.manifest.description.clone(),
            fields: entry.manifest.fields.iter().map(first).collect(),
            parameters: entry.manifest.parameters.clone(),
            cost: entry.cost(),
        }
    }

    fn adopt(&self, Ready { entry, .. }: &Ready, journals: Journals) {
        entry.set_journals(journals);
    }

    fn run(&self, Ready { entry, begins }: Ready) -> Result<Status, FilterError> {
        match begins {
            Begins::Already => return Ok(entry.status()),
            Begins::Now(prepared) => self.ask(|answer| Command::Put(prepared, answer))??,
            Begins::At(prepared, arrival) => self.ask(|answer| Command::Arrive(prepared, arrival, answer))??,
        }
        // The stream may have met a new schema since the filter was checked.
        self.state.stream.tell(|| vec![entry.clone()]);
        Ok(entry.status())
    }

    fn check_shadow(&self, name: &str, version: u32, upload: Upload) -> Result<Box<NewShadow>, FilterError> {
        check_name(name)?;
        check_shadow(&self.state, name, version, &upload).map(Box::new)
    }

    fn run_shadow(&self, new: Box<NewShadow>) -> Result<(), FilterError> {
        self.ask(|answer| Command::BeginShadow(new, answer))?
    }

    fn end_shadow(&self, name: &str) -> Result<ShadowStatus, FilterError> {
        self.ask(|answer| Command::EndShadow(name.to_owned(), answer))?
    }
}

impl JobControl for Handle {
    fn replay(&self, filter: &str, request: ReplayRequest) -> Result<JobStatus, JobError> {
        replay::begin(&self.state, filter, request)
    }

    fn dry_run(&self, request: CheckRequest) -> Result<JobStatus, JobError> {
        replay::begin_check(&self.state, request)
    }

    fn jobs(&self) -> &Jobs {
        &self.state.jobs
    }
}
