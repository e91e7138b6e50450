//! One job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use parking_lot::Mutex;
use skysieve_sandbox::Cancel;

use super::status::{IDS_KEPT, JobIds, JobState, JobStatus};

/// One job. The threads that do it write to this record; requests read it.
pub struct Job {
    /// Its number.
    pub id: u64,
    /// A number below that of jobs that may run at a time, which no other running job has.
    pub slot: usize,
    /// Is set when the job is to end.
    pub stop: Arc<AtomicBool>,
    /// Ends the evaluations of its filter.
    pub cancel: Cancel,
    began: Instant,
    state: Mutex<State>,
}

struct State {
    status: JobStatus,
    ids: Vec<String>,
}

impl Job {
    /// A job that begins now. The numbers, the time and the state in `status` are set by this.
    pub(super) fn new(id: u64, slot: usize, cancel: Cancel, status: JobStatus) -> Job {
        let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let status = JobStatus { id, started, state: JobState::Running, ..status };
        let state = Mutex::new(State { status, ids: Vec::new() });
        Job { id, slot, stop: Arc::default(), cancel, began: Instant::now(), state }
    }

    /// Its description.
    pub fn status(&self) -> JobStatus {
        let mut status = self.state.lock().status.clone();
        if status.state == JobState::Running {
            status.seconds = self.began.elapsed().as_secs_f64();
        }
        status
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.state.lock().status.state == JobState::Running
    }

    /// Changes its description.
    pub fn update(&self, change: impl FnOnce(&mut JobStatus)) {
        change(&mut self.state.lock().status);
    }

    /// Adds the ids of accepted alerts.
    pub fn add_ids(&self, ids: Vec<String>) {
        let State { status, ids: kept } = &mut *self.state.lock();
        let room = IDS_KEPT - kept.len();
        status.more_ids += ids.len().saturating_sub(room) as u64;
        kept.extend(ids.into_iter().take(room));
        status.ids = kept.len() as u64;
    }

    /// The ids of accepted alerts, without the first `from`.
    pub fn ids(&self, from: u64) -> JobIds {
        let state = self.state.lock();
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(state.ids.len());
        JobIds { ids: state.ids[from..].to_vec(), next: state.ids.len() as u64 }
    }

    /// Ends its work as soon as possible. What it has done until then remains.
    pub fn cancel(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.cancel.cancel();
    }

    /// Sets that it has ended.
    pub(super) fn end(&self, state: JobState, reason: Option<String>) {
        let seconds = self.began.elapsed().as_secs_f64();
        self.update(|status| (status.state, status.reason, status.seconds) = (state, reason, seconds));
    }
}
