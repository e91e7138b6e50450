//! Classifies failed calls, and finds out where in the module they failed.

use std::fmt::{self, Write};
use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

use super::evaluation::FaultKind;
use super::limits::{BACKTRACE_BYTES, FRAMES, MESSAGE_BYTES};
use super::state::State;
use super::text::{Bounded, show};

/// The limits of one call or start.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub fuel: u64,
    pub deadline: Duration,
}

/// A call or a start that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: FaultKind,
    pub message: String,
    pub backtrace: Option<String>,
}

impl Failure {
    /// A failure that is not a trap.
    pub fn new(kind: FaultKind, message: impl fmt::Display) -> Failure {
        Failure { kind, message: show(message, MESSAGE_BYTES), backtrace: None }
    }

    /// The failure for an error of the engine in a call within `bounds`.
    pub fn trapped(error: &wasmtime::Error, state: &State, bounds: &Bounds) -> Failure {
        // The error's own text would contain its backtrace, demangled to an unlimited length.
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

/// The kind of fault for an error of the engine.
fn kind(trap: Option<&Trap>, cause: &str, denied: bool) -> FaultKind {
    match trap {
        Some(Trap::OutOfFuel) => FaultKind::Fuel,
        Some(Trap::Interrupt) => FaultKind::Deadline,
        _ if denied => FaultKind::Memory,
        Some(_) => FaultKind::Trap,
        // If passing the columns failed, the fault is in the filter's own `cabi_realloc`; any other error is about the
        // result.
        None if cause.starts_with("realloc return") => FaultKind::Trap,
        None => FaultKind::Output,
    }
}

/// One line for each frame, innermost first: the offset in the core module, and the function's name. Rust's names are
/// demangled.
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
