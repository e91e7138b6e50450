//! LSST: a bright source that was not seen before.

use serde::Deserialize;
use skysieve_sdk::{Alert, Column, Parameters, Verdict, filter};

/// The fields that the filter reads, and where they are in an alert. If a path is wrong,
/// `skysieve check` names the nearest existing ones.
#[derive(Alert)]
struct Source<'a> {
    /// In nJy. An alert in which it is null is rejected without a call of the function.
    #[field("diaSource.psfFlux")]
    flux: f64,
    /// The probability that it is real, 0 to 1. With `Option`, the filter decides what a null means.
    #[field("diaSource.reliability")]
    reliability: Option<f64>,
    /// The fluxes of earlier detections: `[]` reads all elements of an array.
    #[field("prvDiaSources[].psfFlux")]
    earlier: Column<'a, Option<f64>>,
}

/// What can be set at upload. Values that are left out have the defaults below.
#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The faintest AB magnitude that is accepted.
    magnitude: f64,
    /// The smallest probability that the source is real, 0 to 1.
    reliability: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            magnitude: 21.0,
            reliability: 0.5,
        }
    }
}

/// Decides whether an alert is published. The result may depend on this alert and the config only:
/// nothing can be remembered from one alert to the next.
#[filter(description = "LSST: a bright source that was not seen before")]
fn judge(config: &Config, alert: &Source) -> Verdict {
    let magnitude = 31.4 - 2.5 * alert.flux.log10();
    let real = alert
        .reliability
        .is_some_and(|reliability| reliability >= config.reliability);
    Verdict::accept_if(magnitude < config.magnitude && real && alert.earlier.is_empty())
        .with("magnitude", magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bright_first_detection_passes() {
        let alert = Source {
            flux: 100_000.0,
            reliability: Some(0.9),
            earlier: Column::default(),
        };
        assert_eq!(
            judge(&Config::default(), &alert).annotation("magnitude"),
            Some("18.9")
        );
    }

    #[test]
    fn a_second_detection_does_not() {
        let alert = Source {
            flux: 100_000.0,
            reliability: Some(0.9),
            earlier: Column::from(&[Some(900.0)]),
        };
        assert_eq!(judge(&Config::default(), &alert), Verdict::Reject);
    }
}
