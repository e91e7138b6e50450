//! The requests about running filters.

use super::error::FilterError;
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

    /// Returns the state of the host.
    fn health(&self) -> Health;
}
