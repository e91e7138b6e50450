//! Shadows: which version of a filter is one is kept in the registry. What it was compared with is not: after a restart of the
//! host, after a move and after a change of the filter, it begins anew.

use super::Keeper;
use super::in_step::{Judged, Outcome, ToldShadow, upload};
use crate::filters::{Expected, FilterError, Runner, ShadowState, ShadowStatus, State, Status, Upload, check_name};
use crate::registry::record::{FilterRecord, Version};
use crate::registry::rules::{self, Edit};
use crate::registry::writer::Decision;

impl<R: Runner> Keeper<R> {
    /// Makes a version the shadow of a filter. Whether it can be one is found out before that is kept.
    pub(super) fn begin_shadow(
        &self,
        name: &str,
        number: u32,
        most: Option<usize>,
        expected: &Expected,
    ) -> Result<Status, FilterError> {
        self.check_folder(name)?;
        self.await_open()?;
        let rule = |record: Option<&FilterRecord>| {
            rules::check_expected(name, record, expected)?;
            let decision = rules::edit(name, record, &Edit::Shadow(number))?;
            if let Decision::Write(record, _) = &decision {
                self.registry.check_shadows(record, most)?;
            }
            Ok(decision)
        };
        // What is known is the newest from here on.
        self.registry.change(name, |record| rule(record).map(|_| Decision::Nothing))?;
        let record = self.record(name)?;
        self.check_is_here(&record)?;
        let version = record.version(number).ok_or_else(|| FilterError::NoVersion(name.to_owned(), number))?;
        let runs = || self.runner.shadow(name).is_ok_and(|shadow| shadow.state == ShadowState::Running);
        if self.is_shadow_told(name, number, &Judged::by(&record, version)) && runs() {
            return self.status(name);
        }
        let ready = self.runner.check_shadow(name, number, self.load_version(&record, version)?)?;
        let _locked = self.names.lock(name);
        let changed = self.registry.change(name, rule)?;
        let now = changed.now.clone().filter(|now| now.shadow == Some(number));
        if let Some((now, version)) = now.as_deref().and_then(|now| Some((now, now.shadow_version()?))) {
            // If the filter was changed in the meantime, the shadow would be compared with another version.
            let ran = self.runner.run_shadow(ready);
            if let Err(error) = ran {
                return Err(self.take_back(name, &changed, error));
            }
            self.tell_shadow(name, number, Judged::by(now, version), Outcome::Runs);
        }
        self.bring_in_step(name);
        self.status(name)
    }

    /// Refuses what only the host can do that the filter belongs to.
    fn check_is_here(&self, record: &FilterRecord) -> Result<(), FilterError> {
        match record.host == self.host {
            true => Ok(()),
            false => Err(FilterError::Conflict(format!(
                "filter {:?} belongs to host {:?}: only that one can let a version run beside the active one",
                record.name, record.host
            ))),
        }
    }

    /// The shadow of a filter, also one that has yet to begin.
    pub(super) fn shadow_status(&self, name: &str) -> Result<ShadowStatus, FilterError> {
        check_name(name)?;
        let none = || FilterError::NoShadow(name.to_owned());
        let Some(record) = self.registry.records().get(name).cloned() else {
            return Err(self.status(name).map_or_else(|error| error, |_| none()));
        };
        let number = record.shadow.ok_or_else(none)?;
        self.check_is_here(&record)?;
        let running = self.runner.shadow(name).ok().filter(|shadow| shadow.version == number);
        let status = running.unwrap_or_else(|| ShadowStatus::waiting(name, number, self.why_shadow_waits(name)));
        Ok(ShadowStatus { active_version: record.active, ..status })
    }

    fn why_shadow_waits(&self, name: &str) -> String {
        let told = self.told.lock().get(name).and_then(|told| told.shadow.clone());
        match (told.map(|told| told.outcome), self.status(name).map(|status| status.state)) {
            (Some(Outcome::Refused(reason, _)), _) => reason,
            (_, Ok(State::Active) | Err(_)) => "it has yet to begin".to_owned(),
            (_, Ok(state)) => format!("its filter is {}", state.name()),
        }
    }

    /// Lets the pipeline run the shadow that the record of a filter says. The filter's name is locked.
    pub(super) fn bring_shadow_in_step(&self, name: &str) {
        let record = self.registry.records().get(name).filter(|record| record.host == self.host).cloned();
        let runs = self.told.lock().get(name).is_some_and(|told| told.outcome == Outcome::Runs);
        let Some(record) = record.filter(|_| runs) else { return };
        let Some(version) = record.shadow_version() else { return self.take_shadow_out(name) };
        let judged = Judged::by(&record, version);
        if self.is_shadow_told(name, version.number, &judged) {
            return;
        }
        let checked = self
            .load_version(&record, version)
            .and_then(|upload| self.runner.check_shadow(name, version.number, upload));
        let ran = checked.and_then(|ready| self.runner.run_shadow(ready));
        if let Err(error) = &ran {
            tracing::warn!(filter = name, version = version.number, %error, "a shadow does not run");
        }
        self.tell_shadow(name, version.number, judged, Outcome::of(&ran));
    }

    fn take_shadow_out(&self, name: &str) {
        let told = self.told.lock().get_mut(name).and_then(|told| told.shadow.take());
        // If there is none any more, that is all the same.
        told.iter().for_each(|_| drop(self.runner.end_shadow(name)));
    }

    /// Whether the pipeline has just that shadow, even if it was stopped.
    fn is_shadow_told(&self, name: &str, number: u32, judged: &Judged) -> bool {
        let told = self.told.lock().get(name).and_then(|told| told.shadow.clone());
        let is_same = |told: &ToldShadow| told.version == number && told.judged == *judged;
        told.filter(is_same).is_some_and(|told| match told.outcome {
            Outcome::Runs => self.runner.shadow(name).is_ok(),
            Outcome::Refused(_, may_pass) => !may_pass,
        })
    }

    fn tell_shadow(&self, name: &str, version: u32, judged: Judged, outcome: Outcome) {
        if let Some(told) = self.told.lock().get_mut(name) {
            told.shadow = Some(ToldShadow { version, judged, outcome });
        }
    }

    /// One of a filter's versions, as it is to run.
    pub(super) fn load_version(&self, record: &FilterRecord, version: &Version) -> Result<Upload, FilterError> {
        let wanted: Vec<_> = version.blobs().cloned().collect();
        upload(record, version, &self.registry.blobs(&wanted).map_err(FilterError::from)?)
    }
}
