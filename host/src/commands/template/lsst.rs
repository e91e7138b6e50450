//! LSST: a bright source that was not seen before.

use serde::Deserialize;
use skysieve_sdk::{Alert, Column, Verdict, filter};

/// The fields that the filter reads, and where they are in an alert. `skysieve check` names the
/// nearest ones when a path is wrong.
#[derive(Alert)]
struct Source<'a> {
    /// nJy. An alert in which it is null is rejected without a look at the rest.
    #[field("diaSource.psfFlux")]
    flux: f64,
    /// How surely it is real, 0 to 1. An `Option` lets the filter decide what a null means.
    #[field("diaSource.reliability")]
    reliability: Option<f64>,
    /// The fluxes of earlier detections: `[]` goes through an array.
    #[field("prvDiaSources[].psfFlux")]
    earlier: Column<'a, Option<f64>>,
}

/// What can be set at upload. Here: what holds for those left out.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// AB magnitude; smaller is brighter.
    magnitude: f64,
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

/// Says of one alert whether it is published. It depends on this alert and the config alone:
/// nothing can be kept from one alert to the next.
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
