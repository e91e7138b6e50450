//! What is to be published of a batch, once filters have judged it.

use std::sync::Arc;

use skysieve_sandbox::{Annotation, Fault};
use skysieve_survey::Visit;

use crate::filters::Entry;

/// What one shard's filters made of a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Alerts to be published.
    pub outputs: Vec<Output>,
    /// Faults to be published as dead letters.
    pub faults: Vec<FaultReport>,
    /// Counters of quotas that changed.
    pub counters: Vec<QuotaCounter>,
    /// Counters that were forgotten, as there were too many: their records are to be deleted.
    pub forgotten: Vec<QuotaCounter>,
}

impl Outcome {
    /// Appends what another filter made of the batch.
    pub fn append(&mut self, other: Outcome) {
        self.outputs.extend(other.outputs);
        self.faults.extend(other.faults);
        self.counters.extend(other.counters);
        self.forgotten.extend(other.forgotten);
    }
}

/// An accepted alert within the quota, to be published.
#[derive(Debug)]
pub struct Output {
    /// The filter that accepted it.
    pub entry: Arc<Entry>,
    /// The topic.
    pub topic: Arc<str>,
    /// The message's index in the batch.
    pub row: u32,
    /// The filter's annotations.
    pub annotations: Vec<Annotation>,
}

/// A fault to be published as a dead letter.
#[derive(Debug)]
pub struct FaultReport {
    /// The filter that failed.
    pub entry: Arc<Entry>,
    /// The alert that it failed on, and how.
    pub fault: Fault,
}

/// A quota's counter that a batch has changed.
#[derive(Debug)]
pub struct QuotaCounter {
    /// The filter.
    pub entry: Arc<Entry>,
    /// The visit that is counted.
    pub visit: Visit,
    /// Alerts of the visit that were published.
    pub used: u32,
}
