//! The description of a job for others.

use serde::{Deserialize, Serialize};

use crate::filters::{CostReport, Counts, VisitTally};

/// How many ids of accepted alerts are kept for each job.
pub const IDS_KEPT: usize = 10_000;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// It runs a filter over past alerts.
    Replay,
    /// It tries a filter.
    Check,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It is at work.
    #[default]
    Running,
    /// It has done all of its work.
    Done,
    /// Somebody has cancelled it, or the host has stopped.
    Cancelled,
    /// It could not go on.
    Failed,
}

/// How far a job is in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobProgress {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The offset at which the job began.
    pub begin: i64,
    /// The offset behind the last message that is done.
    pub next: i64,
    /// The offset before which the job ends.
    pub end: i64,
}

/// The description of one job.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobStatus {
    /// The number of the job on this host, since its start.
    pub id: u64,
    /// What it does.
    pub kind: JobKind,
    /// The filter's name.
    pub filter: String,
    /// Who the filter belonged to when it began, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The host that does it. There, its number is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The filter's version: the SHA-256 hash of its module, in hexadecimal.
    pub sha256: String,
    /// From when on messages are read, as it was asked for.
    pub from: String,
    /// Until when, as it was asked for.
    pub to: String,
    /// The topic on which accepted alerts are published, if there is one.
    pub into: Option<String>,
    /// How far it is.
    pub state: JobState,
    /// Why it ended, unless it is done.
    pub reason: Option<String>,
    /// Something that should be known about it.
    pub remark: Option<String>,
    /// When it began (RFC 3339).
    pub started: String,
    /// How many seconds it has taken.
    pub seconds: f64,
    /// The number of messages that were read.
    pub messages: u64,
    /// The number of messages that are not alerts.
    pub undecodable: u64,
    /// The number of messages that were deleted before they could be read.
    pub lost: u64,
    /// Where the alerts went that the filter was shown. `accepted` is within the quota.
    pub counts: Counts,
    /// The number of ids that are kept: those of the first accepted alerts; for a replay, of those within the quota.
    pub ids: u64,
    /// The number of further accepted alerts, whose ids are not kept.
    pub more_ids: u64,
    /// The counts of the newest visits, newest last. Their number is limited.
    #[serde(default)]
    pub recent_visits: Vec<VisitTally>,
    /// What the filter costs, once a check has ended.
    #[serde(default)]
    pub cost: Option<CostReport>,
    /// How far it is in each partition.
    pub partitions: Vec<JobProgress>,
    /// The filter's newest faults, newest last. Their number is limited.
    pub recent_faults: Vec<String>,
    /// The filter's newest log messages, newest last. Their number is limited.
    pub recent_logs: Vec<String>,
}

/// Some of the ids of accepted alerts, in the order in which they were judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobIds {
    /// The ids.
    pub ids: Vec<String>,
    /// How many ids come before those that are to be asked for next.
    pub next: u64,
}

impl JobStatus {
    /// A job that begins. [`Jobs`](super::Jobs) set its number and time.
    pub fn begin(kind: JobKind, filter: &str, sha256: &str) -> JobStatus {
        JobStatus {
            id: 0,
            kind,
            filter: filter.to_owned(),
            owner: None,
            host: None,
            sha256: sha256.to_owned(),
            from: String::new(),
            to: String::new(),
            into: None,
            state: JobState::Running,
            reason: None,
            remark: None,
            started: String::new(),
            seconds: 0.0,
            messages: 0,
            undecodable: 0,
            lost: 0,
            counts: Counts::default(),
            ids: 0,
            more_ids: 0,
            recent_visits: Vec::new(),
            cost: None,
            partitions: Vec::new(),
            recent_faults: Vec::new(),
            recent_logs: Vec::new(),
        }
    }

    /// The offsets that are done, and how many there are: `(7, 10)`.
    pub fn progress(&self) -> (u64, u64) {
        let sum = |length: fn(&JobProgress) -> i64| {
            self.partitions.iter().map(|one| u64::try_from(length(one)).unwrap_or(0)).sum()
        };
        (sum(|one| one.next - one.begin), sum(|one| one.end - one.begin))
    }
}
