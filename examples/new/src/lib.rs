//! ZTF: a first detection, whose history has only upper limits, or nothing.

use serde::Deserialize;
use skysieve_sdk::{Alert, Column, Parameters, filter};

#[derive(Alert)]
struct Candidate<'a> {
    /// The magnitudes in the history, which are null in upper limits.
    #[field("prv_candidates[].magpsf")]
    earlier: Column<'a, Option<f32>>,
}

#[derive(Default, Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The largest number of earlier detections.
    detections: usize,
}

#[filter(description = "ZTF: a first detection, or one of the first")]
fn new(config: &Config, alert: &Candidate) -> bool {
    alert.earlier.iter().flatten().count() <= config.detections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_limits_are_no_detections() {
        let history = [None, Some(18.5), None];
        let alert = Candidate { earlier: Column::from(&history) };
        assert!(!new(&Config::default(), &alert));
        assert!(new(&Config { detections: 1 }, &alert));
        assert!(new(&Config::default(), &Candidate { earlier: Column::from(&[None]) }));
    }
}
