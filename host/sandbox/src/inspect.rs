//! Checks that need no compilation: a pure function of a module's bytes.

mod complexity;
mod contract;
mod counts;
mod signature;
mod tally;

use wasmparser::{
    CustomSectionReader, FuncValidatorAllocations, FunctionBody, KnownCustom, MemoryType, Name, Parser, Payload,
    TableType, ValidPayload, Validator, WasmFeatures,
};

use super::limits::{FUNCTION_BYTES, FUNCTION_NAME_BYTES, FUNCTIONS, Limits, TABLE_ELEMENTS};
use super::refusal::Refusal;
use super::text::one_line;
use counts::Counts;
use tally::Tally;

/// The contract's interface for messages.
pub const LOGGING: &str = "skysieve:filter/logging@0.1.0";

/// What toolchains emit for plain 32-bit code (WebAssembly 2.0 without `externref`, and constant expressions for
/// position-independent code), and components. Threads, memory64, exceptions, garbage collection and stack switching
/// are excluded, and so is relaxed SIMD, whose results differ between processors.
pub const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// How many bytes are shown of something that is not WebAssembly.
const BEGINS: usize = 12;

/// What an instance needs from the beginning.
#[derive(Debug, Default)]
pub struct Needs {
    /// The number of core instances.
    pub core_instances: u32,
    memory: Initial,
    elements: Initial,
}

/// The sum of the initial sizes of memories or tables, and where the largest is declared.
#[derive(Debug, Default)]
struct Initial {
    sum: u64,
    largest: u64,
    offset: usize,
}

impl Initial {
    fn add(&mut self, size: u64, offset: usize) {
        self.sum = self.sum.saturating_add(size);
        if size >= self.largest {
            (self.largest, self.offset) = (size, offset);
        }
    }
}

impl Needs {
    /// Checks whether the limits allow an instance to start.
    pub fn within(&self, limits: &Limits) -> Result<(), Refusal> {
        let Initial { sum, offset, .. } = self.memory;
        if sum > limits.memory as u64 {
            return Err(Refusal::Memory { offset, bytes: sum, limit: limits.memory });
        }
        let Initial { sum, offset, .. } = self.elements;
        if sum > TABLE_ELEMENTS as u64 {
            return Err(Refusal::Table { offset, elements: sum, limit: TABLE_ELEMENTS as u64 });
        }
        Ok(())
    }
}

/// Checks bytes without compiling them. This is a pure function of the bytes and the limits.
///
/// # Errors
/// Returns a [`Refusal`] that says what is wrong, and where.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
    if bytes.len() > limits.module_size {
        return Err(Refusal::Size { size: bytes.len(), limit: limits.module_size });
    }
    examine(bytes)?.within(limits)
}

/// Validates a component, and determines what an instance of it needs.
pub fn examine(bytes: &[u8]) -> Result<Needs, Refusal> {
    if !bytes.starts_with(b"\0asm") {
        return Err(Refusal::NotWasm { what: looks_like(bytes) });
    }
    if Parser::is_core_wasm(bytes) {
        return Err(Refusal::CoreModule);
    }
    let mut examiner = Examiner::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        examiner.payload(&payload)?;
    }
    Ok(examiner.needs)
}

fn invalid(error: wasmparser::BinaryReaderError) -> Refusal {
    Refusal::Invalid { offset: error.offset(), message: one_line(error.message()) }
}

/// Describes bytes that are not WebAssembly, and suggests what to do with them.
fn looks_like(bytes: &[u8]) -> String {
    let text = bytes.trim_ascii_start();
    match bytes {
        [] => "it is empty".to_owned(),
        [0x1f, 0x8b, ..] => "it is gzipped; unpack it first".to_owned(),
        [0x7f, b'E', b'L', b'F', ..] => {
            "it is a program or library for this machine; `skysieve build` compiles for WebAssembly".to_owned()
        }
        _ if text.starts_with(b"(module") || text.starts_with(b"(component") => {
            "it is WebAssembly in text; `wasm-tools parse` makes a component of it".to_owned()
        }
        _ => format!(
            "it begins with \"{}\"; `skysieve build` makes a component of a filter's project",
            bytes[..bytes.len().min(BEGINS)].escape_ascii()
        ),
    }
}

struct Examiner<'a> {
    validator: Validator,
    allocations: FuncValidatorAllocations,
    tally: Tally,
    counts: Counts,
    types: complexity::Types,
    /// The names of the outermost component's imports.
    imports: Vec<&'a str>,
    functions: u32,
    needs: Needs,
}

impl<'a> Examiner<'a> {
    fn new() -> Examiner<'a> {
        Examiner {
            validator: Validator::new_with_features(FEATURES),
            allocations: FuncValidatorAllocations::default(),
            tally: Tally::default(),
            counts: Counts::default(),
            types: complexity::Types::default(),
            imports: Vec::new(),
            functions: 0,
            needs: Needs::default(),
        }
    }

    fn payload(&mut self, payload: &Payload<'a>) -> Result<(), Refusal> {
        self.counts.payload(payload)?;
        self.types.payload(payload)?;
        match self.validator.payload(payload).map_err(invalid)? {
            ValidPayload::Func(function, body) => {
                check_size(&body)?;
                complexity::check(&body, &self.types)?;
                let mut validator = function.into_validator(std::mem::take(&mut self.allocations));
                validator.validate(&body).map_err(invalid)?;
                self.allocations = validator.into_allocations();
            }
            ValidPayload::End(types) if self.tally.depth() == 1 => contract::check(types.as_ref(), &self.imports)?,
            _ => (),
        }
        if let Some(instances) = self.tally.payload(payload)? {
            self.needs.core_instances = instances;
        }
        self.count(payload)
    }

    fn count(&mut self, payload: &Payload<'a>) -> Result<(), Refusal> {
        match payload {
            Payload::MemorySection(section) => {
                for memory in section.clone().into_iter_with_offsets() {
                    let (offset, MemoryType { initial, .. }) = memory.map_err(invalid)?;
                    self.needs.memory.add(initial.saturating_mul(64 << 10), offset);
                }
            }
            Payload::TableSection(section) => {
                for table in section.clone().into_iter_with_offsets() {
                    let (offset, table) = table.map_err(invalid)?;
                    let TableType { initial, .. } = table.ty;
                    self.needs.elements.add(initial, offset);
                }
            }
            Payload::CodeSectionStart { count, range, .. } => {
                self.functions = self.functions.saturating_add(*count);
                if self.functions > FUNCTIONS {
                    return Err(Refusal::Functions { offset: range.start, limit: FUNCTIONS });
                }
            }
            Payload::ComponentImportSection(section) if self.tally.depth() == 1 => {
                for import in section.clone() {
                    self.imports.push(import.map_err(invalid)?.name.name);
                }
            }
            Payload::CustomSection(section) => check_names(section)?,
            _ => (),
        }
        Ok(())
    }
}

fn check_size(body: &FunctionBody<'_>) -> Result<(), Refusal> {
    let range = body.range();
    if range.len() > FUNCTION_BYTES {
        return Err(Refusal::Function { offset: range.start, size: range.len(), limit: FUNCTION_BYTES });
    }
    Ok(())
}

/// Checks the lengths of functions' names, because every frame of a backtrace copies one. A name section that can't be
/// read has no names.
fn check_names(section: &CustomSectionReader<'_>) -> Result<(), Refusal> {
    let KnownCustom::Name(names) = section.as_known() else { return Ok(()) };
    let functions = names.into_iter().filter_map(|name| match name {
        Ok(Name::Function(names)) => Some(names),
        _ => None,
    });
    for name in functions.flat_map(|names| names.into_iter_with_offsets()) {
        if let Ok((offset, name)) = name
            && name.name.len() > FUNCTION_NAME_BYTES
        {
            return Err(Refusal::Name { offset, size: name.name.len(), limit: FUNCTION_NAME_BYTES });
        }
    }
    Ok(())
}
