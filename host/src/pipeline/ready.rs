//! A filter that was checked on behalf of somebody who activates it later.

use std::sync::Arc;

use super::check_upload::Prepared;
use super::moving::Arrival;
use crate::filters::Entry;

/// A filter that was checked, and how it begins.
pub struct Ready {
    pub(super) entry: Arc<Entry>,
    pub(super) begins: Begins,
}

/// How a filter begins.
pub(super) enum Begins {
    /// It is there, by the same move.
    Already,
    /// With the live alerts, or where the earlier one of its name has come to.
    Now(Box<Prepared>),
    /// Elsewhere.
    At(Box<Prepared>, Box<Arrival>),
}
