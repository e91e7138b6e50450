//! Why a module can't be a filter.

use super::evaluation::FaultKind;

/// Why a module was refused: one variant per way of being wrong. Offsets are in bytes from the module's beginning.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Refusal {
    /// More bytes than allowed.
    #[error("the module has {size} bytes; the limit is {limit}")]
    Size { size: usize, limit: usize },

    /// The limit on memory is above what the engine was made for.
    #[error("the memory limit of {limit} bytes is above the {pool} bytes that this host has for a filter")]
    MemoryLimit { limit: usize, pool: usize },

    /// Not WebAssembly at all.
    #[error("this is not a WebAssembly module: {what}")]
    NotWasm { what: String },

    /// WebAssembly that is broken, or of a kind that is not run here.
    #[error("the module is not valid, at offset {offset:#x}: {message}")]
    Invalid { offset: usize, message: String },

    /// A core module, not a component.
    #[error(
        "this is a core module, not a component: build it with `skysieve build`, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule,

    /// Imports that no filter may have.
    #[error(
        "the module imports {}: a filter may import skysieve:filter/logging@0.1.0 and nothing else{}",
        list(names),
        wasi(names)
    )]
    Imports { names: Vec<String> },

    /// An import of the contract with another type.
    #[error("the import {name} is {found}; the contract has {wanted}")]
    ImportType { name: String, found: String, wanted: String },

    /// An export that every filter has is missing.
    #[error("the module does not export `{name}`: it was not built for the world skysieve:filter/filter@0.1.0")]
    MissingExport { name: &'static str },

    /// An export of the contract with another type.
    #[error("the export `{name}` is {found}; the contract has {wanted}")]
    ExportType { name: &'static str, found: String, wanted: String },

    /// Its memories begin larger than the limit.
    #[error(
        "the module begins with {bytes} bytes of memory (the largest is declared at offset {offset:#x}); the limit is \
         {limit}"
    )]
    Memory { offset: usize, bytes: u64, limit: usize },

    /// Its tables begin larger than the limit.
    #[error(
        "the module begins with {elements} table elements (the largest table is declared at offset {offset:#x}); the \
         limit is {limit}"
    )]
    Table { offset: usize, elements: u64, limit: u64 },

    /// Too many functions.
    #[error("the module has more functions than {limit}, at offset {offset:#x}")]
    Functions { offset: usize, limit: u32 },

    /// A function that would take too long to compile.
    #[error("the function at offset {offset:#x} has {size} bytes; the limit is {limit}")]
    Function { offset: usize, size: usize, limit: usize },

    /// A function's name that no backtrace could show.
    #[error("the name of a function, at offset {offset:#x}, has {size} bytes; the limit is {limit}")]
    Name { offset: usize, size: usize, limit: usize },

    /// Components in components, too deep.
    #[error("components are nested deeper than {limit}, at offset {offset:#x}")]
    Nesting { offset: usize, limit: usize },

    /// Too many instances come of it.
    #[error("the module makes {count} core instances; the limit is {limit}")]
    Instances { count: u32, limit: u32 },

    /// Components that are passed around as values, so that it can't be said how many instances come of it.
    #[error("a component is imported or taken from an instance, at offset {offset:#x}: nest it instead")]
    Component { offset: usize },

    /// The compiler or linker refused it.
    #[error("the module can't be compiled: {0}")]
    Compile(String),

    /// It failed while it started.
    #[error("the filter can't start ({kind}): {message}")]
    Start { kind: FaultKind, message: String, backtrace: Option<String> },

    /// As many filters run as the engine was made for.
    #[error("no room for another filter: {0}")]
    Full(String),

    /// Its `describe` returned an error: usually the config is wrong.
    #[error("the filter refuses its config: {0}")]
    Config(String),

    /// Its description is too long.
    #[error("the filter's description has {size} bytes; the limit is {limit}")]
    Description { size: usize, limit: usize },

    /// Too many fields.
    #[error("the filter reads {count} fields; the limit is {limit}")]
    Fields { count: usize, limit: usize },

    /// A field without a path, or with too many.
    #[error("field {field} of the filter has {count} paths; it must have 1 to {limit}")]
    Paths { field: usize, count: usize, limit: usize },

    /// A path that is empty or too long.
    #[error("a path of field {field} has {size} bytes; it must have 1 to {limit}")]
    Path { field: usize, size: usize, limit: usize },

    /// Paths of one field of which some go through an array.
    #[error("field {field} has the paths {first:?} and {other:?}: all of them must go through an array, or none")]
    MixedPaths { field: usize, first: String, other: String },

    /// It described itself otherwise than when it was first started.
    #[error("the filter describes itself otherwise than before, for the same config")]
    Changed,
}

impl Refusal {
    /// The refusal as a fault: a filter that ran, failed and can't be started again.
    pub(super) fn kind(&self) -> FaultKind {
        match self {
            Refusal::Start { kind, .. } => *kind,
            Refusal::Full(_) => FaultKind::Memory,
            Refusal::Config(_) => FaultKind::Error,
            _ => FaultKind::Output,
        }
    }
}

/// The first names, and how many more there are.
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
