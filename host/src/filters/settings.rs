//! What is set for one filter, beside its module.

use serde::{Deserialize, Serialize};

use super::control::FilterError;
use skysieve_sandbox::Limits;

/// Bytes of a config. It may be a whole program, or a watchlist.
pub const CONFIG_BYTES: usize = 1 << 20;

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

impl Settings {
    /// Refuses what no host takes: a config that is too long, and limits that let nothing through. Whoever takes settings
    /// in asks this: hosts from a folder or over HTTP, and `skysieve check`.
    ///
    /// # Errors
    /// [`FilterError::Refused`], which names the setting.
    pub fn check(&self) -> Result<(), FilterError> {
        let refused = |text: String| Err(FilterError::Refused(text));
        if self.config.len() > CONFIG_BYTES {
            return refused(format!("the config has {} bytes; the limit is {CONFIG_BYTES}", self.config.len()));
        }
        let LimitOverrides { fuel, memory, deadline_ms } = self.limits;
        let settings = [
            ("quota", self.quota.map(u64::from), "a filter that may publish nothing can be deleted instead"),
            ("fuel", fuel, "no alert could be judged"),
            ("memory", memory.map(|bytes| bytes as u64), "no filter could start"),
            ("deadline_ms", deadline_ms, "no call could end in time"),
        ];
        match settings.into_iter().find(|(_, value, _)| *value == Some(0)) {
            None => Ok(()),
            Some((name, _, why)) => refused(format!("{name} is 0: {why}; give 1 or more, or leave it out")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &Settings) -> String {
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn limits_that_let_nothing_through_are_refused_by_name() {
        let limits = |limits| Settings { limits, ..Settings::default() };
        let cases = [
            ("quota is 0", Settings { quota: Some(0), ..Settings::default() }),
            ("fuel is 0", limits(LimitOverrides { fuel: Some(0), ..LimitOverrides::default() })),
            ("memory is 0", limits(LimitOverrides { memory: Some(0), ..LimitOverrides::default() })),
            ("deadline_ms is 0", limits(LimitOverrides { deadline_ms: Some(0), ..LimitOverrides::default() })),
        ];
        for (wanted, settings) in cases {
            assert!(refused(&settings).starts_with(wanted), "{}", refused(&settings));
        }
        let ones = LimitOverrides { fuel: Some(1), memory: Some(1), deadline_ms: Some(1) };
        assert!(Settings { quota: Some(1), ..limits(ones) }.check().is_ok());
        assert!(Settings::default().check().is_ok());
    }

    #[test]
    fn a_config_may_have_a_mebibyte() {
        let of = |bytes: usize| Settings { config: " ".repeat(bytes), ..Settings::default() };
        assert!(of(CONFIG_BYTES).check().is_ok());
        assert_eq!(refused(&of(CONFIG_BYTES + 1)), "the config has 1048577 bytes; the limit is 1048576");
    }
}
