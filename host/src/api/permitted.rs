//! What a caller may do with the filters of a host: the host's control, as far as they may use it. Authors see and change
//! filters of their own. What belongs to others is as if it were not there.

use crate::access::{Access, Role, UserLimits};
use crate::filters::{
    Allowance, Expected, FilterChange, FilterError, FilterStats, HandOver, HostInfo, Journals, Status, Upload,
    VersionInfo,
};
use crate::health::Health;
use crate::hosts::Hosts;
use crate::jobs::HostControl;

use super::caller::Caller;
use super::error::Problem;
use super::rights::Right;

mod elsewhere;
mod jobs;
mod moving;
mod predefined;
mod shadow;
mod tokens;

pub(super) use elsewhere::Whereabouts;
pub(super) use moving::Bring;
pub(super) use predefined::Wanted;

/// The host's control, as far as a caller may use it.
pub(super) struct Permitted<'a> {
    control: &'a dyn HostControl,
    access: &'a Access,
    caller: &'a Caller,
    hosts: Option<&'a Hosts>,
}

impl<'a> Permitted<'a> {
    pub(super) fn new(
        control: &'a dyn HostControl,
        access: &'a Access,
        caller: &'a Caller,
        hosts: Option<&'a Hosts>,
    ) -> Permitted<'a> {
        Permitted { control, access, caller, hosts }
    }

    fn is_operator(&self) -> bool {
        self.caller.role == Some(Role::Operator)
    }

    fn is_author(&self) -> bool {
        self.caller.role == Some(Role::Author)
    }

    /// Whether the filter may be known to the caller.
    fn sees(&self, status: &Status) -> bool {
        !self.is_author() || status.registered.as_ref().is_some_and(|kept| kept.owner == self.caller.user)
    }

    /// A filter's status as the caller may see it: configs are their owners', who may have put their ideas into them.
    fn shown(&self, mut status: Status) -> Status {
        if !(self.is_operator() || self.is_author()) {
            status.settings.config.clear();
        }
        self.with_host(status)
    }

    /// Lists the filters that the caller may see.
    pub(super) fn list(&self) -> Vec<Status> {
        let all = self.control.list().into_iter();
        all.filter(|status| self.sees(status)).map(|status| self.shown(status)).collect()
    }

    /// One filter.
    pub(super) fn get(&self, name: &str) -> Result<Status, FilterError> {
        let status = self.control.get(name)?;
        match self.sees(&status) {
            true => Ok(self.shown(status)),
            false => Err(FilterError::Unknown(name.to_owned())),
        }
    }

    /// Where a filter's alerts went, and what they cost.
    pub(super) fn stats(&self, name: &str) -> Result<FilterStats, FilterError> {
        self.get(name)?;
        self.control.stats(name)
    }

    /// What a filter has to tell.
    pub(super) fn journals(&self, name: &str) -> Result<Journals, FilterError> {
        self.get(name)?;
        self.control.journals(name)
    }

    /// Refuses what belongs to somebody else, where it is to be uploaded.
    fn check_name_is_free(&self, name: &str) -> Result<(), FilterError> {
        match self.control.get(name) {
            Ok(status) if !self.sees(&status) => Err(FilterError::Taken(name.to_owned())),
            Ok(_) | Err(FilterError::Unknown(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What must be so when a change is made: perhaps the filter was another one when it was looked at.
    fn expecting(&self, expected: Expected) -> Expected {
        match self.is_operator() {
            true => expected,
            false => Expected::OwnedBy(self.caller.user.clone(), Box::new(expected)),
        }
    }

    /// Who uploads something. Where everybody may, nobody is known.
    fn signature(&self) -> String {
        if self.access.open { String::new() } else { self.caller.user.clone() }
    }

    /// An upload by the caller.
    fn signed(&self, name: &str, upload: Upload) -> Result<Upload, Problem> {
        if self.is_operator() {
            return Ok(Upload { by: self.signature(), ..upload });
        }
        // A forged one could set quotas back.
        if let Some(handover) = &upload.handover
            && !self.is_own_release(name, handover)
        {
            return Err(Problem::Role(Right::Operator, self.caller.role));
        }
        self.check_name_is_free(name)?;
        let UserLimits { filters, bytes, .. } = self.access.limits;
        let expected = self.expecting(upload.expected.clone());
        Ok(Upload { by: self.signature(), allowance: Some(Allowance { filters, bytes }), expected, ..upload })
    }

    /// Uploads a filter.
    pub(super) fn put(&self, name: &str, upload: Upload) -> Result<Status, Problem> {
        Ok(self.with_host(self.control.put(name, self.signed(name, upload)?)?))
    }

    /// Adds a version.
    pub(super) fn add_version(&self, name: &str, upload: Upload) -> Result<Status, Problem> {
        let mut upload = self.signed(name, upload)?;
        let expected = std::mem::take(&mut upload.expected);
        let added = self.control.change(name, FilterChange::AddVersion(Box::new(upload)), &expected)?;
        Ok(self.with_host(added))
    }

    /// Changes a filter.
    pub(super) fn change(&self, name: &str, change: FilterChange, expected: Expected) -> Result<Status, Problem> {
        if let FilterChange::Set(patch) = &change
            && patch.owner.is_some()
            && !self.is_operator()
        {
            return Err(Problem::Role(Right::Operator, self.caller.role));
        }
        self.see(name)?;
        Ok(self.with_host(self.control.change(name, change, &self.expecting(expected))?))
    }

    /// Refuses what the caller may not know. Whether there is such a filter at all, others find out.
    fn see(&self, name: &str) -> Result<(), FilterError> {
        if self.is_author() { self.get(name).map(drop) } else { Ok(()) }
    }

    pub(super) fn versions(&self, name: &str) -> Result<Vec<VersionInfo>, FilterError> {
        self.see(name)?;
        self.control.versions(name)
    }

    /// One version. Viewers do not see its config.
    pub(super) fn version(&self, name: &str, number: u32) -> Result<VersionInfo, FilterError> {
        self.see(name)?;
        let mut version = self.control.version(name, number)?;
        if !(self.is_operator() || self.is_author()) {
            version.config = None;
        }
        Ok(version)
    }

    pub(super) fn version_module(&self, name: &str, number: u32) -> Result<Vec<u8>, FilterError> {
        self.see(name)?;
        self.control.version_module(name, number).map(|module| Vec::clone(&module))
    }

    pub(super) fn module(&self, name: &str) -> Result<Vec<u8>, FilterError> {
        self.see(name)?;
        self.control.module(name).map(|module| Vec::clone(&module))
    }

    pub(super) fn release(&self, name: &str, to: &str) -> Result<HandOver, FilterError> {
        self.see(name)?;
        self.control.release(name, to)
    }

    pub(super) fn confirm(&self, name: &str, id: &str) -> Result<Status, FilterError> {
        self.see(name)?;
        self.control.confirm(name, id)
    }

    pub(super) fn host(&self) -> Result<HostInfo, FilterError> {
        self.control.host()
    }

    /// The state of the host. What it says of filters is not for authors, whom only their own concern.
    pub(super) fn health(&self) -> Health {
        let health = self.control.health();
        if self.is_author() { Health { registry: None, ..health } } else { health }
    }
}
