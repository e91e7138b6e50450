//! WebAssembly: one engine for the process, one compiled module for each content hash, one instance for each filter,
//! and limits on all of it.
//!
//! Bytes from outside are inspected ([`inspect()`]), compiled once ([`Engine::load`]) and instantiated for each filter
//! ([`Filter::start`]). A filter is called with batches ([`Filter::evaluate`]). Whatever it does, the result is an
//! [`Evaluation`], which says for every alert whether it was accepted, rejected (if it is not mentioned) or a
//! [`Fault`].

mod budget;
mod chunk;
mod compile;
mod engine;
mod evaluation;
mod fault;
mod filter;
mod inspect;
mod instance;
mod interrupt;
mod judge;
pub mod limits;
mod manifest;
mod module;
mod output;
mod parameter;
mod priority;
mod refusal;
mod stack;
mod state;
mod text;
mod wire;

#[cfg(test)]
mod tests;

pub use budget::{Budget, Share};
pub use compile::{CompileQueue, Owner, compile_module};
pub use engine::{Engine, SandboxError};
pub use evaluation::{Accepted, Annotation, Evaluation, Fault, FaultKind, Level, Log};
pub use filter::{Filter, Terms};
pub use inspect::inspect;
pub use interrupt::{Cancel, CpuTime, Interrupted, Slice};
pub use limits::{Limits, PoolConfig};
pub use manifest::Manifest;
pub use module::Module;
pub use parameter::{Parameter, ParameterKind, ParameterValue, WrongValue};
pub use priority::yield_to_others;
pub use refusal::Refusal;
pub use stack::spawn;
