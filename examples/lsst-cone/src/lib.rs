//! LSST: within some degrees of a position. This example shows a config that is checked when the filter is uploaded.

use serde::Deserialize;
use skysieve_sdk::{Alert, Parameters, filter};

#[derive(Alert)]
struct Candidate {
    #[field("diaSource.ra")]
    ra: f64,
    #[field("diaSource.dec", "diaSource.decl")]
    dec: f64,
}

/// A position and a radius, in degrees.
#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The right ascension of the centre, in degrees.
    ra: f64,
    /// The declination of the centre, in degrees.
    dec: f64,
    /// The largest distance from the centre, in degrees.
    radius: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { ra: 150.1, dec: 2.2, radius: 2.0 }
    }
}

impl Config {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Config { dec: -90.0..=90.0, radius: 0.0..=180.0, .. } => Ok(()),
            _ => Err("dec is from -90 to 90 degrees, radius from 0 to 180"),
        }
    }
}

#[filter(description = "LSST: within some degrees of a position", check = Config::check)]
fn cone(config: &Config, alert: &Candidate) -> bool {
    distance(alert.ra, alert.dec, config.ra, config.dec) <= config.radius
}

/// The distance in degrees between two positions in degrees, by the haversine formula.
fn distance(ra: f64, dec: f64, ra0: f64, dec0: f64) -> f64 {
    let [ra, dec, ra0, dec0] = [ra, dec, ra0, dec0].map(f64::to_radians);
    let h = ((dec - dec0) / 2.0).sin().powi(2) + dec.cos() * dec0.cos() * ((ra - ra0) / 2.0).sin().powi(2);
    2.0 * h.sqrt().asin().to_degrees()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_passes_and_far_does_not() {
        let config = Config { ra: 0.0, dec: 60.0, radius: 1.0 };
        // At this declination, a degree of right ascension is half a degree of arc.
        assert!(cone(&config, &Candidate { ra: 359.0, dec: 60.5 }));
        assert!(!cone(&config, &Candidate { ra: 3.0, dec: 60.0 }));
    }

    #[test]
    fn a_config_that_cannot_be_is_refused() {
        assert!(Config::default().check().is_ok());
        assert!(Config { radius: -1.0, ..Config::default() }.check().is_err());
    }
}
