//! Alerts of unknown surveys: ids, visits, times, positions and images are found by the names that they usually have.

use skysieve_avro::alert::Kind;
use skysieve_avro::{Outline, OutlineField};

use super::layout::{self, Layout, Place};

/// Names of ids, in lower case and without underscores, best first. Ids of alerts come before ids of the objects that
/// they are about.
const IDS: &[Usual] = &[
    Usual::anywhere("alertid"),
    Usual::anywhere("candid"),
    Usual::anywhere("diasourceid"),
    Usual::anywhere("sourceid"),
    Usual::anywhere("detectionid"),
    Usual::anywhere("eventid"),
    Usual::at_top("id"),
    Usual::anywhere("objectid"),
    Usual::at_top("objid"),
    Usual::at_top("name"),
];
/// Names of exposures. A field called `exposure` is more often a duration.
const VISITS: &[Usual] = &[
    Usual::anywhere("visit"),
    Usual::anywhere("visitid"),
    Usual::anywhere("exposureid"),
    Usual::anywhere("expid"),
    Usual::anywhere("expnum"),
    Usual::anywhere("ccdvisitid"),
    Usual::anywhere("frameid"),
    Usual::anywhere("obsid"),
    Usual::anywhere("observationid"),
];
/// Names of times.
const TIMES: &[Usual] = &[
    Usual::anywhere("jd"),
    Usual::anywhere("mjd"),
    Usual::anywhere("midpointmjdtai"),
    Usual::anywhere("midpointtai"),
    Usual::anywhere("mjdtai"),
    Usual::anywhere("obsjd"),
    Usual::anywhere("jdobs"),
    Usual::anywhere("obsmjd"),
    Usual::anywhere("mjdobs"),
    Usual::anywhere("obstime"),
    Usual::anywhere("dateobs"),
    Usual::anywhere("time"),
];
const RA: &[Usual] = &[Usual::anywhere("ra"), Usual::anywhere("radeg"), Usual::anywhere("raj2000")];
const DEC: &[Usual] =
    &[Usual::anywhere("dec"), Usual::anywhere("decl"), Usual::anywhere("decdeg"), Usual::anywhere("decj2000")];

/// Words in the name of an image's field that do not say which image it is.
const IMAGE_WORDS: &[&str] = &["cutouts", "cutout", "stamps", "stampdata", "stamp", "image", "data", "bytes"];

/// A usual name.
struct Usual {
    name: &'static str,
    /// Whether the name counts only at the top level; in a record, it means something else.
    only_at_top: bool,
}

impl Usual {
    const fn anywhere(name: &'static str) -> Usual {
        Usual { name, only_at_top: false }
    }

    const fn at_top(name: &'static str) -> Usual {
        Usual { name, only_at_top: true }
    }
}

/// Fills in the fields that are missing from a layout.
pub(super) fn fill(layout: &mut Layout, outline: &Outline) {
    let known = layout.survey.is_some();
    let id = |kind| matches!(kind, Kind::Int | Kind::Long | Kind::Text | Kind::Bytes);
    let time = |kind| !matches!(kind, Kind::Boolean | Kind::Bytes);
    let real = |kind| matches!(kind, Kind::Float | Kind::Double);
    put(&mut layout.id, &mut layout.ids, || find(outline, IDS, id));
    // If a known survey identifies exposures by their time, it has no visits, even if some field has a name like one.
    if !known || layout.time.is_none() {
        put(&mut layout.visit, &mut layout.visits, || find(outline, VISITS, id));
    }
    put(&mut layout.time, &mut layout.times, || find(outline, TIMES, time));
    put(&mut layout.ra, &mut Vec::new(), || find(outline, RA, real));
    put(&mut layout.dec, &mut Vec::new(), || find(outline, DEC, real));
    if !known {
        layout.histories = histories(outline);
    }
    if layout.cutouts.is_empty() {
        images(layout, outline);
    }
}

fn put(place: &mut Option<Place>, all: &mut Vec<String>, find: impl FnOnce() -> Option<Place>) {
    if place.is_none() {
        *place = find();
        all.extend(place.iter().map(|place| place.path.clone()));
    }
}

/// Returns the field with the best name, at the top level or in a record there.
fn find(outline: &Outline, names: &[Usual], is: impl Fn(Kind) -> bool) -> Option<Place> {
    let rank = |field: &OutlineField| {
        if !is(field.kind) || field.path.contains('[') {
            return None;
        }
        let (record, name) = field.path.rsplit_once('.').unwrap_or(("", &field.path));
        let name = plain(name);
        let rank = names.iter().position(|usual| usual.name == name && (record.is_empty() || !usual.only_at_top))?;
        let depth = if record.is_empty() { 0 } else { 1 + record.matches('.').count() };
        // Where a source's value is wanted, one in the record of its object comes last.
        (depth < 2).then(|| (rank, depth, plain(record).contains("object")))
    };
    let ranked = outline.fields.iter().filter_map(|field| Some((rank(field)?, field)));
    let (_, field) = ranked.min_by_key(|(rank, _)| *rank)?;
    Some(Place { path: field.path.clone(), kind: field.kind, nullable: field.nullable })
}

/// The arrays of records at the top level.
fn histories(outline: &Outline) -> Vec<String> {
    let arrays = outline.fields.iter().filter_map(|field| Some(field.path.split_once("[].")?.0));
    let mut arrays: Vec<String> = arrays.filter(|array| !array.contains('.')).map(str::to_owned).collect();
    arrays.dedup();
    arrays
}

/// Finds bytes in fields or records whose names contain "cutout" or "stamp".
fn images(layout: &mut Layout, outline: &Outline) {
    for field in &outline.fields {
        let named = plain(&field.path);
        let known = layout.cutouts.iter().any(|known| known.bytes.contains(&field.path));
        if field.kind != Kind::Bytes || known || field.path.contains('[') || !is_image(&named) {
            continue;
        }
        let whole = match field.path.rsplit_once('.') {
            Some((record, last)) if IMAGE_WORDS.contains(&plain(last).as_str()) => record,
            _ => &field.path,
        };
        let name = image_name(whole);
        let count = layout.cutouts.iter().filter(|known| known.name == name).count();
        let name = if count == 0 { name } else { format!("{name}_{}", layout.cutouts.len()) };
        layout.cutouts.extend(layout::at(outline, &name, whole));
    }
}

fn is_image(name: &str) -> bool {
    ["cutout", "stamp", "thumbnail"].iter().any(|word| name.contains(word))
}

/// The name of an image: `science` for `cutout_science`, `cutouts.science` and `scienceStamp`.
fn image_name(path: &str) -> String {
    let mut name = path.to_lowercase();
    for word in IMAGE_WORDS {
        name = name.replace(word, "");
    }
    let letters = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    let name = letters.trim_matches('_');
    if name.is_empty() { "cutout".to_owned() } else { name.to_owned() }
}

/// The name in lower case and without underscores.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').flat_map(char::to_lowercase).collect()
}
