//! What one filter may use, and how many filters there is room for: every limit of the sandbox, each in one place.
//! `docs/limits.md` lists them for readers, and a test compares the two.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The largest module, in bytes. CPython as a component has 17 MB; the limit leaves ample room for what is bundled with
/// it.
pub const MODULE_BYTES: usize = 64 << 20;
/// The largest number of functions of a component, over all its core modules. CPython has some 20,000.
pub const FUNCTIONS: u32 = 200_000;
/// The largest function, in bytes. Compilers take more than linear time.
pub const FUNCTION_BYTES: usize = 1 << 20;
/// How many locals a function may have. The largest number in CPython is 271; compilers that do not optimise make
/// thousands.
pub const LOCALS: u64 = 10_000;
/// How many blocks and branches a function may have (`block`, `loop`, `if`, `else`, `br`, `br_if`, `br_table`). A
/// compiler's time grows with their square. CPython's interpreter loop has 8,600.
pub const BRANCHES: u64 = 20_000;
/// How many targets all branches of a function may have. CPython's interpreter loop has 21,000.
pub const BRANCH_TARGETS: u64 = 100_000;
/// How many loops a function may have. The largest number in CPython is 81.
pub const LOOPS: u64 = 2_000;
/// How deep loops may be nested. A compiler's time grows with the cube of it. The largest number in CPython is 6.
pub const LOOP_NESTING: u64 = 100;
/// How deep blocks of any kind may be nested. The largest number in CPython is 781.
pub const NESTED_BLOCKS: u64 = 5_000;
/// How many values all blocks, branches and calls of a function may take and give. Each of them has a type that allows
/// for a thousand.
pub const CARRIED_VALUES: u64 = 100_000;
/// The largest product of a function's locals and its blocks and branches: where the paths of a program join, a
/// compiler looks at all variables.
pub const LOCALS_BY_BRANCHES: u64 = 4_000_000;
/// How many types a component may have, including those of its modules. CPython has 1,420.
pub const TYPES: u64 = 20_000;
/// How many globals all modules of a component may have. CPython has 871.
pub const GLOBALS: u64 = 20_000;
/// How many segments of data and of table elements there may be. CPython has 3,480.
pub const SEGMENTS: u64 = 50_000;
/// How many imports, exports and aliases there may be, in a component and in its modules. CPython has 8,300.
pub const ENTRIES: u64 = 100_000;
/// The longest name of a function, in bytes. Each frame of a backtrace copies one.
pub const FUNCTION_NAME_BYTES: usize = 16 << 10;
/// How deep components may be nested.
pub const NESTING: usize = 8;
/// How many instances one component may make, including those of the components nested in it, before the pool is asked:
/// a few hundred bytes can ask for billions.
pub const INSTANCES: u32 = 1000;
/// How many core instances of a component the pool has room for. Most components have 1 to 3; CPython has 38.
pub const CORE_INSTANCES: u32 = 40;
/// How many elements all tables of a filter may have together.
pub const TABLE_ELEMENTS: usize = 1 << 16;
/// How many memories and tables a component may have. It usually has one memory, and two tables: its own, and that of
/// the shim for its imports. For each filter the pool reserves address space for half of them.
pub const MEMORIES: u32 = 4;
/// See [`MEMORIES`].
pub const TABLES: u32 = 8;
/// The highest memory limit that a filter may have, in bytes: twice what a language runtime with its libraries takes.
pub const MOST_MEMORY: usize = 64 << 20;
/// How many instances beyond [`PoolConfig::filters`] the pool has room for. New versions are tried out while the old
/// ones run, and a filter that is being replaced exists twice for a moment.
pub const SPARE_FILTERS: u32 = 64;

/// How much memory compiling a module may take, in bytes. CPython takes less than half of it.
pub const COMPILE_MEMORY: u64 = 1 << 30;
/// The time that compiling a module may take once it is its turn: by the clock, and CPU time of each thread. CPython
/// takes 17 to 24 s of CPU time.
pub const COMPILE_TIME: Duration = Duration::from_secs(30);
/// How many times as long a module may wait for its turn to be compiled.
pub const COMPILE_WAITS: u32 = 4;
/// How many times as long, by the clock, the modules of the host's operator may take and wait. A host that starts together
/// with everything else on a busy machine must not refuse them for that; their CPU time has the same limit.
pub const OPERATOR_PATIENCE: u32 = 10;
/// The largest size of a cache of compiled modules, in bytes.
pub const CACHE_BYTES: u64 = 512 << 20;
/// The largest size of a module's machine code, in bytes. CPython has 42 MB.
pub const COMPILED_BYTES: u64 = 256 << 20;

/// The longest description of a filter, in bytes.
pub const DESCRIPTION_BYTES: usize = 4 << 10;
/// How many fields a filter may have.
pub const FIELDS: usize = 256;
/// How many alternative paths a field may have.
pub const PATHS: usize = 16;
/// The longest path, in bytes.
pub const PATH_BYTES: usize = 1 << 10;

/// How many parameters a filter may describe.
pub const PARAMETERS: usize = 64;
/// The longest name of a parameter, in bytes.
pub const PARAMETER_NAME_BYTES: usize = 64;
/// The longest description of a parameter, and the longest default, in bytes. The registry keeps them with each version.
pub const PARAMETER_TEXT_BYTES: usize = 512;

/// How many bytes of stack a filter may use.
pub const STACK_BYTES: usize = 2 << 20;
/// The largest number of alerts in one call. It limits what a call can make the host hold.
pub const CALL_ALERTS: usize = 1024;
/// How many values of one alert a filter is shown, over all of its fields. A history of 4,000 detections with 256
/// fields each has as many.
pub const ALERT_VALUES: usize = 1 << 20;
/// How many bytes of one alert's values a filter is shown, over all of its fields.
pub const ALERT_BYTES: usize = 64 << 20;
/// How many calls of one evaluation may overrun their deadline. Finding one culprit among 256 alerts takes 9. Without
/// this limit, a filter that always overruns would hold its thread for twice as many deadlines as there are alerts.
pub const OVERRUNS: u32 = 20;
/// How much fuel it costs to log a message, beside that of writing it: about as many instructions as the host needs for it.
pub const LOG_FUEL: u64 = 200;
/// The largest number of frames in a backtrace.
pub const FRAMES: usize = 20;
/// The largest length of a backtrace, in bytes.
pub const BACKTRACE_BYTES: usize = 8 << 10;
/// The longest message about a fault, in bytes.
pub const MESSAGE_BYTES: usize = 2 << 10;

/// The limits of one filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The fuel that one alert may use. Each instruction costs one unit; instructions that copy or fill memory cost one
    /// for each byte. A call gets the same amount, however many alerts it has.
    pub fuel: u64,
    /// The size of linear memory in bytes, over all memories of the component. At most [`PoolConfig::memory`].
    pub memory: usize,
    /// The wall-clock time of one call, serialized in milliseconds.
    #[serde(rename = "deadline_ms", with = "millis")]
    pub deadline: Duration,
    /// The fuel for a start, which consists of instantiation and `describe`.
    pub start_fuel: u64,
    /// The wall-clock time of a start, serialized in milliseconds.
    #[serde(rename = "start_deadline_ms", with = "millis")]
    pub start_deadline: Duration,
    /// The size of the module in bytes.
    pub module_size: usize,
    /// The number of annotations of one accepted alert.
    pub annotations: usize,
    /// The size of the annotations of one accepted alert in bytes, names and values together.
    pub annotation_bytes: usize,
    /// The number of log messages that are kept from one evaluation; further ones are only counted.
    pub logs: usize,
    /// The number of bytes that are kept of one log message, and of the text of an error.
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

/// How many instances there can be, and how large they can be. This holds for the whole life of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// The number of filters that run at the same time.
    pub filters: u32,
    /// The highest memory limit that a filter may have, in bytes.
    pub memory: usize,
    /// The number of core instances of one component; see [`CORE_INSTANCES`].
    pub core_instances: u32,
}

impl Default for PoolConfig {
    fn default() -> PoolConfig {
        PoolConfig { filters: 2000, memory: MOST_MEMORY, core_instances: CORE_INSTANCES }
    }
}

impl PoolConfig {
    /// A pool with room for this many filters, plus [`SPARE_FILTERS`].
    pub fn for_filters(filters: usize) -> PoolConfig {
        PoolConfig { filters: u32::try_from(filters).unwrap_or(u32::MAX), ..PoolConfig::default() }
    }
}

/// Serializes a [`Duration`] as a number of milliseconds.
mod millis {
    use super::{Deserialize, Duration};

    pub fn serialize<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_millis().try_into().unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
