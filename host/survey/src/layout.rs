//! What of one schema is where: a survey's table, or a guess, or what the user said, looked up in the schema.

use skysieve_avro::Outline;
use skysieve_avro::alert::Kind;

use super::guess;
use super::named::NamedFields;
use super::survey::{Series, Survey};

/// Where alerts of one schema keep what Skysieve itself needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The survey; none that is known, if `None`.
    pub survey: Option<&'static str>,
    /// The alert's id.
    pub id: Option<Place>,
    /// The exposure's number or name.
    pub visit: Option<Place>,
    /// When the source was seen.
    pub time: Option<Place>,
    /// Right ascension, degrees.
    pub ra: Option<Place>,
    /// Declination, degrees.
    pub dec: Option<Place>,
    /// All fields that hold the alert's id.
    pub ids: Vec<String>,
    /// All fields that hold the exposure's number or name.
    pub visits: Vec<String>,
    /// All fields that hold times of the visit.
    pub times: Vec<String>,
    /// Arrays of what was seen before.
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
    /// What its values are.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
}

/// An image in a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutoutPlace {
    /// What it is of, in letters, digits and underscores: `science`.
    pub name: String,
    /// The field that is cleared to leave it out.
    pub field: String,
    /// Where its bytes are; of several, those that an alert has.
    pub bytes: Vec<String>,
}

/// One kind of measurement, in one record or in those of one array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesPlace {
    /// As [`Series::name`].
    pub name: &'static str,
    /// Paths of time and brightness.
    pub time: String,
    /// How bright.
    pub value: String,
    /// The value's uncertainty.
    pub error: Option<String>,
    /// The band.
    pub band: Option<String>,
}

impl Layout {
    /// The layout of a schema that is `survey`'s, or of no known survey.
    pub(super) fn of(outline: &Outline, survey: Option<&Survey>, named: &NamedFields) -> Layout {
        let mut layout = survey.map_or_else(Layout::default, |survey| of_survey(outline, survey));
        guess::fill(&mut layout, outline);
        for (place, all, paths) in [
            (&mut layout.id, &mut layout.ids, named.id()),
            (&mut layout.visit, &mut layout.visits, named.visit()),
            (&mut layout.time, &mut layout.times, named.time()),
        ] {
            if let Some(found) = first(outline, paths) {
                if !all.contains(&found.path) {
                    all.push(found.path.clone());
                }
                *place = Some(found);
            }
        }
        // Whoever names the time of an alert whose visit is a guess means that as the exposure.
        let guessed = survey.is_none() && first(outline, named.visit()).is_none();
        if guessed && first(outline, named.time()).is_some() {
            layout.visit = None;
        }
        layout
    }

    /// Whether an alert may tell neither visit nor time.
    pub fn lacks_visit(&self) -> bool {
        self.visit.is_none() && self.time.is_none()
    }
}

/// What the survey's table says of it.
fn of_survey(outline: &Outline, survey: &Survey) -> Layout {
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
fn first<P: AsRef<str>>(outline: &Outline, paths: &[P]) -> Option<Place> {
    paths.iter().find_map(|path| {
        let field = outline.fields.iter().find(|field| field.path == path.as_ref())?;
        let (path, kind, nullable) = (field.path.clone(), field.kind, field.nullable);
        (kind != Kind::Boolean).then_some(Place { path, kind, nullable })
    })
}

/// Whether the schema has a field of that path, or one within it.
pub(super) fn has(outline: &Outline, path: &str) -> bool {
    outline.fields.iter().any(|field| below(&field.path, path).is_some())
}

/// What of `field` comes behind `path`, if it is that or within it.
fn below<'a>(field: &'a str, path: &str) -> Option<&'a str> {
    field.strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The images in a field: bytes, or the bytes of its record.
pub(super) fn at(outline: &Outline, name: &str, field: &str) -> Option<CutoutPlace> {
    let within = |path: &str| below(path, field).is_some_and(|rest| !rest.contains('['));
    let fields = outline.fields.iter().filter(|found| found.kind == Kind::Bytes && within(&found.path));
    let mut bytes: Vec<String> = fields.map(|found| found.path.clone()).collect();
    // A record may hold more than the image; the image is called so.
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
