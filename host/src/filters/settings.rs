//! What is set for one filter, beside its module.

use serde::{Deserialize, Serialize};

use skysieve_sandbox::Limits;

/// What is set per filter, beside its module: in `NAME.toml`, or at upload.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Text that is handed to the filter as it is. Its meaning is up to the filter.
    pub config: String,
    /// The topics whose alerts the filter is shown. If none is named: those whose schemas have its fields.
    pub topics: Vec<String>,
    /// Accepted alerts that are published per visit; `None`: the host's default.
    pub quota: Option<u32>,
    /// Limits of the sandbox. The host's defaults hold for those that are not set.
    pub limits: LimitOverrides,
}

/// Limits of one filter that differ from the host's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverrides {
    /// Fuel per alert.
    pub fuel: Option<u64>,
    /// Bytes of memory.
    pub memory: Option<usize>,
    /// Milliseconds per call.
    pub deadline_ms: Option<u64>,
}

impl LimitOverrides {
    /// The host's limits with these in their place.
    pub fn over(&self, host: &Limits) -> Limits {
        let mut limits = host.clone();
        if let Some(fuel) = self.fuel {
            limits.fuel = fuel;
        }
        if let Some(memory) = self.memory {
            limits.memory = memory;
        }
        if let Some(deadline) = self.deadline_ms {
            limits.deadline = std::time::Duration::from_millis(deadline);
        }
        limits
    }
}
