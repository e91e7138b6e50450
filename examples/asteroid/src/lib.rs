//! ZTF: a known Solar System object is nearby. This example shows a text field, and a field that may be null.

use serde::Deserialize;
use skysieve_sdk::{Alert, Parameters, Verdict, filter};

#[derive(Alert)]
struct Candidate<'a> {
    /// The object's name, which is "null" in the packet if there is no object. If it is null, the host rejects the
    /// alert.
    #[field("candidate.ssnamenr")]
    name: &'a str,
    /// The distance of the object, in arcseconds.
    #[field("candidate.ssdistnr")]
    distance: Option<f64>,
}

#[derive(Deserialize, Parameters)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The largest distance of the object, in arcseconds.
    distance: f64,
}

impl Default for Config {
    fn default() -> Config {
        Config { distance: f64::INFINITY }
    }
}

#[filter(description = "ZTF: a known Solar System object lies near")]
fn asteroid(config: &Config, alert: &Candidate) -> Verdict {
    let near = alert.distance.is_none_or(|distance| distance <= config.distance);
    Verdict::accept_if(alert.name != "null" && near).with("object", alert.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_named_in_an_annotation() {
        let ceres = Candidate { name: "Ceres", distance: Some(2.5) };
        assert_eq!(asteroid(&Config::default(), &ceres).annotation("object"), Some("Ceres"));
        assert_eq!(asteroid(&Config { distance: 2.0 }, &ceres), Verdict::Reject);
    }

    #[test]
    fn without_an_object_it_is_rejected() {
        assert_eq!(asteroid(&Config::default(), &Candidate { name: "null", distance: None }), Verdict::Reject);
    }
}
