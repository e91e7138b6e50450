//! What others may ask of the running filters, and the answers.

use serde::{Deserialize, Serialize};

use skysieve_avro::alert::Field;
use skysieve_sandbox::Limits;

/// What is set per filter, beside its module: in `NAME.toml`, or at upload.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Handed to the filter as it is; what it means is the filter's own.
    pub config: String,
    /// Accepted alerts that are published per visit; `None`: the host's default.
    pub quota: Option<u32>,
    /// Limits of the sandbox; those absent are the host's defaults.
    pub limits: LimitOverrides,
}

/// Limits of one filter that differ from the host's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverrides {
    /// Fuel per alert.
    pub fuel: Option<u64>,
    /// Bytes of memory.
    pub memory: Option<usize>,
    /// Milliseconds per call.
    pub deadline_ms: Option<u64>,
}

impl LimitOverrides {
    /// These over the host's own.
    pub fn over(&self, host: &Limits) -> Limits {
        let mut limits = host.clone();
        if let Some(fuel) = self.fuel {
            limits.fuel = fuel;
        }
        if let Some(memory) = self.memory {
            limits.memory = memory;
        }
        if let Some(deadline) = self.deadline_ms {
            limits.deadline = std::time::Duration::from_millis(deadline);
        }
        limits
    }
}

/// A filter to be activated.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The component's bytes.
    pub module: Vec<u8>,
    /// Its config, quota and limits.
    pub settings: Settings,
}

/// Where every alert that a filter was shown went: `seen = accepted + rejected + over_quota + faulted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Counts {
    /// Alerts judged.
    pub seen: u64,
    /// Alerts accepted and published.
    pub accepted: u64,
    /// Alerts rejected.
    pub rejected: u64,
    /// Alerts accepted beyond the visit's quota, so not published.
    pub over_quota: u64,
    /// Alerts that the filter failed on.
    pub faulted: u64,
}

impl Counts {
    /// Whether every alert seen is accounted for.
    pub fn adds_up(&self) -> bool {
        self.seen == self.accepted + self.rejected + self.over_quota + self.faulted
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.seen += other.seen;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.over_quota += other.over_quota;
        self.faulted += other.faulted;
    }
}

/// One visit's counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct VisitTally {
    /// The visit: LSST's number, ZTF's Julian date.
    pub visit: String,
    /// Where its alerts went.
    pub counts: Counts,
}

/// Whether a filter is shown alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase", tag = "state", content = "reason")]
pub enum State {
    /// It is.
    Active,
    /// It is not any more, and why.
    Suspended(String),
}

/// One filter as others see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Status {
    /// Its name, and its output topic's.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// The version: SHA-256 of the module, in hex.
    pub sha256: String,
    /// Whether it runs.
    #[serde(flatten)]
    pub state: State,
    /// The fields it reads.
    pub fields: Vec<Field>,
    /// Its config, quota and limits as given.
    pub settings: Settings,
    /// Its counts since it was activated.
    pub counts: Counts,
    /// Fuel spent since it was activated.
    pub fuel: u64,
    /// Seconds of wall-clock time spent in it.
    pub seconds: f64,
    /// Bytes of linear memory, the most so far.
    pub memory_peak: usize,
    /// Its newest faults, newest last (a bounded number).
    pub recent_faults: Vec<String>,
    /// Its newest log messages, newest last (a bounded number).
    pub recent_logs: Vec<String>,
    /// Its newest visits' counts, newest last (a bounded number).
    pub recent_visits: Vec<VisitTally>,
}

/// How the host itself is.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// Whether it reads the stream and publishes.
    pub ready: bool,
    /// Why not, or what it is doing.
    pub detail: String,
    /// Messages fetched.
    pub messages: u64,
    /// Alerts decoded.
    pub alerts: u64,
    /// Messages that were not decoded.
    pub undecodable: u64,
    /// Bytes of packets fetched.
    pub bytes: u64,
    /// Batches published.
    pub batches: u64,
    /// Messages in them: done with.
    pub done: u64,
    /// Dead letters published.
    pub dead_letters: u64,
    /// Batches that had to be published once more.
    pub retries: u64,
    /// How far each partition of the stream was read.
    pub partitions: Vec<PartitionLag>,
}

/// How far one partition was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// One past the last message fetched.
    pub position: Option<i64>,
    /// Where the next start goes on.
    pub committed: Option<i64>,
    /// One past the last message that can be read, as known some seconds ago.
    pub high: Option<i64>,
}

impl PartitionLag {
    /// Messages whose outcome is not published yet.
    pub fn behind(&self) -> Option<i64> {
        Some((self.high? - self.committed.or(self.position)?).max(0))
    }
}

/// Why a request about a filter was refused.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The name is not one.
    #[error("{0:?} is no filter name: 1 to 100 of a-z, A-Z, 0-9, '.', '_', '-', beginning with a letter or digit")]
    Name(String),
    /// There is none of that name.
    #[error("there is no filter {0:?}")]
    Unknown(String),
    /// The module, its manifest or its settings were refused.
    #[error("{0}")]
    Refused(String),
    /// There is no topic for what it accepts.
    #[error("the filter's topic: {0}")]
    Topic(String),
    /// There is no room for another filter.
    #[error("this host holds {0} filters, as many as it was started for; delete one first")]
    Full(usize),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

/// The filters of a running host. Methods block (compiling a module takes up to seconds): call them where that is fine.
pub trait Control: Send + Sync {
    /// All filters by name.
    fn list(&self) -> Vec<Status>;

    /// One filter.
    ///
    /// # Errors
    /// [`FilterError::Unknown`].
    fn get(&self, name: &str) -> Result<Status, FilterError>;

    /// Checks, compiles and activates a filter in place of an earlier one of its name, between two batches. Returns
    /// once it is active.
    ///
    /// # Errors
    /// Any but [`FilterError::Unknown`]; then nothing has changed.
    fn put(&self, name: &str, upload: Upload) -> Result<Status, FilterError>;

    /// Takes a filter out, between two batches. Returns its last status.
    ///
    /// # Errors
    /// [`FilterError::Unknown`], [`FilterError::Stopping`].
    fn delete(&self, name: &str) -> Result<Status, FilterError>;

    /// How the host is.
    fn health(&self) -> Health;
}
