//! What is to be published for a batch after filters have judged it.

use std::sync::Arc;

use skysieve_sandbox::{Annotation, Fault};
use skysieve_survey::Visit;

use super::lane_record::LaneChange;
use crate::filters::Entry;

/// The results of one shard's filters for a batch.
#[derive(Default)]
pub struct Outcome {
    /// The alerts to be published.
    pub outputs: Vec<Output>,
    /// The faults to be published as dead letters.
    pub faults: Vec<FaultReport>,
    /// The counters of quotas that changed.
    pub counters: Vec<QuotaCounter>,
    /// The counters that were forgotten because there were too many. Their records are to be deleted.
    pub forgotten: Vec<QuotaCounter>,
    /// Whether the host is stopping and a filter was interrupted, so that its verdicts are missing. The batch must not be
    /// published then: it is read again at the next start.
    pub is_incomplete: bool,
    /// How far filters have come that are judged from positions of their own.
    pub lanes: Vec<LaneChange>,
}

impl Outcome {
    /// Appends the results of another filter for the batch.
    pub fn append(&mut self, other: Outcome) {
        self.outputs.extend(other.outputs);
        self.faults.extend(other.faults);
        self.counters.extend(other.counters);
        self.forgotten.extend(other.forgotten);
        self.is_incomplete |= other.is_incomplete;
        self.lanes.extend(other.lanes);
    }
}

/// An accepted alert that is within the quota and is to be published.
#[derive(Clone, Debug)]
pub struct Output {
    /// The filter that accepted it.
    pub entry: Arc<Entry>,
    /// The topic to publish on.
    pub topic: Arc<str>,
    /// The message's index in the batch.
    pub row: u32,
    /// The filter's annotations.
    pub annotations: Vec<Annotation>,
}

/// A fault to be published as a dead letter.
#[derive(Clone, Debug)]
pub struct FaultReport {
    /// The filter that failed.
    pub entry: Arc<Entry>,
    /// The alert on which it failed, and how.
    pub fault: Fault,
}

/// The counter of a quota that was changed by a batch.
#[derive(Debug)]
pub struct QuotaCounter {
    /// The filter.
    pub entry: Arc<Entry>,
    /// The visit for which it counts.
    pub visit: Visit,
    /// The number of the visit's alerts that were published.
    pub used: u32,
}

/// What is to be published beside the next batch about filters that have come, gone or changed lanes.
#[derive(Default)]
pub struct Changes {
    /// Where they are judged from now on.
    pub lanes: Vec<LaneChange>,
    /// The counters that they have brought along.
    pub counters: Vec<QuotaCounter>,
    /// What is to be done once that is committed.
    pub then: Vec<AfterCommit>,
}

impl Changes {
    /// Whether there is nothing to publish.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.counters.is_empty() && self.then.is_empty()
    }
}

/// Is called once a transaction is committed. If that never happens, it is dropped.
pub type AfterCommit = Box<dyn FnOnce() + Send>;
