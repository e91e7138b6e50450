//! WISE: ZTF's layout with the names of the [single-exposure source
//! table](https://wise2.ipac.caltech.edu/docs/release/neowise/expsup/sec2_1a.html). Its two bands are measured at the
//! same time. A frame is identified by its time.

use super::survey::{Recognition, Series, Survey};
use super::ztf::ZTF;

/// The survey.
pub const WISE: Survey = Survey {
    name: "WISE",
    recognition: Recognition {
        names: &["wise.", "neowise."],
        fields: &[&["candidate.w1mpro"], &["candidate.w2mpro"], &["candidate.w1flux"]],
    },
    id: &["candid", "source_id", "candidate.candid", "candidate.source_id"],
    id_copies: &["candidate.candid", "candidate.source_id"],
    time: &["candidate.mjd", "candidate.jd"],
    time_copies: &[],
    light_curve: &[
        Series {
            name: "W1",
            within: &["candidate", "prv_candidates[]"],
            time: &["mjd", "jd"],
            band: &[],
            value: &["w1mpro", "w1flux"],
            error: &["w1sigmpro", "w1sigflux"],
        },
        Series {
            name: "W2",
            within: &["candidate", "prv_candidates[]"],
            time: &["mjd", "jd"],
            band: &[],
            value: &["w2mpro", "w2flux"],
            error: &["w2sigmpro", "w2sigflux"],
        },
    ],
    ..ZTF
};
