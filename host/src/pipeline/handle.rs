//! Uploads, deletes and describes the filters of a running pipeline from other threads.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use skysieve_sandbox::{Filter, Manifest, Refusal};

use super::channels::Command;
use super::config::OpenTopic;
use super::prepared::Prepared;
use super::state::PipelineState;
use super::topics::FilterTopics;
use crate::filters::{Control, Entry, FilterError, Settings, Status, Upload, check_name};
use crate::health::Health;

/// A handle to a running pipeline, for asking about its filters and changing them. It is cheap to clone.
#[derive(Clone)]
pub struct Handle {
    state: Arc<PipelineState>,
    commands: Sender<Command>,
}

impl Handle {
    pub(super) fn new(state: Arc<PipelineState>) -> (Handle, Receiver<Command>) {
        let (commands, inbox) = unbounded();
        (Handle { state, commands }, inbox)
    }

    /// Checks and compiles a filter, which can take seconds.
    ///
    /// # Errors
    /// Returns [`FilterError::Name`] or [`FilterError::Refused`].
    pub fn prepare(&self, name: &str, upload: Upload) -> Result<Prepared, FilterError> {
        check_name(name)?;
        let config = &self.state.config;
        let topic = config.topics.output(name).ok_or_else(|| {
            FilterError::Refused(format!(
                "the topic of a filter {name:?} is one that this host uses for something else"
            ))
        })?;
        upload.settings.check()?;
        let limits = upload.settings.limits.over(&config.limits);
        let refused = |error: Refusal| FilterError::Refused(error.to_string());
        let module = self.state.engine.load(&upload.module, &limits).map_err(refused)?;
        let filter = Filter::start(&module, &upload.settings.config, &limits).map_err(|error| {
            let hint = match &error {
                Refusal::Config(_) if Settings::is_file(&upload.settings.config) => {
                    "; the config looks like a host's settings file (NAME.toml): upload that as `settings`"
                }
                _ => "",
            };
            FilterError::Refused(format!("{error}{hint}"))
        })?;
        let (topics, known) = self.topics(&upload.settings.topics, filter.manifest())?;
        let (seen, inputs) = (self.state.seen_topics(), config.topics.inputs.len());
        let shown = |topic: &str| topics.may_show(&seen, topic, inputs);
        let warnings = self.state.stream.check(filter.manifest(), shown, upload.strict)?;
        let entry = Arc::new(Entry::new(name, module.sha256(), filter.manifest().clone(), upload.settings));
        entry.set_warnings(warnings);
        entry.set_topics(known);
        Ok(Prepared { entry, filter, topic, topics })
    }

    /// The topics that a filter belongs to, and their names as far as they are known.
    fn topics(&self, named: &[String], manifest: &Manifest) -> Result<(FilterTopics, Vec<String>), FilterError> {
        let inputs = &self.state.config.topics.inputs;
        if let Some(unknown) = named.iter().find(|name| !inputs.contains(name)) {
            let inputs = inputs.join(", ");
            return Err(FilterError::Refused(format!(
                "topics: this host does not read {unknown:?}; it reads {inputs}"
            )));
        }
        let mut topics = FilterTopics::new(named, inputs, &manifest.fields, &self.state.schemas);
        let known = topics.look_at(&self.state.seen_topics()).unwrap_or_else(|| topics.at_start(inputs));
        Ok((topics, known))
    }

    /// Sets what the host is doing before it reads the stream, as shown in its health.
    pub fn starting(&self, doing: &str) {
        self.state.totals.set_state(false, doing);
    }

    fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, FilterError> {
        let (answer, answered) = bounded(1);
        self.commands.send(command(answer)).map_err(|_| FilterError::Stopping)?;
        answered.recv().map_err(|_| FilterError::Stopping)
    }
}

impl Control for Handle {
    fn list(&self) -> Vec<Status> {
        self.state.entries().values().map(|entry| entry.status()).collect()
    }

    fn get(&self, name: &str) -> Result<Status, FilterError> {
        check_name(name)?;
        let entries = self.state.entries();
        entries.get(name).map(|entry| entry.status()).ok_or_else(|| FilterError::Unknown(name.to_owned()))
    }

    fn put(&self, name: &str, upload: Upload) -> Result<Status, FilterError> {
        let prepared = self.prepare(name, upload)?;
        if let Some(OpenTopic(open)) = &self.state.config.open_topic {
            open(&prepared.topic).map_err(FilterError::Topic)?;
        }
        let entry = prepared.entry.clone();
        self.ask(|answer| Command::Put(Box::new(prepared), answer))??;
        // The stream may have met a new schema since the filter was checked.
        self.state.stream.tell(|| vec![entry.clone()]);
        Ok(entry.status())
    }

    fn delete(&self, name: &str) -> Result<Status, FilterError> {
        check_name(name)?;
        let entry = self.ask(|answer| Command::Delete(name.to_owned(), answer))??;
        Ok(entry.status())
    }

    fn health(&self) -> Health {
        self.state.totals.health()
    }
}
