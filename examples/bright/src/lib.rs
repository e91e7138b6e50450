//! Brighter than a limit.

use serde::Deserialize;
use skysieve_sdk::{Alert, Verdict, filter};

#[derive(Alert)]
struct Candidate {
    #[field("candidate.magpsf")]
    mag: f64,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// Magnitude; smaller is brighter.
    limit: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { limit: 17.0 }
    }
}

#[filter(description = "Brighter than a limit")]
fn bright(config: &Config, alert: &Candidate) -> Verdict {
    Verdict::accept_if(alert.mag < config.limit).with("mag", alert.mag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_brighter_than_the_limit_passes() {
        let verdict = |mag| bright(&Config::default(), &Candidate { mag });
        assert_eq!(verdict(16.5).annotation("mag"), Some("16.5"));
        assert_eq!(verdict(17.0), Verdict::Reject);
    }
}
