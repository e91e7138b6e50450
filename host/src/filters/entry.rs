//! The record of one filter: what it is, and what happened to the alerts that it was shown.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use skysieve_sandbox::{Cancel, Filter, Manifest, Module};
use skysieve_survey::Visit;

use super::ceilings::CPU_SHARE;
use super::change::TrialOutcome;
use super::cost::CostReport;
use super::counts::Counts;
use super::handover::Offsets;
use super::journal::{Journal, JournalRecord};
use super::lane::Lane;
use super::module::ModuleSource;
use super::origin::Origin;
use super::records::{FaultRecord, Journals, LogRecord};
use super::registered::Kept;
use super::settings::Settings;
use super::stats::{AlertCosts, FaultCounts, FilterStats, Visits};
use super::status::{State, Status, VisitTally};

mod shadow;

pub use shadow::Shadow;

/// How many faults and log messages a status has.
pub const RECENT: usize = 20;

/// One version of one filter. The threads that run it and publish for it write to this record once for each batch;
/// status requests read it.
#[derive(Debug)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// The SHA-256 hash of the module, in hexadecimal.
    pub sha256: String,
    /// The compiled module, of which other instances can be made.
    pub module: Module,
    /// The manifest with which the filter describes itself.
    pub manifest: Manifest,
    /// The settings as they were given.
    pub settings: Settings,
    /// The share of a processor that it may use in the slow lane.
    pub cpu_share: f64,
    /// Ends the filter's evaluations.
    pub cancel: Cancel,
    /// Where its module can be read, if it is kept.
    pub source: Option<ModuleSource>,
    accounts: Mutex<Accounts>,
}

/// The part of a filter's record that changes. Its counts are consistent whenever it is not locked.
#[derive(Debug, Default)]
struct Accounts {
    counts: Counts,
    fuel: u64,
    time: Duration,
    memory_peak: usize,
    topics: Vec<String>,
    lane: Lane,
    behind: u64,
    cpu_used: f64,
    origin: Origin,
    since: Offsets,
    suspended: Option<String>,
    warnings: Vec<String>,
    trial: TrialOutcome,
    shadow: Option<Arc<Shadow>>,
    fault_counts: FaultCounts,
    journals: Journals,
    costs: AlertCosts,
    visits: Visits,
    /// The visits of alerts that could not be published, for which the quota has yet to be corrected.
    unpublished: Vec<Visit>,
}

/// What one batch adds to an [`Entry`].
#[derive(Debug, Default)]
pub struct Tally {
    /// Where the batch's alerts went.
    pub counts: Counts,
    /// The same for each visit.
    pub visits: Vec<VisitTally>,
    /// The fuel spent.
    pub fuel: u64,
    /// The wall-clock time spent.
    pub time: Duration,
    /// The largest size of linear memory so far, in bytes.
    pub memory_peak: usize,
    /// How often the filter failed, by the kind of fault.
    pub fault_counts: FaultCounts,
    /// The last faults.
    pub faults: Vec<FaultRecord>,
    /// How many faults were before them.
    pub more_faults: u64,
    /// Log messages.
    pub logs: Vec<LogRecord>,
}

impl Entry {
    /// A filter that has not seen any alert.
    pub fn new(name: &str, filter: &Filter, settings: Settings) -> Entry {
        Entry {
            name: name.to_owned(),
            sha256: filter.sha256().to_owned(),
            module: filter.module().clone(),
            manifest: filter.manifest().clone(),
            settings,
            cpu_share: CPU_SHARE,
            cancel: filter.cancel(),
            source: None,
            accounts: Mutex::default(),
        }
    }

    /// The same record, with the place where its module can be read.
    pub fn with_module(self, module: ModuleSource) -> Entry {
        Entry { source: Some(module), ..self }
    }

    /// Adds a batch.
    pub fn add(&self, tally: Tally) {
        let mut accounts = self.accounts.lock();
        accounts.counts += tally.counts;
        accounts.fuel += tally.fuel;
        accounts.time += tally.time;
        accounts.memory_peak = accounts.memory_peak.max(tally.memory_peak);
        accounts.fault_counts.merge(tally.fault_counts);
        accounts.journals.faults.add(tally.more_faults, tally.faults);
        accounts.journals.logs.add(0, tally.logs);
        // A batch is judged as a whole, so its mean is what is known of an alert.
        let seen = tally.counts.seen.max(1);
        let (fuel, time) = (tally.fuel / seen, tally.time.div_f64(seen as f64));
        accounts.costs.add(tally.counts.seen, fuel, time);
        accounts.visits.add(tally.visits, fuel, time);
    }

    /// Counts an alert that had been counted as accepted as too large for the filter's topic.
    pub fn count_too_large(&self, visit: Visit) {
        let mut accounts = self.accounts.lock();
        let Accounts { counts, visits, unpublished, .. } = &mut *accounts;
        let of_visit = visits.counts_mut(&visit.to_string());
        for counts in of_visit.into_iter().chain([counts]) {
            counts.accepted = counts.accepted.saturating_sub(1);
            counts.too_large += 1;
        }
        unpublished.push(visit);
    }

    /// Returns the visits of alerts counted as too large since the last call, once for each such alert.
    pub fn take_unpublished(&self) -> Vec<Visit> {
        std::mem::take(&mut self.accounts.lock().unpublished)
    }

    /// Sets the topics whose alerts the filter is shown.
    pub fn set_topics(&self, topics: Vec<String>) {
        self.accounts.lock().topics = topics;
    }

    /// The topics whose alerts the filter is shown, as far as they are known.
    pub fn topics(&self) -> Vec<String> {
        self.accounts.lock().topics.clone()
    }

    /// Sets in which lane it is judged, and how many alerts it is behind the live lane there.
    pub fn set_lane(&self, lane: Lane, behind: u64) {
        let mut accounts = self.accounts.lock();
        (accounts.lane, accounts.behind) = (lane, behind);
    }

    /// What [`set_lane`](Self::set_lane) has set.
    pub fn lane(&self) -> (Lane, u64) {
        let accounts = self.accounts.lock();
        (accounts.lane, accounts.behind)
    }

    /// Sets the share of a processor that it has used lately.
    pub fn set_cpu_used(&self, share: f64) {
        self.accounts.lock().cpu_used = share;
    }

    /// Sets whether it began in the past, or came from another host.
    pub fn set_origin(&self, origin: Origin) {
        self.accounts.lock().origin = origin;
    }

    /// What [`set_origin`](Self::set_origin) has set.
    pub fn origin(&self) -> Origin {
        self.accounts.lock().origin.clone()
    }

    /// Sets from where on it is judged.
    pub fn set_since(&self, since: Offsets) {
        self.accounts.lock().since = since;
    }

    /// Whether it is judged, rather than suspended.
    pub fn is_active(&self) -> bool {
        self.accounts.lock().suspended.is_none()
    }

    /// Why it is suspended, if it is.
    pub fn suspended(&self) -> Option<String> {
        self.accounts.lock().suspended.clone()
    }

    /// Marks the filter as suspended for this reason.
    pub fn suspend(&self, reason: String) {
        self.accounts.lock().suspended = Some(reason);
    }

    /// Sets the warnings about the fields that the filter reads. Returns those that are new.
    pub fn set_warnings(&self, warnings: Vec<String>) -> Vec<String> {
        let before = std::mem::replace(&mut self.accounts.lock().warnings, warnings.clone());
        warnings.into_iter().filter(|warning| !before.contains(warning)).collect()
    }

    /// Sets its shadow. Returns the one that it had.
    pub fn set_shadow(&self, shadow: Option<Arc<Shadow>>) -> Option<Arc<Shadow>> {
        std::mem::replace(&mut self.accounts.lock().shadow, shadow)
    }

    /// The version that is its shadow, even if that was stopped.
    pub fn shadow(&self) -> Option<Arc<Shadow>> {
        self.accounts.lock().shadow.clone()
    }

    /// Whether this is its shadow.
    pub fn has_shadow(&self, shadow: &Arc<Shadow>) -> bool {
        self.accounts.lock().shadow.as_ref().is_some_and(|own| Arc::ptr_eq(own, shadow))
    }

    /// Sets what its trial has found.
    pub fn set_trial(&self, trial: TrialOutcome) {
        self.accounts.lock().trial = trial;
    }

    /// What it costs, if it was tried.
    pub fn cost(&self) -> Option<CostReport> {
        self.accounts.lock().trial.cost.clone()
    }

    /// Tells on what an earlier version of the filter has told.
    pub fn set_journals(&self, journals: Journals) {
        self.accounts.lock().journals = journals;
    }

    /// What it has to tell.
    pub fn journals(&self) -> Journals {
        self.accounts.lock().journals.clone()
    }

    /// The last fault, if it is kept.
    pub fn last_fault(&self) -> Option<String> {
        self.journals().faults.newest(1).records.first().map(ToString::to_string)
    }

    /// Where its alerts went, and what they cost.
    pub fn stats(&self) -> FilterStats {
        let accounts = self.accounts.lock();
        FilterStats {
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            version: None,
            total: accounts.costs.stats(accounts.counts),
            faults: accounts.fault_counts.by_name(),
            visits: accounts.visits.stats(),
        }
    }

    /// The counts of its alerts so far.
    pub fn counts(&self) -> Counts {
        self.accounts.lock().counts
    }

    /// The description of the filter for others.
    pub fn status(&self) -> Status {
        let accounts = self.accounts.lock();
        let is_file = matches!(self.source, Some(ModuleSource::File(_)));
        Status {
            name: self.name.clone(),
            description: self.manifest.description.clone(),
            sha256: self.sha256.clone(),
            state: accounts.suspended.clone().map_or(State::Active, State::Suspended),
            lane: accounts.lane,
            behind: accounts.behind,
            cpu_share: self.cpu_share,
            cpu_used: accounts.cpu_used,
            origin: accounts.origin.clone(),
            kept: if is_file { Kept::Folder } else { Kept::Process },
            registered: None,
            since: accounts.since.clone(),
            fields: self.manifest.fields.clone(),
            parameters: self.manifest.parameters.clone(),
            topics: accounts.topics.clone(),
            settings: self.settings.clone(),
            warnings: accounts.warnings.iter().chain(&accounts.trial.warnings).cloned().collect(),
            counts: accounts.counts,
            fuel: accounts.fuel,
            seconds: accounts.time.as_secs_f64(),
            memory_peak: accounts.memory_peak,
            fault_counts: accounts.fault_counts.by_name(),
            recent_faults: texts(&accounts.journals.faults),
            recent_logs: texts(&accounts.journals.logs),
            recent_visits: accounts.visits.tallies(),
        }
    }
}

/// The newest records of a journal, for people to read.
fn texts<T: JournalRecord + ToString>(journal: &Journal<T>) -> Vec<String> {
    journal.newest(RECENT).records.iter().map(|record| record.to_string()).collect()
}
