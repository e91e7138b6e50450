//! What a filter's shadow and the active version have accepted of the same alerts, and the description of that for others.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::handover::Offsets;

/// How many ids of each kind are kept of a comparison: the newest.
pub const SHADOW_IDS: usize = 1000;

/// What has been compared so far.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// How many alerts the shadow has yet to judge.
    pub(super) behind: u64,
    seen: u64,
    both: KeptIds,
    only_active: KeptIds,
    only_shadow: KeptIds,
    active: VersionTally,
    visits: VecDeque<ComparedVisit>,
}

/// Ids of alerts, and how many there were.
#[derive(Debug, Default)]
struct KeptIds {
    count: u64,
    ids: VecDeque<String>,
}

/// What the verdicts of two versions on some alerts come to.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The number of alerts.
    pub seen: u64,
    /// The ids of those that both accept.
    pub both: Vec<String>,
    /// The ids of those that the active version alone accepts.
    pub only_active: Vec<String>,
    /// The ids of those that the shadow alone accepts.
    pub only_shadow: Vec<String>,
    /// What the active version did.
    pub active: VersionTally,
    /// The same for each visit.
    pub visits: Vec<ComparedVisit>,
}

/// What one version did with the alerts that were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct VersionTally {
    /// The alerts that it accepted, also those beyond the quota.
    pub accepted: u64,
    /// The alerts on which it failed.
    pub faulted: u64,
    /// The fuel spent.
    pub fuel: u64,
    /// The wall-clock time spent, in seconds.
    pub seconds: f64,
}

/// What two versions have accepted of one visit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ComparedVisit {
    /// The visit: LSST's number, ZTF's Julian date.
    pub visit: String,
    /// The number of alerts.
    pub seen: u64,
    /// How many both accepted.
    pub both: u64,
    /// How many the active version alone accepted.
    pub only_active: u64,
    /// How many the shadow alone accepted.
    pub only_shadow: u64,
}

/// Alerts that were accepted by both versions, or by one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AcceptedIds {
    /// How many there were.
    pub count: u64,
    /// Their ids, newest last: at most the newest 1,000.
    pub ids: Vec<String>,
    /// How many older ones the list has left out.
    pub left_out: u64,
}

/// Whether a shadow judges alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase", tag = "state", content = "reason")]
pub enum ShadowState {
    /// It judges the alerts that the active version judges.
    Running,
    /// It was stopped, for this reason. What was compared until then remains.
    Stopped(String),
    /// It can't judge now, for this reason, and begins when it can.
    Waiting(String),
}

/// A shadow, and what it and the active version have accepted of the same alerts.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ShadowStatus {
    /// The filter.
    pub filter: String,
    /// The number of the version that is the shadow.
    pub version: u32,
    /// The number of the active version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_version: Option<u32>,
    /// Whether it judges alerts.
    #[serde(flatten)]
    pub state: ShadowState,
    /// When it began (RFC 3339). After a restart of its host, and after any other change of its filter, it begins anew.
    pub begun: String,
    /// The offset of the first alert that was compared, for each topic and partition.
    pub since: Offsets,
    /// How many alerts the active version has judged of which the shadow's verdict is yet to come.
    pub behind: u64,
    /// How many alerts were compared.
    pub seen: u64,
    /// The alerts that both accept, also those beyond the quota.
    pub both: AcceptedIds,
    /// The alerts that the active version alone accepts.
    pub only_active: AcceptedIds,
    /// The alerts that the shadow alone accepts.
    pub only_shadow: AcceptedIds,
    /// What the active version did with these alerts.
    pub active: VersionTally,
    /// What the shadow did with them.
    pub shadow: VersionTally,
    /// The largest size of the shadow's linear memory so far, in bytes.
    pub memory_peak: usize,
    /// The newest visits, newest last. Their number is limited.
    pub visits: Vec<ComparedVisit>,
    /// What should be known.
    pub warnings: Vec<String>,
    /// The newest faults of the shadow, newest last. Their number is limited.
    pub recent_faults: Vec<String>,
    /// The newest log messages of the shadow, newest last. Their number is limited.
    pub recent_logs: Vec<String>,
}

impl Compared {
    /// Adds a comparison. The newest `visits` are kept.
    pub(super) fn add(&mut self, comparison: Comparison, visits: usize) {
        self.seen += comparison.seen;
        self.both.add(comparison.both);
        self.only_active.add(comparison.only_active);
        self.only_shadow.add(comparison.only_shadow);
        self.active.add(comparison.active);
        for visit in comparison.visits {
            match self.visits.iter_mut().rev().find(|known| known.visit == visit.visit) {
                Some(known) => known.add(&visit),
                None => self.visits.push_back(visit),
            }
        }
        let excess = self.visits.len().saturating_sub(visits);
        self.visits.drain(..excess);
    }

    /// Adds what has been compared to a description, of which the shadow's own part is known.
    pub(super) fn describe(&self, status: ShadowStatus) -> ShadowStatus {
        ShadowStatus {
            behind: self.behind,
            seen: self.seen,
            both: self.both.list(),
            only_active: self.only_active.list(),
            only_shadow: self.only_shadow.list(),
            active: self.active,
            shadow: VersionTally { accepted: self.both.count + self.only_shadow.count, ..status.shadow },
            visits: self.visits.iter().cloned().collect(),
            ..status
        }
    }
}

impl ShadowStatus {
    /// A shadow that has yet to begin.
    pub fn waiting(filter: &str, version: u32, reason: String) -> ShadowStatus {
        ShadowStatus {
            filter: filter.to_owned(),
            version,
            active_version: None,
            state: ShadowState::Waiting(reason),
            begun: String::new(),
            since: Offsets::new(),
            behind: 0,
            seen: 0,
            both: AcceptedIds::default(),
            only_active: AcceptedIds::default(),
            only_shadow: AcceptedIds::default(),
            active: VersionTally::default(),
            shadow: VersionTally::default(),
            memory_peak: 0,
            visits: Vec::new(),
            warnings: Vec::new(),
            recent_faults: Vec::new(),
            recent_logs: Vec::new(),
        }
    }
}

impl KeptIds {
    fn add(&mut self, ids: Vec<String>) {
        self.count += ids.len() as u64;
        self.ids.extend(ids);
        let excess = self.ids.len().saturating_sub(SHADOW_IDS);
        self.ids.drain(..excess);
    }

    fn list(&self) -> AcceptedIds {
        let ids: Vec<String> = self.ids.iter().cloned().collect();
        AcceptedIds { count: self.count, left_out: self.count - ids.len() as u64, ids }
    }
}

impl VersionTally {
    /// What a version did in so much time.
    pub fn new(accepted: u64, faulted: u64, fuel: u64, time: Duration) -> VersionTally {
        VersionTally { accepted, faulted, fuel, seconds: time.as_secs_f64() }
    }

    fn add(&mut self, other: VersionTally) {
        self.accepted += other.accepted;
        self.faulted += other.faulted;
        self.fuel += other.fuel;
        self.seconds += other.seconds;
    }
}

impl ComparedVisit {
    fn add(&mut self, other: &ComparedVisit) {
        self.seen += other.seen;
        self.both += other.both;
        self.only_active += other.only_active;
        self.only_shadow += other.only_shadow;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ids_are_kept_and_all_are_counted() {
        let mut kept = KeptIds::default();
        kept.add((0..SHADOW_IDS + 7).map(|id| id.to_string()).collect());
        kept.add(vec!["last".to_owned()]);
        let listed = kept.list();
        assert_eq!((listed.count, listed.left_out, listed.ids.len()), (SHADOW_IDS as u64 + 8, 8, SHADOW_IDS));
        assert_eq!((&*listed.ids[0], &*listed.ids[SHADOW_IDS - 1]), ("8", "last"));
    }
}
