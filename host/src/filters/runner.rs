//! What a registry needs of whoever runs filters: a filter is checked first, and activated once it is kept.

use std::sync::Arc;

use super::change::Upload;
use super::control::Control;
use super::cost::CostReport;
use super::error::FilterError;
use super::records::Journals;
use super::shadow::ShadowStatus;
use super::status::Status;
use skysieve_sandbox::Parameter;

/// A filter that has been checked, as far as the registry has to know it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The SHA-256 hash of its module, in hexadecimal.
    pub sha256: String,
    /// Its module.
    pub module: Option<Arc<Vec<u8>>>,
    /// What it says about itself.
    pub description: String,
    /// The first path of each field that it reads.
    pub fields: Vec<String>,
    /// What can be set in its config.
    pub parameters: Vec<Parameter>,
    /// What it costs, if it was tried.
    pub cost: Option<CostReport>,
}

/// Checks filters, and runs them.
pub trait Runner: Control {
    /// A filter that was checked, and is ready to run.
    type Ready: Send;
    /// A version that was checked, and is ready to be a filter's shadow.
    type ReadyShadow: Send;

    /// Checks and compiles a filter. Nothing is changed.
    ///
    /// # Errors
    /// Returns any [`FilterError`].
    fn check(&self, name: &str, upload: Upload) -> Result<Self::Ready, FilterError>;

    /// Describes a filter that was checked.
    fn describe(&self, ready: &Self::Ready) -> Checked;

    /// Lets a filter that was checked tell on what it has told before it was removed.
    fn adopt(&self, ready: &Self::Ready, journals: Journals);

    /// Activates a filter between two batches, replacing an earlier one of its name. Returns once it is active.
    ///
    /// # Errors
    /// Returns any [`FilterError`]; nothing has changed then.
    fn run(&self, ready: Self::Ready) -> Result<Status, FilterError>;

    /// Checks and compiles a version that is to be the shadow of a filter, which must be active.
    ///
    /// # Errors
    /// Returns any [`FilterError`]; nothing has changed then.
    fn check_shadow(&self, name: &str, version: u32, upload: Upload) -> Result<Self::ReadyShadow, FilterError>;

    /// Lets it judge what the active version judges, in place of an earlier shadow. It ends when the filter is changed.
    ///
    /// # Errors
    /// Returns any [`FilterError`]; nothing has changed then.
    fn run_shadow(&self, ready: Self::ReadyShadow) -> Result<(), FilterError>;

    /// Ends the shadow of a filter. Returns its last status.
    ///
    /// # Errors
    /// Returns [`FilterError::Unknown`], [`FilterError::NoShadow`] or [`FilterError::Stopping`].
    fn end_shadow(&self, name: &str) -> Result<ShadowStatus, FilterError>;
}
