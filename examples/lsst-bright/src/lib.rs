//! LSST: brighter than a limit, and well above the noise. This example shows alternative paths of a field, and
//! annotations.

use serde::Deserialize;
use skysieve_sdk::{Alert, Parameters, Verdict, filter};

#[derive(Alert)]
struct Source {
    /// The flux on the difference image in nJy, which is negative if the source has faded. The field had another name
    /// before v5.0.
    #[field("diaSource.psfFlux", "diaSource.psFlux")]
    flux: f64,
    #[field("diaSource.psfFluxErr", "diaSource.psFluxErr")]
    error: f64,
}

#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The limit, as an AB magnitude; smaller is brighter.
    magnitude: f64,
    /// The smallest ratio of signal to noise.
    snr: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { magnitude: 22.0, snr: 10.0 }
    }
}

#[filter(description = "LSST: brighter than a limit, and well above the noise")]
fn bright(config: &Config, alert: &Source) -> Verdict {
    let (magnitude, snr) = (magnitude(alert.flux), alert.flux / alert.error);
    Verdict::accept_if(magnitude < config.magnitude && snr >= config.snr).with("magnitude", magnitude).with("snr", snr)
}

/// The AB magnitude of a flux in nJy. For a negative flux it is NaN, which passes no limit.
fn magnitude(flux: f64) -> f64 {
    31.4 - 2.5 * flux.log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bright_and_significant_passes() {
        let verdict = bright(&Config::default(), &Source { flux: 10_000.0, error: 100.0 });
        assert_eq!(verdict.annotation("magnitude"), Some("21.4"));
        assert_eq!(verdict.annotation("snr"), Some("100"));
    }

    #[test]
    fn faint_noisy_and_faded_sources_do_not() {
        let passes = |flux, error| bright(&Config::default(), &Source { flux, error }).is_accepted();
        assert!(!passes(1_000.0, 10.0));
        assert!(!passes(10_000.0, 2_000.0));
        assert!(!passes(-10_000.0, 100.0));
    }
}
