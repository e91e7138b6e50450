//! The engine: compiles modules, holds the pool of instances, ticks the clock of deadlines.

use super::limits::{Limits, PoolConfig};
use super::module::Module;
use super::refusal::Refusal;

/// The process's WebAssembly engine. Clones share it.
#[derive(Clone)]
pub struct Engine(());

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up WebAssembly: {0}")]
pub struct SandboxError(pub(super) String);

impl Engine {
    /// Reserves the pool (address space, not memory) and starts the clock.
    ///
    /// # Errors
    /// [`SandboxError`] when the address space doesn't hold the pool, or no thread can be started.
    pub fn new(config: &PoolConfig) -> Result<Engine, SandboxError> {
        todo!("{config:?}")
    }

    /// Inspects and compiles a module. Equal bytes give the same module, compiled once while any clone of it lives.
    /// Takes up to seconds.
    ///
    /// # Errors
    /// [`Refusal`] says what is wrong with it, and where.
    pub fn load(&self, bytes: &[u8], limits: &Limits) -> Result<Module, Refusal> {
        todo!("{} {limits:?}", bytes.len())
    }
}
