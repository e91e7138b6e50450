//! LSST, and those who use its layout (ELAsTiCC, LS4).
//!
//! The sources are the schemas of [alert_packet](https://github.com/lsst/alert_packet), of which v7.0 to v11.1 are in
//! `/schema/lsst`. Before v8, the alert's id is called `alertId`. Before v7, there is no number of the visit, but one
//! for each visit and detector (`ccdVisitId`): such a visit is known by its time, which its detectors share. Before v6,
//! fluxes are called `psFlux`, times `midPointTai`, bands `filterName`, and declinations `decl`. The first versions have
//! cutouts in records.

use super::survey::{Cutout, Position, Recognition, Series, Survey};

const TIME: &[&str] = &["midpointMjdTai", "midPointTai"];
const BAND: &[&str] = &["band", "filterName"];

/// The survey.
pub const LSST: Survey = Survey {
    name: "LSST",
    recognition: Recognition { names: &["lsst."], fields: &[&["diaSource.diaSourceId"]] },
    id: &["diaSourceId", "alertId"],
    id_copies: &["diaSource.diaSourceId", "ssSource.diaSourceId"],
    visit: &["diaSource.visit"],
    time: &["diaSource.midpointMjdTai", "diaSource.midPointTai"],
    time_copies: &["diaSource.timeProcessedMjdTai", "diaObject.lastDiaSourceMjdTai"],
    position: Position { ra: &["diaSource.ra"], dec: &["diaSource.dec", "diaSource.decl"] },
    histories: &["prvDiaSources", "prvDiaForcedSources", "prvDiaNondetectionLimits"],
    cutouts: &[
        Cutout { name: "science", field: "cutoutScience" },
        Cutout { name: "template", field: "cutoutTemplate" },
        Cutout { name: "difference", field: "cutoutDifference" },
    ],
    light_curve: &[
        Series {
            name: "detections",
            within: &["diaSource", "prvDiaSources[]"],
            time: TIME,
            band: BAND,
            value: &["psfFlux", "psFlux"],
            error: &["psfFluxErr", "psFluxErr"],
        },
        Series {
            name: "forced",
            within: &["prvDiaForcedSources[]"],
            time: TIME,
            band: BAND,
            value: &["psfFlux", "psFlux"],
            error: &["psfFluxErr", "psFluxErr"],
        },
    ],
};
