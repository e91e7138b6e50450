//! One filter: a module with a config, and an instance of it for as long as it behaves well.

use std::fmt;

use super::chunk::Chunk;
use super::evaluation::Log;
use super::instance::Instance;
use super::interrupt::{Cancel, Interrupts};
use super::limits::Limits;
use super::manifest::Manifest;
use super::module::Module;
use super::refusal::Refusal;
use super::stack::with_room;

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
    cancel: Cancel,
}

impl Filter {
    /// Instantiates the module and asks it to describe itself.
    ///
    /// # Errors
    /// Returns a [`Refusal`] if it can't start, or if its description breaks the rules.
    pub fn start(module: &Module, config: &str, limits: &Limits) -> Result<Filter, Refusal> {
        Filter::start_with(module, config, limits, Cancel::default())
    }

    /// The same as [`Filter::start`]. The start, and later the filter, can be ended through `cancel`.
    ///
    /// # Errors
    /// As [`Filter::start`]'s, and [`Refusal::Interrupted`].
    pub fn start_with(module: &Module, config: &str, limits: &Limits, cancel: Cancel) -> Result<Filter, Refusal> {
        module.0.needs().within(limits)?;
        let interrupts = Interrupts { slice: None, cancel: Some(cancel.clone()) };
        let (mut instance, manifest) = with_room(|| Instance::start(module, config, limits, &interrupts))?;
        Ok(Filter {
            module: module.clone(),
            config: config.to_owned(),
            limits: limits.clone(),
            manifest,
            chunk: Chunk::default(),
            memory_peak: instance.memory(),
            start_logs: instance.take_logs(),
            instance: Some(instance),
            cancel,
        })
    }

    /// What it says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Ends its evaluations from another thread, for good.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// The largest size of its linear memory so far, in bytes.
    pub fn memory_peak(&self) -> usize {
        self.memory_peak
    }

    /// The SHA-256 hash of the module, in hexadecimal.
    pub fn sha256(&self) -> &str {
        self.module.sha256()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes the instance, or a new one if the last one failed. The filter has none until the caller puts it back.
    pub(super) fn take_instance(&mut self, interrupts: &Interrupts) -> Result<Instance, Refusal> {
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        let (instance, manifest) = Instance::start(&self.module, &self.config, &self.limits, interrupts)?;
        if manifest == self.manifest { Ok(instance) } else { Err(Refusal::Changed) }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("module", &self.module).field("manifest", &self.manifest).finish_non_exhaustive()
    }
}
