//! The settings of a pipeline, and the errors that end it.

use std::sync::Arc;
use std::time::Duration;

use super::alert_topics::{AlertTopics, TopicLookup};
use super::io::{BatchLimits, SinkError, SourceError};
use crate::filters::{Ceilings, FilterError};
use skysieve_sandbox::{Budget, Limits};
use skysieve_survey::Surveys;

/// How many accepted alerts are published for each visit and filter, unless another quota is set.
pub const DEFAULT_QUOTA: u32 = 20;

/// The share of recent alerts that an upload may accept without a warning, unless another one is set.
pub const DEFAULT_PASS_RATE: f64 = 0.2;

/// How many shadows there may be at a time, unless another number is set.
pub const SHADOWS: usize = 16;

/// The settings of a pipeline.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of threads among which the filters are distributed.
    pub shards: usize,
    /// The limits of a batch.
    pub batch: BatchLimits,
    /// How many accepted alerts are published for each visit and filter, unless the filter has its own quota; see
    /// [`DEFAULT_QUOTA`].
    pub quota: u32,
    /// The limits of the sandbox, unless the filter has its own.
    pub limits: Limits,
    /// The highest limits that an upload may ask for.
    pub ceilings: Ceilings,
    /// The memory that all filters may take together.
    pub memory: Budget,
    /// The largest number of filters.
    pub max_filters: usize,
    /// The limits of a filter's faults.
    pub faults: FaultLimits,
    /// Whether the stream waits for an unknown schema if there is no registry to ask; otherwise the alert becomes a
    /// dead letter. While a registry can't be asked, the stream waits in any case.
    pub wait_for_schemas: bool,
    /// Where alerts have their ids and visits.
    pub surveys: Surveys,
    /// The names of the topics.
    pub topics: Topics,
    /// Makes sure that the topic of an uploaded filter exists. An error is shown to the uploader.
    pub open_topic: Option<OpenTopic>,
    /// An upload is warned of if it accepts a larger share of recent alerts; see [`DEFAULT_PASS_RATE`].
    pub trial_pass_rate: f64,
    /// How many shadows there may be at a time; see [`SHADOWS`].
    pub max_shadows: usize,
    /// Whether filters are only tried: alerts over the quota are passed on, too, and times are CPU times.
    pub dry_run: bool,
    /// Answers questions about the topics of alerts. Without it, filters can't be moved, nor begin in the past.
    pub alert_topics: Option<TopicLookup>,
}

impl Config {
    /// Who answers questions about the topics of alerts.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`] if nobody does, or if positions are not published.
    pub fn alert_topics(&self) -> Result<&dyn AlertTopics, FilterError> {
        let refused = || FilterError::Refused("this host does not keep filters' positions".to_owned());
        self.topics.quotas.as_ref().ok_or_else(refused)?;
        self.alert_topics.as_ref().map(|lookup| &*lookup.0).ok_or_else(refused)
    }
}

/// See [`Config::open_topic`].
#[derive(Clone)]
pub struct OpenTopic(pub Arc<TopicOpener>);

/// A function that is called with the name of the topic.
pub type TopicOpener = dyn Fn(&str) -> Result<(), String> + Send + Sync;

impl std::fmt::Debug for OpenTopic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenTopic")
    }
}

/// The number of faults that a missed deadline counts as, because it has held up its shard for the whole deadline.
pub const DEADLINE_STRIKES: u32 = 50;

/// The CPU time that counts as one fault, if it is lost in search of the alerts to blame.
pub const STRIKE_TIME: Duration = Duration::from_millis(10);

/// The CPU time that a filter may take for a batch in the live lane, unless another one is set.
pub const SLICE: Duration = Duration::from_millis(20);

/// How far a filter in the slow lane may fall behind the live alerts, unless another time is set.
pub const MAX_LAG: Duration = Duration::from_secs(3600);

/// A filter that fails on nine tenths of this many alerts is suspended.
pub const FAILING_ALERTS: u64 = 200;

/// The limits of a filter's faults.
#[derive(Clone, Debug)]
pub struct FaultLimits {
    /// How many faults are published as dead letters for each visit and filter; further faults are only counted.
    pub dead_letters_per_visit: u32,
    /// How many faults in a visit suspend the filter if they are exceeded. A missed deadline counts as
    /// [`DEADLINE_STRIKES`] faults; a field that the alert's schema lacks does not count.
    pub strikes_per_visit: u32,
}

impl Default for FaultLimits {
    fn default() -> FaultLimits {
        FaultLimits { dead_letters_per_visit: 20, strikes_per_visit: 1000 }
    }
}

/// The topics that the pipeline publishes on, and those that it reads.
#[derive(Clone, Debug)]
pub struct Topics {
    /// The topics that alerts are read from. No filter may publish on them.
    pub inputs: Vec<String>,
    /// The text before a filter's name in the name of its topic.
    pub output_prefix: String,
    /// The topic for dead letters: messages that are not alerts, and faults.
    pub dead_letters: Arc<str>,
    /// The topic for the quotas' counters, which is read at a restart. If it is `None`, they are not published.
    pub quotas: Option<Arc<str>>,
}

impl Topics {
    /// The topic for a filter's accepted alerts. `None` if that topic has another use.
    pub fn output(&self, filter: &str) -> Option<Arc<str>> {
        let topic = format!("{}{filter}", self.output_prefix);
        let taken = self.inputs.contains(&topic)
            || *self.dead_letters == *topic
            || self.quotas.as_ref().is_some_and(|quotas| **quotas == *topic);
        (!taken).then(|| topic.into())
    }
}

/// Why a pipeline stopped.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// A thread ended before its work was done, which is a bug.
    #[error("a thread of the pipeline ended unexpectedly; please report this with the log")]
    ThreadLost,
    /// The stream can't go on.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Records can't be published.
    #[error(transparent)]
    Sink(#[from] SinkError),
}
