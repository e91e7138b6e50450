//! Where the alerts of a filter went.

use serde::{Deserialize, Serialize};

/// Where every alert that a filter was shown went: `seen = accepted + rejected + over_quota +
/// faulted + too_large`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Counts {
    /// The number of alerts judged.
    pub seen: u64,
    /// The number of alerts accepted and published.
    pub accepted: u64,
    /// The number of alerts rejected.
    pub rejected: u64,
    /// The number of alerts that were accepted, but not published because they exceeded the visit's quota.
    pub over_quota: u64,
    /// The number of alerts on which the filter failed.
    pub faulted: u64,
    /// The number of accepted alerts that were too large for the filter's topic. They become dead letters instead.
    pub too_large: u64,
}

impl Counts {
    /// Whether every alert is accounted for.
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
