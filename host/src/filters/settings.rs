//! The settings of one filter.

use serde::{Deserialize, Serialize};

use super::error::FilterError;
use skysieve_sandbox::Limits;

/// The largest config, in bytes. It may be a whole program, or a watchlist.
pub const CONFIG_BYTES: usize = 1 << 20;

/// The smallest share of a processor.
pub const MIN_CPU_SHARE: f64 = 0.001;

/// The settings of one filter, from `NAME.toml` or from an upload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Text that is passed to the filter as it is. Its meaning is up to the filter.
    pub config: String,
    /// The topics whose alerts the filter is shown. If it is empty, they are the topics whose schemas have the filter's
    /// fields.
    pub topics: Vec<String>,
    /// How many accepted alerts are published for each visit. If it is absent, the host's default applies.
    pub quota: Option<u32>,
    /// The share of a processor that the filter may use in the slow lane. If it is absent, the host's default applies. An
    /// upload may only ask for less than that.
    pub cpu_share: Option<f64>,
    /// Where in the stream a new filter begins: earliest, latest, -N, or a time, as in `--from`. It catches up from there
    /// in the slow lane. If it is absent, the filter begins with the alerts that come now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The limits of the sandbox. The host's defaults apply to those that are not set.
    pub limits: LimitOverrides,
}

/// The limits of one filter that differ from the host's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverrides {
    /// The fuel for each alert.
    pub fuel: Option<u64>,
    /// The memory in bytes.
    pub memory: Option<usize>,
    /// The deadline of a call in milliseconds.
    pub deadline_ms: Option<u64>,
}

impl LimitOverrides {
    /// Replaces those of the host's limits that are set here.
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
    /// Refuses settings that no host accepts: a config that is too long, and limits that let nothing through. Everyone
    /// who receives settings calls this: hosts, for folders and over HTTP, and `skysieve check`.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`], which names the setting.
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
        if let Some(share) = self.cpu_share.filter(|share| !(MIN_CPU_SHARE..=1.0).contains(share)) {
            return refused(format!("cpu_share is {share}: it is a share of one processor, from {MIN_CPU_SHARE} to 1"));
        }
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
        for share in [0.0, -1.0, 1.5, f64::NAN] {
            let said = refused(&Settings { cpu_share: Some(share), ..Settings::default() });
            assert!(said.starts_with("cpu_share is"), "{said}");
        }
    }

    #[test]
    fn a_config_may_have_a_mebibyte() {
        let of = |bytes: usize| Settings { config: " ".repeat(bytes), ..Settings::default() };
        assert!(of(CONFIG_BYTES).check().is_ok());
        assert_eq!(refused(&of(CONFIG_BYTES + 1)), "the config has 1048577 bytes; the limit is 1048576");
    }
}
