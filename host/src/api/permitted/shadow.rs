//! Shadows: authors see, begin and end those of filters of their own.

use super::Permitted;
use crate::api::error::Problem;
use crate::filters::{Expected, FilterChange, FilterError, ShadowStatus};

impl Permitted<'_> {
    /// The shadow of a filter.
    pub(in crate::api) fn shadow(&self, name: &str) -> Result<ShadowStatus, FilterError> {
        self.see(name)?;
        self.control.shadow(name)
    }

    /// Makes a version the shadow of a filter.
    pub(in crate::api) fn begin_shadow(&self, name: &str, version: u32, expected: Expected) -> Result<(), Problem> {
        let most = (!self.is_operator()).then_some(self.access.limits.shadows);
        self.change(name, FilterChange::Shadow { version, most }, expected).map(drop)
    }
}
