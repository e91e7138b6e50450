//! ZTF. The source is [ztf-avro-alert](https://github.com/ZwickyTransientFacility/ztf-avro-alert). An exposure has no
//! number, but all its alerts have the Julian date of its start.

use super::survey::{Cutout, Position, Recognition, Series, Survey};

/// The survey.
pub const ZTF: Survey = Survey {
    name: "ZTF",
    recognition: Recognition { names: &["ztf."], fields: &[&["candid", "candidate.jd"]] },
    id: &["candid", "candidate.candid"],
    id_copies: &["candidate.candid"],
    visit: &[],
    time: &["candidate.jd"],
    time_copies: &["candidate.jdendhist"],
    position: Position { ra: &["candidate.ra"], dec: &["candidate.dec"] },
    histories: &["prv_candidates", "fp_hists"],
    cutouts: &[
        Cutout { name: "science", field: "cutoutScience" },
        Cutout { name: "template", field: "cutoutTemplate" },
        Cutout { name: "difference", field: "cutoutDifference" },
    ],
    light_curve: &[
        Series {
            name: "detections",
            within: &["candidate", "prv_candidates[]"],
            time: &["jd"],
            band: &["fid"],
            value: &["magpsf"],
            error: &["sigmapsf"],
        },
        Series {
            name: "forced",
            within: &["fp_hists[]"],
            time: &["jd"],
            band: &["fid"],
            value: &["forcediffimflux"],
            error: &["forcediffimfluxunc"],
        },
    ],
};
