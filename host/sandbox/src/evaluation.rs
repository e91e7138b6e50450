//! What came of a batch.

use std::fmt;

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift};

/// What a filter made of a batch. Alerts that are neither in `accepted` nor in `faults` are rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// Accepted alerts, by row.
    pub accepted: Vec<Accepted>,
    /// Alerts on which the filter failed, by row. None of them is in `accepted`.
    pub faults: Vec<Fault>,
    /// What the filter said in the calls that counted, a bounded number.
    pub logs: Vec<Log>,
    /// Fuel spent in all calls, those included that were halved and repeated.
    pub fuel: u64,
    /// Calls made: 1 unless the batch was cut.
    pub calls: u32,
    /// Fuel of each call that held a single alert, in order of the calls.
    pub single_fuel: Vec<u64>,
}

/// One accepted alert.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct Accepted {
    /// Counted from 0 within the batch.
    pub row: u32,
    /// What the filter attached.
    pub annotations: Vec<Annotation>,
}

/// A name and a value that travel with an accepted alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ComponentType, Lift)]
#[component(record)]
pub struct Annotation {
    /// The header's name.
    pub name: String,
    /// The header's value.
    pub value: String,
}

/// One alert on which the filter failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 0 within the batch.
    pub row: u32,
    /// How it failed.
    pub kind: FaultKind,
    /// What happened, for people.
    pub message: String,
    /// Where in the module, innermost call first, a line each.
    pub backtrace: Option<String>,
}

/// How a filter failed on an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultKind {
    /// It stopped itself or did what WebAssembly forbids.
    Trap,
    /// It used the fuel of an alert up.
    Fuel,
    /// It failed after it was denied memory beyond its limit.
    Memory,
    /// It took longer than a call may.
    Deadline,
    /// It returned an error.
    Error,
    /// It returned something that breaks the contract.
    Output,
    /// The alert's schema lacks a field that the filter can't do without. Found before the filter is called.
    Field,
    /// The host itself failed on the alert while this filter judged it: a bug of the host's, not the filter's.
    Host,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultKind::Trap => "trap",
            FaultKind::Fuel => "fuel",
            FaultKind::Memory => "memory",
            FaultKind::Deadline => "deadline",
            FaultKind::Error => "error",
            FaultKind::Output => "output",
            FaultKind::Field => "field",
            FaultKind::Host => "host",
        })
    }
}

/// A message from a filter to its author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// How much it matters.
    pub level: Level,
    /// The text, cut at the limit.
    pub message: String,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ComponentType, Lift)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    /// For the author's debugging.
    #[component(name = "debug")]
    Debug,
    /// Worth knowing.
    #[component(name = "info")]
    Info,
    /// Something looks wrong.
    #[component(name = "warn")]
    Warn,
    /// Something is wrong.
    #[component(name = "error")]
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        })
    }
}
