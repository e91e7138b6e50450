//! A shadow: a version of a filter that judges the same alerts as the active one and publishes nothing; and what the two of
//! them have accepted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde::Serialize;

use super::entry::{Entry, RECENT_VISITS};
use super::handover::Offsets;
use super::status::Status;

/// How many ids of each kind are kept of a comparison: the newest.
pub const SHADOW_IDS: usize = 1000;

/// A version that runs beside the active one. The thread that judges writes to it; requests read it.
#[derive(Debug)]
pub struct Shadow {
    /// The version's number.
    pub version: u32,
    /// The version's record, which is not that of the filter.
    pub entry: Arc<Entry>,
    begun: SystemTime,
    warnings: Vec<String>,
    over: AtomicBool,
    compared: Mutex<Compared>,
}

/// What has been compared so far.
#[derive(Debug, Default)]
struct Compared {
    seen: u64,
    behind: u64,
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

impl Shadow {
    /// One that has compared nothing.
    pub fn new(version: u32, entry: Arc<Entry>, warnings: Vec<String>) -> Shadow {
        let (begun, over, compared) = (SystemTime::now(), AtomicBool::new(false), Mutex::default());
        Shadow { version, entry, begun, warnings, over, compared }
    }

    /// Whether it judges nothing any more. Once that is so, it stays so.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends it, also in the middle of a call.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.entry.cancel.cancel();
    }

    /// Stops it for this reason, unless it is over.
    pub fn stop(&self, reason: String) {
        if !self.over.swap(true, Ordering::AcqRel) {
            tracing::warn!(shadow = self.entry.name, reason, "shadow stopped");
            self.entry.suspend(reason);
        }
    }

    /// Sets how many alerts it has yet to judge.
    pub fn set_behind(&self, alerts: u64) {
        self.compared.lock().behind = alerts;
    }

    /// Adds a comparison.
    pub fn add(&self, comparison: Comparison) {
        let mut compared = self.compared.lock();
        compared.seen += comparison.seen;
        compared.both.add(comparison.both);
        compared.only_active.add(comparison.only_active);
        compared.only_shadow.add(comparison.only_shadow);
        compared.active.add(comparison.active);
        for visit in comparison.visits {
            match compared.visits.iter_mut().rev().find(|known| known.visit == visit.visit) {
                Some(known) => known.add(&visit),
                None => compared.visits.push_back(visit),
            }
        }
        let excess = compared.visits.len().saturating_sub(RECENT_VISITS);
        compared.visits.drain(..excess);
    }

    /// The description of the shadow of a filter for others.
    pub fn status(&self, filter: &str) -> ShadowStatus {
        // The entry is looked at while nothing is added, so that its counts are those of the alerts that were compared.
        let compared = self.compared.lock();
        let Status { counts, fuel, seconds, memory_peak, since, recent_faults, recent_logs, .. } = self.entry.status();
        let stopped = self.entry.suspended().map(ShadowState::Stopped);
        ShadowStatus {
            filter: filter.to_owned(),
            version: self.version,
            active_version: None,
            state: stopped.unwrap_or(ShadowState::Running),
            begun: humantime::format_rfc3339_seconds(self.begun).to_string(),
            since,
            behind: compared.behind,
            seen: compared.seen,
            both: compared.both.list(),
            only_active: compared.only_active.list(),
            only_shadow: compared.only_shadow.list(),
            active: compared.active,
            shadow: VersionTally {
                accepted: compared.both.count + compared.only_shadow.count,
                faulted: counts.faulted,
                fuel,
                seconds,
            },
            memory_peak,
            visits: compared.visits.iter().cloned().collect(),
            warnings: self.warnings.clone(),
            recent_faults,
            recent_logs,
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
