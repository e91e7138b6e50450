//! WINTER, and other instruments whose alerts are written by the pipeline
//! [mirar](https://github.com/winter-telescope/mirar): ZTF's layout, except that cutouts have other names and are plain
//! bytes. An exposure has no number, but all its alerts have the Julian date of its start.

use super::survey::{Cutout, Recognition, Series, Survey};
use super::ztf::ZTF;

/// The survey.
pub const WINTER: Survey = Survey {
    name: "WINTER",
    recognition: Recognition {
        names: &["winter.", "wirc.", "summer."],
        fields: &[&["candid", "candidate.jd", "cutout_science"]],
    },
    cutouts: &[
        Cutout { name: "science", field: "cutout_science" },
        Cutout { name: "template", field: "cutout_template" },
        Cutout { name: "difference", field: "cutout_difference" },
    ],
    light_curve: &[Series {
        name: "detections",
        within: &["candidate", "prv_candidates[]"],
        time: &["jd"],
        band: &["fid"],
        value: &["magpsf"],
        error: &["sigmapsf"],
    }],
    ..ZTF
};
