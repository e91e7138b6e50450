//! The result of a batch.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift};

/// The verdicts of a filter on a batch. Alerts that are neither in `accepted` nor in `faults` are rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// Accepted alerts, in order of their rows.
    pub accepted: Vec<Accepted>,
    /// Alerts on which the filter failed, in order of their rows. None of them is in `accepted`.
    pub faults: Vec<Fault>,
    /// The filter's messages in the calls that counted; their number is limited.
    pub logs: Vec<Log>,
    /// The fuel spent in all calls, including those that failed and were repeated in halves.
    pub fuel: u64,
    /// The number of calls: 1 unless the batch was split.
    pub calls: u32,
    /// The CPU time that it took after a call had failed, to find the alerts to blame and to start again.
    pub lost: Duration,
}

/// One accepted alert.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct Accepted {
    /// The number of the row, counted from 0 within the batch.
    pub row: u32,
    /// The annotations that the filter added.
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
    /// The number of the row, counted from 0 within the batch.
    pub row: u32,
    /// How it failed.
    pub kind: FaultKind,
    /// A description of what happened, for people.
    pub message: String,
    /// Where it happened in the module: one line for each frame, innermost first.
    pub backtrace: Option<String>,
}

/// How a filter failed on an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultKind {
    /// It stopped itself, or did something that WebAssembly forbids.
    Trap,
    /// It used up the fuel of an alert.
    Fuel,
    /// It failed after it was denied memory beyond its limit.
    Memory,
    /// It took longer than a call may take.
    Deadline,
    /// It returned an error.
    Error,
    /// It returned something that breaks the contract.
    Output,
    /// A field that the filter reads can't be delivered: the alert's schema lacks it, its value can't be read, or there
    /// is too much of it. This is found before the filter is called.
    Field,
    /// The host itself failed on the alert while this filter judged it. This is a bug of the host, not of the filter.
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
    /// The importance of the message.
    pub level: Level,
    /// The text, cut to the limit.
    pub message: String,
}

/// The importance of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ComponentType, Lift)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    /// Details for finding a mistake.
    #[component(name = "debug")]
    Debug,
    /// Something worth knowing.
    #[component(name = "info")]
    Info,
    /// Something looks wrong.
    #[component(name = "warn")]
    Warn,
    /// Something went wrong.
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
