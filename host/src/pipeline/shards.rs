//! All shards, and the assignment of filters to them.

use std::collections::HashMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};
use skysieve_avro::Projection;
use skysieve_survey::Visit;

use super::batch::Batch;
use super::check_upload::Prepared;
use super::config::{Config, PipelineError};
use super::outcome::Outcome;
use super::records;
use super::shard::{QUOTAS_KEPT, Shard};

/// The threads of the shards, and the filters on them.
pub struct Shards {
    shards: Vec<Shard>,
    assignments: HashMap<String, Assignment>,
    /// Counters from before a restart, for filters that have yet to be added.
    restored: HashMap<String, Vec<(Visit, u32)>>,
}

/// The shard that a filter is or was on, which has the filter's counters.
struct Assignment {
    shard: usize,
    runs: bool,
}

impl Shards {
    /// Starts the threads.
    ///
    /// # Errors
    /// Returns [`PipelineError::Thread`] if one can't be started.
    pub fn start(count: usize) -> Result<Shards, PipelineError> {
        let shards = (0..count.max(1)).map(Shard::start).collect::<Result<_, _>>()?;
        Ok(Shards { shards, assignments: HashMap::new(), restored: HashMap::new() })
    }

    /// The number of shards.
    pub fn count(&self) -> usize {
        self.shards.len()
    }

    /// Keeps quotas' counters, which were read from their topic, for filters that are added later. Returns how many
    /// there are.
    pub fn restore<'a>(&mut self, counters: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> usize {
        let mut count = 0;
        for (filter, visit, used) in counters.into_iter().filter_map(|(key, value)| records::read_counter(key, value)) {
            self.restored.entry(filter).or_default().push((visit, used));
            count += 1;
        }
        count
    }

    /// Passes filters to shards, replacing earlier ones of their names. `projection` is the one by which batches are
    /// decoded from now on.
    pub fn add(&mut self, filters: Vec<Prepared>, projection: &mut Projection, config: &Config) {
        for prepared in filters {
            let name = prepared.entry.name.clone();
            self.remove(&name, config);
            let mut filter = prepared.run(projection, config);
            filter.restore(self.restored.remove(&name).unwrap_or_default());
            let shard = self.assign(name);
            self.shards[shard].add(filter);
        }
    }

    /// Removes a filter if it is running.
    pub fn remove(&mut self, name: &str, config: &Config) {
        if let Some(assignment) = self.assignments.get_mut(name)
            && std::mem::take(&mut assignment.runs)
        {
            self.shards[assignment.shard].remove(name);
        }
        let room = QUOTAS_KEPT + config.max_filters;
        if self.assignments.len() > room {
            self.assignments.retain(|_, assignment| assignment.runs);
        }
    }

    /// Binds the filters to another projection, by which later batches are decoded.
    pub fn bind(&self, projection: &Projection) {
        self.shards.iter().for_each(|shard| shard.bind(projection.clone()));
    }

    /// Passes a batch to every shard. Returns the receiver of their outcomes.
    pub fn judge(&self, batch: &Arc<Batch>) -> Receiver<Outcome> {
        let (done, outcomes) = bounded(self.shards.len());
        self.shards.iter().for_each(|shard| shard.judge(batch.clone(), done.clone()));
        outcomes
    }

    /// Chooses the shard for a filter: that of an earlier filter with the same name, or else the one with the fewest
    /// filters.
    fn assign(&mut self, name: String) -> usize {
        let fewest = (0..self.shards.len()).min_by_key(|&shard| self.shards[shard].filters).unwrap_or(0);
        let assignment = self.assignments.entry(name).or_insert(Assignment { shard: fewest, runs: false });
        assignment.runs = true;
        assignment.shard
    }
}
