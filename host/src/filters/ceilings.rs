//! The highest limits that an upload may ask for.

use std::time::Duration;

use super::error::FilterError;
use super::settings::LimitOverrides;
use skysieve_sandbox::Limits;
use skysieve_sandbox::limits::MOST_MEMORY;

/// The highest limits that an upload may ask for. Those of the operator's own filters may be higher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// The highest fuel for an alert.
    pub fuel: u64,
    /// The most memory, in bytes.
    pub memory: usize,
    /// The longest deadline of a call.
    pub deadline: Duration,
}

impl Ceilings {
    /// Those of a host with these limits, unless its operator says otherwise: nobody may ask for more fuel or time than
    /// others have, but for as much memory as a language runtime needs.
    pub fn over(limits: &Limits) -> Ceilings {
        Ceilings { fuel: limits.fuel, memory: MOST_MEMORY, deadline: limits.deadline }
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
}
