//! What the host keeps for each instance: the limit of its memory, and its log.

use wasmtime::component::WasmStr;
use wasmtime::{ResourceLimiter, StoreContextMut, Trap};

use super::budget::Share;
use super::evaluation::{Level, Log};
use super::interrupt::Watch;
use super::limits::{LOG_FUEL, Limits, TABLE_ELEMENTS};
use super::text::cut;

/// The data of one instance's store.
pub struct State {
    pub memory: Memory,
    pub logs: Logs,
    pub watch: Watch,
}

impl State {
    /// The state of an instance that takes its memory from `share`. If it is `admitted` already, the budget of that may be
    /// broken.
    pub fn new(limits: &Limits, share: Share, admitted: bool) -> State {
        State {
            memory: Memory {
                limit: limits.memory,
                used: 0,
                elements: 0,
                denied: false,
                share,
                admitted,
                broke_budget: false,
            },
            logs: Logs { limit: limits.logs, bytes: limits.log_bytes, kept: Vec::new(), dropped: 0 },
            watch: Watch::new(),
        }
    }

    /// Resets what was recorded during the previous call. This one may keep so many log messages.
    pub fn begin_call(&mut self, logs: usize) {
        self.logs.limit = logs;
        self.memory.denied = false;
        self.logs.kept.clear();
        self.logs.dropped = 0;
    }
}

/// The bytes of an element of a table.
const ELEMENT: usize = 16;

/// All memories and tables of an instance together.
pub struct Memory {
    /// How many bytes its memories may have.
    pub limit: usize,
    /// How many bytes its memories have. Memories never shrink.
    pub used: usize,
    /// How many elements its tables have.
    elements: usize,
    /// Whether it was denied more during this call.
    pub denied: bool,
    /// What the instance takes of the host's budget.
    pub share: Share,
    /// Whether it may break the budget.
    pub admitted: bool,
    /// Whether it was denied memory because it would have broken the budget.
    pub broke_budget: bool,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let limit = if exceeds(desired, maximum) { 0 } else { self.limit };
        let more = desired - current;
        Ok(self.grow(|memory| &mut memory.used, more, limit) && self.take(more))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let limit = if exceeds(desired, maximum) { 0 } else { TABLE_ELEMENTS };
        let more = desired - current;
        Ok(self.grow(|memory| &mut memory.elements, more, limit) && self.take(more * ELEMENT))
    }
}

impl Memory {
    fn grow(&mut self, of: impl Fn(&mut Memory) -> &mut usize, more: usize, limit: usize) -> bool {
        let wanted = of(self).saturating_add(more);
        self.denied |= wanted > limit;
        if wanted <= limit {
            *of(self) = wanted;
        }
        wanted <= limit
    }

    /// Takes memory from the host's budget. Returns whether it was there.
    fn take(&mut self, bytes: usize) -> bool {
        if self.admitted {
            self.share.take(bytes as u64);
            return true;
        }
        let taken = self.share.try_take(bytes as u64);
        self.broke_budget |= !taken;
        taken
    }

    /// The most that the instance can have touched, in bytes.
    pub fn size(&self) -> u64 {
        (self.used + self.elements * ELEMENT) as u64
    }
}

/// Whether the size exceeds the maximum, which is the module's own or the pool's.
fn exceeds(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_some_and(|maximum| desired > maximum)
}

/// The messages of one call.
pub struct Logs {
    limit: usize,
    bytes: usize,
    pub kept: Vec<Log>,
    pub dropped: u64,
}

impl Logs {
    /// The newest message if it is an error, because filters often say why they trap right before they do.
    pub fn last_words(&self) -> Option<&str> {
        self.kept.last().filter(|log| log.level == Level::Error).map(|log| log.message.as_str())
    }
}

/// The contract's `log`. It costs fuel as the filter's own work does, so that a flood of messages takes no longer than a
/// loop.
pub fn log(mut store: StoreContextMut<'_, State>, (level, message): (Level, WasmStr)) -> wasmtime::Result<()> {
    let fuel = store.get_fuel()?.checked_sub(LOG_FUEL).ok_or(Trap::OutOfFuel)?;
    store.set_fuel(fuel)?;
    let logs = &store.data().logs;
    if logs.kept.len() >= logs.limit {
        store.data_mut().logs.dropped += 1;
        return Ok(());
    }
    // This is not an error: messages beyond the limit are not looked at, and the limit must not decide a verdict.
    let message = match message.to_str(&store) {
        Ok(text) => cut(&text, logs.bytes).to_owned(),
        Err(_) => "(a message that is not UTF-8)".to_owned(),
    };
    store.data_mut().logs.kept.push(Log { level, message });
    Ok(())
}
