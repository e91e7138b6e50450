//! A thread that owns some of the filters: no other touches them, so nothing is locked on the way of an alert.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::quota::Quota;
use super::resident::{Counter, FaultLetter, Output, Resident};
use super::{Batch, PipelineError};
use skysieve_avro::Projection;
use skysieve_sandbox::spawn;

/// What one shard's filters made of a batch.
#[derive(Debug, Default)]
pub struct ShardResult {
    /// Alerts to be published.
    pub outputs: Vec<Output>,
    /// Faults to be published.
    pub letters: Vec<FaultLetter>,
    /// Counters of quotas that changed.
    pub counters: Vec<Counter>,
}

/// Removed filters whose counters are kept, in case one of the name comes back within the visit.
pub const QUOTAS_KEPT: usize = 1000;

enum Job {
    Add(Box<Resident>),
    Remove(String),
    Bind(Projection),
    Judge(Arc<Batch>, Sender<ShardResult>),
}

/// A handle on the thread. Jobs are done in the order they are given. Dropping it ends the thread after the last.
pub struct Shard {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// How many filters it has.
    pub filters: usize,
}

impl Shard {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(index: usize) -> Result<Shard, PipelineError> {
        let (jobs, inbox) = unbounded();
        let thread = spawn(&format!("shard-{index}"), move || work(&inbox)).map_err(PipelineError::Thread)?;
        Ok(Shard { jobs: Some(jobs), thread: Some(thread), filters: 0 })
    }

    /// Adds a filter. It goes on with the counters of one of its name that was removed from this shard.
    pub fn add(&mut self, resident: Resident) {
        self.filters += 1;
        self.give(Job::Add(Box::new(resident)));
    }

    /// Takes a filter out.
    pub fn remove(&mut self, name: &str) {
        self.filters -= 1;
        self.give(Job::Remove(name.to_owned()));
    }

    /// Batches after this one are decoded by another projection.
    pub fn bind(&self, projection: Projection) {
        self.give(Job::Bind(projection));
    }

    /// Judges a batch; the result is sent to `done`.
    pub fn judge(&self, batch: Arc<Batch>, done: Sender<ShardResult>) {
        self.give(Job::Judge(batch, done));
    }

    fn give(&self, job: Job) {
        // A shard that is gone has dropped its senders: whoever waits for its result is told by that.
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
    let mut residents: Vec<Resident> = Vec::new();
    let mut quotas: VecDeque<(String, Quota)> = VecDeque::new();
    for job in inbox {
        match job {
            Job::Add(mut resident) => {
                if let Some(at) = quotas.iter().position(|(name, _)| *name == resident.entry.name)
                    && let Some((_, quota)) = quotas.remove(at)
                {
                    resident.inherit(quota);
                }
                residents.push(*resident);
            }
            Job::Remove(name) => {
                if let Some(at) = residents.iter().position(|resident| resident.entry.name == name) {
                    quotas.truncate(QUOTAS_KEPT - 1);
                    quotas.push_front((name, residents.remove(at).into_quota()));
                }
            }
            Job::Bind(mut projection) => {
                for resident in &mut residents {
                    resident.judge_mut().bind(&mut projection).expect("the fields were bound before");
                }
            }
            Job::Judge(batch, done) => {
                let mut result = ShardResult::default();
                for resident in &mut residents {
                    resident.process(&batch, &mut result);
                }
                drop(batch);
                let _ = done.send(result);
            }
        }
    }
}
