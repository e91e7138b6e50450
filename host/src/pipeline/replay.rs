//! A replay: a filter judges past alerts, in a lane of its own. It is another instance of the filter, with counters of its
//! own, so that the live one knows nothing of it. A check is a replay of a filter that need not run here: nothing is
//! published, and what it costs is measured.

mod check;
mod give_way;
mod into;
mod measured;
mod packets;
mod recorder;
mod work;

use std::sync::Arc;

use super::state::PipelineState;
use crate::filters::{FilterError, check_name};
use crate::jobs::{JobError, JobKind, JobStatus, ReplayRequest};
pub use check::begin_check;
use into::check_into;
use work::{Alerts, Work, start};

/// The longest name of a topic.
pub const TOPIC_LETTERS: usize = 249;

/// Why there is no job.
const UNSUPPORTED: JobError = JobError::Unsupported(
    "this host runs no replays and checks: it is a demo, has only just started, or was started with --replays 0",
);

/// Begins a replay. Returns once it reads, or with the reason that it can't.
pub fn begin(state: &Arc<PipelineState>, name: &str, request: ReplayRequest) -> Result<JobStatus, JobError> {
    check_name(name)?;
    let past = state.past().ok_or(UNSUPPORTED)?;
    let entry = state.entries().get(name).cloned().ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
    if let Some(into) = &request.into {
        check_into(state, name, into).map_err(JobError::Into)?;
    }
    let status = JobStatus {
        from: request.from.clone(),
        to: request.to.clone().unwrap_or_else(|| "latest".to_owned()),
        into: request.into.clone(),
        owner: request.owner.clone(),
        ..JobStatus::begin(JobKind::Replay, name, &entry.sha256)
    };
    let running = state.jobs.begin(state.cancel.child(), status, |running| {
        match running.iter().find(|job| job.into.is_some() && job.into == request.into) {
            Some(job) => Err(JobError::Into(format!("job {} is publishing on this topic", job.id))),
            None => Ok(()),
        }
    })?;
    let work = Work {
        name: name.to_owned(),
        module: entry.module.clone(),
        settings: entry.settings.clone(),
        into: request.into.clone(),
        alerts: Alerts::Past(past, request),
        dry_run: false,
    };
    start(state, running, work)
}
