//! The requests about running filters.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::FilterError;
use super::handover::{HandOver, HostInfo};
use super::settings::Settings;
use super::status::Status;
use crate::health::Health;

/// A filter that is to be activated.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// The bytes of the component.
    pub module: Vec<u8>,
    /// Its config, quota and limits.
    pub settings: Settings,
    /// Whether the filter is refused for reasons that would otherwise only be warnings in its [`Status`].
    pub strict: bool,
    /// Whether it comes from the host's operator, so that the host's [`Ceilings`](super::Ceilings) do not apply.
    pub by_operator: bool,
    /// The file that the module was read from, where it can be read again.
    pub file: Option<PathBuf>,
    /// Where another host has stopped with it, if it comes from there.
    pub handover: Option<Box<HandOver>>,
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

    /// Returns what there is to know of the host before filters are moved.
    ///
    /// # Errors
    /// Returns [`FilterError::Busy`] if Kafka does not answer.
    fn host(&self) -> Result<HostInfo, FilterError>;

    /// Returns the state of the host.
    fn health(&self) -> Health;
}
