//! One instance: the part that is thrown away when a filter fails.

use std::ops::Range;

use wasmtime::component::TypedFunc;
use wasmtime::{PoolConcurrencyLimitError, Store};

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
}

impl Instance {
    /// Instantiates the module and calls `describe`, within the limits of a start.
    pub fn start(
        module: &Module,
        config: &str,
        limits: &Limits,
        interrupts: &Interrupts,
    ) -> Result<(Instance, Manifest), Refusal> {
        interrupts.check()?;
        let bounds = Bounds { fuel: limits.start_fuel, deadline: limits.start_deadline };
        let mut store = Store::new(module.0.instance.engine(), State::new(limits));
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().watch.tick()));
        arm(&mut store, bounds, interrupts);
        store.set_hostcall_fuel(MANIFEST_BYTES);
        let (evaluate, described) =
            instantiate(&mut store, module, config).map_err(|error| refused(&error, store.data(), &bounds))?;
        let manifest = described.map_err(|text| Refusal::Config(cut(&text, limits.log_bytes).to_owned()))?;
        store.set_hostcall_fuel(output::host_bytes(limits));
        let bounds = Bounds { fuel: limits.fuel, deadline: limits.deadline };
        Ok((Instance { store, evaluate, bounds, limits: limits.clone() }, manifest.try_into()?))
    }

    /// Calls the filter with the alerts of `rows`. The rows that it accepts are counted from `rows.start`.
    ///
    /// # Errors
    /// Returns a [`CallError`] for whatever the filter did wrong, or if it was interrupted. The instance must not be
    /// called again then.
    pub fn evaluate(
        &mut self,
        rows: Range<usize>,
        columns: &[&Column],
        interrupts: &Interrupts,
    ) -> Result<Vec<Accepted>, CallError> {
        let views: Vec<_> = columns.iter().map(|column| column.slice(rows.clone())).collect();
        let columns: Vec<_> = views.iter().map(WireColumn::from).collect();
        arm(&mut self.store, self.bounds, interrupts);
        self.store.data_mut().begin_call();
        let evaluate: Evaluate<'_> = self.evaluate;
        match evaluate.call(&mut self.store, (rows.len() as u32, &columns)) {
            Ok((Ok(accepted),)) => {
                output::check(&accepted, rows.len(), &self.limits)?;
                Ok(accepted)
            }
            Ok((Err(text),)) => Err(Failure::new(FaultKind::Error, cut(&text, self.limits.log_bytes)).into()),
            Err(error) => Err(match self.store.data().watch.interrupted {
                Some(interrupted) => CallError::Interrupted(interrupted),
                None => Failure::trapped(&error, self.store.data(), &self.bounds).into(),
            }),
        }
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
