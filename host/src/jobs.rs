//! Jobs: work that takes a while, and that somebody has asked for, such as a replay or a check. A job is asked about by its number,
//! and can be cancelled. There are few at a time; of those that have ended, the last ones are remembered until the host
//! stops.
//!
//! | module | does |
//! | --- | --- |
//! | `status` | the description of a job for others |
//! | `job` | one job, which the threads that do it write to |
//! | `list` | all jobs of a host |
//! | `control` | the requests that begin jobs |
//! | `error` | why a request was refused |

mod control;
mod error;
mod job;
mod list;
mod status;

pub use control::{CheckRequest, CheckedAlerts, HostControl, JobControl, LAST, PACKET_BYTES, PACKETS, ReplayRequest};
pub use error::JobError;
pub use job::Job;
pub use list::{JOBS_KEPT, Jobs, RunningJob};
pub use status::{IDS_KEPT, JobIds, JobKind, JobProgress, JobState, JobStatus};
