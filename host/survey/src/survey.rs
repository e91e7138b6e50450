//! The definition of a survey.

/// Where one survey's alerts have the fields that Skysieve itself needs. Each survey is a value of this type, in a file
/// of its own; everything else is derived from it.
///
/// A path names fields of records (`candidate.jd`). If there are several paths, they belong to different versions of
/// the survey's schema, and the first that an alert's schema has counts.
#[derive(Debug)]
pub struct Survey {
    /// The name of the survey.
    pub name: &'static str,
    /// How its schemas are recognised.
    pub recognition: Recognition,
    /// The alert's own id.
    pub id: &'static [&'static str],
    /// Other fields that repeat the alert's id. Ids of other things that the alert refers to do not belong here.
    pub id_copies: &'static [&'static str],
    /// The number or name of the exposure. Empty if an exposure is identified by its time.
    pub visit: &'static [&'static str],
    /// The time at which the alert's own source was seen, as a Julian date or a modified one. If there is no visit, all
    /// alerts of an exposure have the same time.
    pub time: &'static [&'static str],
    /// Other times that lie within the visit or soon after it.
    pub time_copies: &'static [&'static str],
    /// The position on the sky.
    pub position: Position,
    /// Arrays of earlier detections.
    pub histories: &'static [&'static str],
    /// Images.
    pub cutouts: &'static [Cutout],
    /// Measurements of brightness.
    pub light_curve: &'static [Series],
}

/// How a survey's schemas are recognised: by name or, failing that, by some fields.
#[derive(Debug)]
pub struct Recognition {
    /// Prefixes of the schema's full name, such as `lsst.`.
    pub names: &'static [&'static str],
    /// Lists of fields or records. A schema that has all of one list belongs to the survey.
    pub fields: &'static [&'static [&'static str]],
}

/// The paths of right ascension and declination, in degrees.
#[derive(Debug)]
pub struct Position {
    /// Right ascension.
    pub ra: &'static [&'static str],
    /// Declination.
    pub dec: &'static [&'static str],
}

/// An image: FITS or gzipped FITS, in a field of bytes or in a record that has such a field.
#[derive(Debug)]
pub struct Cutout {
    /// The name of the image: `science`, `template`, `difference`. Saved files are named after it.
    pub name: &'static str,
    /// The field.
    pub field: &'static str,
}

/// Measurements of one kind, which are fields of the same name in one or several records.
#[derive(Debug)]
pub struct Series {
    /// The name of the measurements: `detections`, `forced`.
    pub name: &'static str,
    /// The records that have the measurements: `diaSource`, or the items of an array, `prvDiaSources[]`.
    pub within: &'static [&'static str],
    /// The time.
    pub time: &'static [&'static str],
    /// The band: its name, or the survey's number for it.
    pub band: &'static [&'static str],
    /// The brightness: a flux or a magnitude, in the survey's unit.
    pub value: &'static [&'static str],
    /// The uncertainty of the brightness.
    pub error: &'static [&'static str],
}
