//! The flags for what users may ask for, and for what all of them get together.

use std::time::Duration;

use clap::Args;

use super::machine::memory;
use crate::filters::Ceilings;
use skysieve_sandbox::limits::MOST_MEMORY;
use skysieve_sandbox::{Budget, Limits};

/// The share of the machine's memory that filters get, unless `--memory-budget` is given. Messages, packets on their way,
/// and compiled modules need most of the rest.
pub const SHARE: u64 = 8;

/// The highest limits that an upload may ask for, and the memory of all filters.
#[derive(Clone, Copy, Debug, Args)]
pub struct CeilingArgs {
    /// Highest fuel that an upload may ask for [default: that of --fuel]. The ceilings do not apply to the filters in
    /// --filters
    #[arg(long, value_name = "N", env = "SKYSIEVE_MAX_FUEL", value_parser = clap::value_parser!(u64).range(1..))]
    max_fuel: Option<u64>,
    /// Most memory that an upload may ask for, in MiB
    #[arg(long, value_name = "MIB", env = "SKYSIEVE_MAX_MEMORY", default_value_t = MOST_MEMORY >> 20,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=(MOST_MEMORY >> 20) as u64))]
    max_memory: usize,
    /// Longest time that an upload may ask for, in milliseconds for each call [default: that of --deadline]
    #[arg(long, value_name = "MS", env = "SKYSIEVE_MAX_DEADLINE", value_parser = clap::value_parser!(u64).range(1..))]
    max_deadline: Option<u64>,
    /// Memory that all filters may use together, in MiB; a filter that would need more is refused [default: an eighth of
    /// what the machine or its control group has]
    #[arg(long, value_name = "MIB", env = "SKYSIEVE_MEMORY_BUDGET",
          value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    memory_budget: Option<u64>,
}

impl CeilingArgs {
    /// The ceilings of a host with these limits.
    pub fn over(self, limits: &Limits) -> Ceilings {
        let usual = Ceilings::over(limits);
        Ceilings {
            fuel: self.max_fuel.unwrap_or(usual.fuel),
            memory: self.max_memory << 20,
            deadline: self.max_deadline.map_or(usual.deadline, Duration::from_millis),
            cpu: usual.cpu,
        }
    }

    /// The memory of all filters together.
    pub fn budget(self) -> Budget {
        let given = self.memory_budget.map(|mib| mib << 20);
        given.or_else(|| memory().map(|bytes| bytes / SHARE)).map(Budget::of).unwrap_or_default()
    }
}
