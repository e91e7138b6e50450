//! Turns modules into machine code, in this process or in a child process that has limits.
//!
//! A compiler takes far more than linear time and memory for some modules. What the static limits of [`inspect()`] let
//! through is therefore compiled where it can be stopped: in a child process of the same binary, which has a limit on
//! its memory, its CPU time and its wall-clock time, no network, no files and no environment ([`confine`]). One child
//! runs for each two cores, and owners of modules take turns ([`turns`]). The machine code comes back in memory that
//! this process made, and that is sealed before it is loaded ([`sealed`]). Files of a cache are copied into such memory
//! as well ([`cache`]).
//!
//! [`inspect()`]: super::inspect()

mod cache;
mod child;
mod config;
mod confine;
mod sealed;
mod turns;
mod worker;

use std::path::Path;
use std::time::Duration;

use wasmtime::component::Component;

use super::limits::{COMPILE_WAITS, OPERATOR_PATIENCE};
use super::refusal::Refusal;
use super::text::one_line;
use cache::{Cache, CacheError, Key};
use child::Child;
pub use config::compile_config;
use turns::Turns;
pub use worker::compile_module;

/// How modules are compiled.
pub enum Compiler {
    /// In this process. This is for modules of the user who runs the process, who can stop it.
    InProcess,
    /// In child processes.
    Children(Children),
}

/// Child processes that compile, and what they have compiled before.
pub struct Children {
    child: Child,
    turns: Turns,
    cache: Option<Cache>,
}

/// A module that has been inspected and is to be compiled.
pub struct Source<'a> {
    pub bytes: &'a [u8],
    pub sha256: [u8; 32],
    /// Who asked for it.
    pub owner: Owner<'a>,
}

/// Who asked for a module. Those who wait for their modules to be compiled take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// The host's operator, whose modules may take longer by the clock.
    Operator,
    /// Somebody with this name.
    User(&'a str),
}

impl Owner<'_> {
    fn name(self) -> String {
        match self {
            Owner::Operator => String::new(),
            Owner::User(name) => name.to_owned(),
        }
    }

    /// How many times as long as others he may wait.
    fn patience(self) -> u32 {
        if self == Owner::Operator { OPERATOR_PATIENCE } else { 1 }
    }
}

impl Children {
    /// Prepares child processes for engines whose memories reserve this many bytes.
    pub fn new(reservation: u64, time: Duration, cache: Option<&Path>) -> Result<Children, CacheError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let children = (cores / 2).max(1);
        Ok(Children {
            child: Child { reservation, threads: cores / children, time },
            turns: Turns::new(children, time * COMPILE_WAITS),
            cache: cache.map(Cache::open).transpose()?,
        })
    }

    fn compile(&self, engine: &wasmtime::Engine, source: &Source<'_>) -> Result<Component, Refusal> {
        let key = Key::new(engine, &source.sha256);
        if let Some(compiled) = self.cache.as_ref().and_then(|cache| cache.get(&key))
            && let Ok(component) = compiled.load(engine)
        {
            return Ok(component);
        }
        let compiled = {
            let _turn = self.turns.wait(&source.owner.name(), source.owner.patience())?;
            self.child.compile(source.bytes, source.owner.patience())?
        };
        if let Some(cache) = &self.cache {
            cache.put(&key, &compiled);
        }
        compiled.load(engine).map_err(|error| Refusal::Compile(one_line(&format!("{error:#}"))))
    }
}

/// How many modules are being compiled, and how many wait for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompileQueue {
    /// Those that are being compiled.
    pub running: u64,
    /// Those that wait.
    pub waiting: u64,
}

impl Compiler {
    /// What is being compiled. In this process, nothing waits.
    pub fn queue(&self) -> CompileQueue {
        match self {
            Compiler::InProcess => CompileQueue::default(),
            Compiler::Children(children) => {
                let (running, waiting) = children.turns.count();
                CompileQueue { running, waiting }
            }
        }
    }

    /// Compiles a module.
    pub fn compile(&self, engine: &wasmtime::Engine, source: &Source<'_>) -> Result<Component, Refusal> {
        match self {
            Compiler::InProcess => Component::from_binary(engine, source.bytes)
                .map_err(|error| Refusal::Compile(one_line(&format!("{error:#}")))),
            Compiler::Children(children) => children.compile(engine, source),
        }
    }
}
