//! Checks: what a filter would accept, and what it costs, before it runs.

use std::sync::Arc;

use super::UNSUPPORTED;
use super::work::{Alerts, Work, start};
use crate::filters::Upload;
use crate::jobs::{CheckRequest, CheckedAlerts, JobError, JobKind, JobStatus, ReplayRequest};
use crate::pipeline::load::load;
use crate::pipeline::state::PipelineState;

/// Begins a check of a filter. Returns once it reads, or with the reason that it can't. Nothing of the filter is kept.
pub fn begin_check(state: &Arc<PipelineState>, request: CheckRequest) -> Result<JobStatus, JobError> {
    let past = state.past().ok_or(UNSUPPORTED)?;
    let CheckRequest { name, upload, alerts, owner } = request;
    let module = load(state, &name, &upload)?;
    let Upload { mut settings, .. } = upload;
    // Where a filter begins in the stream is not where it is tried.
    settings.from = None;
    let (from, to, alerts) = match alerts {
        CheckedAlerts::Past { from, to } => {
            let request = ReplayRequest { from: from.clone(), to: to.clone(), ..ReplayRequest::default() };
            (from, to.unwrap_or_else(|| "latest".to_owned()), Alerts::Past(past, request))
        }
        CheckedAlerts::Packets(files) => {
            // They are of no topic.
            settings.topics.clear();
            (String::new(), String::new(), Alerts::Packets(files))
        }
    };
    let status = JobStatus { from, to, owner, ..JobStatus::begin(JobKind::Check, &name, module.sha256()) };
    let running = state.jobs.begin(state.cancel.child(), status, |_| Ok(()))?;
    start(state, running, Work { name, module, settings, into: None, alerts, dry_run: true })
}
