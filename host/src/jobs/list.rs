//! All jobs of a host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use skysieve_sandbox::Cancel;

use super::error::JobError;
use super::job::Job;
use super::status::{JobIds, JobState, JobStatus};

/// How many jobs are remembered. Those that ended first are forgotten.
pub const JOBS_KEPT: usize = 50;

/// How often to check whether jobs have ended.
const TICK: Duration = Duration::from_millis(10);

/// All jobs of a host.
pub struct Jobs {
    most: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    jobs: BTreeMap<u64, Arc<Job>>,
}

impl Default for Jobs {
    /// No jobs, and none can begin.
    fn default() -> Jobs {
        Jobs { most: AtomicUsize::new(0), state: Mutex::default() }
    }
}

impl Jobs {
    /// Sets how many jobs may run at a time.
    pub fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Begins a job, if `may_begin` does not object. It is called with the jobs that are running.
    ///
    /// # Errors
    /// Returns [`JobError::TooMany`], or the error of `may_begin`.
    pub fn begin(
        self: &Arc<Self>,
        cancel: Cancel,
        status: JobStatus,
        may_begin: impl FnOnce(&[JobStatus]) -> Result<(), JobError>,
    ) -> Result<RunningJob, JobError> {
        let mut state = self.state.lock();
        let running: Vec<Arc<Job>> = state.jobs.values().filter(|job| job.is_running()).cloned().collect();
        let most = self.most.load(Ordering::Relaxed);
        let free = (0..most).find(|slot| running.iter().all(|job| job.slot != *slot));
        let slot = free.ok_or(JobError::TooMany(most))?;
        may_begin(&running.iter().map(|job| job.status()).collect::<Vec<_>>())?;
        state.last += 1;
        let job = Arc::new(Job::new(state.last, slot, cancel, status));
        state.jobs.insert(job.id, job.clone());
        let ended = state.jobs.values().filter(|job| !job.is_running()).map(|job| job.id);
        let excess = state.jobs.len().saturating_sub(JOBS_KEPT);
        for id in ended.take(excess).collect::<Vec<_>>() {
            state.jobs.remove(&id);
        }
        drop(state);
        Ok(RunningJob { jobs: self.clone(), job })
    }

    /// Describes all jobs, in the order in which they began.
    pub fn list(&self) -> Vec<JobStatus> {
        self.all().iter().map(|job| job.status()).collect()
    }

    /// Describes one job.
    ///
    /// # Errors
    /// Returns [`JobError::Unknown`].
    pub fn get(&self, id: u64) -> Result<JobStatus, JobError> {
        Ok(self.find(id)?.status())
    }

    /// The ids of alerts that a job has accepted, without the first `from`.
    ///
    /// # Errors
    /// Returns [`JobError::Unknown`].
    pub fn ids(&self, id: u64, from: u64) -> Result<JobIds, JobError> {
        Ok(self.find(id)?.ids(from))
    }

    /// Cancels a job, and waits for its end, at most a second. Nothing changes if it has ended.
    ///
    /// # Errors
    /// Returns [`JobError::Unknown`].
    pub fn cancel(&self, id: u64) -> Result<JobStatus, JobError> {
        let job = self.find(id)?;
        if job.is_running() {
            job.cancel();
            await_end(std::slice::from_ref(&job), Duration::from_secs(1));
        }
        Ok(job.status())
    }

    /// Cancels all jobs, and waits for their ends for some time.
    pub fn stop(&self, patience: Duration) {
        let all = self.all();
        all.iter().for_each(|job| job.cancel());
        await_end(&all, patience);
    }

    fn forget(&self, id: u64) {
        self.state.lock().jobs.remove(&id);
    }

    fn all(&self) -> Vec<Arc<Job>> {
        self.state.lock().jobs.values().cloned().collect()
    }

    fn find(&self, id: u64) -> Result<Arc<Job>, JobError> {
        self.state.lock().jobs.get(&id).cloned().ok_or(JobError::Unknown(id))
    }
}

/// A job that is being done. If this is dropped before the job [has ended](RunningJob::end), it has failed.
pub struct RunningJob {
    jobs: Arc<Jobs>,
    job: Arc<Job>,
}

impl RunningJob {
    /// The job.
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// Ends it.
    pub fn end(self, state: JobState, reason: Option<String>) {
        self.job.end(state, reason);
    }

    /// Forgets it, because it could not begin.
    pub fn discard(self) {
        self.jobs.forget(self.job.id);
    }
}

impl Drop for RunningJob {
    fn drop(&mut self) {
        if self.job.is_running() {
            self.job.end(JobState::Failed, Some("it ended unexpectedly; please report this with the log".to_owned()));
        }
    }
}

fn await_end(jobs: &[Arc<Job>], patience: Duration) {
    let begun = Instant::now();
    while jobs.iter().any(|job| job.is_running()) && begun.elapsed() < patience {
        std::thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{IDS_KEPT, JobKind};

    fn begin(jobs: &Arc<Jobs>) -> Result<RunningJob, JobError> {
        jobs.begin(Cancel::default(), JobStatus::begin(JobKind::Replay, "bright", "5e88"), |_| Ok(()))
    }

    #[test]
    fn so_many_run_at_a_time_and_the_last_ones_are_remembered() {
        let jobs = Arc::new(Jobs::default());
        assert!(matches!(begin(&jobs), Err(JobError::TooMany(0))));
        jobs.set_most(2);
        let (first, second) = (begin(&jobs).unwrap(), begin(&jobs).unwrap());
        assert_eq!([first.job().slot, second.job().slot], [0, 1]);
        assert!(matches!(begin(&jobs), Err(JobError::TooMany(2))));
        first.end(JobState::Done, None);
        for _ in 0..2 * JOBS_KEPT {
            let next = begin(&jobs).unwrap();
            assert_eq!(next.job().slot, 0);
            next.end(JobState::Done, None);
        }
        let ids: Vec<u64> = jobs.list().iter().map(|job| job.id).collect();
        assert_eq!(ids.len(), JOBS_KEPT);
        assert_eq!((ids[0], ids[1], ids[JOBS_KEPT - 1]), (2, JOBS_KEPT as u64 + 4, 2 * JOBS_KEPT as u64 + 2));
        assert_eq!(jobs.get(2).unwrap().state, JobState::Running);
        assert!(matches!(jobs.get(1), Err(JobError::Unknown(1))));
        begin(&jobs).unwrap().discard();
        assert_eq!(jobs.list().len(), JOBS_KEPT - 1);
    }

    #[test]
    fn a_job_ends_in_some_way_in_any_case() {
        let jobs = Arc::new(Jobs::default());
        jobs.set_most(1);
        drop(begin(&jobs).unwrap());
        assert_eq!(jobs.get(1).unwrap().state, JobState::Failed);
        let running = begin(&jobs).unwrap();
        let stop = running.job().stop.clone();
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
            }
            running.end(JobState::Cancelled, None);
        });
        assert_eq!(jobs.cancel(2).unwrap().state, JobState::Cancelled);
        thread.join().unwrap();
        assert_eq!(jobs.cancel(1).unwrap().state, JobState::Failed);
    }

    #[test]
    fn so_many_ids_are_kept() {
        let jobs = Arc::new(Jobs::default());
        jobs.set_most(1);
        let running = begin(&jobs).unwrap();
        let ids = |range: std::ops::Range<usize>| range.map(|id| id.to_string()).collect::<Vec<_>>();
        running.job().add_ids(ids(0..3));
        assert_eq!(jobs.ids(1, 1).unwrap(), JobIds { ids: ids(1..3), next: 3 });
        running.job().add_ids(ids(3..IDS_KEPT + 5));
        let status = jobs.get(1).unwrap();
        assert_eq!((status.ids, status.more_ids), (IDS_KEPT as u64, 5));
        assert_eq!(jobs.ids(1, 3).unwrap().ids, ids(3..IDS_KEPT));
        assert_eq!(jobs.ids(1, u64::MAX).unwrap(), JobIds { ids: Vec::new(), next: IDS_KEPT as u64 });
    }
}
