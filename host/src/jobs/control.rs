//! The requests that begin jobs.

use super::error::JobError;
use super::list::Jobs;
use super::status::JobStatus;
use crate::filters::Control;

/// What is to be replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayRequest {
    /// From when on messages are read: a time, or `earliest`.
    pub from: String,
    /// Until when, or `latest`. Without it, up to what there is when the replay begins.
    pub to: Option<String>,
    /// The topic on which accepted alerts are published. Without it, they are counted, and their ids are kept.
    pub into: Option<String>,
    /// Who the filter belongs to, if that is known.
    pub owner: Option<String>,
}

/// The jobs of a running host. The methods block, so they must be called from a thread that may wait.
pub trait JobControl: Send + Sync {
    /// Runs a filter over past alerts. Returns once it has begun.
    ///
    /// # Errors
    /// Returns any [`JobError`] except [`JobError::Unknown`]; nothing has begun then.
    fn replay(&self, filter: &str, request: ReplayRequest) -> Result<JobStatus, JobError>;

    /// The jobs, to ask about them and to cancel them.
    fn jobs(&self) -> &Jobs;
}

/// Everything that can be asked of a running host.
pub trait HostControl: Control + JobControl {}

impl<T: Control + JobControl> HostControl for T {}
