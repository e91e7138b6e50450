//! ZTF: a possible transient: positive, no star underneath, seen twice half an hour apart, no Solar System object.
//! Shows two histories side by side.

use serde::Deserialize;
use skysieve_sdk::{Alert, Column, filter};

#[derive(Alert, Default)]
struct Candidate<'a> {
    /// Julian date.
    #[field("candidate.jd")]
    time: f64,
    /// "t" where it is brighter than the reference image.
    #[field("candidate.isdiffpos")]
    positive: &'a str,
    /// Arcseconds to the nearest source of Pan-STARRS, and how surely that is a star, 0 to 1.
    #[field("candidate.distpsnr1")]
    source_distance: Option<f64>,
    #[field("candidate.sgscore1")]
    source_star: Option<f64>,
    /// Arcseconds to the nearest Solar System object; negative where there is none.
    #[field("candidate.ssdistnr")]
    object_distance: Option<f64>,
    #[field("prv_candidates[].jd")]
    earlier_time: Column<'a, f64>,
    #[field("prv_candidates[].isdiffpos")]
    earlier_positive: Column<'a, Option<&'a str>>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// Arcseconds within which a star or an object explains the detection.
    star_distance: f64,
    object_distance: f64,
    /// Stars are sources with a score of at least this.
    star: f64,
    /// Days between two detections that follow one another.
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

/// Whether two detections are so far apart in time that the source stood still. They come in the packet's order, this one first.
fn not_moving(config: &Config, alert: &Candidate) -> bool {
    let mut last = alert.time;
    let mut detections = alert.earlier_time.iter().zip(alert.earlier_positive).filter(|(_, sign)| *sign == Some("t"));
    detections.any(|(time, _)| time - std::mem::replace(&mut last, time) >= config.step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen an hour before, then now.
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
