//! Why a module can't be a filter.

use super::evaluation::FaultKind;
use super::interrupt::Interrupted;
use super::limits::PARAMETER_NAME_BYTES;

/// Why a module was refused, with one variant for each possible fault. Offsets are in bytes from the module's
/// beginning.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Refusal {
    /// It is larger than allowed.
    #[error("the module has {size} bytes; the limit is {limit}")]
    Size { size: usize, limit: usize },

    /// The memory limit is higher than what the engine was made for.
    #[error("the memory limit of {limit} bytes is above the {pool} bytes that this host has for a filter")]
    MemoryLimit { limit: usize, pool: usize },

    /// It is not WebAssembly at all.
    #[error("this is not a WebAssembly module: {what}")]
    NotWasm { what: String },

    /// It is WebAssembly that is invalid, or that uses features which are not supported here.
    #[error("the module is not valid, at offset {offset:#x}: {message}")]
    Invalid { offset: usize, message: String },

    /// It is a core module, not a component.
    #[error(
        "this is a core module, not a component: build it with `skysieve build`, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule,

    /// It has imports that no filter may have.
    #[error(
        "the module imports {}: a filter may import skysieve:filter/logging@0.1.0 and nothing else{}",
        list(names),
        wasi(names)
    )]
    Imports { names: Vec<String> },

    /// An import of the contract has another type.
    #[error("the import {name} is {found}; the contract has {wanted}")]
    ImportType { name: String, found: String, wanted: String },

    /// An export that every filter must have is missing.
    #[error("the module does not export `{name}`: it was not built for the world skysieve:filter/filter@0.1.0")]
    MissingExport { name: &'static str },

    /// An export of the contract has another type.
    #[error("the export `{name}` is {found}; the contract has {wanted}")]
    ExportType { name: &'static str, found: String, wanted: String },

    /// Its memories are larger than the limit from the beginning.
    #[error(
        "the module begins with {bytes} bytes of memory (the largest is declared at offset {offset:#x}); the limit is \
         {limit}"
    )]
    Memory { offset: usize, bytes: u64, limit: usize },

    /// Its tables are larger than the limit from the beginning.
    #[error(
        "the module begins with {elements} table elements (the largest table is declared at offset {offset:#x}); the \
         limit is {limit}"
    )]
    Table { offset: usize, elements: u64, limit: u64 },

    /// It has too many functions.
    #[error("the module has more functions than {limit}, at offset {offset:#x}")]
    Functions { offset: usize, limit: u32 },

    /// A function would take too long to compile.
    #[error("the function at offset {offset:#x} has {size} bytes; the limit is {limit}")]
    Function { offset: usize, size: usize, limit: usize },

    /// A function would take too much time or memory to compile.
    #[error(
        "the function at offset {offset:#x} has {count} {what}; the limit is {limit}: compile with optimisation, as \
         `skysieve build` does, and split up large functions"
    )]
    Complex { offset: usize, what: &'static str, count: u64, limit: u64 },

    /// It has too many items of a kind.
    #[error("the module has {count} {what} or more, at offset {offset:#x}; the limit is {limit}")]
    Many { offset: usize, what: &'static str, count: u64, limit: u64 },

    /// A function's name is too long to be shown in a backtrace.
    #[error("the name of a function, at offset {offset:#x}, has {size} bytes; the limit is {limit}")]
    Name { offset: usize, size: usize, limit: usize },

    /// Its components are nested too deep.
    #[error("components are nested deeper than {limit}, at offset {offset:#x}")]
    Nesting { offset: usize, limit: usize },

    /// It makes too many instances.
    #[error("the module makes {count} core instances; the limit is {limit}")]
    Instances { count: u32, limit: u32 },

    /// It passes components around as values, so that the number of its instances can't be determined.
    #[error("a component is imported or taken from an instance, at offset {offset:#x}: nest it instead")]
    Component { offset: usize },

    /// The compiler or the linker refused it.
    #[error("the module can't be compiled: {0}")]
    Compile(String),

    /// Compiling it takes more than a module may have.
    #[error(
        "compiling the module takes more than {limit}, the most that a module may have: leave out what the filter does \
         not need, compile with optimisation, as `skysieve build` does, and split up large functions"
    )]
    Costly { limit: String },

    /// Too many other modules are being compiled.
    #[error("other modules are being compiled, and it was not this one's turn within {seconds} s; try again")]
    CompilerBusy { seconds: u64 },

    /// The compiler can't be run. This is not the module's fault.
    #[error("this host can't run its compiler: {0}")]
    Compiler(String),

    /// It failed to start.
    #[error("the filter can't start ({kind}): {message}")]
    Start { kind: FaultKind, message: String, backtrace: Option<String> },

    /// Its start was interrupted, which is not its fault.
    #[error("the filter has not started: {0}")]
    Interrupted(#[from] Interrupted),

    /// The memory that all filters may have together does not suffice for it.
    #[error(
        "there is no memory left for this filter: the host's filters take {} of the {} MiB that they may have together. \
         Delete filters that are not needed, make this one smaller, or ask the operator to raise --memory-budget",
        used >> 20,
        limit >> 20
    )]
    Budget { used: u64, limit: u64 },

    /// As many filters run already as the engine was made for.
    #[error("no room for another filter: {0}")]
    Full(String),

    /// Its `describe` returned an error; usually the config is wrong.
    #[error("the filter refuses its config: {0}")]
    Config(String),

    /// Its description is too long.
    #[error("the filter's description has {size} bytes; the limit is {limit}")]
    Description { size: usize, limit: usize },

    /// It has too many fields.
    #[error("the filter reads {count} fields; the limit is {limit}")]
    Fields { count: usize, limit: usize },

    /// A field has no path, or too many.
    #[error("field {field} of the filter has {count} paths; it must have 1 to {limit}")]
    Paths { field: usize, count: usize, limit: usize },

    /// A path is empty or too long.
    #[error("a path of field {field} has {size} bytes; it must have 1 to {limit}")]
    Path { field: usize, size: usize, limit: usize },

    /// Some paths of a field go through an array, and others do not.
    #[error("field {field} has the paths {first:?} and {other:?}: all of them must go through an array, or none")]
    MixedPaths { field: usize, first: String, other: String },

    /// It describes too many parameters.
    #[error("the filter describes {count} parameters; the limit is {limit}")]
    Parameters { count: usize, limit: usize },

    /// A parameter has no name that a key of a config may have.
    #[error(
        "parameter {number} of the filter is named {name:?}: a name has 1 to {limit} of a-z, A-Z, 0-9, '_' and '-'",
        limit = PARAMETER_NAME_BYTES
    )]
    ParameterName { number: usize, name: String },

    /// Two parameters have the same name.
    #[error("the filter has two parameters {name:?}")]
    SameParameter { name: String },

    /// The description of a parameter, or its default, is too long.
    #[error("the {what} of the filter's parameter {name:?} has {size} bytes; the limit is {limit}")]
    ParameterText { name: String, what: &'static str, size: usize, limit: usize },

    /// A parameter's default is not a value of its kind.
    #[error("the default of the filter's parameter {name:?} is {text:?}, which is not {kind} as in TOML")]
    ParameterDefault { name: String, text: String, kind: &'static str },

    /// It describes itself differently than at its first start.
    #[error("the filter describes itself differently than before, for the same config")]
    Changed,
}

impl Refusal {
    /// The kind of fault for a filter that ran, failed, and can't be started again for this reason.
    pub(super) fn kind(&self) -> FaultKind {
        match self {
            Refusal::Start { kind, .. } => *kind,
            Refusal::Full(_) => FaultKind::Memory,
            Refusal::Config(_) => FaultKind::Error,
            _ => FaultKind::Output,
        }
    }
}

/// Lists the first names, and says how many more there are.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn wasi(names: &[String]) -> &'static str {
    if names.iter().any(|name| name.starts_with("wasi:")) {
        ". There is no WASI here: build for wasm32-unknown-unknown, or put stubs in its place"
    } else {
        ""
    }
}
