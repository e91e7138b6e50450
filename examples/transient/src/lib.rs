//! ZTF: a possible transient: positive, not at a star, seen twice at least half an hour apart, and no Solar System
//! object. This example reads two histories side by side.

use serde::Deserialize;
use skysieve_sdk::{Alert, Column, Parameters, filter};

#[derive(Alert, Default)]
struct Candidate<'a> {
    /// The Julian date of the detection.
    #[field("candidate.jd")]
    time: f64,
    /// "t" if it is brighter than the reference image.
    #[field("candidate.isdiffpos")]
    positive: &'a str,
    /// The distance to the nearest source of Pan-STARRS in arcseconds, and the probability that this is a star, 0 to 1.
    #[field("candidate.distpsnr1")]
    source_distance: Option<f64>,
    #[field("candidate.sgscore1")]
    source_star: Option<f64>,
    /// The distance to the nearest Solar System object in arcseconds; negative if there is none.
    #[field("candidate.ssdistnr")]
    object_distance: Option<f64>,
    #[field("prv_candidates[].jd")]
    earlier_time: Column<'a, f64>,
    #[field("prv_candidates[].isdiffpos")]
    earlier_positive: Column<'a, Option<&'a str>>,
}

#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The distance within which a star explains the detection, in arcseconds.
    star_distance: f64,
    /// The distance within which a Solar System object explains the detection, in arcseconds.
    object_distance: f64,
    /// Sources with at least this score count as stars.
    star: f64,
    /// The time between two consecutive detections, in days.
    step: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { star_distance: 1.5, object_distance: 5.0, star: 0.5, step: 30.0 * (1.0 / (24.0 * 60.0)) }
    }
}

#[filter(description = "ZTF: positive, no star underneath, seen twice half an hour apart, no Solar System object")]
fn transient(config: &Config, alert: &Candidate) -> bool {
    let no_star = alert.source_distance.is_none_or(|distance| distance > config.star_distance)
        || alert.source_star.is_some_and(|star| star < config.star);
    let no_object = alert.object_distance.is_none_or(|distance| distance < 0.0 || distance > config.object_distance);
    alert.positive == "t" && no_star && no_object && not_moving(config, alert)
}

/// Whether the source stood still: two consecutive detections are far enough apart in time. They come in the packet's
/// order, beginning with this one.
fn not_moving(config: &Config, alert: &Candidate) -> bool {
    let mut last = alert.time;
    let mut detections = alert.earlier_time.iter().zip(alert.earlier_positive).filter(|(_, sign)| *sign == Some("t"));
    detections.any(|(time, _)| time - std::mem::replace(&mut last, time) >= config.step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes an alert of a source that was seen an hour before, and is seen now.
    fn seen<'a>(time: &'a [f64], positive: &'a [Option<&'a str>]) -> Candidate<'a> {
        Candidate {
            time: 100.0,
            positive: "t",
            earlier_time: Column::from(time),
            earlier_positive: Column::from(positive),
            ..Candidate::default()
        }
    }

    #[test]
    fn two_detections_far_enough_apart_pass() {
        assert!(transient(&Config::default(), &seen(&[90.0, 90.1], &[Some("t"), Some("t")])));
    }

    #[test]
    fn upper_limits_and_negative_ones_do_not_count() {
        assert!(!transient(&Config::default(), &seen(&[90.0, 90.1], &[Some("t"), None])));
        assert!(!transient(&Config::default(), &seen(&[90.0, 90.1], &[Some("f"), Some("t")])));
    }

    #[test]
    fn a_star_underneath_rejects() {
        let alert = seen(&[90.0, 90.1], &[Some("t"), Some("t")]);
        let star = Candidate { source_distance: Some(0.4), source_star: Some(0.9), ..alert };
        assert!(!transient(&Config::default(), &star));
        assert!(transient(&Config::default(), &Candidate { source_star: Some(0.1), ..star }));
    }
}
