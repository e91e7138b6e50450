//! Jobs: authors see and cancel those about filters of their own.

use super::Permitted;
use crate::filters::Upload;
use crate::jobs::{CheckRequest, CheckedAlerts, JobError, JobIds, JobStatus, ReplayRequest};

impl Permitted<'_> {
    /// Begins a replay.
    pub(in crate::api) fn replay(&self, name: &str, request: ReplayRequest) -> Result<JobStatus, JobError> {
        self.see(name)?;
        let owner = self.control.get(name)?.registered.map(|registered| registered.owner);
        Ok(self.with_name(self.control.replay(name, ReplayRequest { owner, ..request })?))
    }

    /// Begins a dry run, which is the caller's.
    pub(in crate::api) fn dry_run(&self, request: CheckRequest) -> Result<JobStatus, JobError> {
        let owner = Some(self.caller.user.clone());
        let upload = Upload { by: self.signature(), ..request.upload };
        Ok(self.with_name(self.control.dry_run(CheckRequest { owner, upload, ..request })?))
    }

    /// Begins a dry run of a version.
    pub(in crate::api) fn dry_run_version(
        &self,
        name: &str,
        number: u32,
        alerts: CheckedAlerts,
    ) -> Result<JobStatus, JobError> {
        self.see(name)?;
        Ok(self.with_name(self.control.dry_run_version(name, number, alerts)?))
    }

    /// Says which host does a job.
    fn with_name(&self, job: JobStatus) -> JobStatus {
        JobStatus { host: Some(self.access.host.clone()), ..job }
    }

    fn sees_job(&self, job: &JobStatus) -> bool {
        !self.is_author() || job.owner.as_ref() == Some(&self.caller.user)
    }

    /// Lists the jobs that the caller may see.
    pub(in crate::api) fn jobs(&self) -> Vec<JobStatus> {
        self.control.jobs().list().into_iter().filter(|job| self.sees_job(job)).map(|job| self.with_name(job)).collect()
    }

    /// One job.
    pub(in crate::api) fn job(&self, id: u64) -> Result<JobStatus, JobError> {
        let job = self.control.jobs().get(id)?;
        if self.sees_job(&job) { Ok(self.with_name(job)) } else { Err(JobError::Unknown(id)) }
    }

    /// The ids of alerts that a job has accepted, without the first `from`.
    pub(in crate::api) fn job_ids(&self, id: u64, from: u64) -> Result<JobIds, JobError> {
        self.job(id)?;
        self.control.jobs().ids(id, from)
    }

    /// Cancels a job.
    pub(in crate::api) fn cancel(&self, id: u64) -> Result<JobStatus, JobError> {
        self.job(id)?;
        Ok(self.with_name(self.control.jobs().cancel(id)?))
    }
}
