//! What one filter may use, and how many of them fit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Elements of all tables of a filter together.
pub const TABLE_ELEMENTS: usize = 1 << 16;

/// Limits of one filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Fuel that one alert may use: instructions, and bytes copied or filled by the one instruction that does so. A
    /// call gets as much, however many alerts are in it.
    pub fuel: u64,
    /// Bytes of linear memory, over all memories of the component. At most [`PoolConfig::memory`].
    pub memory: usize,
    /// Wall-clock time of one call, in milliseconds when serialized.
    #[serde(rename = "deadline_ms", with = "millis")]
    pub deadline: Duration,
    /// Fuel to start: instantiate and `describe`.
    pub start_fuel: u64,
    /// Wall-clock time to start, in milliseconds when serialized.
    #[serde(rename = "start_deadline_ms", with = "millis")]
    pub start_deadline: Duration,
    /// Bytes of the module.
    pub module_size: usize,
    /// Annotations of one accepted alert.
    pub annotations: usize,
    /// Bytes of the annotations of one accepted alert, names and values together.
    pub annotation_bytes: usize,
    /// Log messages kept of one evaluation; those beyond are counted.
    pub logs: usize,
    /// Bytes kept of one log message, and of the text of an error.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            fuel: 10_000_000,
            memory: 32 << 20,
            deadline: Duration::from_millis(500),
            start_fuel: 1_000_000_000,
            start_deadline: Duration::from_secs(5),
            module_size: 64 << 20,
            annotations: 16,
            annotation_bytes: 4 << 10,
            logs: 64,
            log_bytes: 1 << 10,
        }
    }
}

/// How many instances there can be, and how large; for the engine's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Filters that run at the same time.
    pub filters: u32,
    /// Bytes of linear memory that a filter's limit may go up to.
    pub memory: usize,
    /// Core instances of one component: 1 to 3 for most, 38 for CPython.
    pub core_instances: u32,
}

impl Default for PoolConfig {
    fn default() -> PoolConfig {
        PoolConfig { filters: 2000, memory: 64 << 20, core_instances: 40 }
    }
}

/// A [`Duration`] as a number of milliseconds.
mod millis {
    use super::{Deserialize, Duration};

    pub fn serialize<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_millis().try_into().unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
