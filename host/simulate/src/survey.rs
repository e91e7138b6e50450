//! The surveys that can be simulated.

use super::packet::Framing;
use super::plan::SimulatedSurvey;
use super::{lsst, ztf};

/// A survey that can be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Survey {
    /// LSST's alerts, version 11.1. Visits follow each other every 39 seconds from the evening of 2026-05-09 on, 900 in
    /// a night. The first is of the COSMOS field (150.1°, 2.2°), and each of the next 17 is 3.5° further south.
    Lsst,
    /// ZTF's alerts, version 4.02. Visits follow each other every 40 seconds from the evening of 2026-12-26 on, 900 in
    /// a night. The first is around (15.1°, -15.5°), and each of the next 17 is 5.9° further north.
    Ztf,
}

impl Survey {
    /// The schema of its alerts, in the form of an `.avsc` file.
    pub fn schema(self) -> &'static str {
        self.table().schema
    }

    /// The schema's id in Confluent's framing: 100 × the major version + the minor version.
    pub fn schema_id(self) -> u32 {
        self.table().schema_id
    }

    /// How the survey frames its alerts.
    pub fn framing(self) -> Framing {
        self.table().framing
    }

    /// The largest number of alerts in a visit, for which the ids have room.
    pub fn most_alerts(self) -> usize {
        self.table().most_alerts
    }

    pub(super) fn table(self) -> &'static SimulatedSurvey {
        match self {
            Survey::Lsst => &lsst::SURVEY,
            Survey::Ztf => &ztf::SURVEY,
        }
    }
}
