//! The requests about running filters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change::{FilterChange, Upload};
use super::error::FilterError;
use super::handover::{HandOver, HostInfo};
use super::records::Journals;
use super::registered::{Expected, VersionInfo};
use super::shadow::ShadowStatus;
use super::stats::FilterStats;
use super::status::Status;
use crate::health::Health;
use skysieve_sandbox::{Manifest, Module};

/// What a module says about itself.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The SHA-256 hash of the module, in hexadecimal.
    pub sha256: String,
    /// What it says about itself, with the config that it was given.
    pub manifest: Manifest,
    /// The compiled module. As long as it is held, it need not be compiled again.
    pub module: Option<Module>,
}

/// The filters of a running host. The methods block, because compiling a module can take some seconds, so they must be
/// called from a thread that may wait.
pub trait Control: Send + Sync {
    /// Lists all filters, sorted by name.
    fn list(&self) -> Vec<Status>;

    /// Returns one filter.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`] if there is no such filter.
    fn get(&self, name: &str) -> Result<Status, FilterError>;

    /// Returns where the alerts of a filter went, and what they cost.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`] if there is no such filter.
    fn stats(&self, name: &str) -> Result<FilterStats, FilterError>;

    /// Returns what a filter has to tell: its faults and log messages.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`] if there is no such filter.
    fn journals(&self, name: &str) -> Result<Journals, FilterError>;

    /// Checks and compiles a filter, and activates it between two batches, replacing an earlier one of its name.
    /// Returns once it is active.
    ///
    /// # Errors
    /// Returns any [`FilterError`] except [`FilterError::Unknown`]; nothing has changed then.
    fn put(&self, name: &str, upload: Upload) -> Result<Status, FilterError>;

    /// Removes a filter between two batches. Returns its last status.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`] or [`FilterError::Stopping`].
    fn delete(&self, name: &str) -> Result<Status, FilterError>;

    /// Lets a filter go between two batches, so that the host `to` can take it. Returns once that is committed. If it was
    /// let go to that host before, the answer is the same.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`], [`FilterError::Conflict`] if it was let go to another host,
    /// [`FilterError::Refused`], [`FilterError::Busy`] or [`FilterError::Stopping`].
    fn release(&self, name: &str, to: &str) -> Result<HandOver, FilterError>;

    /// Takes note that the other host has taken a filter that was let go: its module need not be kept any more.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`], or [`FilterError::Conflict`] if that is not its last move.
    fn confirm(&self, name: &str, id: &str) -> Result<Status, FilterError>;

    /// Returns the module of a filter, even of one that was let go.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`], or [`FilterError::NoModule`] if it is not kept.
    fn module(&self, name: &str) -> Result<Arc<Vec<u8>>, FilterError>;

    /// Compiles the module of an upload, and lets it describe itself. Nothing is changed.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`], [`FilterError::Busy`], [`FilterError::Memory`] or [`FilterError::Stopping`].
    fn inspect(&self, name: &str, upload: &Upload) -> Result<Inspected, FilterError>;

    /// Changes a filter that is kept in a registry. Returns once the change is kept there and, if the filter is this
    /// host's, in effect.
    ///
    /// # Errors
    /// Returns any [`FilterError`]; nothing has changed then.
    fn change(&self, name: &str, change: FilterChange, expected: &Expected) -> Result<Status, FilterError> {
        match change {
            FilterChange::Delete if *expected == Expected::Anything => self.delete(name),
            _ => Err(FilterError::NoRegistry),
        }
    }

    /// Lists the versions of a filter, oldest first.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`], or [`FilterError::NoRegistry`] if none are kept.
    fn versions(&self, name: &str) -> Result<Vec<VersionInfo>, FilterError> {
        self.get(name).and(Err(FilterError::NoRegistry))
    }

    /// Returns one version of a filter, with its config.
    ///
    /// # Errors
    /// As [`Control::versions`], or [`FilterError::NoVersion`].
    fn version(&self, name: &str, number: u32) -> Result<VersionInfo, FilterError> {
        let _ = number;
        self.get(name).and(Err(FilterError::NoRegistry))
    }

    /// Returns the module of a version.
    ///
    /// # Errors
    /// As [`Control::version`], or [`FilterError::NoModule`].
    fn version_module(&self, name: &str, number: u32) -> Result<Arc<Vec<u8>>, FilterError> {
        let _ = number;
        self.get(name).and(Err(FilterError::NoRegistry))
    }

    /// Returns the shadow of a filter: what it and the active version have accepted.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`], or [`FilterError::NoShadow`] if it has none.
    fn shadow(&self, name: &str) -> Result<ShadowStatus, FilterError> {
        self.get(name).and(Err(FilterError::NoShadow(name.to_owned())))
    }

    /// Returns the name of the host that a filter belongs to, if that is another one.
    fn elsewhere(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// Lists the filters of other hosts with the same registry, as far as that knows them, sorted by name.
    fn others(&self) -> Vec<Status> {
        Vec::new()
    }

    /// Returns how many filters in the registry belong to each host.
    fn count_by_host(&self) -> BTreeMap<String, usize> {
        BTreeMap::new()
    }

    /// Takes note of everything that others have changed until now.
    ///
    /// # Errors
    /// Returns [`FilterError::Busy`] if the registry can't be read.
    fn catch_up(&self) -> Result<(), FilterError> {
        Ok(())
    }

    /// Returns what there is to know of the host before filters are moved.
    ///
    /// # Errors
    /// Returns [`FilterError::Busy`] if Kafka does not answer.
    fn host(&self) -> Result<HostInfo, FilterError>;

    /// Returns the state of the host.
    fn health(&self) -> Health;
}
