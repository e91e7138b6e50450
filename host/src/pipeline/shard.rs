//! A thread that owns some of the filters. No other thread touches them, so nothing has to be locked while an alert is
//! judged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};
use skysieve_avro::Projection;
use skysieve_sandbox::spawn;

use super::batch::Batch;
use super::channels::Job;
use super::config::PipelineError;
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
    /// Starts the thread.
    ///
    /// # Errors
    /// Returns [`PipelineError::Thread`] if the system can't start one.
    pub fn start(index: usize) -> Result<Shard, PipelineError> {
        let (jobs, inbox) = unbounded();
        let thread = spawn(&format!("shard-{index}"), move || work(&inbox)).map_err(PipelineError::Thread)?;
        Ok(Shard { jobs: Some(jobs), thread: Some(thread), filters: 0 })
    }

    /// See [`Job::Add`].
    pub fn add(&mut self, filter: RunningFilter) {
        self.filters += 1;
        self.give(Job::Add(Box::new(filter)));
    }

    /// See [`Job::Remove`].
    pub fn remove(&mut self, name: &str) {
        self.filters -= 1;
        self.give(Job::Remove(name.to_owned()));
    }

    /// See [`Job::Bind`].
    pub fn bind(&self, projection: Projection) {
        self.give(Job::Bind(projection));
    }

    /// See [`Job::Judge`].
    pub fn judge(&self, batch: Arc<Batch>, done: Sender<Outcome>) {
        self.give(Job::Judge(batch, done));
    }

    fn give(&self, job: Job) {
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

fn work(inbox: &Receiver<Job>) {
    let mut filters: Vec<RunningFilter> = Vec::new();
    let mut quotas: VecDeque<(String, Quota)> = VecDeque::new();
    for job in inbox {
        match job {
            Job::Add(mut filter) => {
                if let Some(at) = quotas.iter().position(|(name, _)| *name == filter.entry.name)
                    && let Some((_, quota)) = quotas.remove(at)
                {
                    filter.inherit(quota);
                }
                filters.push(*filter);
            }
            Job::Remove(name) => {
                if let Some(at) = filters.iter().position(|filter| filter.entry.name == name) {
                    quotas.truncate(QUOTAS_KEPT - 1);
                    quotas.push_front((name, filters.remove(at).into_quota()));
                }
            }
            Job::Bind(mut projection) => {
                for filter in &mut filters {
                    filter.judge_mut().bind(&mut projection).expect("the fields were bound before");
                }
            }
            Job::Judge(batch, done) => {
                let mut outcome = Outcome::default();
                for filter in &mut filters {
                    process(filter, &batch, &mut outcome);
                }
                drop(batch);
                // Sending fails if the publishers have failed.
                let _ = done.send(outcome);
            }
        }
    }
}

/// Judges a batch with a filter. If the host panics, other than over an alert, only this filter fails.
fn process(filter: &mut RunningFilter, batch: &Batch, outcome: &mut Outcome) {
    let mut part = Outcome::default();
    if let Err(message) = caught(|| filter.process(batch, &mut part)) {
        filter.fail(batch, message, &mut part);
    }
    outcome.append(part);
}

#[cfg(test)]
mod tests;
