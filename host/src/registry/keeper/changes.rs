//! Changes of filters that are kept.

use std::sync::Arc;

use super::in_step::Judged;
use super::{Keeper, now};
use crate::filters::{
    Expected, FilterChange, FilterError, Runner, Settings, SettingsPatch, State, Status, Trial, Upload, check_note,
};
use crate::registry::record::FilterRecord;
use crate::registry::rules::{self, Edit, Offer};
use crate::registry::writer::{Decision, new_id};

impl<R: Runner> Keeper<R> {
    /// Adds a version that is not active. It is checked as if it were.
    pub(super) fn add_version(&self, name: &str, upload: Upload, expected: &Expected) -> Result<Status, FilterError> {
        check_note(&upload.note)?;
        self.check_folder(name)?;
        self.await_open()?;
        let Upload { note, by, .. } = upload.clone();
        let ready = self.runner.check(name, self.as_new_version(name, upload.clone()))?;
        let offer = Offer::new(&upload.settings, &self.runner.describe(&ready), &note, &by, now())?;
        drop(ready);
        let _locked = self.names.lock(name);
        let created = new_id();
        self.registry.change(name, |record| {
            rules::check_expected(name, record, expected)?;
            let decision = rules::add(name, record, &offer, &self.host, &created);
            self.registry.check_allowance(upload.allowance, record, decision)
        })?;
        self.status(name)
    }

    /// A version of a filter that is there has that filter's settings.
    fn as_new_version(&self, name: &str, upload: Upload) -> Upload {
        let trial = Trial::Tells;
        let Some(record) = self.registry.records().get(name).cloned() else { return Upload { trial, ..upload } };
        let FilterRecord { quota, cpu_share, limits, from, .. } = (*record).clone();
        // It is not active yet, so whatever its trial finds refuses nothing.
        Upload { settings: Settings { quota, cpu_share, limits, from, ..upload.settings }, trial, ..upload }
    }

    /// Makes another version the active one, or changes settings. What is to run then is checked first.
    pub(super) fn edit(&self, name: &str, change: &FilterChange, expected: &Expected) -> Result<Status, FilterError> {
        let edit = match change {
            FilterChange::Activate { version, .. } => Edit::Activate(*version),
            FilterChange::ActivateShadow { .. } => Edit::ActivateShadow,
            FilterChange::EndShadow => Edit::EndShadow,
            FilterChange::Pause => Edit::Set(SettingsPatch { paused: Some(true), ..SettingsPatch::default() }),
            FilterChange::Resume => Edit::Set(SettingsPatch { paused: Some(false), ..SettingsPatch::default() }),
            FilterChange::Set(patch) => Edit::Set(patch.clone()),
            FilterChange::Delete | FilterChange::AddVersion(_) | FilterChange::Shadow { .. } => {
                unreachable!("these are other changes")
            }
        };
        let trial = match change {
            FilterChange::Activate { force, .. } | FilterChange::ActivateShadow { force } => Trial::unless(*force),
            _ => Trial::Without,
        };
        self.check_folder(name)?;
        self.await_open()?;
        let rule = |record: Option<&FilterRecord>| {
            rules::check_expected(name, record, expected)?;
            rules::edit(name, record, &edit)
        };
        let known = self.registry.records().get(name).cloned();
        let planned = match rule(known.as_deref()) {
            Ok(planned) => planned,
            // Perhaps others have changed it: then what is known is the newest from here on.
            Err(_) => {
                self.registry.change(name, |record| rule(record).map(|_| Decision::Nothing))?;
                rule(self.registry.records().get(name).map(|record| &**record))?
            }
        };
        if let (Decision::Write(record, _), Some(known)) = (&planned, &known)
            && record.host == self.host
            && known.host != self.host
        {
            self.forget_move(name)?;
        }
        let checked = match planned {
            Decision::Write(record, _) => self.check_planned(&record, trial)?,
            Decision::Nothing | Decision::Remove => None,
        };
        let _locked = self.names.lock(name);
        let changed = self.registry.change(name, rule)?;
        // If others were quicker, something else is to run.
        let runs = changed.now.as_deref().and_then(Judged::of);
        let ready = checked.filter(|(judged, _)| runs.as_ref() == Some(judged)).map(|(_, ready)| ready);
        self.settle(name, &changed, ready)
    }

    /// Forgets that a filter has moved away from here, since it comes back in another way than by a move. By now, another host
    /// has its position.
    fn forget_move(&self, name: &str) -> Result<(), FilterError> {
        let _locked = self.names.lock(name);
        match self.runner.get(name) {
            Ok(status) if matches!(status.state, State::Moved(_)) => self.runner.delete(name).map(drop),
            _ => Ok(()),
        }
    }

    /// Checks a filter as it is to run, unless it runs so already.
    fn check_planned(&self, record: &FilterRecord, trial: Trial) -> Result<Option<(Judged, R::Ready)>, FilterError> {
        let FilterRecord { quota, cpu_share, limits, .. } = *record;
        let settings = Settings { quota, cpu_share, limits, ..Settings::default() };
        settings.check()?;
        let Some(judged) = Judged::of(record).filter(|judged| !self.is_told(&record.name, judged)) else {
            return Ok(None);
        };
        let upload = Upload { trial, ..self.load(record)? };
        let ready = self.runner.check(&record.name, upload)?;
        Ok(Some((judged, ready)))
    }

    /// Lets a filter judge again that was paused or suspended.
    pub(super) fn resume(&self, name: &str, expected: &Expected) -> Result<Status, FilterError> {
        let is_suspended = || self.runner.get(name).is_ok_and(|status| matches!(status.state, State::Suspended(_)));
        if !is_suspended() {
            return self.edit(name, &FilterChange::Resume, expected);
        }
        self.await_open()?;
        let record = self.registry.records().get(name).cloned();
        rules::check_expected(name, record.as_deref(), expected)?;
        let upload = self.again(name, record)?;
        let ready = self.runner.check(name, upload)?;
        let _locked = self.names.lock(name);
        if !is_suspended() {
            return self.status(name);
        }
        self.runner.run(ready)?;
        // Its shadow, if it had one, has ended with what was suspended.
        self.told.lock().get_mut(name).into_iter().for_each(|told| told.shadow = None);
        self.bring_in_step(name);
        self.status(name)
    }

    /// A filter once more as it runs.
    fn again(&self, name: &str, record: Option<Arc<FilterRecord>>) -> Result<Upload, FilterError> {
        match record.filter(|_| !self.folder.contains(name)) {
            Some(record) => self.load(&record),
            None => {
                let Status { settings, .. } = self.runner.get(name)?;
                let module = self.runner.module(name)?.to_vec();
                Ok(Upload { module, settings, by_operator: true, ..Upload::default() })
            }
        }
    }
}
