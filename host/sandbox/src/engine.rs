//! The engine: it compiles modules, holds the pool of instances, and runs the clock for deadlines.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use wasmtime::component::Linker;
use wasmtime::{EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::compile::{Children, CompileQueue, Compiler, Owner, Source, compile_config};
use super::inspect::{LOGGING, examine};
use super::limits::{Limits, MEMORIES, PoolConfig, SPARE_FILTERS, TABLE_ELEMENTS, TABLES};
use super::module::{Compiled, Module};
use super::refusal::Refusal;
use super::state::{self, State};

/// The time between two ticks of the clock, at which calls that take longer are looked at.
const TICK: Duration = Duration::from_millis(5);

/// The address space of a memory for which no access needs a bounds check: everything that 32 bits can reach.
const UNCHECKED: u64 = 4 << 30;

/// The WebAssembly engine of the process. Clones share it.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    pool: PoolConfig,
    compiler: Compiler,
    modules: Mutex<HashMap<[u8; 32], Arc<Slot>>>,
}

/// The slot of one module. It is locked while the module is compiled, and empty once nobody uses the module.
type Slot = Mutex<Weak<Compiled>>;

/// Why the engine can't be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up WebAssembly: {0}")]
pub struct SandboxError(String);

impl Engine {
    /// An engine for modules of the user who runs this process: they are compiled in the process itself, without
    /// limits on time and memory. Reserves the pool (of address space, not memory) and starts the clock.
    ///
    /// # Errors
    /// Returns a [`SandboxError`] if the address space has no room for the pool, or if no thread can be started.
    pub fn new(pool: &PoolConfig) -> Result<Engine, SandboxError> {
        Engine::with(pool, |_| Ok(Compiler::InProcess))
    }

    /// An engine for anybody's modules. They are compiled in child processes of this program, which must run
    /// [`compile_module`](super::compile_module) in its subcommand `compile-module`. A module may take that much time,
    /// usually [`COMPILE_TIME`](super::limits::COMPILE_TIME). If there is a folder, machine code
    /// is kept there, so that a later engine need not compile again. The folder is created, for this user alone: who
    /// can write into it can run code in this process.
    ///
    /// # Errors
    /// As [`new`](Engine::new)'s, and if the folder can't be used, or if others could write into it.
    pub fn for_uploads(pool: &PoolConfig, time: Duration, cache: Option<&Path>) -> Result<Engine, SandboxError> {
        Engine::with(pool, |reservation| match Children::new(reservation, time, cache) {
            Ok(children) => Ok(Compiler::Children(children)),
            Err(error) => Err(SandboxError(format!("the cache {error}"))),
        })
    }

    fn with(
        pool: &PoolConfig,
        compiler: impl FnOnce(u64) -> Result<Compiler, SandboxError>,
    ) -> Result<Engine, SandboxError> {
        let engine = |reservation: u64| {
            let reservation = reservation.max(pool.memory as u64);
            let mut config = compile_config(reservation);
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(pool)));
            wasmtime::Engine::new(&config).map(|engine| (engine, reservation))
        };
        // If address space is scarce (`ulimit -v`, very many filters), every memory access is checked instead.
        let (engine, reservation) = engine(UNCHECKED)
            .or_else(|_| engine(pool.memory as u64))
            .map_err(|error| SandboxError(format!("{error:#}")))?;
        let compiler = compiler(reservation)?;
        let mut linker = Linker::new(&engine);
        linker
            .instance(LOGGING)
            .and_then(|mut logging| logging.func_wrap("log", state::log))
            .map_err(|error| SandboxError(format!("{error:#}")))?;
        let clock = engine.weak();
        std::thread::Builder::new()
            .name("sandbox-clock".to_owned())
            .spawn(move || tick(&clock))
            .map_err(|error| SandboxError(format!("no thread for the clock: {error}")))?;
        Ok(Engine(Arc::new(Shared { engine, linker, pool: pool.clone(), compiler, modules: Mutex::default() })))
    }

    /// Inspects and compiles a module. The same bytes give the same module, which is compiled only once while any clone
    /// of it exists. This can take seconds.
    ///
    /// # Errors
    /// Returns a [`Refusal`] that says what is wrong with the module, and where.
    pub fn load(&self, bytes: &[u8], limits: &Limits) -> Result<Module, Refusal> {
        self.load_for(Owner::Operator, bytes, limits)
    }

    /// The same as [`load`](Engine::load). The owners of modules that wait to be compiled take turns.
    ///
    /// # Errors
    /// As [`load`](Engine::load)'s.
    pub fn load_for(&self, owner: Owner<'_>, bytes: &[u8], limits: &Limits) -> Result<Module, Refusal> {
        if limits.memory > self.0.pool.memory {
            return Err(Refusal::MemoryLimit { limit: limits.memory, pool: self.0.pool.memory });
        }
        if bytes.len() > limits.module_size {
            return Err(Refusal::Size { size: bytes.len(), limit: limits.module_size });
        }
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        let slot = self.slot(sha256);
        let mut slot = slot.lock();
        if let Some(compiled) = slot.upgrade() {
            compiled.needs().within(limits)?;
            return Ok(Module(compiled));
        }
        let compiled = Arc::new(self.compile(&Source { bytes, sha256, owner }, limits)?);
        *slot = Arc::downgrade(&compiled);
        Ok(Module(compiled))
    }

    /// How many modules are being compiled in child processes, and how many wait for that.
    pub fn compile_queue(&self) -> CompileQueue {
        self.0.compiler.queue()
    }

    /// Returns the slot of a hash. Slots of modules that nobody uses any more are dropped along the way.
    fn slot(&self, sha256: [u8; 32]) -> Arc<Slot> {
        let mut modules = self.0.modules.lock();
        modules.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.lock().strong_count() > 0);
        modules.entry(sha256).or_default().clone()
    }

    fn compile(&self, source: &Source<'_>, limits: &Limits) -> Result<Compiled, Refusal> {
        let needs = examine(source.bytes)?;
        needs.within(limits)?;
        if needs.core_instances > self.0.pool.core_instances {
            return Err(Refusal::Instances { count: needs.core_instances, limit: self.0.pool.core_instances });
        }
        let component = self.0.compiler.compile(&self.0.engine, source)?;
        Compiled::new(&component, &self.0.linker, source.sha256, needs)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("pool", &self.0.pool).finish_non_exhaustive()
    }
}

fn tick(engine: &EngineWeak) {
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        std::thread::sleep(TICK);
    }
}

/// The counts and sizes of the pool. Only memories and tables take address space; the other numbers are mere limits.
fn pooling(pool: &PoolConfig) -> PoolingAllocationConfig {
    let filters = pool.filters.saturating_add(SPARE_FILTERS);
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(filters)
        .total_core_instances(filters.saturating_mul(pool.core_instances))
        .max_core_instances_per_component(pool.core_instances)
        .max_memories_per_component(MEMORIES)
        .total_memories(filters.saturating_mul(MEMORIES / 2))
        .max_memory_size(pool.memory)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES / 2)
        .total_tables(filters.saturating_mul(TABLES / 2))
        .table_elements(TABLE_ELEMENTS);
    pooling
}
