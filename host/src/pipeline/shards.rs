//! All shards, and the assignment of filters to them.

use std::collections::HashMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use skysieve_avro::Projection;
use skysieve_survey::Visit;

use super::batch::Batch;
use super::channels::{Command, Job, Judged};
use super::check_upload::Prepared;
use super::config::{Config, PipelineError};
use super::expected::Expected;
use super::lane_time::LaneTime;
use super::records;
use super::running_filter::{RunningFilter, RunningShadow};
use super::shard::{QUOTAS_KEPT, Shard};
use crate::filters::Entry;

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
    pub fn start(count: usize, name: &str, time: &LaneTime, back: &Sender<Command>) -> Result<Shards, PipelineError> {
        let shard = |index| Shard::start(&format!("{name}-{index}"), time.clone(), back.clone());
        let shards = (0..count.max(1)).map(shard).collect::<Result<_, _>>()?;
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

    /// Makes running filters of prepared ones, with the counters from before a restart.
    pub fn run(&mut self, prepared: Prepared, config: &Config) -> RunningFilter {
        let mut filter = prepared.run(config);
        filter.restore(self.restored.remove(&filter.entry.name).unwrap_or_default());
        filter
    }

    /// Removes the counters from before a restart of a filter that is not to run here.
    pub fn take_restored(&mut self, name: &str) -> Vec<(Visit, u32)> {
        self.restored.remove(name).unwrap_or_default()
    }

    /// Keeps counters for a filter that may be added later.
    pub fn keep_restored(&mut self, name: &str, counters: Vec<(Visit, u32)>) {
        self.restored.insert(name.to_owned(), counters);
    }

    /// Passes a filter to a shard, replacing an earlier one of its name. It is bound to `projection`, by which batches
    /// are decoded from now on.
    pub fn add(&mut self, mut filter: Box<RunningFilter>, projection: &mut Projection) {
        filter.bind(projection);
        let shard = self.assign(filter.entry.name.clone());
        self.shards[shard].give(Job::Add(filter));
    }

    /// Removes a filter if it is running.
    pub fn remove(&mut self, name: &str, config: &Config) {
        if let Some(shard) = self.end(name) {
            self.shards[shard].give(Job::Remove(name.to_owned()));
        }
        let room = QUOTAS_KEPT + config.max_filters;
        if self.assignments.len() > room {
            self.assignments.retain(|_, assignment| assignment.runs);
        }
    }

    /// Takes note that a filter has left its shard, with its counters, or does not come any more.
    pub fn has_left(&mut self, name: &str) {
        self.end(name);
        // It may have been removed or withdrawn in the meantime, and its shard has to know all the same.
        if let Some(assignment) = self.assignments.get(name) {
            self.shards[assignment.shard].give(Job::Forget(name.to_owned()));
        }
    }

    /// Keeps batches for a filter that is to come. Its fields are bound to `projection`.
    pub fn expect(&mut self, entry: &Entry, projection: &mut Projection) {
        let shard = self.assign(entry.name.clone());
        self.shards[shard].give(Job::Expect(Box::new(Expected::new(entry, projection))));
    }

    /// Adds a filter that was expected. It begins with the batches that were kept for it.
    pub fn arrive(&mut self, filter: Box<RunningFilter>) {
        let shard = self.assign(filter.entry.name.clone());
        self.shards[shard].give(Job::Arrive(filter));
    }

    /// Removes a filter, after the batches that it still has to judge, and returns it. `None` if it does not run here.
    pub fn withdraw(&mut self, name: &str) -> Option<Box<RunningFilter>> {
        let shard = self.end(name)?;
        let (sender, withdrawn) = bounded(1);
        self.shards[shard].give(Job::Withdraw(name.to_owned(), sender));
        withdrawn.recv().ok()
    }

    /// Gives a filter its shadow. Returns the shadow if the filter does not run here.
    pub fn give_shadow(&self, name: &str, shadow: Box<RunningShadow>) -> Result<(), Box<RunningShadow>> {
        match self.assignments.get(name).filter(|assignment| assignment.runs) {
            Some(assignment) => {
                self.shards[assignment.shard].give(Job::Shadow(name.to_owned(), shadow));
                Ok(())
            }
            None => Err(shadow),
        }
    }

    /// Forgets how far filters have come in a topic that was created anew.
    pub fn begin_anew(&self, topic: &Arc<str>) {
        self.shards.iter().for_each(|shard| shard.give(Job::BeginAnew(topic.clone())));
    }

    /// Takes note that a filter does not run any more. Returns its shard if it did.
    fn end(&mut self, name: &str) -> Option<usize> {
        let assignment = self.assignments.get_mut(name)?;
        std::mem::take(&mut assignment.runs).then(|| {
            self.shards[assignment.shard].filters -= 1;
            assignment.shard
        })
    }

    /// Binds the filters to another projection, by which later batches are decoded.
    pub fn bind(&self, projection: &Projection) {
        self.shards.iter().for_each(|shard| shard.give(Job::Bind(projection.clone())));
    }

    /// Passes a batch to every shard. Returns the receiver of their outcomes.
    pub fn judge(&self, batch: &Arc<Batch>) -> Receiver<Judged> {
        let (done, outcomes) = bounded(self.shards.len());
        self.shards.iter().for_each(|shard| shard.give(Job::Judge(batch.clone(), done.clone())));
        outcomes
    }

    /// Whether a filter that is to come would be on the shard of another one, which is there.
    pub fn are_together(&self, name: &str, other: &str) -> bool {
        let shard = self.shard_for(name);
        self.assignments.get(other).is_some_and(|assignment| assignment.runs && assignment.shard == shard)
    }

    fn shard_for(&self, name: &str) -> usize {
        let fewest = || (0..self.shards.len()).min_by_key(|&shard| self.shards[shard].filters).unwrap_or(0);
        self.assignments.get(name).map_or_else(fewest, |assignment| assignment.shard)
    }

    /// Chooses the shard for a filter: that of an earlier filter with the same name, or else the one with the fewest
    /// filters.
    fn assign(&mut self, name: String) -> usize {
        let shard = self.shard_for(&name);
        let assignment = self.assignments.entry(name).or_insert(Assignment { shard, runs: false });
        if !std::mem::replace(&mut assignment.runs, true) {
            self.shards[assignment.shard].filters += 1;
        }
        assignment.shard
    }
}
