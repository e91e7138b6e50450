//! ZTF: brighter than a limit. This is the shortest possible filter with a config.

use serde::Deserialize;
use skysieve_sdk::{Alert, Parameters, Verdict, filter};

#[derive(Alert)]
struct Candidate {
    /// A float in the packet, which the host converts to a double.
    #[field("candidate.magpsf")]
    magnitude: f64,
}

#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The limit, as a magnitude; smaller is brighter.
    magnitude: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { magnitude: 17.0 }
    }
}

#[filter(description = "ZTF: brighter than a limit")]
fn bright(config: &Config, alert: &Candidate) -> Verdict {
    Verdict::accept_if(alert.magnitude < config.magnitude).with("magnitude", alert.magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_brighter_than_the_limit_passes() {
        let verdict = |magnitude| bright(&Config::default(), &Candidate { magnitude });
        assert_eq!(verdict(16.5).annotation("magnitude"), Some("16.5"));
        assert_eq!(verdict(17.0), Verdict::Reject);
    }
}
