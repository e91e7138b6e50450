//! The counts of the pipeline itself.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::io::{Condition, Monitor};
use crate::health::{Health, StageSeconds};

/// The counts, which the pipeline's threads update and others read.
#[derive(Default)]
pub struct Totals {
    messages: AtomicU64,
    bytes: AtomicU64,
    alerts: AtomicU64,
    undecodable: AtomicU64,
    without_visit: AtomicU64,
    batches: AtomicU64,
    done: AtomicU64,
    dead_letters: AtomicU64,
    transactions: AtomicU64,
    /// The time spent in stages, in nanoseconds.
    decoding: AtomicU64,
    judging: AtomicU64,
    publishing: AtomicU64,
    running: AtomicBool,
    waiting: AtomicBool,
    detail: Mutex<String>,
    monitor: OnceLock<Monitor>,
}

impl Totals {
    /// Counts a batch that has been fetched and decoded.
    pub fn add_fetched(&self, messages: usize, bytes: usize, undecodable: usize) {
        self.messages.fetch_add(messages as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.undecodable.fetch_add(undecodable as u64, Ordering::Relaxed);
        self.alerts.fetch_add((messages - undecodable) as u64, Ordering::Relaxed);
    }

    /// Counts alerts without a visit.
    pub fn add_without_visit(&self, alerts: u64) {
        self.without_visit.fetch_add(alerts, Ordering::Relaxed);
    }

    /// Counts batches that have been published.
    pub fn add_published(&self, batches: usize, messages: usize, dead_letters: usize) {
        self.done.fetch_add(messages as u64, Ordering::Relaxed);
        self.dead_letters.fetch_add(dead_letters as u64, Ordering::Relaxed);
        self.batches.fetch_add(batches as u64, Ordering::Release);
    }

    /// Counts a transaction that was committed, for whose batches this time was spent.
    pub fn add_transaction(&self, judging: Duration, publishing: Duration) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.judging.fetch_add(nanos(judging), Ordering::Relaxed);
        self.publishing.fetch_add(nanos(publishing), Ordering::Relaxed);
    }

    /// Counts time spent decoding.
    pub fn add_decoding(&self, time: Duration) {
        self.decoding.fetch_add(nanos(time), Ordering::Relaxed);
    }

    /// The number of messages that have been fetched.
    pub fn fetched(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// The number of messages that have been fetched, but not published.
    pub fn in_progress(&self) -> u64 {
        self.fetched().saturating_sub(self.done.load(Ordering::Relaxed))
    }

    /// Sets whether the pipeline runs, and what it is doing.
    pub fn set_state(&self, running: bool, detail: &str) {
        self.running.store(running, Ordering::Relaxed);
        detail.clone_into(&mut self.detail.lock());
    }

    /// Sets whether the stream is waiting for an unknown schema.
    pub fn set_waiting(&self, waiting: bool) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Sets the monitor that is asked for the stream's condition from now on.
    pub fn watch(&self, monitor: Monitor) {
        // Setting fails only the second time, and a pipeline runs once.
        let _ = self.monitor.set(monitor);
    }

    /// The health of the pipeline: its counts, and the condition of the stream.
    pub fn health(&self) -> Health {
        let get = |total: &AtomicU64| total.load(Ordering::Relaxed);
        let Condition { trouble, remark, retries, partitions } =
            self.monitor.get().map(|tell| tell()).unwrap_or_default();
        let seconds = |total: &AtomicU64| get(total) as f64 / 1e9;
        let detail = || self.detail.lock().clone();
        Health {
            batches: self.batches.load(Ordering::Acquire),
            ready: self.running.load(Ordering::Relaxed) && trouble.is_none(),
            detail: trouble.or(remark).unwrap_or_else(detail),
            waiting_for_schema: self.waiting.load(Ordering::Relaxed),
            messages: get(&self.messages),
            alerts: get(&self.alerts),
            undecodable: get(&self.undecodable),
            without_visit: get(&self.without_visit),
            bytes: get(&self.bytes),
            done: get(&self.done),
            dead_letters: get(&self.dead_letters),
            retries,
            transactions: get(&self.transactions),
            stage_seconds: StageSeconds {
                decode: seconds(&self.decoding),
                judge: seconds(&self.judging),
                publish: seconds(&self.publishing),
            },
            memory: None,
            compiling: 0,
            compile_queue: 0,
            partitions,
            registry: None,
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
