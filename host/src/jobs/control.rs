//! The requests that begin jobs.

use bytes::Bytes;

use super::error::JobError;
use super::list::Jobs;
use super::status::JobStatus;
use crate::filters::{Control, FilterError, Upload};

/// What is to be replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayRequest {
    /// From when on messages are read: a time, `earliest`, or `-N` for the last N.
    pub from: String,
    /// Until when, or `latest`. Without it, up to what there is when the replay begins.
    pub to: Option<String>,
    /// The topic on which accepted alerts are published. Without it, they are counted, and their ids are kept.
    pub into: Option<String>,
    /// Who the filter belongs to, if that is known.
    pub owner: Option<String>,
}

/// How many alerts of a request are judged.
pub const PACKETS: usize = 10_000;
/// How many bytes of alerts a request may bring along, also when they are unpacked.
pub const PACKET_BYTES: usize = 64 << 20;
/// How many of the last alerts of the stream are judged, at most and unless a number is given.
pub const LAST: (u32, u32) = (1_000_000, 1000);

/// A filter that is to be tried. It need not be known, and nothing of it is kept.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// Its name in the job and in the log.
    pub name: String,
    /// Its module and settings.
    pub upload: Upload,
    /// What it is tried on.
    pub alerts: CheckedAlerts,
    /// Whose it is, if that is known.
    pub owner: Option<String>,
}

/// What a filter is tried on.
#[derive(Clone, Debug)]
pub enum CheckedAlerts {
    /// Alerts of the stream's past, by the times of [`ReplayRequest`].
    Past {
        /// From when on: a time, `earliest`, or `-N` for the last N.
        from: String,
        /// Until when, or `latest`. Without it, up to what there is when the check begins.
        to: Option<String>,
    },
    /// Files of one or many alerts, at most [`PACKETS`] with [`PACKET_BYTES`].
    Packets(Vec<Bytes>),
}

/// The jobs of a running host. The methods block, so they must be called from a thread that may wait.
pub trait JobControl: Send + Sync {
    /// Runs a filter over past alerts. Returns once it has begun.
    ///
    /// # Errors
    /// Returns any [`JobError`] except [`JobError::Unknown`]; nothing has begun then.
    fn replay(&self, filter: &str, request: ReplayRequest) -> Result<JobStatus, JobError>;

    /// Tries a filter on alerts, beside the stream. Nothing is published or kept. Returns once it has begun.
    ///
    /// # Errors
    /// Returns any [`JobError`] except [`JobError::Unknown`] and [`JobError::Into`]; nothing has begun then.
    fn dry_run(&self, request: CheckRequest) -> Result<JobStatus, JobError>;

    /// The same for a version of a filter that is kept.
    ///
    /// # Errors
    /// As [`JobControl::dry_run`].
    fn dry_run_version(&self, name: &str, number: u32, alerts: CheckedAlerts) -> Result<JobStatus, JobError> {
        let _ = (name, number, alerts);
        Err(FilterError::NoRegistry.into())
    }

    /// The jobs, to ask about them and to cancel them.
    fn jobs(&self) -> &Jobs;
}

/// Everything that can be asked of a running host.
pub trait HostControl: Control + JobControl {}

impl<T: Control + JobControl> HostControl for T {}
