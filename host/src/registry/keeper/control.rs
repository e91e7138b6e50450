//! The requests themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Keeper;
use super::in_step::{Outcome, config};
use crate::filters::{
    Control, Expected, FilterChange, FilterError, FilterStats, HandOver, HostInfo, Inspected, Journals, Runner,
    ShadowStatus, State, Status, Upload, VersionInfo, check_name,
};
use crate::health::{Health, RegistryHealth};
use crate::jobs::{CheckRequest, CheckedAlerts, JobControl, JobError, JobStatus, Jobs, ReplayRequest};
use crate::registry::record::{FilterRecord, Version};
use crate::registry::records::RegistrySize;
use crate::registry::writer::Decision;

impl<R: Runner> Control for Keeper<R> {
    fn list(&self) -> Vec<Status> {
        let records: Vec<Arc<FilterRecord>> = self.registry.records().iter().cloned().collect();
        let mut all: BTreeMap<String, Status> =
            self.runner.list().into_iter().map(|status| (status.name.clone(), status)).collect();
        for record in records {
            match all.remove(&record.name) {
                Some(status) => drop(all.insert(record.name.clone(), self.overlay(status, &record))),
                None if record.host == self.host => drop(all.insert(record.name.clone(), self.of_record(&record))),
                None => {}
            }
        }
        all.into_values().collect()
    }

    fn get(&self, name: &str) -> Result<Status, FilterError> {
        self.status(name)
    }

    fn stats(&self, name: &str) -> Result<FilterStats, FilterError> {
        let Status { name, sha256, registered, .. } = self.status(name)?;
        let version = registered.and_then(|registered| registered.version);
        match self.runner.stats(&name) {
            Ok(stats) => Ok(FilterStats { version, ..stats }),
            Err(FilterError::Unknown(_)) => Ok(FilterStats { name, sha256, version, ..FilterStats::default() }),
            Err(error) => Err(error),
        }
    }

    fn journals(&self, name: &str) -> Result<Journals, FilterError> {
        match self.runner.journals(name) {
            Err(FilterError::Unknown(_)) => self.status(name).map(|_| self.resting_journals(name)),
            found => found,
        }
    }

    fn put(&self, name: &str, upload: Upload) -> Result<Status, FilterError> {
        self.keep(name, upload)
    }

    fn delete(&self, name: &str) -> Result<Status, FilterError> {
        self.remove(name, &Expected::Anything)
    }

    fn release(&self, name: &str, to: &str) -> Result<HandOver, FilterError> {
        self.await_open()?;
        let _locked = self.names.lock(name);
        let released = self.runner.release(name, to);
        let record = self.registry.records().get(name).cloned();
        match (released, record) {
            (Err(FilterError::Unknown(_)), Some(record)) if record.host == self.host => {
                Err(FilterError::Conflict(format!(
                    "filter {name:?} does not run, so that it can't be moved: resume it, or activate a version, first"
                )))
            }
            (Err(FilterError::Unknown(_)), Some(record)) => {
                Err(FilterError::Conflict(format!("filter {name:?} belongs to host {:?}", record.host)))
            }
            (released, _) => released,
        }
    }

    fn confirm(&self, name: &str, id: &str) -> Result<Status, FilterError> {
        self.await_open()?;
        let _locked = self.names.lock(name);
        let status = self.runner.confirm(name, id)?;
        // If the other host has the same registry, the filter belongs to that host by now.
        self.registry.change(name, |record| {
            Ok(if record.is_some_and(|record| record.host == self.host) { Decision::Remove } else { Decision::Nothing })
        })?;
        self.told.lock().remove(name);
        Ok(status)
    }

    fn module(&self, name: &str) -> Result<Arc<Vec<u8>>, FilterError> {
        match self.runner.module(name) {
            Err(error @ (FilterError::Unknown(_) | FilterError::NoModule(_))) => {
                let record = self.registry.records().get(name).cloned();
                let number = record.and_then(|record| record.active);
                number.map_or(Err(error), |number| self.version_module(name, number))
            }
            found => found,
        }
    }

    fn inspect(&self, name: &str, upload: &Upload) -> Result<Inspected, FilterError> {
        self.runner.inspect(name, upload)
    }

    fn change(&self, name: &str, change: FilterChange, expected: &Expected) -> Result<Status, FilterError> {
        check_name(name)?;
        match change {
            FilterChange::Delete => self.remove(name, expected),
            FilterChange::AddVersion(upload) => self.add_version(name, *upload, expected),
            FilterChange::Resume => self.resume(name, expected),
            FilterChange::Shadow { version, most } => self.begin_shadow(name, version, most, expected),
            change => self.edit(name, &change, expected),
        }
    }

    fn versions(&self, name: &str) -> Result<Vec<VersionInfo>, FilterError> {
        Ok(self.record(name)?.infos())
    }

    fn version(&self, name: &str, number: u32) -> Result<VersionInfo, FilterError> {
        let (record, version) = self.find(name, number)?;
        let wanted: Vec<_> = version.config.blob().cloned().into_iter().collect();
        let config = config(&record, &version, &self.registry.blobs(&wanted)?)?;
        Ok(VersionInfo { config: Some(config), ..version.info(record.active) })
    }

    fn version_module(&self, name: &str, number: u32) -> Result<Arc<Vec<u8>>, FilterError> {
        let (_, version) = self.find(name, number)?;
        let mut found = self.registry.blobs(std::slice::from_ref(&version.module))?;
        let module = found.remove(&version.module.sha256).ok_or_else(|| FilterError::NoModule(name.to_owned()))?;
        Ok(Arc::new(module.into()))
    }

    fn shadow(&self, name: &str) -> Result<ShadowStatus, FilterError> {
        self.shadow_status(name)
    }

    fn elsewhere(&self, name: &str) -> Option<String> {
        if self.folder.contains(name) {
            return None;
        }
        let records = self.registry.records();
        records.get(name).filter(|record| record.host != self.host).map(|record| record.host.clone())
    }

    fn others(&self) -> Vec<Status> {
        let records: Vec<Arc<FilterRecord>> = self.registry.records().iter().cloned().collect();
        records.iter().filter(|record| record.host != self.host).map(|record| self.of_record(record)).collect()
    }

    fn count_by_host(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.registry.records().iter().for_each(|record| *counts.entry(record.host.clone()).or_default() += 1);
        counts
    }

    fn catch_up(&self) -> Result<(), FilterError> {
        Ok(self.registry.catch_up()?)
    }

    fn host(&self) -> Result<HostInfo, FilterError> {
        self.runner.host()
    }

    fn health(&self) -> Health {
        let records = self.registry.records();
        let filters = records.iter().filter(|record| record.host == self.host).count();
        let RegistrySize { filters: all, tokens, bytes } = records.size();
        let (unreadable, newest) = (records.unreadable(), records.newest());
        drop(records);
        let refused = |(name, outcome): (&String, &Outcome)| match outcome {
            Outcome::Refused(reason, _) => Some(format!("{name}: {reason}")),
            Outcome::Runs => None,
        };
        let told = self.told.lock();
        let refused = told.iter().filter_map(|(name, told)| refused((name, &told.outcome))).take(20).collect();
        let trouble = self.trouble.lock().clone();
        let (offset, last_write) = (newest.map(|(offset, _)| offset), newest.and_then(|(_, time)| time));
        let last_write = last_write.map(|millis| millis / 1000);
        let registry =
            RegistryHealth { filters, records: all, tokens, bytes, offset, last_write, unreadable, refused, trouble };
        Health { registry: Some(registry), ..self.runner.health() }
    }
}

impl<R: Runner> Keeper<R> {
    /// What is kept of a filter.
    pub(super) fn record(&self, name: &str) -> Result<Arc<FilterRecord>, FilterError> {
        check_name(name)?;
        match self.registry.records().get(name).cloned() {
            Some(record) => Ok(record),
            None => Err(self.runner.get(name).map_or_else(|error| error, |_| FilterError::NoRegistry)),
        }
    }

    fn find(&self, name: &str, number: u32) -> Result<(Arc<FilterRecord>, Version), FilterError> {
        let record = self.record(name)?;
        let version = record.version(number).cloned();
        Ok((record, version.ok_or_else(|| FilterError::NoVersion(name.to_owned(), number))?))
    }

    /// Removes a filter, from the registry first.
    fn remove(&self, name: &str, expected: &Expected) -> Result<Status, FilterError> {
        check_name(name)?;
        if self.folder.contains(name) {
            // The host is to forget that it has moved.
            let has_moved = self.runner.get(name).is_ok_and(|status| matches!(status.state, State::Moved(_)));
            return if has_moved { self.runner.delete(name) } else { Err(self.check_folder(name).unwrap_err()) };
        }
        self.await_open()?;
        let _locked = self.names.lock(name);
        let before = self.status(name);
        let changed = self.registry.change(name, |record| {
            crate::registry::rules::check_expected(name, record, expected)?;
            record.map(|_| Decision::Remove).ok_or_else(|| FilterError::Unknown(name.to_owned()))
        });
        match changed {
            // It may have gone to another host that has another registry. It has no owner then.
            Err(FilterError::Unknown(_)) if !matches!(expected, Expected::OwnedBy(..)) => {
                return self.runner.delete(name);
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        self.told.lock().remove(name);
        self.resting.lock().remove(name);
        match (self.runner.delete(name), before) {
            (Ok(status), Ok(Status { kept, registered, .. })) => Ok(Status { kept, registered, ..status }),
            (Err(FilterError::Unknown(_)), Ok(before)) => Ok(before),
            (deleted, _) => deleted,
        }
    }
}

impl<R: Runner + JobControl> JobControl for Keeper<R> {
    fn replay(&self, filter: &str, request: ReplayRequest) -> Result<JobStatus, JobError> {
        self.runner.replay(filter, request)
    }

    fn dry_run(&self, request: CheckRequest) -> Result<JobStatus, JobError> {
        self.runner.dry_run(request)
    }

    fn dry_run_version(&self, name: &str, number: u32, alerts: CheckedAlerts) -> Result<JobStatus, JobError> {
        let (record, version) = self.find(name, number)?;
        let upload = self.load_version(&record, &version)?;
        let owner = Some(record.owner.clone());
        self.runner.dry_run(CheckRequest { name: name.to_owned(), upload, alerts, owner })
    }

    fn jobs(&self) -> &Jobs {
        self.runner.jobs()
    }
}
