//! What there is to know of a survey.

/// One survey's alerts: where they keep what Skysieve itself needs. Each survey is a value of this type, in a file of its own;
/// all else is derived from it.
///
/// A path names fields of records (`candidate.jd`). Where there are several, they are of different versions of the survey's
/// schema, and the first that an alert's schema has counts.
#[derive(Debug)]
pub struct Survey {
    /// What the survey is called.
    pub name: &'static str,
    /// How its schemas are told from others.
    pub recognition: Recognition,
    /// The alert's own id.
    pub id: &'static [&'static str],
    /// Other fields that repeat the alert's id. What the alert is linked to is not here.
    pub id_copies: &'static [&'static str],
    /// The number or name of the exposure. Empty, if an exposure is known by its time.
    pub visit: &'static [&'static str],
    /// When the alert's own source was seen, as a Julian date or a modified one. If there is no visit, all alerts of an
    /// exposure have the same time.
    pub time: &'static [&'static str],
    /// Other times that lie within the visit or soon after it.
    pub time_copies: &'static [&'static str],
    /// Where on the sky.
    pub position: Position,
    /// Arrays of what was seen before.
    pub histories: &'static [&'static str],
    /// Images.
    pub cutouts: &'static [Cutout],
    /// Measurements of brightness.
    pub light_curve: &'static [Series],
}

/// How a survey's schemas are recognised: by name, or else by some fields.
#[derive(Debug)]
pub struct Recognition {
    /// What the schema's full name begins with: `lsst.`.
    pub names: &'static [&'static str],
    /// Fields or records; a schema that has all of one of these lists is the survey's.
    pub fields: &'static [&'static [&'static str]],
}

/// Paths of right ascension and declination, degrees.
#[derive(Debug)]
pub struct Position {
    /// Right ascension.
    pub ra: &'static [&'static str],
    /// Declination.
    pub dec: &'static [&'static str],
}

/// An image: FITS or gzipped FITS, in a field of bytes or in a record with one.
#[derive(Debug)]
pub struct Cutout {
    /// What it is of: `science`, `template`, `difference`. Files that are saved are called so.
    pub name: &'static str,
    /// The field.
    pub field: &'static str,
}

/// Measurements of one kind, as fields of the same name in one or several records.
#[derive(Debug)]
pub struct Series {
    /// What they are: `detections`, `forced`.
    pub name: &'static str,
    /// The records that they are in: `diaSource`, or those of an array, `prvDiaSources[]`.
    pub within: &'static [&'static str],
    /// When.
    pub time: &'static [&'static str],
    /// In which band: its name, or the survey's number of it.
    pub band: &'static [&'static str],
    /// How bright: a flux or a magnitude, in the survey's unit.
    pub value: &'static [&'static str],
    /// The value's uncertainty.
    pub error: &'static [&'static str],
}
