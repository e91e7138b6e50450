//! The record of a change that somebody made, or tried to make.

use serde::Serialize;

use super::role::Role;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, and nothing has changed.
    Refused,
    /// The host has failed. Whether something has changed is not known.
    Failed,
    /// The client went away before the answer. The change may have been made.
    Unanswered,
}

/// A change that somebody made, or tried to make.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord {
    /// When it was answered (RFC 3339, with milliseconds).
    pub time: String,
    /// The host that was asked.
    pub host: String,
    /// Who has asked, if they have said so.
    pub user: Option<String>,
    /// What they are.
    pub role: Option<Role>,
    /// The id of their token, unless it is the first operator's.
    pub token: Option<String>,
    /// What they have asked for: the operation's id in the API's description.
    pub action: String,
    /// The filter that it is about.
    pub filter: Option<String>,
    /// The path that was asked for.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The code of the problem, if it was refused.
    pub code: Option<&'static str>,
    /// What else is to be known, such as the number of a version.
    pub detail: Option<String>,
    /// The address that it came from, with its port.
    pub peer: Option<String>,
}

/// How many records there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditCounts {
    /// Records that brokers have acknowledged.
    pub published: u64,
    /// Records that are in the log only, because brokers could not be reached for long, or refused them.
    pub lost: u64,
}

/// Where records go, beside the log.
pub trait AuditSink: Send + Sync {
    /// Takes a record, as JSON. This never waits.
    fn publish(&self, record: Vec<u8>);

    /// What became of the records so far.
    fn counts(&self) -> AuditCounts;
}
