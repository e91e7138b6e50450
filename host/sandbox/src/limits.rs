//! What one filter may use, and how many of them fit: every bound of the sandbox, each once. `docs/limits.md` has them
//! for readers, and a test compares the two.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bytes of a module. CPython as a component has 17 MB; half as much again and more is left for what is bundled with it.
pub const MODULE_BYTES: usize = 64 << 20;
/// Functions of a component, over all its core modules. CPython has some 20,000.
pub const FUNCTIONS: u32 = 200_000;
/// Bytes of a function. Compilers take more than linear time.
pub const FUNCTION_BYTES: usize = 1 << 20;
/// Bytes of a function's name: each frame of a backtrace copies one.
pub const FUNCTION_NAME_BYTES: usize = 16 << 10;
/// Components in components.
pub const NESTING: usize = 8;
/// Instances that one component may come to, of its own and of what it nests, before the pool is asked: a few hundred
/// bytes can ask for billions.
pub const INSTANCES: u32 = 1000;
/// Core instances of a component that the pool has room for: 1 to 3 for most, 38 for CPython.
pub const CORE_INSTANCES: u32 = 40;
/// Elements of all tables of a filter together.
pub const TABLE_ELEMENTS: usize = 1 << 16;
/// Memories and tables that a component may have. It has one memory as a rule, and two tables: its own, and that of the
/// shim for its imports. For each filter the pool reserves address space for the half of them.
pub const MEMORIES: u32 = 4;
/// See [`MEMORIES`].
pub const TABLES: u32 = 8;
/// Bytes of linear memory that a filter's limit may go up to: what a language runner with its libraries takes, twice.
pub const MOST_MEMORY: usize = 64 << 20;
/// Instances beyond [`PoolConfig::filters`] that the pool has room for: new versions are tried out while the old ones
/// run, and a filter that is replaced is there twice for a moment.
pub const SPARE_FILTERS: u32 = 64;

/// Bytes of a filter's description.
pub const DESCRIPTION_BYTES: usize = 4 << 10;
/// Fields of a filter.
pub const FIELDS: usize = 256;
/// Alternative paths of a field.
pub const PATHS: usize = 16;
/// Bytes of a path.
pub const PATH_BYTES: usize = 1 << 10;

/// Bytes of stack that a filter may use.
pub const STACK_BYTES: usize = 2 << 20;
/// Alerts of one call, at most: it bounds what a call can make the host hold.
pub const CALL_ALERTS: usize = 1024;
/// Calls of one evaluation that may overrun their deadline. Finding one culprit among 256 takes 9. Without the bound a
/// filter that always overruns would hold its thread for twice as many deadlines as there are alerts.
pub const OVERRUNS: u32 = 20;
/// Frames of a backtrace.
pub const FRAMES: usize = 20;
/// Bytes of a backtrace.
pub const BACKTRACE_BYTES: usize = 8 << 10;
/// Bytes of what is said of a fault.
pub const MESSAGE_BYTES: usize = 2 << 10;

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
            module_size: MODULE_BYTES,
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
    /// Core instances of one component; see [`CORE_INSTANCES`].
    pub core_instances: u32,
}

impl Default for PoolConfig {
    fn default() -> PoolConfig {
        PoolConfig { filters: 2000, memory: MOST_MEMORY, core_instances: CORE_INSTANCES }
    }
}

impl PoolConfig {
    /// Room for so many filters; [`SPARE_FILTERS`] come on top.
    pub fn for_filters(filters: usize) -> PoolConfig {
        PoolConfig { filters: u32::try_from(filters).unwrap_or(u32::MAX), ..PoolConfig::default() }
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
