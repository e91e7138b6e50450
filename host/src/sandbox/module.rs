//! A compiled module.

use super::limits::Limits;
use super::refusal::Refusal;

/// A compiled module, ready to be instantiated. Clones share it.
#[derive(Clone)]
pub struct Module {
    sha256: String,
}

impl Module {
    /// SHA-256 of its bytes, in hex: the version of a filter.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// Checks bytes without compiling them: a pure function of bytes and limits.
///
/// # Errors
/// [`Refusal`] says what is wrong, and where.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
    todo!("{} {limits:?}", bytes.len())
}
