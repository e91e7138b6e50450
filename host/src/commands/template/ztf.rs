//! ZTF: a bright detection that was not seen before.

use serde::Deserialize;
use skysieve_sdk::{Alert, Column, Parameters, Verdict, filter};

/// The fields that the filter reads, and where they are in an alert. If a path is wrong,
/// `skysieve check` names the nearest existing ones.
#[derive(Alert)]
struct Candidate<'a> {
    #[field("candidate.magpsf")]
    magnitude: f64,
    /// The probability that it is real, 0 to 1. With `Option`, the filter decides what a null means;
    /// without it, an alert in which the field is null is rejected.
    #[field("candidate.rb")]
    real: Option<f64>,
    /// The magnitudes of earlier detections, null in upper limits: `[]` reads all elements of an
    /// array.
    #[field("prv_candidates[].magpsf")]
    earlier: Column<'a, Option<f64>>,
}

/// What can be set at upload. Values that are left out have the defaults below.
#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The faintest magnitude that is accepted.
    magnitude: f64,
    /// The smallest probability that the detection is real, 0 to 1.
    real: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            magnitude: 18.0,
            real: 0.5,
        }
    }
}

/// Decides whether an alert is published. The result may depend on this alert and the config only:
/// nothing can be remembered from one alert to the next.
#[filter(description = "ZTF: a bright detection that was not seen before")]
fn judge(config: &Config, alert: &Candidate) -> Verdict {
    let real = alert.real.is_some_and(|real| real >= config.real);
    let first = alert.earlier.iter().flatten().count() == 0;
    Verdict::accept_if(alert.magnitude < config.magnitude && real && first)
        .with("magnitude", alert.magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bright_first_detection_passes() {
        let alert = Candidate {
            magnitude: 17.5,
            real: Some(0.9),
            earlier: Column::from(&[None, None]),
        };
        assert_eq!(
            judge(&Config::default(), &alert).annotation("magnitude"),
            Some("17.5")
        );
    }

    #[test]
    fn a_second_detection_does_not() {
        let alert = Candidate {
            magnitude: 17.5,
            real: Some(0.9),
            earlier: Column::from(&[None, Some(18.0)]),
        };
        assert_eq!(judge(&Config::default(), &alert), Verdict::Reject);
    }
}
