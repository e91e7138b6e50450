//! What is known of each survey: where its alerts keep id, visit, time and position.

use std::fmt;

use skysieve_avro::alert::{Field, Kind};

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

/// When an alert's source was seen: MJD of LSST (before v7: `midPointTai`), Julian date of ZTF.
pub fn time_field() -> Field {
    let paths = ["diaSource.midpointMjdTai", "diaSource.midPointTai", "candidate.jd"];
    Field { paths: paths.map(str::to_owned).into(), kind: Kind::Double, optional: true }
}

/// Where an alert tells its own id, as all surveys name it. Its history and what it is linked to are not here.
pub const IDS: [&str; 6] =
    ["diaSourceId", "alertId", "candid", "diaSource.diaSourceId", "ssSource.diaSourceId", "candidate.candid"];

/// Where it tells the number of its exposure.
pub const VISITS: [&str; 2] = ["diaSource.visit", "diaSource.ccdVisitId"];

/// Where it tells when its own source was seen and processed.
pub const TIMES: [&str; 6] = [
    "diaSource.midpointMjdTai",
    "diaSource.midPointTai",
    "diaSource.timeProcessedMjdTai",
    "diaObject.lastDiaSourceMjdTai",
    "candidate.jd",
    "candidate.jdendhist",
];

/// Where it keeps what was seen before.
pub const HISTORIES: [&str; 5] =
    ["prvDiaSources", "prvDiaForcedSources", "prvDiaNondetectionLimits", "prv_candidates", "fp_hists"];

/// Where it keeps images.
pub const CUTOUTS: [&str; 3] = ["cutoutDifference", "cutoutScience", "cutoutTemplate"];

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

    /// The same as a short text, to be kept; see [`Visit::from_key`].
    pub fn key(&self) -> String {
        match self {
            Visit::Number(number) => format!("v{number}"),
            Visit::JulianDate(bits) => format!("j{bits:016x}"),
            Visit::Unknown => "u".to_owned(),
        }
    }

    /// What [`Visit::key`] wrote.
    pub fn from_key(key: &str) -> Option<Visit> {
        match key.split_at_checked(1)? {
            ("v", number) => number.parse().ok().map(Visit::Number),
            ("j", bits) => u64::from_str_radix(bits, 16).ok().map(Visit::JulianDate),
            ("u", "") => Some(Visit::Unknown),
            _ => None,
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

#[cfg(test)]
mod tests {
    use super::Visit;

    #[test]
    fn a_visit_is_found_again_by_its_key() {
        for visit in
            [Visit::Number(-7), Visit::Number(i64::MAX), Visit::of(None, Some(2458451.7519213)), Visit::Unknown]
        {
            assert_eq!(Visit::from_key(&visit.key()), Some(visit));
        }
        for key in ["", "v", "vx", "jx", "u1", "é"] {
            assert_eq!(Visit::from_key(key), None, "{key:?}");
        }
    }
}
