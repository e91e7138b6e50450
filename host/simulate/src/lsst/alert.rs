//! The whole alert.

use std::sync::Arc;

use serde_json::Value as Json;

use super::super::encode::{Record, array, fields, long, optional, record};
use super::super::history::{History, Statistics};
use super::super::object::{Measurement, Object, Population};
use super::super::plan::{Plan, SurveyWriter, VisitWriter};
use super::super::schedule::Exposure;
use super::dia_object::{DiaObject, dia_object};
use super::source::{Forced, Ids, Source, dia_source, forced_source, plain_source};
use super::sso::{Asteroid, orbit, ss_source};
use super::stamp::{Cutout, Cutouts, Stamps};
use skysieve_survey::Visit;

/// The schema, version 11.1.
pub const SCHEMA: &str = include_str!("../../../../schema/lsst/lsst.v11_1.alert.avsc");
/// The largest number of previous sources and of forced sources in an alert; the newest are kept.
const MOST_PREVIOUS: usize = 60;
const MOST_FORCED: usize = 100;

/// The kind of value of each of an alert's fields, in the schema's order.
#[derive(Clone, Copy, Debug)]
enum Part {
    Id,
    Source,
    Previous,
    Forced,
    Object,
    Asteroid,
    Orbit,
    Cutout(Cutout),
    Null,
}

/// The largest number of alerts in a visit.
pub const MOST_ALERTS: usize = 1 << 24;

/// Writes alerts in the form of the schema.
pub struct Writer {
    parts: Vec<Part>,
    source: Record<Source>,
    plain_source: Record<Source>,
    forced: Record<Forced>,
    object: Record<DiaObject>,
    asteroid: Record<Asteroid>,
    orbit: Record<Asteroid>,
}

/// Writes the alerts of one visit.
struct InVisit {
    writer: Arc<Writer>,
    stamps: Stamps,
}

/// Everything that is in an alert.
struct Alert<'a> {
    plan: &'a Plan,
    stamps: &'a Stamps,
    index: i64,
    object: &'a Object,
    source: Source,
    /// The object, except in alerts of asteroids.
    dia_object: Option<DiaObject>,
    /// The asteroid, in alerts of asteroids only.
    asteroid: Option<Asteroid>,
    history: History,
    cutouts: Option<Cutouts>,
}

impl Writer {
    /// Returns a writer for the built-in schema.
    pub fn new() -> Writer {
        let schema: Json = serde_json::from_str(SCHEMA).expect("the built-in schema is JSON");
        Writer {
            parts: fields(&schema).iter().map(part).collect(),
            source: Record::new(record(&schema, "diaSource"), dia_source),
            plain_source: Record::new(record(&schema, "diaSource"), plain_source),
            forced: Record::new(record(&schema, "prvDiaForcedSources"), forced_source),
            object: Record::new(record(&schema, "diaObject"), dia_object),
            asteroid: Record::new(record(&schema, "ssSource"), ss_source),
            orbit: Record::new(record(&schema, "mpc_orbits"), orbit),
        }
    }
}

impl SurveyWriter for Writer {
    fn visit(self: Arc<Self>, exposure: &Exposure) -> Arc<dyn VisitWriter> {
        Arc::new(InVisit { writer: self, stamps: Stamps::new(exposure) })
    }
}

impl VisitWriter for InVisit {
    fn write(
        &self,
        out: &mut Vec<u8>,
        plan: &Plan,
        index: i64,
        object: &Object,
        measurement: Measurement,
    ) -> (i64, Visit) {
        let alert = Alert::new(plan, &self.stamps, index, object, measurement);
        out.reserve(alert.size());
        for part in &self.writer.parts {
            self.writer.part(out, *part, &alert);
        }
        (source_id(&plan.exposure, index, object), Visit::Number(plan.exposure.number))
    }
}

impl Writer {
    fn part(&self, out: &mut Vec<u8>, part: Part, alert: &Alert<'_>) {
        match part {
            Part::Id => long(out, source_id(&alert.plan.exposure, alert.index, alert.object)),
            Part::Source => self.source(out, &alert.source),
            Part::Previous => {
                let previous = (!alert.history.detections.is_empty()).then(|| alert.previous());
                optional(out, previous, |out, all| array(out, all, |out, source| self.source(out, &source)));
            }
            Part::Forced => {
                let forced = (!alert.history.forced.is_empty()).then(|| alert.forced());
                optional(out, forced, |out, all| array(out, all, |out, forced| self.forced.write(out, &forced)));
            }
            Part::Object => optional(out, alert.dia_object.as_ref(), |out, object| self.object.write(out, object)),
            Part::Asteroid => {
                optional(out, alert.asteroid.as_ref(), |out, asteroid| self.asteroid.write(out, asteroid))
            }
            Part::Orbit => optional(out, alert.asteroid.as_ref(), |out, asteroid| self.orbit.write(out, asteroid)),
            Part::Cutout(which) => optional(out, alert.cutouts.as_ref(), |out, cutouts| {
                long(out, Stamps::FILE as i64);
                alert.stamps.write(out, cutouts, which);
            }),
            Part::Null => out.push(0),
        }
    }

    fn source(&self, out: &mut Vec<u8>, source: &Source) {
        // Half of the fields apply to few sources only. Leaving them out for the other sources is twice as fast.
        let record = if source.is_special() { &self.source } else { &self.plain_source };
        record.write(out, source);
    }
}

impl<'a> Alert<'a> {
    fn new(plan: &'a Plan, stamps: &'a Stamps, index: i64, object: &'a Object, measurement: Measurement) -> Alert<'a> {
        let (exposure, config, gaussians) = (&plan.exposure, &plan.config, &plan.gaussians);
        let asteroid = object
            .asteroid_number(config.seed, exposure, index)
            .map(|number| Asteroid::new(object, exposure, number, measurement.flux));
        let ids = Ids {
            source: source_id(exposure, index, object),
            object: asteroid.is_none().then(|| object_id(exposure, index, object)),
            asteroid: asteroid.as_ref().map(|asteroid| asteroid.id),
        };
        let source = Source::new(ids, object, exposure, measurement, gaussians);
        let earlier: &[Exposure] = if asteroid.is_some() { &[] } else { &plan.earlier };
        let mut history = History::new(object, earlier, exposure, gaussians);
        let dia_object = ids.object.map(|id| whole_object(id, plan, object, &source, measurement, &history));
        history.keep(if config.history { [MOST_PREVIOUS, MOST_FORCED] } else { [0; 2] });
        let cutouts = config.stamps.then(|| stamps.draw(exposure, object, &source.place, &measurement, gaussians));
        let asteroid = asteroid.map(|asteroid| asteroid.found(ids.source, source.place));
        Alert { plan, stamps, index, object, source, dia_object, asteroid, history, cutouts }
    }

    fn previous(&self) -> impl ExactSizeIterator<Item = Source> {
        self.history.detections.iter().map(|&(then, measurement)| {
            let exposure = &self.plan.earlier[then];
            let object = Some(object_id(exposure, self.index, self.object));
            let ids = Ids { source: source_id(exposure, self.index, self.object), object, asteroid: None };
            Source::new(ids, self.object, exposure, measurement, &self.plan.gaussians)
        })
    }

    fn forced(&self) -> impl ExactSizeIterator<Item = Forced> {
        self.history.forced.iter().map(|&(then, measurement)| {
            let exposure = &self.plan.earlier[then];
            Forced {
                id: FORCED | source_id(exposure, self.index, self.object),
                object: object_id(&self.plan.exposure, self.index, self.object),
                exposure: exposure.clone(),
                place: self.object.place,
                measurement,
                template: self.object.template[exposure.band as usize],
            }
        })
    }

    /// An upper estimate of the packet's size in bytes.
    fn size(&self) -> usize {
        let cutouts = self.cutouts.as_ref().map_or(0, |_| 3 * (Stamps::FILE + 4));
        1400 + cutouts + 400 * self.history.detections.len() + 100 * self.history.forced.len()
    }
}

fn whole_object(
    id: i64,
    plan: &Plan,
    object: &Object,
    source: &Source,
    measurement: Measurement,
    history: &History,
) -> DiaObject {
    let earlier = |&(then, measurement): &(usize, Measurement)| (&plan.earlier[then], measurement);
    let now = (&plan.exposure, measurement);
    let sources = Statistics::by_band(history.detections.iter().map(earlier).chain([now]));
    let count = (history.detections.len() + 1) as f64;
    DiaObject {
        id,
        place: object.place,
        place_error: source.place_error / count.sqrt(),
        sources,
        forced: Statistics::by_band(history.forced.iter().map(earlier)),
        template: object.template,
        seen: [history.detections.first().map_or(now.0.mjd, |&(then, _)| plan.earlier[then].mjd), now.0.mjd],
    }
}

// Ids are composed of the numbers that identify a source, so that none occurs twice: a visit's ordinal has 22 bits
// (histories begin a year before the first visit), an index 24, and an attempt 4.
const FIRST_VISIT: i64 = 1 << 19;
const OBJECT: i64 = 1 << 60;
const FORCED: i64 = 1 << 61;

/// The id of the source that the visit's alert with this index is about.
fn source_id(exposure: &Exposure, index: i64, object: &Object) -> i64 {
    (exposure.ordinal + FIRST_VISIT) << 28 | index << 4 | object.attempt
}

/// The id of the object. An object that is seen only once has the id of its source.
fn object_id(exposure: &Exposure, index: i64, object: &Object) -> i64 {
    if object.population == Population::Artefact {
        return source_id(exposure, index, object);
    }
    OBJECT | exposure.field << 40 | index << 16 | object.attempt << 12 | object.generation & 0xfff
}

/// The kind of value in the top-level field of that name; none if the field is not simulated.
fn part(field: &Json) -> Part {
    match field["name"].as_str() {
        Some("diaSourceId") => Part::Id,
        Some("diaSource") => Part::Source,
        Some("prvDiaSources") => Part::Previous,
        Some("prvDiaForcedSources") => Part::Forced,
        Some("diaObject") => Part::Object,
        Some("ssSource") => Part::Asteroid,
        Some("mpc_orbits") => Part::Orbit,
        Some("cutoutDifference") => Part::Cutout(Cutout::Difference),
        Some("cutoutScience") => Part::Cutout(Cutout::Science),
        Some("cutoutTemplate") => Part::Cutout(Cutout::Template),
        _ => Part::Null,
    }
}
