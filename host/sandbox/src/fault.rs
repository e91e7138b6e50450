//! What a failed call is called, and where in the module it failed.

use std::fmt::{self, Write};
use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

use super::evaluation::FaultKind;
use super::limits::{BACKTRACE_BYTES, FRAMES, MESSAGE_BYTES};
use super::state::State;
use super::text::{Bounded, show};

/// What a call, or a start, may take.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub fuel: u64,
    pub deadline: Duration,
}

/// A call that failed, or a start.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: FaultKind,
    pub message: String,
    pub backtrace: Option<String>,
}

impl Failure {
    /// A failure that is no trap.
    pub fn new(kind: FaultKind, message: impl fmt::Display) -> Failure {
        Failure { kind, message: show(message, MESSAGE_BYTES), backtrace: None }
    }

    /// From what the engine says of a call within `bounds`.
    pub fn trapped(error: &wasmtime::Error, state: &State, bounds: &Bounds) -> Failure {
        // The error's own text would be its backtrace, demangled without bounds.
        let cause = error.root_cause().to_string();
        let kind = kind(error.downcast_ref(), &cause, state.memory.denied);
        let message = match kind {
            FaultKind::Fuel => format!("needs more than {} fuel", bounds.fuel),
            FaultKind::Deadline => format!("takes longer than {} ms", bounds.deadline.as_millis()),
            FaultKind::Memory => format!("was denied memory beyond {} bytes: {cause}", state.memory.limit),
            _ => cause,
        };
        let message = match state.logs.last_words() {
            Some(words) => show(format_args!("{message}; its last words: {words}"), MESSAGE_BYTES),
            None => show(message, MESSAGE_BYTES),
        };
        Failure { kind, message, backtrace: error.downcast_ref().and_then(backtrace) }
    }
}

/// Which kind of fault an error of the engine is.
fn kind(trap: Option<&Trap>, cause: &str, denied: bool) -> FaultKind {
    match trap {
        Some(Trap::OutOfFuel) => FaultKind::Fuel,
        Some(Trap::Interrupt) => FaultKind::Deadline,
        _ if denied => FaultKind::Memory,
        Some(_) => FaultKind::Trap,
        // Passing columns failed in the filter's own `cabi_realloc`; anything else is about what came back.
        None if cause.starts_with("realloc return") => FaultKind::Trap,
        None => FaultKind::Output,
    }
}

/// A line a frame, innermost first: offset in the core module, and the function's name, of Rust's without its mangling.
fn backtrace(trace: &WasmBacktrace) -> Option<String> {
    let mut out = Bounded { text: String::new(), limit: BACKTRACE_BYTES };
    for frame in trace.frames().iter().take(FRAMES) {
        let written = match (frame.func_name(), frame.module_offset()) {
            (Some(name), Some(offset)) => writeln!(out, "{offset:#08x} {:#}", rustc_demangle::demangle(name)),
            (Some(name), None) => writeln!(out, "{:#}", rustc_demangle::demangle(name)),
            (None, Some(offset)) => writeln!(out, "{offset:#08x} function {}", frame.func_index()),
            (None, None) => writeln!(out, "function {}", frame.func_index()),
        };
        if written.is_err() {
            break;
        }
    }
    (!out.text.is_empty()).then_some(out.text)
}
