//! LSST: a source that is, or looks like, a moving object. This example shows fields that only some alerts have.

use serde::Deserialize;
use skysieve_sdk::{Alert, Parameters, Verdict, filter};

#[derive(Alert)]
struct Source {
    /// The Solar System object that it was associated with; null or 0 if there is none.
    #[field("diaSource.ssObjectId")]
    object: Option<i64>,
    /// The length of its trail during the exposure, in arcseconds.
    #[field("diaSource.trailLength")]
    trail: Option<f64>,
    #[field("diaSource.snr")]
    snr: f64,
}

#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The smallest ratio of signal to noise.
    snr: f64,
    /// The trail, in arcseconds, with which a source that is not a known object passes if it is at least this long.
    trail: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { snr: 5.0, trail: f64::INFINITY }
    }
}

#[filter(description = "LSST: of a known Solar System object, or trailed like one")]
fn moving(config: &Config, alert: &Source) -> Verdict {
    if alert.snr < config.snr {
        return Verdict::Reject;
    }
    match (alert.object.filter(|object| *object != 0), alert.trail) {
        (Some(object), _) => Verdict::Accept.with("object", object),
        (None, Some(trail)) if trail >= config.trail => Verdict::Accept.with("trail", trail),
        _ => Verdict::Reject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_object_passes() {
        let known = Source { object: Some(20_890), trail: None, snr: 8.0 };
        assert_eq!(moving(&Config::default(), &known).annotation("object"), Some("20890"));
        assert_eq!(moving(&Config::default(), &Source { snr: 4.0, ..known }), Verdict::Reject);
        assert_eq!(moving(&Config::default(), &Source { object: Some(0), ..known }), Verdict::Reject);
    }

    #[test]
    fn a_long_trail_passes_if_that_is_asked_for() {
        let trailed = Source { object: None, trail: Some(2.0), snr: 8.0 };
        assert_eq!(moving(&Config::default(), &trailed), Verdict::Reject);
        assert!(moving(&Config { snr: 5.0, trail: 1.0 }, &trailed).is_accepted());
    }
}
