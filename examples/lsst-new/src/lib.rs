//! LSST: a first detection of something that is not in the Solar System.

use serde::Deserialize;
use skysieve_sdk::{Alert, Column, Parameters, filter};

#[derive(Alert)]
struct Source<'a> {
    /// The Solar System object that it was associated with; null or 0 if there is none.
    #[field("diaSource.ssObjectId")]
    object: Option<i64>,
    /// The probability that it is real, 0 to 1. It is null if the source has not been scored.
    #[field("diaSource.reliability")]
    reliability: Option<f64>,
    #[field("prvDiaSources[].midpointMjdTai", "prvDiaSources[].midPointTai")]
    earlier: Column<'a, f64>,
}

#[derive(Default, Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The largest number of earlier detections.
    detections: usize,
    /// The smallest reliability. With 0, sources that have not been scored pass as well.
    reliability: f64,
}

#[filter(description = "LSST: a first detection, or one of the first, of no Solar System object")]
fn new(config: &Config, alert: &Source) -> bool {
    alert.earlier.len() <= config.detections
        && alert.object.unwrap_or(0) == 0
        && alert.reliability.unwrap_or(0.0) >= config.reliability
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_first_detections_pass() {
        let first = Source { object: None, reliability: Some(0.8), earlier: Column::default() };
        let config = Config { detections: 0, reliability: 0.5 };
        assert!(new(&config, &first));
        assert!(!new(&config, &Source { earlier: Column::from(&[60_000.0]), ..first }));
        assert!(!new(&config, &Source { object: Some(7), ..first }));
        assert!(!new(&config, &Source { reliability: None, ..first }));
    }
}
