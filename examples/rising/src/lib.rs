//! ZTF: brighter than before. This example shows histories, and an annotation with a computed value.

use serde::Deserialize;
use skysieve_sdk::{Alert, Column, Parameters, Verdict, filter};

#[derive(Alert)]
struct Candidate<'a> {
    /// The Julian date of the detection.
    #[field("candidate.jd")]
    time: f64,
    #[field("candidate.fid")]
    band: i32,
    #[field("candidate.magpsf")]
    magnitude: f64,
    #[field("prv_candidates[].jd")]
    earlier_time: Column<'a, f64>,
    #[field("prv_candidates[].fid")]
    earlier_band: Column<'a, i32>,
    /// The earlier magnitudes, which are null in upper limits.
    #[field("prv_candidates[].magpsf")]
    earlier_magnitude: Column<'a, Option<f64>>,
}

#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// By how many magnitudes it must be brighter than every earlier detection.
    rise: f64,
    /// How many days to look back.
    days: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { rise: 0.3, days: 30.0 }
    }
}

#[filter(description = "ZTF: brighter than every detection in the same band within some days, and there is one")]
fn rising(config: &Config, alert: &Candidate) -> Verdict {
    let earlier = alert.earlier_time.iter().zip(alert.earlier_band).zip(alert.earlier_magnitude);
    let recent = |time| time < alert.time && alert.time - time <= config.days;
    let brightest = earlier
        .filter(|((time, band), _)| *band == alert.band && recent(*time))
        .filter_map(|(_, magnitude)| magnitude)
        .reduce(f64::min);
    match brightest {
        Some(brightest) if alert.magnitude <= brightest - config.rise => {
            Verdict::Accept.with("rise", brightest - alert.magnitude)
        }
        _ => Verdict::Reject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(time: &[f64], band: &[i32], magnitude: &[Option<f64>]) -> Verdict {
        let alert = Candidate {
            time: 100.0,
            band: 1,
            magnitude: 17.0,
            earlier_time: Column::from(time),
            earlier_band: Column::from(band),
            earlier_magnitude: Column::from(magnitude),
        };
        rising(&Config::default(), &alert)
    }

    #[test]
    fn brighter_than_all_of_the_band_passes() {
        let verdict = verdict(&[90.0, 95.0, 99.0], &[1, 1, 2], &[Some(18.0), Some(17.5), Some(15.0)]);
        assert_eq!(verdict.annotation("rise"), Some("0.5"));
    }

    #[test]
    fn upper_limits_and_old_detections_do_not_count() {
        assert_eq!(verdict(&[90.0, 60.0], &[1, 1], &[None, Some(18.0)]), Verdict::Reject);
        assert_eq!(verdict(&[], &[], &[]), Verdict::Reject);
    }
}
