//! WebAssembly: one engine a process, one compiled module a content hash, one instance a filter, limits on all of it.

use std::time::Duration;

/// Limits of one filter.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Fuel that one alert may use.
    pub fuel: u64,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Wall-clock time of one call.
    pub deadline: Duration,
}
