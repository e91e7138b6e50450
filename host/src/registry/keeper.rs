//! The requests about the filters of a host with a registry: a change is kept first, and passed to the pipeline then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Condvar, Mutex};

use super::names::Names;
use super::record::FilterRecord;
use super::rules::{self, Offer};
use super::store::StoreError;
use super::writer::{Changed, Decision, Registry, new_id};
use crate::access::Tokens;
use crate::filters::{FilterError, HandOver, Journals, Kept, Runner, State, Status, Upload, check_name, check_note};

mod changes;
mod control;
mod in_step;
mod shadow;

use in_step::{AllTold, Judged, Outcome, Told};

/// How often filters are tried again that could not run for a reason that may pass.
const AGAIN: Duration = Duration::from_secs(10);

/// The pause after the registry could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// The filters of a host: those in its folder, and those in the registry.
pub struct Keeper<R> {
    pub(super) runner: R,
    pub(super) registry: Arc<Registry>,
    /// The host's name.
    pub(super) host: String,
    /// The names of the filters in the host's folder, which can't be changed here.
    folder: BTreeSet<String>,
    /// Held while a filter is changed in the registry and in the pipeline.
    names: Names,
    pub(super) told: Mutex<AllTold>,
    /// What filters of this host have told that do not run now, but have run before. Each is known by when it was created, too.
    resting: Mutex<BTreeMap<String, (String, Journals)>>,
    phase: Mutex<Phase>,
    phase_changed: Condvar,
    /// Why the registry can't be read, if so.
    trouble: Mutex<Option<String>>,
}

/// Whether filters can be changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The host has yet to read the registry.
    Starting,
    Open,
    /// The host is stopping.
    Closed,
}

/// A filter's name with its upload, or why there is none.
pub type Named = (String, Result<Upload, FilterError>);

impl<R: Runner> Keeper<R> {
    /// The filters of the host of this name, of which those in `folder` are not changed.
    pub fn new(runner: R, registry: Registry, host: &str, folder: BTreeSet<String>) -> Keeper<R> {
        Keeper {
            runner,
            registry: Arc::new(registry),
            host: host.to_owned(),
            folder,
            names: Names::default(),
            told: Mutex::default(),
            resting: Mutex::default(),
            phase: Mutex::new(Phase::Starting),
            phase_changed: Condvar::new(),
            trouble: Mutex::new(None),
        }
    }

    /// Reads the registry. Returns the filters of this host that are to be judged.
    ///
    /// # Errors
    /// Returns a [`FilterError`] if it can't be read.
    pub fn read(&self) -> Result<Vec<Named>, FilterError> {
        self.registry.open()?;
        let own = |record: &&Arc<FilterRecord>| record.host == self.host;
        let records: Vec<Arc<FilterRecord>> = self.registry.records().iter().filter(own).cloned().collect();
        let (hidden, records): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| self.folder.contains(&record.name));
        for record in hidden {
            tracing::warn!(
                filter = record.name,
                "the folder has a filter of that name: that in the registry is not run"
            );
        }
        // They are not brought in step once more: they are about to be started.
        self.registry.records().take_changed();
        self.load_all(&records)
    }

    /// Takes note whether a filter that was [read](Self::read) runs.
    pub fn started(&self, name: &str, result: &Result<(), FilterError>) {
        let record = self.registry.records().get(name).cloned();
        let Some(judged) = record.as_deref().and_then(Judged::of) else { return };
        let told = Told::new(judged, Outcome::of(result));
        self.told.lock().insert(name.to_owned(), told);
    }

    /// Allows changes, once the filters that were read are known to the pipeline.
    pub fn open(&self) {
        self.enter(Phase::Open);
    }

    /// Allows no changes any more.
    pub fn close(&self) {
        self.enter(Phase::Closed);
    }

    fn enter(&self, next: Phase) {
        let mut phase = self.phase.lock();
        if *phase != Phase::Closed {
            *phase = next;
        }
        self.phase_changed.notify_all();
    }

    /// Waits until filters can be changed.
    fn await_open(&self) -> Result<(), FilterError> {
        let mut phase = self.phase.lock();
        while *phase == Phase::Starting {
            self.phase_changed.wait(&mut phase);
        }
        if *phase == Phase::Open { Ok(()) } else { Err(FilterError::Stopping) }
    }

    /// The tokens of users, which are kept beside the filters.
    pub fn tokens(&self) -> Arc<dyn Tokens> {
        self.registry.clone()
    }

    /// Follows what others write into the registry, until `stop` is set.
    pub fn follow(&self, stop: &AtomicBool) {
        let mut tried = Instant::now();
        self.follow_waiting();
        while !stop.load(Ordering::Relaxed) {
            let followed = self.registry.follow();
            self.note_trouble(followed.as_ref().err());
            if followed.is_err() {
                std::thread::sleep(PAUSE);
            }
            if tried.elapsed() >= AGAIN {
                tried = Instant::now();
                self.follow_waiting();
            }
            self.follow_changes();
        }
    }

    /// Lets the pipeline follow what has been read.
    pub(super) fn follow_changes(&self) {
        let changed = self.registry.records().take_changed();
        self.bring_all_in_step(changed);
    }

    /// Lets the pipeline run what it could not run before, and shadows that have yet to begin.
    pub(super) fn follow_waiting(&self) {
        self.bring_all_in_step(self.waiting());
    }

    fn bring_all_in_step(&self, names: impl IntoIterator<Item = String>) {
        for name in names.into_iter().filter(|name| !self.folder.contains(name)) {
            let _locked = self.names.lock(&name);
            self.bring_in_step(&name);
        }
    }

    fn note_trouble(&self, error: Option<&StoreError>) {
        let now = error.map(ToString::to_string);
        let mut trouble = self.trouble.lock();
        match (&*trouble, &now) {
            (None, Some(error)) => tracing::warn!(error, "the registry can't be read; trying on"),
            (Some(_), None) => tracing::info!("the registry can be read again"),
            _ => {}
        }
        *trouble = now;
    }

    /// Refuses a change of a filter in the folder.
    fn check_folder(&self, name: &str) -> Result<(), FilterError> {
        match self.folder.contains(name) {
            false => Ok(()),
            true => Err(FilterError::Conflict(format!(
                "filter {name:?} is in the folder that this host was started with (--filters), which can't be changed here: \
                 choose another name, or ask the operator"
            ))),
        }
    }

    /// Keeps a filter that was checked, and activates it.
    fn keep(&self, name: &str, mut upload: Upload) -> Result<Status, FilterError> {
        check_name(name)?;
        check_note(&upload.note)?;
        if upload.handover.is_some() {
            return self.take_over(name, upload);
        }
        self.check_folder(name)?;
        self.await_open()?;
        let (settings, expected) = (upload.settings.clone(), std::mem::take(&mut upload.expected));
        let allowance = upload.allowance;
        let (note, by) = (std::mem::take(&mut upload.note), std::mem::take(&mut upload.by));
        let ready = self.runner.check(name, upload)?;
        let offer = Offer::new(&settings, &self.runner.describe(&ready), &note, &by, now())?;
        let _locked = self.names.lock(name);
        let created = new_id();
        let changed = self.registry.change(name, |record| {
            rules::check_expected(name, record, &expected)?;
            let decision = rules::put(name, record, &offer, &self.host, &created);
            self.registry.check_allowance(allowance, record, decision)
        })?;
        self.settle(name, &changed, Some(ready))
    }

    /// Passes a change that is kept to the pipeline. `ready` is the filter as it is to run, if it was checked.
    fn settle(&self, name: &str, changed: &Changed, ready: Option<R::Ready>) -> Result<Status, FilterError> {
        let Some(record) = changed.now.clone().filter(|record| record.host == self.host) else {
            self.take_out(name);
            return self.status(name);
        };
        let is_active = || self.runner.get(name).is_ok_and(|status| status.state == State::Active);
        match (Judged::of(&record), ready) {
            (Some(judged), _) if self.is_told(name, &judged) && is_active() => {}
            (Some(judged), Some(ready)) => {
                if let Err(error) = self.activate(name, ready) {
                    return Err(self.take_back(name, changed, error));
                }
                self.told.lock().insert(name.to_owned(), Told::new(judged, Outcome::Runs));
            }
            _ => self.bring_in_step(name),
        }
        // Others may have changed it once more in the meantime.
        self.bring_in_step(name);
        self.status(name)
    }

    /// Takes a change back that is kept but can't take effect. Returns why it can't.
    fn take_back(&self, name: &str, changed: &Changed, error: FilterError) -> FilterError {
        let Some(now) = changed.now.as_deref().filter(|_| !matches!(error, FilterError::Stopping)) else {
            return error;
        };
        let back = self.registry.change(name, |record| Ok(rules::take_back(record, now, changed.before.as_deref())));
        if let Err(failed) = back {
            tracing::error!(filter = name, %error, %failed, "a change of the registry could not be taken back");
        }
        error
    }

    /// Takes a filter that another host has let go. It is the pipeline's before the registry says so: otherwise it might
    /// begin here with the live alerts after a restart.
    fn take_over(&self, name: &str, mut upload: Upload) -> Result<Status, FilterError> {
        self.await_open()?;
        let Some(HandOver { from, settings, .. }) = upload.handover.as_deref().cloned() else {
            return Err(FilterError::Refused("there is no hand-over".to_owned()));
        };
        let (note, by) = (std::mem::take(&mut upload.note), std::mem::take(&mut upload.by));
        let ready = self.runner.check(name, upload)?;
        let checked = self.runner.describe(&ready);
        let _locked = self.names.lock(name);
        let is_in_folder = self.folder.contains(name);
        let judged = if is_in_folder { None } else { Some(Offer::new(&settings, &checked, &note, &by, now())?) };
        let created = new_id();
        let rule = |record: Option<&FilterRecord>| match &judged {
            Some(offer) => rules::take_over(name, record, offer, (&from, &self.host), &created),
            None => Ok(Decision::Nothing),
        };
        if !is_in_folder {
            // Whether it may come is found out before it does.
            self.registry.change(name, |record| rule(record).map(|_| Decision::Nothing))?;
        }
        let status = self.runner.run(ready)?;
        if is_in_folder {
            return Ok(status);
        }
        let changed = self.registry.change(name, rule)?;
        let offered = judged.as_ref().and_then(|offer| {
            let rules::Apart { quota, cpu_share, limits, .. } = offer.apart;
            let (versions, active) = (vec![offer.version.clone()], Some(offer.version.number));
            let record = (**changed.now.as_ref()?).clone();
            Judged::of(&FilterRecord { quota, cpu_share, limits, paused: false, versions, active, ..record })
        });
        if let Some(judged) = offered {
            self.told.lock().insert(name.to_owned(), Told::new(judged, Outcome::Runs));
        }
        self.bring_in_step(name);
        self.status(name)
    }

    /// The filter as it is.
    fn status(&self, name: &str) -> Result<Status, FilterError> {
        check_name(name)?;
        let record = self.registry.records().get(name).cloned();
        let found = self.runner.get(name);
        match (found, record) {
            (Ok(status), _) if self.folder.contains(name) => Ok(Status { kept: Kept::Folder, ..status }),
            (Ok(status), Some(record)) => Ok(self.overlay(status, &record)),
            (Err(FilterError::Unknown(_)), Some(record)) => Ok(self.of_record(&record)),
            (found, _) => found,
        }
    }

    /// Adds what is known about where a filter is kept.
    fn overlay(&self, mut status: Status, record: &FilterRecord) -> Status {
        if !self.folder.contains(&record.name) {
            status.kept = Kept::Registry;
            status.registered = Some(record.registered());
        }
        status
    }

    /// The status of a filter that does not run here.
    fn of_record(&self, record: &FilterRecord) -> Status {
        let state = match self.told.lock().get(&record.name).map(|told| told.outcome.clone()) {
            _ if record.host != self.host => State::Elsewhere(record.host.clone()),
            _ if record.paused => State::Paused,
            _ if record.active.is_none() => State::Inactive,
            Some(Outcome::Refused(reason, _)) => State::Refused(reason),
            _ => State::Refused("it has yet to be started".to_owned()),
        };
        self.overlay(record.status(state), record)
    }
}

impl From<StoreError> for FilterError {
    fn from(error: StoreError) -> FilterError {
        match error {
            StoreError::Stopping => FilterError::Stopping,
            StoreError::Impossible(_) => FilterError::Refused(error.to_string()),
            StoreError::Again | StoreError::Unavailable(_) => FilterError::Busy(error.to_string()),
        }
    }
}

/// The time of day (RFC 3339).
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
