//! Checks an upload: its name, settings, module, config, fields and topics. What passes is ready to run.

use std::sync::Arc;

use skysieve_avro::Projection;
use skysieve_sandbox::{Filter, Manifest, Module};

use super::config::Config;
use super::judge::Judge;
use super::load::{load, start};
use super::running_filter::RunningFilter;
use super::state::PipelineState;
use super::topics::FilterTopics;
use super::trial::try_out;
use crate::filters::{Entry, FilterError, Settings, Shadow, Upload, check_name};

/// A filter that has been checked, compiled and described, and is ready to run.
pub struct Prepared {
    /// Its record.
    pub entry: Arc<Entry>,
    /// The topic of the alerts that it accepts.
    pub topic: Arc<str>,
    pub(super) filter: Filter,
    pub(super) topics: FilterTopics,
}

/// A version that has been checked, and is ready to be the shadow of a filter.
pub struct NewShadow {
    /// The filter's record.
    pub of: Arc<Entry>,
    /// The version.
    pub prepared: Prepared,
    /// What others see of it.
    pub shadow: Arc<Shadow>,
}

impl Prepared {
    /// Makes a running filter, which has to be bound to the projection by which batches are decoded.
    pub(super) fn run(self, config: &Config) -> RunningFilter {
        let mut none = Projection::new();
        let judge = Judge::new(self.filter, &mut none).expect("the fields were checked when it was prepared");
        RunningFilter::new(self.entry, self.topic, judge, self.topics, config)
    }
}

/// Checks and compiles a filter, which can take seconds.
///
/// # Errors
/// Returns [`FilterError::Name`], [`FilterError::Refused`], [`FilterError::Memory`], [`FilterError::Busy`] or
/// [`FilterError::Stopping`].
pub(super) fn check_upload(state: &PipelineState, name: &str, upload: Upload) -> Result<Prepared, FilterError> {
    check_name(name)?;
    let config = &state.config;
    let topic = config.topics.output(name).ok_or_else(|| {
        FilterError::Refused(format!("the topic of a filter {name:?} is one that this host uses for something else"))
    })?;
    if let Some(from) = &upload.settings.from {
        let checked = config.alert_topics()?.check(from);
        checked.map_err(|error| FilterError::Refused(format!("from: {error}")))?;
    }
    let cpu_share = config.ceilings.cpu.share(name, &upload.settings, upload.by_operator)?;
    let module = load(state, name, &upload)?;
    let filter = start(state, &module, &upload.settings)?;
    let (topics, known) = topics(state, &upload.settings.topics, filter.manifest())?;
    let (seen, inputs) = (state.seen_topics(), config.topics.inputs.len());
    let shown = |topic: &str| topics.may_show(&seen, topic, inputs);
    let warnings = state.stream.check(filter.manifest(), shown, upload.strict)?;
    let trial = try_out(state, upload.trial, (&module, &upload.settings), &topics)?;
    let source = match upload.file {
        Some(file) => state.modules.note(filter.sha256(), file),
        None => {
            let kept = state.modules.keep(filter.sha256(), upload.module, &config.memory);
            kept.map_err(|error| FilterError::Memory(error.to_string()))?
        }
    };
    let mut entry = Entry::new(name, &filter, upload.settings).with_module(source);
    entry.cpu_share = cpu_share;
    let entry = Arc::new(entry);
    entry.set_warnings(warnings);
    entry.set_topics(known);
    entry.set_trial(trial);
    Ok(Prepared { entry, filter, topic, topics })
}

/// Starts another instance of a filter whose module was compiled before, with counters of its own. It publishes on `topic`.
///
/// # Errors
/// Returns [`FilterError::Refused`], [`FilterError::Memory`] or [`FilterError::Stopping`].
pub(super) fn prepare_again(
    state: &PipelineState,
    name: &str,
    module: &Module,
    settings: &Settings,
    topic: Arc<str>,
) -> Result<Prepared, FilterError> {
    let filter = start(state, module, settings)?;
    let (topics, known) = topics(state, &settings.topics, filter.manifest())?;
    let entry = Arc::new(Entry::new(name, &filter, settings.clone()));
    entry.set_topics(known);
    Ok(Prepared { entry, filter, topic, topics })
}

/// Checks a version that is to be the shadow of a filter, and starts it.
///
/// # Errors
/// Returns [`FilterError::Unknown`] or [`FilterError::Conflict`] if the filter judges nothing,
/// [`FilterError::FullOfShadows`], [`FilterError::Refused`], [`FilterError::Memory`], [`FilterError::Busy`] or
/// [`FilterError::Stopping`].
pub(super) fn check_shadow(
    state: &PipelineState,
    name: &str,
    version: u32,
    upload: &Upload,
) -> Result<NewShadow, FilterError> {
    let of = state.entries().get(name).cloned().ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
    if let Some(reason) = of.suspended() {
        return Err(FilterError::Conflict(format!(
            "filter {name:?} is suspended, so that there is nothing to compare: resume it first. It was suspended because: {reason}"
        )));
    }
    state.check_shadows(name)?;
    let module = load(state, name, upload)?;
    let filter = start(state, &module, &upload.settings)?;
    let warnings = state.stream.check(filter.manifest(), |topic| of.topics().iter().any(|own| own == topic), false)?;
    let (topics, known) = topics(state, &upload.settings.topics, filter.manifest())?;
    let mut entry = Entry::new(&format!("{name}@{version}"), &filter, upload.settings.clone());
    entry.cpu_share = of.cpu_share;
    let warnings = warnings.into_iter().chain(other_topics(&of.topics(), &known)).collect();
    entry.set_topics(known);
    let shadow = Shadow::new(version, Arc::new(entry), warnings);
    let (entry, topic) = (shadow.entry.clone(), Arc::from("nowhere"));
    Ok(NewShadow { of, prepared: Prepared { entry, filter, topic, topics }, shadow: Arc::new(shadow) })
}

/// Warns if a version would be shown the alerts of other topics than the active one, whose alerts it is shown as a shadow.
fn other_topics(active: &[String], own: &[String]) -> Option<String> {
    let is_known = !active.is_empty() && !own.is_empty();
    (is_known && active != own).then(|| {
        format!(
            "as a shadow, it is shown the alerts of {}, as the active version is; when it is active, those of {}",
            active.join(", "),
            own.join(", ")
        )
    })
}

/// The topics that a filter belongs to, and their names as far as they are known.
fn topics(
    state: &PipelineState,
    named: &[String],
    manifest: &Manifest,
) -> Result<(FilterTopics, Vec<String>), FilterError> {
    let inputs = &state.config.topics.inputs;
    if let Some(unknown) = named.iter().find(|name| !inputs.contains(name)) {
        let inputs = inputs.join(", ");
        return Err(FilterError::Refused(format!("topics: this host does not read {unknown:?}; it reads {inputs}")));
    }
    let mut topics = FilterTopics::new(named, inputs, &manifest.fields, &state.schemas);
    let known = topics.look_at(&state.seen_topics()).unwrap_or_else(|| topics.at_start(inputs));
    Ok((topics, known))
}
