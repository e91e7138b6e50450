//! A shadow: a version of a filter that judges the same alerts as the active one and publishes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::Entry;
use crate::filters::shadow::{Compared, Comparison, ShadowState, ShadowStatus, VersionTally};
use crate::filters::stats::RECENT_VISITS;
use crate::filters::status::Status;

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
        self.compared.lock().add(comparison, RECENT_VISITS);
    }

    /// The description of the shadow of a filter for others.
    pub fn status(&self, filter: &str) -> ShadowStatus {
        let Status { counts, fuel, seconds, memory_peak, since, recent_faults, recent_logs, .. } = self.entry.status();
        let stopped = self.entry.suspended().map(ShadowState::Stopped);
        let own = ShadowStatus {
            state: stopped.unwrap_or(ShadowState::Running),
            begun: humantime::format_rfc3339_seconds(self.begun).to_string(),
            since,
            shadow: VersionTally { accepted: 0, faulted: counts.faulted, fuel, seconds },
            memory_peak,
            warnings: self.warnings.clone(),
            recent_faults,
            recent_logs,
            ..ShadowStatus::waiting(filter, self.version, String::new())
        };
        self.compared.lock().describe(own)
    }
}
