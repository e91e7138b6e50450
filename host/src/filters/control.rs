//! What others may ask of the running filters.

use super::settings::Settings;
use super::status::Status;
use crate::health::Health;

/// A filter to be activated.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// The component's bytes.
    pub module: Vec<u8>,
    /// Its config, quota and limits.
    pub settings: Settings,
    /// Whether it is refused for what would otherwise be a warning in its [`Status`].
    pub strict: bool,
}

/// Why a request about a filter was refused.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The name is not a filter's.
    #[error("{0:?} is not a filter's name: 1 to 100 of a-z, A-Z, 0-9, '.', '_', '-', beginning with a letter or digit")]
    Name(String),
    /// There is no filter of that name.
    #[error("there is no filter {0:?}")]
    Unknown(String),
    /// The module, its manifest or its settings were refused.
    #[error("{0}")]
    Refused(String),
    /// There is no topic for the alerts that it accepts.
    #[error("the filter's topic: {0}")]
    Topic(String),
    /// There is no room for another filter.
    #[error("this host holds {0} filters, as many as it was started for; delete one first")]
    Full(usize),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

/// The filters of a running host. The methods block, as compiling a module takes up to some seconds: call them from a thread
/// that may wait.
pub trait Control: Send + Sync {
    /// All filters, in the order of their names.
    fn list(&self) -> Vec<Status>;

    /// One filter.
    ///
    /// # Errors
    /// [`FilterError::Unknown`].
    fn get(&self, name: &str) -> Result<Status, FilterError>;

    /// Checks and compiles a filter, and activates it between two batches, in place of an earlier one of its name. Returns once
    /// it is active.
    ///
    /// # Errors
    /// Any [`FilterError`] but [`FilterError::Unknown`]; then nothing has changed.
    fn put(&self, name: &str, upload: Upload) -> Result<Status, FilterError>;

    /// Removes a filter between two batches. Returns its last status.
    ///
    /// # Errors
    /// [`FilterError::Unknown`], [`FilterError::Stopping`].
    fn delete(&self, name: &str) -> Result<Status, FilterError>;

    /// How the host is.
    fn health(&self) -> Health;
}
