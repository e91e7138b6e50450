//! DECam, as published by DESIRT and other programmes: ZTF's layout with modified Julian dates. An exposure has no
//! number, but all its alerts have the same time.

use super::survey::{Cutout, Position, Recognition, Series, Survey};

/// The survey.
pub const DECAM: Survey = Survey {
    name: "DECam",
    recognition: Recognition { names: &["decam.", "desirt.", "decat."], fields: &[&["candid", "candidate.mjd"]] },
    id: &["candid", "candidate.candid"],
    id_copies: &["candidate.candid"],
    visit: &[],
    time: &["candidate.mjd", "candidate.jd"],
    time_copies: &[],
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
            time: &["mjd", "jd"],
            band: &["band", "filter", "fid"],
            value: &["magpsf", "mag", "magap"],
            error: &["sigmapsf", "magerr", "sigmagap"],
        },
        Series {
            name: "forced",
            within: &["fp_hists[]"],
            time: &["mjd", "jd"],
            band: &["band", "filter", "fid"],
            value: &["forcediffimflux", "flux", "mag", "magap"],
            error: &["forcediffimfluxunc", "fluxerr", "magerr", "sigmagap"],
        },
    ],
};
