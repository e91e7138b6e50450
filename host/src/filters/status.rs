//! What is told of one filter: its state, and where its alerts went.

use serde::{Deserialize, Serialize};

use skysieve_avro::alert::Field;

use super::settings::Settings;

/// Where every alert that a filter was shown went: `seen = accepted + rejected + over_quota +
/// faulted + too_large`.
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
    /// Alerts accepted that the filter's topic does not take, as they are too large: they are dead letters instead.
    pub too_large: u64,
}

impl Counts {
    /// Whether every alert seen is accounted for.
    pub fn adds_up(&self) -> bool {
        self.seen == self.accepted + self.rejected + self.over_quota + self.faulted + self.too_large
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.seen += other.seen;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.over_quota += other.over_quota;
        self.faulted += other.faulted;
        self.too_large += other.too_large;
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

/// Whether a filter judges alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase", tag = "state", content = "reason")]
pub enum State {
    /// It does.
    Active,
    /// It does not any more, for this reason.
    Suspended(String),
}

/// All that is told of one filter.
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
    /// The topics whose alerts it is shown: those named for it, or those whose schemas have its fields, as far as alerts of
    /// them were seen.
    pub topics: Vec<String>,
    /// Its config, quota and limits as given.
    pub settings: Settings,
    /// What is probably a mistake: fields that are in none of the schemas seen, or of another kind in some of them.
    pub warnings: Vec<String>,
    /// Where its alerts went since it was activated.
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
