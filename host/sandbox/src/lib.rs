//! WebAssembly: one engine a process, one compiled module a content hash, one instance a filter, limits on all of it.
//!
//! Bytes from outside are inspected ([`inspect()`]), compiled once ([`Engine::load`]) and instantiated per filter
//! ([`Filter::start`]). A filter is called with batches ([`Filter::evaluate`]); whatever it does in there, the outcome is
//! an [`Evaluation`] that says of every alert whether it was accepted, rejected (neither named) or a [`Fault`].

mod chunk;
mod engine;
mod evaluation;
mod fault;
mod filter;
mod inspect;
mod instance;
mod judge;
pub mod limits;
mod manifest;
mod module;
mod output;
mod refusal;
mod stack;
mod state;
mod text;
mod wire;

#[cfg(test)]
mod tests;

pub use engine::{Engine, SandboxError};
pub use evaluation::{Accepted, Annotation, Evaluation, Fault, FaultKind, Level, Log};
pub use filter::Filter;
pub use inspect::inspect;
pub use limits::{Limits, PoolConfig};
pub use manifest::Manifest;
pub use module::Module;
pub use refusal::Refusal;
pub use stack::spawn;
