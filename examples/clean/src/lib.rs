//! ZTF: the usual quality cuts. This example reads many fields, none of which is optional: a null in any of them
//! rejects the alert.

use serde::Deserialize;
use skysieve_sdk::{Alert, Parameters, filter};

#[derive(Alert)]
struct Candidate {
    /// The probability that it is real, 0 to 1.
    #[field("candidate.rb")]
    real: f64,
    /// The number of bad pixels around it.
    #[field("candidate.nbad")]
    bad_pixels: i32,
    /// The full width at half maximum, in pixels.
    #[field("candidate.fwhm")]
    width: f64,
    /// The ratio of the axes.
    #[field("candidate.elong")]
    elongation: f64,
    /// The aperture magnitude minus that of the fitted point source.
    #[field("candidate.magdiff")]
    difference: f64,
}

#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The smallest probability that it is real, 0 to 1.
    real: f64,
    /// The largest number of bad pixels.
    bad_pixels: i32,
    /// The largest full width at half maximum, in pixels.
    width: f64,
    /// The largest ratio of the axes.
    elongation: f64,
    /// The largest difference between the aperture magnitude and that of the fitted point source, of either sign.
    difference: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { real: 0.65, bad_pixels: 0, width: 5.0, elongation: 1.2, difference: 0.1 }
    }
}

#[filter(description = "ZTF: real, unblemished, round, with consistent photometry")]
fn clean(config: &Config, alert: &Candidate) -> bool {
    alert.real >= config.real
        && alert.bad_pixels <= config.bad_pixels
        && alert.width <= config.width
        && alert.elongation <= config.elongation
        && alert.difference.abs() <= config.difference
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Candidate = Candidate { real: 0.7, bad_pixels: 0, width: 2.0, elongation: 1.1, difference: -0.05 };

    #[test]
    fn a_good_detection_passes() {
        assert!(clean(&Config::default(), &GOOD));
    }

    #[test]
    fn every_cut_rejects() {
        let bad = [
            Candidate { real: 0.6, ..GOOD },
            Candidate { bad_pixels: 1, ..GOOD },
            Candidate { width: 5.5, ..GOOD },
            Candidate { elongation: 1.3, ..GOOD },
            Candidate { difference: -0.2, ..GOOD },
        ];
        assert!(!bad.iter().any(|alert| clean(&Config::default(), alert)));
    }
}
