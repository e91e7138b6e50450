//! What a registry needs of whoever runs filters: a filter is checked first, and activated once it is kept.

use std::sync::Arc;

use super::change::Upload;
use super::control::Control;
use super::cost::CostReport;
use super::error::FilterError;
use super::records::Journals;
use super::status::Status;

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
    /// What it costs, if it was tried.
    pub cost: Option<CostReport>,
}

/// Checks filters, and runs them.
pub trait Runner: Control {
    /// A filter that was checked, and is ready to run.
    type Ready: Send;

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
}
