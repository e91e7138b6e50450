//! What is known of each survey: where its alerts keep id, visit, time and position.

use std::fmt;

use crate::alert::{Field, Kind};

/// Where alerts keep their id: LSST from v8, LSST before v8, ZTF. The first must come first: ids are looked up in this
/// order.
pub const ID: [&str; 3] = ["diaSourceId", "alertId", "candid"];
/// LSST's visits, and before v6, where a visit is known by detector only.
pub const VISIT: [&str; 2] = ["diaSource.visit", "diaSource.ccdVisitId"];
/// ZTF has no visit number: an exposure's alerts share the Julian date of its start.
pub const JULIAN_DATE: &str = "candidate.jd";
/// Right ascension and declination, degrees.
pub const POSITION: [[&str; 2]; 2] = [["diaSource.ra", "candidate.ra"], ["diaSource.dec", "candidate.dec"]];
/// The cutouts, FITS files: LSST's as they are, ZTF's gzipped, in a record.
pub const STAMPS: [(&str, [&str; 2]); 3] = [
    ("science", ["cutoutScience.stampData", "cutoutScience"]),
    ("template", ["cutoutTemplate.stampData", "cutoutTemplate"]),
    ("difference", ["cutoutDifference.stampData", "cutoutDifference"]),
];

/// The fields that the host itself reads of every alert, whatever the filters asked for. All are optional: an alert has
/// those of its survey.
pub fn host_fields() -> [Field; 3] {
    let field = |paths: &[&str], kind| Field {
        paths: paths.iter().map(|path| path.to_string()).collect(),
        kind,
        optional: true,
    };
    [field(&ID, Kind::Long), field(&VISIT, Kind::Long), field(&[JULIAN_DATE], Kind::Double)]
}

/// Which exposure an alert is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Visit {
    /// LSST's visit number (older alerts: `ccdVisitId`).
    Number(i64),
    /// ZTF: the exposure's Julian date, as the bits of the double.
    JulianDate(u64),
    /// The alert says neither.
    Unknown,
}

impl Visit {
    /// From the second and third of [`host_fields`].
    pub fn of(number: Option<i64>, julian_date: Option<f64>) -> Visit {
        match (number, julian_date) {
            (Some(number), _) => Visit::Number(number),
            (None, Some(date)) => Visit::JulianDate(date.to_bits()),
            (None, None) => Visit::Unknown,
        }
    }
}

impl fmt::Display for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Visit::Number(number) => write!(f, "{number}"),
            Visit::JulianDate(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Visit::Unknown => f.write_str("unknown"),
        }
    }
}
