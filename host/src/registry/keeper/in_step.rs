//! Lets the pipeline run what the records say.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Keeper, Named};
use crate::filters::{FilterError, Journals, LimitOverrides, Runner, Settings, State, Status, Upload};
use crate::registry::record::{Blob, Config, FilterRecord, Version};
use crate::registry::store::Blobs;

/// What a filter is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Tells the filter from an earlier one of its name.
    created: String,
    module: Blob,
    config: Config,
    topics: Vec<String>,
    quota: Option<u32>,
    cpu_share: Option<f64>,
    limits: LimitOverrides,
}

impl Judged {
    /// What a filter is to be judged by, if it is.
    pub fn of(record: &FilterRecord) -> Option<Judged> {
        Some(Judged::by(record, record.running()?))
    }

    /// What one of a filter's versions is judged by.
    pub fn by(record: &FilterRecord, version: &Version) -> Judged {
        let Version { module, config, topics, .. } = version.clone();
        let (created, &FilterRecord { quota, cpu_share, limits, .. }) = (record.created.clone(), record);
        Judged { created, module, config, topics, quota, cpu_share, limits }
    }
}

/// What the pipeline was told last about a filter.
#[derive(Clone, Debug)]
pub struct Told {
    pub judged: Judged,
    pub outcome: Outcome,
    /// What it was told about the filter's shadow since.
    pub shadow: Option<ToldShadow>,
}

/// What the pipeline was told last about the shadow of a filter.
#[derive(Clone, Debug)]
pub struct ToldShadow {
    pub version: u32,
    pub judged: Judged,
    pub outcome: Outcome,
}

impl ToldShadow {
    /// Whether the pipeline should be asked once more.
    pub fn waits(&self) -> bool {
        matches!(self.outcome, Outcome::Refused(_, true))
    }
}

impl Told {
    /// It was told to judge by this.
    pub fn new(judged: Judged, outcome: Outcome) -> Told {
        Told { judged, outcome, shadow: None }
    }
}

/// What became of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Runs,
    /// It can't run, for this reason; and whether it may later.
    Refused(String, bool),
}

impl Outcome {
    pub fn of<T>(result: &Result<T, FilterError>) -> Outcome {
        use FilterError::*;
        match result {
            Ok(_) => Outcome::Runs,
            Err(error) => {
                let may_pass = matches!(error, Busy(_) | Topic(_) | Memory(_) | Full(_) | NoModule(_));
                Outcome::Refused(error.to_string(), may_pass)
            }
        }
    }
}

/// What the pipeline was told about each filter.
pub type AllTold = BTreeMap<String, Told>;

impl<R: Runner> Keeper<R> {
    /// Lets the pipeline run what the record of a filter says, and its shadow. Its name is locked.
    pub(super) fn bring_in_step(&self, name: &str) {
        self.bring_filter_in_step(name);
        self.bring_shadow_in_step(name);
    }

    fn bring_filter_in_step(&self, name: &str) {
        let record = self.registry.records().get(name).filter(|record| record.host == self.host).cloned();
        let wanted = record.as_deref().and_then(Judged::of);
        let (Some(record), Some(judged)) = (record, wanted) else { return self.take_out(name) };
        if self.is_told(name, &judged) {
            return;
        }
        let version = record.active;
        let ran = self.load(&record).and_then(|upload| self.runner.check(name, upload));
        let ran = ran.and_then(|ready| self.activate(name, ready));
        match &ran {
            Ok(_) => tracing::info!(filter = name, ?version, "the filter follows its record in the registry"),
            Err(FilterError::Stopping) => return,
            Err(error) => tracing::error!(filter = name, ?version, %error, "filter refused"),
        }
        let outcome = Outcome::of(&ran);
        if matches!(outcome, Outcome::Refused(_, false)) {
            // What is active can't be judged, and something else must not be judged in its place.
            self.take_out(name);
        }
        self.told.lock().insert(name.to_owned(), Told::new(judged, outcome));
    }

    /// Whether the pipeline runs just that.
    pub(super) fn is_told(&self, name: &str, judged: &Judged) -> bool {
        let told = self.told.lock();
        told.get(name).is_some_and(|told| told.judged == *judged && told.outcome == Outcome::Runs)
    }

    /// Removes a filter from the pipeline, if it runs there because of its record. Its name is locked.
    pub(super) fn take_out(&self, name: &str) {
        let is_kept = self.registry.records().get(name).is_some_and(|record| record.host == self.host);
        let created = self.told.lock().get(name).map(|told| told.judged.created.clone());
        match (created, self.runner.journals(name)) {
            (Some(created), Ok(journals)) if is_kept => {
                self.resting.lock().insert(name.to_owned(), (created, journals));
            }
            _ if !is_kept => drop(self.resting.lock().remove(name)),
            _ => {}
        }
        self.stop(name);
    }

    /// What a filter has told that does not run now, but has run before.
    pub(super) fn rested(&self, name: &str) -> Option<Journals> {
        let created = self.registry.records().get(name)?.created.clone();
        self.resting.lock().get(name).filter(|(of, _)| *of == created).map(|(_, journals)| journals.clone())
    }

    /// The same, where it can be followed until the filter runs.
    pub(super) fn resting_journals(&self, name: &str) -> Journals {
        let record = self.registry.records().get(name).filter(|record| record.host == self.host).cloned();
        let Some(record) = record else { return Journals::default() };
        let mut resting = self.resting.lock();
        match resting.get(name) {
            Some((of, journals)) if *of == record.created => journals.clone(),
            _ => {
                let journals = Journals::default();
                resting.insert(name.to_owned(), (record.created.clone(), journals.clone()));
                journals
            }
        }
    }

    /// Activates a filter that was checked. It tells on what it has told before. Its name is locked.
    pub(super) fn activate(&self, name: &str, ready: R::Ready) -> Result<Status, FilterError> {
        let created = self.registry.records().get(name).map(|record| record.created.clone());
        if self.told.lock().get(name).is_some_and(|told| Some(&told.judged.created) != created.as_ref()) {
            // It was another filter, and what that has told is not for this one's owner.
            self.stop(name);
        }
        if let Some(journals) = self.rested(name) {
            self.runner.adopt(&ready, journals);
        }
        let running = self.runner.run(ready)?;
        self.resting.lock().remove(name);
        Ok(running)
    }

    fn stop(&self, name: &str) {
        let Some(told) = self.told.lock().remove(name) else { return };
        let Ok(status) = self.runner.get(name) else { return };
        // What is known of a filter that has moved is needed by others.
        if matches!(status.state, State::Moved(_)) {
            return;
        }
        match self.runner.delete(name) {
            Ok(_) | Err(FilterError::Unknown(_) | FilterError::Stopping) => {}
            Err(error) => {
                tracing::warn!(filter = name, %error, "the filter is removed later");
                let outcome = Outcome::Refused(error.to_string(), true);
                self.told.lock().insert(name.to_owned(), Told::new(told.judged, outcome));
            }
        }
    }

    /// The filters for which the pipeline should be asked once more.
    pub(super) fn waiting(&self) -> Vec<String> {
        let shadows: Vec<String> = {
            let records = self.registry.records();
            records
                .iter()
                .filter(|record| record.shadow_version().is_some())
                .map(|record| record.name.clone())
                .collect()
        };
        let told = self.told.lock();
        let waits = |(name, told): &(&String, &Told)| {
            let lacks_shadow = shadows.contains(*name) && told.shadow.as_ref().is_none_or(ToldShadow::waits);
            matches!(told.outcome, Outcome::Refused(_, true)) || told.outcome == Outcome::Runs && lacks_shadow
        };
        told.iter().filter(waits).map(|(name, _)| name.clone()).collect()
    }

    /// The active version of a filter, with its module and settings.
    pub(super) fn load(&self, record: &FilterRecord) -> Result<Upload, FilterError> {
        let number = record.active.unwrap_or_default();
        let version = record.version(number).ok_or_else(|| FilterError::NoVersion(record.name.clone(), number))?;
        let here = self.runner.get(&record.name).ok().filter(|status| status.sha256 == version.module.sha256);
        let module = here.and_then(|_| self.runner.module(&record.name).ok());
        let wanted: Vec<Blob> = match module {
            Some(_) => version.config.blob().cloned().into_iter().collect(),
            None => version.blobs().cloned().collect(),
        };
        let mut found = self.registry.blobs(&wanted).map_err(FilterError::from)?;
        if let Some(module) = module {
            found.insert(version.module.sha256.clone(), Vec::clone(&module).into());
        }
        upload(record, version, &found)
    }

    /// The filters of this host that are to be judged, and what is not in the registry as it should be.
    pub(super) fn load_all(&self, records: &[Arc<FilterRecord>]) -> Result<Vec<Named>, FilterError> {
        let running = || records.iter().filter_map(|record| Some((record, record.running()?)));
        let mut wanted: Vec<Blob> = running().flat_map(|(_, version)| version.blobs().cloned()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let found = self.registry.blobs(&wanted).map_err(FilterError::from)?;
        Ok(running().map(|(record, version)| (record.name.clone(), upload(record, version, &found))).collect())
    }
}

/// A version of a filter, from content that was found.
pub fn upload(record: &FilterRecord, version: &Version, found: &Blobs) -> Result<Upload, FilterError> {
    let missing = || FilterError::NoModule(record.name.clone());
    let module = found.get(&version.module.sha256).ok_or_else(missing)?.to_vec();
    let settings = Settings {
        config: config(record, version, found)?,
        topics: version.topics.clone(),
        quota: record.quota,
        cpu_share: record.cpu_share,
        from: record.from.clone(),
        limits: record.limits,
    };
    Ok(Upload { module, settings, ..Upload::default() })
}

/// The config of a version, from content that was found.
pub fn config(record: &FilterRecord, version: &Version, found: &Blobs) -> Result<String, FilterError> {
    match &version.config {
        Config::Text(text) => Ok(text.clone()),
        Config::Kept(blob) => {
            let text = found.get(&blob.sha256).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
            text.ok_or_else(|| FilterError::NoModule(record.name.clone()))
        }
    }
}
