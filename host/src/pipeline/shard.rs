//! A thread that owns some of the filters. No other thread touches them, so nothing has to be locked while an alert is
//! judged.

use std::collections::{HashSet, VecDeque};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, unbounded};
use skysieve_sandbox::{Interrupted, spawn, yield_to_others};

use super::batch::Batch;
use super::channels::{Command, Job, Judged};
use super::config::PipelineError;
use super::lane_time::LaneTime;
use super::outcome::Outcome;
use super::panics::caught;
use super::quota::Quota;
use super::running_filter::RunningFilter;

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
            inbox.iter().for_each(|job| worker.work(job));
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
    time: LaneTime,
    back: Sender<Command>,
}

impl Worker {
    fn new(time: LaneTime, back: Sender<Command>) -> Worker {
        Worker { filters: Vec::new(), quotas: VecDeque::new(), left: HashSet::new(), time, back }
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
            Job::Forget(name) => drop(self.left.remove(&name)),
            Job::Bind(mut projection) => {
                for filter in &mut self.filters {
                    filter.judge_mut().bind(&mut projection).expect("the fields were bound before");
                }
            }
            Job::BeginAnew(topic) => self.filters.iter_mut().for_each(|filter| filter.begin_anew(&topic)),
            Job::Release(released) => {
                let quick = self.filters.extract_if(.., |filter| filter.is_quick());
                // Sending fails if the loop has ended.
                let _ = released.send(quick.collect());
            }
            Job::Judge(batch, done) => {
                let judged = self.judge(&batch);
                drop(batch);
                // Sending fails if the publishers have failed.
                let _ = done.send(judged);
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

    fn take(&mut self, name: &str) -> Option<RunningFilter> {
        let at = self.filters.iter().position(|filter| filter.entry.name == name)?;
        Some(self.filters.remove(at))
    }

    fn keep_quota(&mut self, filter: RunningFilter) {
        self.quotas.truncate(QUOTAS_KEPT - 1);
        self.quotas.push_front((filter.entry.name.clone(), filter.into_quota()));
    }

    /// Judges a batch with every filter. Filters that take too long leave.
    fn judge(&mut self, batch: &Batch) -> Judged {
        let Judged { mut outcome, mut leaving } = Judged::default();
        let mut at = 0;
        while at < self.filters.len() {
            match process(&mut self.filters[at], batch, &self.time, &mut outcome) {
                Ok(()) => at += 1,
                Err(Interrupted::Slice) => {
                    let mut filter = self.filters.remove(at);
                    self.left.insert(filter.entry.name.clone());
                    outcome.lanes.push(filter.leave(batch));
                    leaving.push(filter);
                }
                // It is being removed, or the host is stopping.
                Err(Interrupted::Cancelled) => {
                    let filter = self.filters.remove(at);
                    outcome.is_incomplete |= filter.is_missed();
                    self.keep_quota(filter);
                }
            }
        }
        Judged { outcome, leaving }
    }
}

/// Judges a batch with a filter. If the host panics, other than over an alert, only this filter fails.
fn process(
    filter: &mut RunningFilter,
    batch: &Batch,
    time: &LaneTime,
    outcome: &mut Outcome,
) -> Result<(), Interrupted> {
    let mut part = Outcome::default();
    let judged = caught(|| filter.process(batch, time, &mut part)).unwrap_or_else(|message| {
        filter.fail(batch, time, message, &mut part);
        Ok(())
    });
    outcome.append(part);
    judged
}

#[cfg(test)]
mod tests;
