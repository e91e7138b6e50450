//! A pipeline's settings, and the errors by which it ends.

use std::sync::Arc;

use super::io::{BatchLimits, SinkError, SourceError};
use skysieve_sandbox::Limits;
use skysieve_survey::Surveys;

/// Accepted alerts published per visit and filter, unless it is set otherwise.
pub const DEFAULT_QUOTA: u32 = 20;

/// Settings of a pipeline.
#[derive(Clone, Debug)]
pub struct Config {
    /// Threads among which the filters are spread.
    pub shards: usize,
    /// What bounds a batch.
    pub batch: BatchLimits,
    /// Accepted alerts published per visit and filter, unless set for the filter; see [`DEFAULT_QUOTA`].
    pub quota: u32,
    /// The sandbox's limits, unless set for the filter.
    pub limits: Limits,
    /// How many filters there may be.
    pub max_filters: usize,
    /// Bounds on a filter's faults.
    pub faults: FaultLimits,
    /// Whether the stream waits at an alert whose schema is not known where there is no registry to ask; else it becomes a
    /// dead letter. While a registry can't be asked the stream waits in any case.
    pub wait_for_schemas: bool,
    /// Where alerts keep id and visit.
    pub surveys: Surveys,
    /// The topics' names.
    pub topics: Topics,
    /// Makes sure that the topic of a filter that is uploaded is there; the error is the uploader's to read.
    pub open_topic: Option<OpenTopic>,
}

/// See [`Config::open_topic`].
#[derive(Clone)]
pub struct OpenTopic(pub Arc<TopicOpener>);

/// Is called with the topic's name.
pub type TopicOpener = dyn Fn(&str) -> Result<(), String> + Send + Sync;

impl std::fmt::Debug for OpenTopic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenTopic")
    }
}

/// Faults that a missed deadline counts as: it has held up its shard for the whole deadline.
pub const DEADLINE_STRIKES: u32 = 50;

/// Bounds on a filter's faults.
#[derive(Clone, Debug)]
pub struct FaultLimits {
    /// Faults published as dead letters per visit and filter; further faults are only counted.
    pub dead_letters_per_visit: u32,
    /// Faults per visit beyond which the filter is suspended. A missed deadline counts as [`DEADLINE_STRIKES`] faults; a
    /// field that the alert's schema lacks counts as none.
    pub strikes_per_visit: u32,
}

impl Default for FaultLimits {
    fn default() -> FaultLimits {
        FaultLimits { dead_letters_per_visit: 20, strikes_per_visit: 1000 }
    }
}

/// The topics that the pipeline publishes on, and those it reads.
#[derive(Clone, Debug)]
pub struct Topics {
    /// The topics that alerts are read from. No filter may publish on them.
    pub inputs: Vec<String>,
    /// The text before a filter's name in the name of its topic.
    pub output_prefix: String,
    /// The topic of dead letters: messages that are not alerts, and faults.
    pub dead_letters: Arc<str>,
    /// The topic of the quotas' counters, which a restart reads again. `None`: they are not published.
    pub quotas: Option<Arc<str>>,
}

impl Topics {
    /// The topic of a filter's accepted alerts. `None` if that topic has another use.
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
    /// No thread could be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// A thread ended before its work was done: a bug.
    #[error("a thread of the pipeline ended unexpectedly; please report this with the log")]
    ThreadLost,
    /// The stream can't go on.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Outputs can't be published.
    #[error(transparent)]
    Sink(#[from] SinkError),
}
