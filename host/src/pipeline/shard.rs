//! A thread that owns some of the filters. No other thread touches them, so nothing has to be locked while an alert is
//! judged.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Sender, unbounded};
use skysieve_sandbox::{Interrupted, spawn, yield_to_others};

use super::batch::Batch;
use super::channels::{Command, Job, Judged};
use super::config::PipelineError;
use super::expected::Expected;
use super::lane_time::LaneTime;
use super::outcome::Outcome;
use super::owed;
use super::panics::caught;
use super::quota::Quota;
use super::running_filter::RunningFilter;

mod shadows;

/// For how many removed filters the counters are kept, in case a filter with the same name is added within the visit.
pub const QUOTAS_KEPT: usize = 1000;

/// A handle to the thread. Dropping it ends the thread after its last job.
pub struct Shard {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// The number of filters on the thread.
    pub filters: usize,
}

impl Shard {
    /// Starts the thread. It judges within `time`, and sends filters that can't begin back through `back`.
    ///
    /// # Errors
    /// Returns [`PipelineError::Thread`] if the system can't start one.
    pub fn start(name: &str, time: LaneTime, back: Sender<Command>) -> Result<Shard, PipelineError> {
        let (jobs, inbox) = unbounded();
        let mut worker = Worker::new(time, back);
        let work = move || {
            if worker.time.yields {
                yield_to_others();
            }
            while let Some(job) = worker.next_job(&inbox) {
                worker.work(job);
            }
        };
        let thread = spawn(name, work);
        Ok(Shard { jobs: Some(jobs), thread: Some(thread.map_err(PipelineError::Thread)?), filters: 0 })
    }

    /// Sends a job, which follows all earlier ones.
    pub fn give(&self, job: Job) {
        // A shard that has ended has dropped its senders, so that whoever waits for its outcome notices.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(job));
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct Worker {
    filters: Vec<RunningFilter>,
    /// The counters of removed filters, newest first.
    quotas: VecDeque<(String, Quota)>,
    /// The filters that have left the lane, until the loop knows.
    left: HashSet<String>,
    /// The filters that are on their way here, and the batches that are kept for them.
    expected: Vec<Expected>,
    time: LaneTime,
    back: Sender<Command>,
    /// Which shadow comes first in the slice that all have after a batch.
    first_shadow: usize,
}

impl Worker {
    fn new(time: LaneTime, back: Sender<Command>) -> Worker {
        let (quotas, left, expected) = (VecDeque::new(), HashSet::new(), Vec::new());
        Worker { filters: Vec::new(), quotas, left, expected, time, back, first_shadow: 0 }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Add(filter) => self.add(filter),
            Job::Remove(name) => {
                if let Some(filter) = self.take(&name) {
                    self.keep_quota(filter);
                }
            }
            Job::Withdraw(name, withdrawn) => {
                if let Some(filter) = self.take(&name) {
                    // Sending fails if the loop has ended.
                    let _ = withdrawn.send(Box::new(filter));
                }
            }
            Job::Forget(name) => {
                self.left.remove(&name);
                self.expected.retain(|expected| expected.name != name);
            }
            Job::Bind(mut projection) => {
                self.expected.iter_mut().for_each(|expected| expected.bind(&mut projection));
                self.filters.iter_mut().for_each(|filter| filter.bind(&mut projection));
            }
            Job::BeginAnew(topic) => {
                self.filters.iter_mut().for_each(|filter| filter.begin_anew(&topic));
                self.expected.iter_mut().for_each(|expected| expected.begin_anew(&topic));
            }
            Job::Shadow(name, shadow) => match self.filters.iter_mut().find(|filter| filter.entry.name == name) {
                Some(filter) => filter.set_shadow(shadow),
                // Sending fails if the loop has ended.
                None => drop(self.back.send(Command::GiveShadow(name, shadow))),
            },
            Job::Expect(expected) => self.expected.push(*expected),
            Job::Arrive(filter) => self.arrive(filter),
            Job::Judge(batch, done) => {
                self.expected.iter_mut().for_each(|expected| expected.keep(&batch, &self.time.standings.kept));
                let begun = Instant::now();
                let mut judged = self.judge(&batch);
                judged.took = begun.elapsed();
                drop(batch);
                // Sending fails if the publishers have failed.
                let _ = done.send(judged);
                self.judge_shadows();
            }
        }
    }

    fn add(&mut self, mut filter: Box<RunningFilter>) {
        let name = &filter.entry.name;
        if self.left.contains(name) {
            let _ = self.back.send(Command::Returned(filter));
            return;
        }
        if let Some(earlier) = self.filters.iter().position(|earlier| earlier.entry.name == *name) {
            filter.succeed(self.filters.remove(earlier));
        } else if let Some(at) = self.quotas.iter().position(|(known, _)| known == name)
            && let Some((_, quota)) = self.quotas.remove(at)
        {
            filter.inherit(quota);
        }
        self.filters.push(*filter);
    }

    /// Adds a filter that was expected.
    fn arrive(&mut self, mut filter: Box<RunningFilter>) {
        if let Some(at) = self.expected.iter().position(|expected| expected.name == filter.entry.name) {
            self.expected.swap_remove(at).hand_over(&mut filter);
        }
        self.filters.push(*filter);
    }

    fn take(&mut self, name: &str) -> Option<RunningFilter> {
        let at = self.filters.iter().position(|filter| filter.entry.name == name)?;
        Some(self.take_at(at))
    }

    fn take_at(&mut self, at: usize) -> RunningFilter {
        let filter = self.filters.remove(at);
        if !self.time.takes_turns {
            self.time.standings.remove(&filter.entry.name);
            self.time.costly.set(&filter.entry.name, None);
        }
        filter
    }

    fn keep_quota(&mut self, filter: RunningFilter) {
        self.quotas.truncate(QUOTAS_KEPT - 1);
        self.quotas.push_front((filter.entry.name.clone(), filter.into_quota()));
    }

    /// Judges a batch with every filter. Filters that take too long leave.
    fn judge(&mut self, batch: &Arc<Batch>) -> Judged {
        if self.time.takes_turns {
            return self.judge_in_turns(batch);
        }
        let mut judged = Judged::default();
        let mut at = 0;
        while at < self.filters.len() {
            let filter = &mut self.filters[at];
            if filter.is_behind() {
                at += usize::from(self.judge_behind(at, batch, &mut judged));
                continue;
            }
            match process(filter, batch, &self.time, &mut judged.outcome) {
                Ok(()) => at += 1,
                Err(Interrupted::Slice) if filter.owe(batch, &self.time, &mut judged) => at += 1,
                Err(Interrupted::Slice) => {
                    let mut filter = self.take_at(at);
                    self.left.insert(filter.entry.name.clone());
                    judged.outcome.lanes.push(filter.leave(&batch.begin, batch));
                    judged.leaving.push(filter);
                }
                // It is being removed, or the host is stopping.
                Err(Interrupted::Cancelled) => {
                    let filter = self.take_at(at);
                    judged.outcome.is_incomplete |= filter.is_missed();
                    self.keep_quota(filter);
                }
            }
        }
        self.end_batch(batch, &mut judged);
        judged
    }

    /// Lets filters leave that have judged the batch, but take too long together with others.
    fn end_batch(&mut self, batch: &Arc<Batch>, judged: &mut Judged) {
        let mut costly = Vec::new();
        for filter in &mut self.filters {
            if filter.end_batch(batch.messages.len()) {
                self.time.costly.set(&filter.entry.name, filter.cost());
            }
            costly.extend(filter.cost().map(|each| (filter.entry.name.clone(), each)));
        }
        for name in self.time.costly.too_many(costly) {
            let Some(mut filter) = self.take(&name) else { continue };
            tracing::info!(filter = name, "filters take long together, and this one is among those that take longest");
            if filter.is_behind() {
                filter.leave_behind(&self.time);
            } else {
                judged.outcome.lanes.push(filter.leave(&batch.end, batch));
            }
            self.left.insert(name);
            judged.leaving.push(filter);
        }
    }

    /// Lets a filter catch up that is behind the live lane. Returns whether it stays.
    fn judge_behind(&mut self, at: usize, batch: &Arc<Batch>, judged: &mut Judged) -> bool {
        let filter = &mut self.filters[at];
        match caught(|| filter.catch_up(batch, &self.time, judged)) {
            Ok(Ok(true)) => true,
            Ok(Ok(false)) => {
                let mut filter = self.take_at(at);
                filter.leave_behind(&self.time);
                self.left.insert(filter.entry.name.clone());
                judged.leaving.push(filter);
                false
            }
            Ok(Err(_)) => {
                let filter = self.take_at(at);
                self.keep_quota(filter);
                false
            }
            Err(message) => {
                filter.suspend(message);
                true
            }
        }
    }

    /// Gives a batch to every filter that can take it, and lets each judge for a turn.
    fn judge_in_turns(&mut self, batch: &Arc<Batch>) -> Judged {
        let mut judged = Judged::default();
        let mut at = 0;
        while at < self.filters.len() {
            let filter = &mut self.filters[at];
            filter.take(batch, owed::MOST, &self.time.standings.kept);
            match caught(|| filter.work(&self.time, &mut judged)) {
                Ok(Ok(())) => at += 1,
                // It is being removed, or the host is stopping. It is judged from its own position if it comes back.
                Ok(Err(_)) => {
                    let filter = self.filters.remove(at);
                    self.keep_quota(filter);
                }
                Err(message) => {
                    filter.suspend(message);
                    at += 1;
                }
            }
        }
        judged
    }
}

/// Judges a batch with a filter. If the host panics, other than over an alert, only this filter fails.
fn process(
    filter: &mut RunningFilter,
    batch: &Arc<Batch>,
    time: &LaneTime,
    outcome: &mut Outcome,
) -> Result<(), Interrupted> {
    let mut part = Outcome::default();
    let judged = caught(|| filter.process(batch, time, &mut part)).unwrap_or_else(|message| {
        filter.fail(batch, message, &mut part);
        Ok(())
    });
    outcome.append(part);
    judged
}

#[cfg(test)]
mod tests;
