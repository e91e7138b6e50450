//! One filter: a module with a config, and an instance of it for as long as it behaves well.

use std::fmt;

use super::budget::{Budget, Share};
use super::chunk::Chunk;
use super::evaluation::Log;
use super::instance::Instance;
use super::interrupt::{Cancel, Interrupts};
use super::limits::Limits;
use super::manifest::Manifest;
use super::module::Module;
use super::refusal::Refusal;
use super::stack::with_room;

/// What a host and its filters have in common.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Ends the filter's start, and later its evaluations.
    pub cancel: Cancel,
    /// The memory that it takes its own from.
    pub budget: Budget,
}

/// One filter: an instance of a module with a config. It can move between threads, but works on one at a time.
pub struct Filter {
    module: Module,
    config: String,
    limits: Limits,
    pub(super) manifest: Manifest,
    /// `None` after a failure, until an instance is needed again.
    pub(super) instance: Option<Instance>,
    pub(super) chunk: Chunk,
    pub(super) memory_peak: usize,
    /// Messages from its start that no evaluation has returned yet.
    pub(super) start_logs: (Vec<Log>, u64),
    terms: Terms,
    /// What its config takes of the host's memory.
    _config_share: Share,
    /// How many log messages it may leave in an evaluation, if that is less than its limits say.
    log_room: usize,
}

impl Filter {
    /// Instantiates the module and asks it to describe itself.
    ///
    /// # Errors
    /// Returns a [`Refusal`] if it can't start, or if its description breaks the rules.
    pub fn start(module: &Module, config: &str, limits: &Limits) -> Result<Filter, Refusal> {
        Filter::start_with(module, config, limits, Terms::default())
    }

    /// The same as [`Filter::start`], on the terms of a host.
    ///
    /// # Errors
    /// As [`Filter::start`]'s, and [`Refusal::Interrupted`] or [`Refusal::Budget`].
    pub fn start_with(module: &Module, config: &str, limits: &Limits, terms: Terms) -> Result<Filter, Refusal> {
        module.0.needs().within(limits)?;
        let mut config_share = Share::new(&terms.budget);
        if !config_share.try_take(2 * config.len() as u64) {
            return Err(Refusal::Budget { used: terms.budget.used(), limit: terms.budget.limit() });
        }
        let interrupts = Interrupts { slice: None, cancel: Some(terms.cancel.clone()) };
        let start = || Instance::start(module, config, limits, &interrupts, &terms.budget, false);
        let (mut instance, manifest) = with_room(start)?;
        Ok(Filter {
            module: module.clone(),
            config: config.to_owned(),
            limits: limits.clone(),
            manifest,
            chunk: Chunk::default(),
            memory_peak: instance.memory(),
            start_logs: instance.take_logs(),
            instance: Some(instance),
            terms,
            _config_share: config_share,
            log_room: usize::MAX,
        })
    }

    /// What it says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Ends its evaluations from another thread, for good.
    pub fn cancel(&self) -> Cancel {
        self.terms.cancel.clone()
    }

    /// Whether the host's filters take more memory than they may, and this one more than an equal share.
    pub fn breaks_budget(&self) -> bool {
        self.instance.as_ref().is_some_and(|instance| self.terms.budget.is_broken_by(instance.share()))
    }

    /// Limits the log messages that it may leave in an evaluation further than its limits do. Others are not even read.
    pub fn limit_logs(&mut self, messages: usize) {
        self.log_room = messages;
    }

    /// How many log messages it may leave in an evaluation.
    pub(super) fn log_room(&self) -> usize {
        self.limits.logs.min(self.log_room)
    }

    /// Gives its memory back. It is started again if it is needed.
    pub fn rest(&mut self) {
        self.instance = None;
    }

    /// The largest size of its linear memory so far, in bytes.
    pub fn memory_peak(&self) -> usize {
        self.memory_peak
    }

    /// The module that it is an instance of.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The SHA-256 hash of the module, in hexadecimal.
    pub fn sha256(&self) -> &str {
        self.module.sha256()
    }

    /// Takes the instance, or a new one if the last one failed. The filter has none until the caller puts it back.
    pub(super) fn take_instance(&mut self, interrupts: &Interrupts) -> Result<Instance, Refusal> {
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        let (instance, manifest) =
            Instance::start(&self.module, &self.config, &self.limits, interrupts, &self.terms.budget, true)?;
        if manifest == self.manifest { Ok(instance) } else { Err(Refusal::Changed) }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("module", &self.module).field("manifest", &self.manifest).finish_non_exhaustive()
    }
}
