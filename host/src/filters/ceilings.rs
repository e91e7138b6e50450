//! The highest limits that an upload may ask for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::FilterError;
use super::settings::{LimitOverrides, Settings};
use skysieve_sandbox::Limits;
use skysieve_sandbox::limits::MOST_MEMORY;

/// The share of a processor that a filter may use, unless another one is set.
pub const CPU_SHARE: f64 = 0.25;

/// The shares of a processor that filters may use.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuShares {
    /// That of a filter, unless it has its own.
    pub each: f64,
    /// Those of some filters, by name.
    pub of: BTreeMap<String, f64>,
    /// What the filters of the slow lane may use together.
    pub total: f64,
}

impl Default for CpuShares {
    fn default() -> CpuShares {
        // Half of the machine is left to the others, whatever filters do.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        CpuShares { each: CPU_SHARE, of: BTreeMap::new(), total: processors as f64 / 2.0 }
    }
}

impl CpuShares {
    /// The share of a filter with these settings.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`] if an upload asks for more than the operator gives.
    pub fn share(&self, filter: &str, settings: &Settings, by_operator: bool) -> Result<f64, FilterError> {
        let given = self.of.get(filter).copied();
        let most = given.unwrap_or(self.each);
        match settings.cpu_share {
            // What the flag says of this filter counts more than what was said when it was put into the folder.
            Some(_) if given.is_some() && by_operator => Ok(most),
            Some(asked) if by_operator || asked <= most => Ok(asked),
            Some(asked) => Err(FilterError::Refused(format!(
                "cpu_share is {asked}; an upload to this host may ask for {most} of a processor at most. Ask for less, or \
                 leave it out; or ask the operator, who can give this filter more (--cpu-share-of {filter}={asked})"
            ))),
            None => Ok(most),
        }
    }
}

/// The highest limits that an upload may ask for. Those of the operator's own filters may be higher.
#[derive(Clone, Debug, PartialEq)]
pub struct Ceilings {
    /// The highest fuel for an alert.
    pub fuel: u64,
    /// The most memory, in bytes.
    pub memory: usize,
    /// The longest deadline of a call.
    pub deadline: Duration,
    /// The shares of a processor.
    pub cpu: CpuShares,
}

impl Ceilings {
    /// Those of a host with these limits, unless its operator says otherwise: nobody may ask for more fuel or time than
    /// others have, but for as much memory as a language runtime needs.
    pub fn over(limits: &Limits) -> Ceilings {
        Ceilings { fuel: limits.fuel, memory: MOST_MEMORY, deadline: limits.deadline, cpu: CpuShares::default() }
    }

    /// Checks what an upload asks for.
    ///
    /// # Errors
    /// Returns [`FilterError::Refused`] with the first limit that is too high, its ceiling, and what can be done.
    pub fn check(&self, asked: &LimitOverrides) -> Result<(), FilterError> {
        let deadline = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX);
        let limits = [
            ("fuel", asked.fuel, self.fuel, "--max-fuel"),
            ("memory", asked.memory.map(|bytes| bytes as u64), self.memory as u64, "--max-memory"),
            ("deadline_ms", asked.deadline_ms, deadline, "--max-deadline"),
        ];
        for (name, asked, ceiling, flag) in limits {
            if let Some(asked) = asked.filter(|asked| *asked > ceiling) {
                return Err(FilterError::Refused(format!(
                    "{name} is {asked}; an upload to this host may ask for {ceiling} at most. Ask for less, or leave it \
                     out; or ask the operator, who can raise the ceiling ({flag}) or put the filter into the host's \
                     folder (--filters), where it does not apply"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_above_a_ceiling_are_refused_with_the_ceiling_and_what_to_do() {
        let ceilings = Ceilings::over(&Limits::default());
        let none = LimitOverrides::default();
        let cases = [
            (
                LimitOverrides { fuel: Some(u64::MAX), ..none },
                "fuel is 18446744073709551615;",
                "10000000 at most",
                "--max-fuel",
            ),
            (
                LimitOverrides { memory: Some((64 << 20) + 1), ..none },
                "memory is 67108865;",
                "67108864 at most",
                "--max-memory",
            ),
            (
                LimitOverrides { deadline_ms: Some(3_600_000), ..none },
                "deadline_ms is 3600000;",
                "500 at most",
                "--max-deadline",
            ),
        ];
        for (asked, limit, ceiling, flag) in cases {
            let said = ceilings.check(&asked).unwrap_err().to_string();
            assert!(said.starts_with(limit) && said.contains(ceiling) && said.contains(flag), "{said}");
        }
        let highest = LimitOverrides { fuel: Some(10_000_000), memory: Some(64 << 20), deadline_ms: Some(500) };
        assert!(ceilings.check(&highest).is_ok() && ceilings.check(&none).is_ok());
    }

    #[test]
    fn only_the_operator_gives_a_filter_more_of_a_processor() {
        let cpu = CpuShares { each: 0.2, of: [("big".to_owned(), 0.8)].into(), total: 1.0 };
        let asks = |share| Settings { cpu_share: share, ..Settings::default() };
        let share = |filter, asked, by_operator| cpu.share(filter, &asks(asked), by_operator);
        assert_eq!((share("a", None, false).unwrap(), share("big", None, false).unwrap()), (0.2, 0.8));
        assert_eq!((share("a", Some(0.1), false).unwrap(), share("big", Some(0.5), false).unwrap()), (0.1, 0.5));
        assert_eq!((share("a", Some(0.5), true).unwrap(), share("big", Some(0.1), true).unwrap()), (0.5, 0.8));
        let said = share("a", Some(0.5), false).unwrap_err().to_string();
        assert!(said.starts_with("cpu_share is 0.5;") && said.contains("--cpu-share-of a=0.5"), "{said}");
    }
}
