//! Filters of other hosts with the same registry.

use std::collections::{BTreeMap, BTreeSet};

use super::Permitted;
use crate::api::error::Problem;
use crate::filters::{FilterError, State, Status};

/// Where a filter is.
pub(in crate::api) enum Whereabouts {
    /// On this host.
    Here,
    /// On the host of this name.
    Elsewhere(String),
    /// There is none. So many filters in the registry belong to each host.
    Nowhere(BTreeMap<String, usize>),
}

impl Permitted<'_> {
    /// Lists the filters that the caller may see: this host's, and those that the registry knows of others; or those of one
    /// host alone.
    pub(in crate::api) fn list_everywhere(&self, host: Option<&str>) -> Vec<Status> {
        let mut all = self.control.list();
        let here: BTreeSet<String> = all.iter().map(|status| status.name.clone()).collect();
        all.extend(self.control.others().into_iter().filter(|status| !here.contains(&status.name)));
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let of = |status: &Status| {
            status.registered.as_ref().map_or(&*self.access.host, |kept| &kept.host) == host.unwrap_or_default()
        };
        all.retain(|status| self.sees(status) && (host.is_none() || of(status)));
        all.into_iter().map(|status| self.shown(status)).collect()
    }

    /// The other host that a filter belongs to, if so. Of those that the caller may not know, none does: an answer of another
    /// host would tell that there is one.
    pub(in crate::api) fn elsewhere(&self, name: &str) -> Option<String> {
        self.see(name).ok()?;
        self.control.elsewhere(name)
    }

    /// Where a filter is that is to be uploaded.
    pub(in crate::api) fn whereabouts(&self, name: &str) -> Result<Whereabouts, Problem> {
        self.check_name_is_free(name)?;
        if let Some(host) = self.control.elsewhere(name) {
            return Ok(Whereabouts::Elsewhere(host));
        }
        match self.control.get(name) {
            Err(FilterError::Unknown(_)) => Ok(Whereabouts::Nowhere(self.control.count_by_host())),
            _ => Ok(Whereabouts::Here),
        }
    }

    /// How many filters in the registry belong to each host.
    pub(in crate::api) fn count_by_host(&self) -> BTreeMap<String, usize> {
        self.control.count_by_host()
    }

    /// Adds whether the host lives that a filter belongs to.
    pub(super) fn with_host(&self, mut status: Status) -> Status {
        let Some((hosts, kept)) = self.hosts.zip(status.registered.as_mut()) else { return status };
        let is_live = hosts.directory().is_live(&kept.host);
        kept.live = Some(is_live);
        if let State::Elsewhere(host) = &status.state
            && !is_live
        {
            status.warnings.push(format!(
                "host {host:?}, to which the filter belongs, does not announce itself: changes are kept, and take effect when it \
                 does"
            ));
        }
        status
    }
}
