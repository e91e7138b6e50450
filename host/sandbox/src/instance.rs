//! One instance: the part that is thrown away when a filter fails.

use std::ops::Range;
use std::sync::LazyLock;

use wasmtime::component::TypedFunc;
use wasmtime::{PoolConcurrencyLimitError, Store};

use super::budget::{Budget, Share, has_huge_pages, touched};
use super::evaluation::{Accepted, FaultKind, Log};
use super::fault::{Bounds, Failure};
use super::interrupt::{Interrupted, Interrupts};
use super::limits::Limits;
use super::manifest::{MANIFEST_BYTES, Manifest};
use super::module::Module;
use super::output;
use super::refusal::Refusal;
use super::state::State;
use super::text::cut;
use super::wire::{WireColumn, WireManifest};
use skysieve_avro::alert::Column;

type Describe<'a> = TypedFunc<(&'a str,), (Result<WireManifest, String>,)>;
type Evaluate<'a> = TypedFunc<(u32, &'a [WireColumn<'a>]), (Result<Vec<Accepted>, String>,)>;

/// Why a call has no result.
pub enum CallError {
    /// The filter failed.
    Failed(Failure),
    /// The call was interrupted, which is no alert's fault.
    Interrupted(Interrupted),
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> CallError {
        CallError::Failed(failure)
    }
}

/// A started instance, with its own memory.
pub struct Instance {
    store: Store<State>,
    evaluate: Evaluate<'static>,
    bounds: Bounds,
    limits: Limits,
    /// How much memory it has touched, in bytes, as far as that was measured.
    touched: u64,
    calls: u32,
}

/// How many calls of an instance are measured for the memory that they touch. Later, when it has what it needs, only some
/// are, because measuring takes a tenth of the time of a cheap call.
const MEASURED_CALLS: u32 = 8;
/// Which of the later calls are measured.
const MEASURED_EVERY: u32 = 64;
/// All calls of an instance with more memory than this are measured.
const MEASURED_SIZE: u64 = 4 << 20;

/// Whether it can't be measured how much memory is touched. All that an instance has counts then.
static UNMEASURABLE: LazyLock<bool> = LazyLock::new(has_huge_pages);

impl Instance {
    /// Instantiates the module and calls `describe`, within the limits of a start.
    pub fn start(
        module: &Module,
        config: &str,
        limits: &Limits,
        interrupts: &Interrupts,
        budget: &Budget,
        admitted: bool,
    ) -> Result<(Instance, Manifest), Refusal> {
        interrupts.check()?;
        let before = touched();
        let bounds = Bounds { fuel: limits.start_fuel, deadline: limits.start_deadline };
        let mut store = Store::new(module.0.instance.engine(), State::new(limits, Share::new(budget), admitted));
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().watch.tick()));
        arm(&mut store, bounds, interrupts);
        store.set_hostcall_fuel(MANIFEST_BYTES);
        let started = instantiate(&mut store, module, config);
        if store.data().memory.broke_budget {
            return Err(Refusal::Budget { used: budget.used(), limit: budget.limit() });
        }
        let (evaluate, described) = started.map_err(|error| refused(&error, store.data(), &bounds))?;
        let manifest = described.map_err(|text| Refusal::Config(cut(&text, limits.log_bytes).to_owned()))?;
        store.set_hostcall_fuel(output::host_bytes(limits));
        let bounds = Bounds { fuel: limits.fuel, deadline: limits.deadline };
        let manifest = manifest.try_into()?;
        store.data_mut().memory.admitted = true;
        let touched = touched() - before;
        let mut instance = Instance { store, evaluate, bounds, limits: limits.clone(), touched, calls: 0 };
        instance.correct_share();
        Ok((instance, manifest))
    }

    /// Corrects what it takes of the host's budget to what it has touched.
    fn correct_share(&mut self) {
        let memory = &mut self.store.data_mut().memory;
        let most = memory.size();
        memory.share.set(if *UNMEASURABLE { most } else { most.min(self.touched) });
    }

    /// Calls the filter, and takes note of the memory that it touches.
    fn measured<T>(&mut self, call: impl FnOnce(&mut Instance) -> T) -> T {
        self.calls = self.calls.wrapping_add(1);
        let size = self.store.data().memory.size();
        if self.calls > MEASURED_CALLS && !self.calls.is_multiple_of(MEASURED_EVERY) && size <= MEASURED_SIZE {
            let result = call(self);
            self.touched += self.store.data().memory.size() - size;
            return result;
        }
        let before = touched();
        let result = call(self);
        self.touched += touched() - before;
        self.correct_share();
        result
    }

    /// What it takes of the host's budget, in bytes.
    pub fn share(&self) -> u64 {
        self.store.data().memory.share.bytes()
    }

    /// Calls the filter with the alerts of `rows`, and keeps up to `logs` of its messages. The rows that it accepts are
    /// counted from `rows.start`.
    ///
    /// # Errors
    /// Returns a [`CallError`] for whatever the filter did wrong, or if it was interrupted. The instance must not be
    /// called again then.
    pub fn evaluate(
        &mut self,
        rows: Range<usize>,
        columns: &[&Column],
        interrupts: &Interrupts,
        logs: usize,
    ) -> Result<Vec<Accepted>, CallError> {
        self.measured(|instance| {
            let views: Vec<_> = columns.iter().map(|column| column.slice(rows.clone())).collect();
            let columns: Vec<_> = views.iter().map(WireColumn::from).collect();
            arm(&mut instance.store, instance.bounds, interrupts);
            instance.store.data_mut().begin_call(logs);
            let evaluate: Evaluate<'_> = instance.evaluate;
            match evaluate.call(&mut instance.store, (rows.len() as u32, &columns)) {
                Ok((Ok(accepted),)) => {
                    output::check(&accepted, rows.len(), &instance.limits)?;
                    Ok(accepted)
                }
                Ok((Err(text),)) => Err(Failure::new(FaultKind::Error, cut(&text, instance.limits.log_bytes)).into()),
                Err(error) => Err(match instance.store.data().watch.interrupted {
                    Some(interrupted) => CallError::Interrupted(interrupted),
                    None => Failure::trapped(&error, instance.store.data(), &instance.bounds).into(),
                }),
            }
        })
    }

    /// The fuel that the last call used.
    pub fn fuel(&self) -> u64 {
        self.bounds.fuel - self.store.get_fuel().unwrap_or(0).min(self.bounds.fuel)
    }

    /// The size of linear memory in bytes. It is also the largest size so far, because memory never shrinks.
    pub fn memory(&self) -> usize {
        self.store.data().memory.used
    }

    /// The messages of the last call, and the number of those that were not kept.
    pub fn take_logs(&mut self) -> (Vec<Log>, u64) {
        let logs = &mut self.store.data_mut().logs;
        (std::mem::take(&mut logs.kept), std::mem::take(&mut logs.dropped))
    }
}

fn instantiate(
    store: &mut Store<State>,
    module: &Module,
    config: &str,
) -> wasmtime::Result<(Evaluate<'static>, Result<WireManifest, String>)> {
    let instance = module.0.instance.instantiate(&mut *store)?;
    let describe: Describe<'_> = instance.get_typed_func(&mut *store, module.0.describe)?;
    let evaluate = instance.get_typed_func(&mut *store, module.0.evaluate)?;
    let (described,) = describe.call(&mut *store, (config,))?;
    Ok((evaluate, described))
}

fn refused(error: &wasmtime::Error, state: &State, bounds: &Bounds) -> Refusal {
    if error.is::<PoolConcurrencyLimitError>() {
        return Refusal::Full(error.root_cause().to_string());
    }
    if let Some(interrupted) = state.watch.interrupted {
        return Refusal::Interrupted(interrupted);
    }
    let Failure { kind, message, backtrace } = Failure::trapped(error, state, bounds);
    Refusal::Start { kind, message, backtrace }
}

/// Gives a call its fuel and its deadline. From the next tick of the engine's clock on, [`Watch`](super::interrupt::Watch)
/// looks at it.
fn arm(store: &mut Store<State>, bounds: Bounds, interrupts: &Interrupts) {
    store.set_fuel(bounds.fuel).expect("the engine meters fuel");
    store.data_mut().watch.begin(bounds.deadline, interrupts);
    store.set_epoch_deadline(1);
}
