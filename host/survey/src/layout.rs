//! Where the fields are in one schema, according to a survey's table, to a guess, or to the user.

use skysieve_avro::Outline;
use skysieve_avro::alert::Kind;

use super::survey::{Series, Survey};

/// Where alerts of one schema have the fields that Skysieve itself needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The name of the survey; `None` if it is unknown.
    pub survey: Option<&'static str>,
    /// The alert's id.
    pub id: Option<Place>,
    /// The exposure's number or name.
    pub visit: Option<Place>,
    /// The time at which the source was seen.
    pub time: Option<Place>,
    /// The right ascension, in degrees.
    pub ra: Option<Place>,
    /// The declination, in degrees.
    pub dec: Option<Place>,
    /// All fields that hold the alert's id.
    pub ids: Vec<String>,
    /// All fields that hold the exposure's number or name.
    pub visits: Vec<String>,
    /// All fields that hold times of the visit.
    pub times: Vec<String>,
    /// Arrays of earlier detections.
    pub histories: Vec<String>,
    /// Images.
    pub cutouts: Vec<CutoutPlace>,
    /// Measurements of brightness.
    pub light_curve: Vec<SeriesPlace>,
}

/// A scalar field of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its path.
    pub path: String,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
}

/// An image in a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutoutPlace {
    /// The name of the image, in letters, digits and underscores: `science`.
    pub name: String,
    /// The field that is cleared to leave the image out.
    pub field: String,
    /// The paths of its bytes; an alert has one or more of them.
    pub bytes: Vec<String>,
}

/// Measurements of one kind, in a single record or in the records of one array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesPlace {
    /// See [`Series::name`].
    pub name: &'static str,
    /// The path of the time.
    pub time: String,
    /// The path of the brightness.
    pub value: String,
    /// The path of the brightness's uncertainty.
    pub error: Option<String>,
    /// The path of the band.
    pub band: Option<String>,
}

impl Layout {
    /// Whether an alert may have neither a visit nor a time.
    pub fn lacks_visit(&self) -> bool {
        self.visit.is_none() && self.time.is_none()
    }
}

/// The layout according to the survey's table.
pub(super) fn of_survey(outline: &Outline, survey: &Survey) -> Layout {
    let there = |paths: &[&str]| paths.iter().filter(|path| has(outline, path)).map(|path| path.to_string()).collect();
    Layout {
        survey: Some(survey.name),
        id: first(outline, survey.id),
        visit: first(outline, survey.visit),
        time: first(outline, survey.time),
        ra: first(outline, survey.position.ra),
        dec: first(outline, survey.position.dec),
        ids: there(&[survey.id, survey.id_copies].concat()),
        visits: there(survey.visit),
        times: there(&[survey.time, survey.time_copies].concat()),
        histories: there(survey.histories),
        cutouts: survey.cutouts.iter().filter_map(|cutout| at(outline, cutout.name, cutout.field)).collect(),
        light_curve: survey.light_curve.iter().flat_map(|series| measurements(outline, series)).collect(),
    }
}

/// The first of these fields that the schema has.
pub(super) fn first<P: AsRef<str>>(outline: &Outline, paths: &[P]) -> Option<Place> {
    paths.iter().find_map(|path| {
        let field = outline.fields.iter().find(|field| field.path == path.as_ref())?;
        let (path, kind, nullable) = (field.path.clone(), field.kind, field.nullable);
        (kind != Kind::Boolean).then_some(Place { path, kind, nullable })
    })
}

/// Whether the schema has a field at that path or below it.
pub(super) fn has(outline: &Outline, path: &str) -> bool {
    outline.fields.iter().any(|field| below(&field.path, path).is_some())
}

/// If `field` is `path` or lies below it: the part of `field` behind `path`.
fn below<'a>(field: &'a str, path: &str) -> Option<&'a str> {
    field.strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The images in a field: it is bytes itself, or a record with bytes.
pub(super) fn at(outline: &Outline, name: &str, field: &str) -> Option<CutoutPlace> {
    let within = |path: &str| below(path, field).is_some_and(|rest| !rest.contains('['));
    let fields = outline.fields.iter().filter(|found| found.kind == Kind::Bytes && within(&found.path));
    let mut bytes: Vec<String> = fields.map(|found| found.path.clone()).collect();
    // A record may have bytes other than the image, whose usual name is `stampData`.
    bytes.sort_by_key(|path| !path.ends_with(".stampData"));
    (!bytes.is_empty()).then(|| CutoutPlace { name: name.to_owned(), field: field.to_owned(), bytes })
}

fn measurements(outline: &Outline, series: &Series) -> Vec<SeriesPlace> {
    let find = |within: &str, names: &[&str]| {
        names.iter().map(|name| format!("{within}.{name}")).find(|path| has(outline, path))
    };
    let place = |within: &&str| {
        Some(SeriesPlace {
            name: series.name,
            time: find(within, series.time)?,
            value: find(within, series.value)?,
            error: find(within, series.error),
            band: find(within, series.band),
        })
    };
    series.within.iter().filter_map(place).collect()
}
