//! One filter's record: what it is, and what became of the alerts that it was shown.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::settings::Settings;
use super::status::{Counts, State, Status, VisitTally};
use skysieve_sandbox::Manifest;

/// Faults and log messages kept for people to read.
const RECENT: usize = 20;
/// Visits whose counts are kept for people to read.
const RECENT_VISITS: usize = 100;

/// One version of one filter. Written by the thread that runs it, once a batch; read by whoever asks.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// SHA-256 of its module, in hex.
    pub sha256: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What was set for it.
    pub settings: Settings,
    seen: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    over_quota: AtomicU64,
    faulted: AtomicU64,
    fuel: AtomicU64,
    nanoseconds: AtomicU64,
    memory_peak: AtomicUsize,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    suspended: Option<String>,
    warnings: Vec<String>,
    faults: VecDeque<String>,
    logs: VecDeque<String>,
    visits: VecDeque<VisitTally>,
}

/// What one batch adds to an [`Entry`].
#[derive(Debug, Default)]
pub struct Tally {
    /// Where the batch's alerts went.
    pub counts: Counts,
    /// The same by visit.
    pub visits: Vec<VisitTally>,
    /// Fuel spent.
    pub fuel: u64,
    /// Wall-clock time spent.
    pub time: Duration,
    /// Bytes of linear memory, the most so far.
    pub memory_peak: usize,
    /// Faults, for people.
    pub faults: Vec<String>,
    /// Log messages, for people.
    pub logs: Vec<String>,
}

impl Entry {
    /// A filter that has seen nothing yet.
    pub fn new(name: &str, sha256: &str, manifest: Manifest, settings: Settings) -> Entry {
        Entry {
            name: name.to_owned(),
            sha256: sha256.to_owned(),
            manifest,
            settings,
            seen: AtomicU64::default(),
            accepted: AtomicU64::default(),
            rejected: AtomicU64::default(),
            over_quota: AtomicU64::default(),
            faulted: AtomicU64::default(),
            fuel: AtomicU64::default(),
            nanoseconds: AtomicU64::default(),
            memory_peak: AtomicUsize::default(),
            notes: Mutex::default(),
        }
    }

    /// Adds a batch.
    pub fn add(&self, tally: Tally) {
        let add = |total: &AtomicU64, more: u64| {
            total.fetch_add(more, Ordering::Relaxed);
        };
        add(&self.seen, tally.counts.seen);
        add(&self.accepted, tally.counts.accepted);
        add(&self.rejected, tally.counts.rejected);
        add(&self.over_quota, tally.counts.over_quota);
        add(&self.faulted, tally.counts.faulted);
        add(&self.fuel, tally.fuel);
        add(&self.nanoseconds, tally.time.as_nanos() as u64);
        self.memory_peak.fetch_max(tally.memory_peak, Ordering::Relaxed);
        let mut notes = self.notes.lock();
        keep_recent(&mut notes.faults, tally.faults);
        keep_recent(&mut notes.logs, tally.logs);
        add_visits(&mut notes.visits, tally.visits);
    }

    /// Marks the filter as suspended, and why.
    pub fn suspend(&self, reason: String) {
        self.notes.lock().suspended = Some(reason);
    }

    /// Sets what its author should be told of the fields that it reads; returns what was not said before.
    pub fn set_warnings(&self, warnings: Vec<String>) -> Vec<String> {
        let before = std::mem::replace(&mut self.notes.lock().warnings, warnings.clone());
        warnings.into_iter().filter(|warning| !before.contains(warning)).collect()
    }

    /// Where its alerts went so far.
    pub fn counts(&self) -> Counts {
        let get = |total: &AtomicU64| total.load(Ordering::Relaxed);
        Counts {
            seen: get(&self.seen),
            accepted: get(&self.accepted),
            rejected: get(&self.rejected),
            over_quota: get(&self.over_quota),
            faulted: get(&self.faulted),
        }
    }

    /// The filter as others see it.
    pub fn status(&self) -> Status {
        let notes = self.notes.lock();
        Status {
            name: self.name.clone(),
            description: self.manifest.description.clone(),
            sha256: self.sha256.clone(),
            state: notes.suspended.clone().map_or(State::Active, State::Suspended),
            fields: self.manifest.fields.clone(),
            settings: self.settings.clone(),
            warnings: notes.warnings.clone(),
            counts: self.counts(),
            fuel: self.fuel.load(Ordering::Relaxed),
            seconds: self.nanoseconds.load(Ordering::Relaxed) as f64 * 1e-9,
            memory_peak: self.memory_peak.load(Ordering::Relaxed),
            recent_faults: notes.faults.iter().cloned().collect(),
            recent_logs: notes.logs.iter().cloned().collect(),
            recent_visits: notes.visits.iter().cloned().collect(),
        }
    }
}

fn keep_recent(kept: &mut VecDeque<String>, new: Vec<String>) {
    kept.extend(new);
    let excess = kept.len().saturating_sub(RECENT);
    kept.drain(..excess);
}

fn add_visits(kept: &mut VecDeque<VisitTally>, new: Vec<VisitTally>) {
    for tally in new {
        match kept.iter_mut().rev().find(|known| known.visit == tally.visit) {
            Some(known) => known.counts += tally.counts,
            None => kept.push_back(tally),
        }
    }
    let excess = kept.len().saturating_sub(RECENT_VISITS);
    kept.drain(..excess);
}
