//! DECam, as published by DESIRT and other programmes: ZTF's layout with modified Julian dates. An exposure has no
//! number, but all its alerts have the same time. Brightness is measured by forced photometry, in the alert as in its
//! history; names are those that [BOOM](https://github.com/boom-astro/boom/blob/main/src/alert/decam.rs) reads.

use super::survey::{Recognition, Series, Survey};
use super::ztf::ZTF;

/// The survey.
pub const DECAM: Survey = Survey {
    name: "DECam",
    recognition: Recognition { names: &["decam.", "desirt.", "decat."], fields: &[&["candid", "candidate.mjd"]] },
    time: &["candidate.mjd", "candidate.jd"],
    time_copies: &[],
    light_curve: &[
        Series {
            name: "detections",
            within: &["candidate", "prv_candidates[]"],
            time: &["mjd", "jd"],
            band: &["band", "filter", "fid"],
            value: &["forcediffimmag", "magpsf", "mag", "magap"],
            error: &["forcediffimmagunc", "sigmapsf", "magerr", "sigmagap"],
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
    ..ZTF
};
