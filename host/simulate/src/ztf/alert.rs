//! The whole alert.

use std::sync::Arc;

use serde_json::Value as Json;

use super::super::encode::{Record, array, bytes, fields, long, optional, record};
use super::super::lightcurve::Curve;
use super::super::object::{Measurement, Object, Population};
use super::super::plan::{Plan, SurveyWriter, VisitWriter};
use super::super::random::Random;
use super::super::schedule::Exposure;
use super::candidate::{Asteroid, Candidate, candidate, previous};
use super::catalogue::Catalogue;
use super::detection::Detection;
use super::forced::{Epoch, forced, limit};
use super::frame::Frame;
use super::stamp::{Cutout, Cutouts};
use skysieve_survey::Visit;

/// The schema, version 4.02.
pub const SCHEMA: &str = include_str!("../../../../schema/ztf/ztf.v4_02.alert.avsc");
/// The largest number of alerts in a visit.
pub const MOST_ALERTS: usize = 60_000;
/// How many days an alert's history goes back.
const HISTORY: f64 = 30.0;

/// The kind of value of each of an alert's fields, in the schema's order.
#[derive(Clone, Copy, Debug)]
enum Part {
    Text(&'static str),
    ObjectId,
    Id,
    Candidate,
    Previous,
    Forced,
    Cutout(Cutout),
}

/// Writes alerts in the form of the schema.
pub struct Writer {
    parts: Vec<Part>,
    candidate: Record<Candidate>,
    previous: Record<Detection>,
    limit: Record<Epoch>,
    forced: Record<Epoch>,
}

/// Everything that is in an alert.
struct Alert<'a> {
    plan: &'a Plan,
    index: i64,
    object: &'a Object,
    candidate: Candidate,
    /// The measurements of the month before, oldest first.
    history: Vec<Epoch>,
    cutouts: Option<Cutouts>,
}

impl Writer {
    /// Returns a writer for the built-in schema.
    pub fn new() -> Writer {
        let schema: Json = serde_json::from_str(SCHEMA).expect("the built-in schema is JSON");
        Writer {
            parts: fields(&schema).iter().map(part).collect(),
            candidate: Record::new(record(&schema, "candidate"), candidate),
            previous: Record::new(record(&schema, "prv_candidates"), previous),
            limit: Record::new(record(&schema, "prv_candidates"), limit),
            forced: Record::new(record(&schema, "fp_hists"), forced),
        }
    }

    fn part(&self, out: &mut Vec<u8>, part: Part, alert: &Alert<'_>) {
        let history = (!alert.history.is_empty()).then(|| alert.history.iter());
        match part {
            Part::Text(text) => bytes(out, text.as_bytes()),
            Part::ObjectId => bytes(out, &alert.name()),
            Part::Id => long(out, alert.candidate.detection.id),
            Part::Candidate => self.candidate.write(out, &alert.candidate),
            Part::Previous => optional(out, history, |out, epochs| {
                array(out, epochs, |out, epoch| match alert.found(epoch) {
                    Some(detection) => self.previous.write(out, &detection),
                    None => self.limit.write(out, epoch),
                })
            }),
            // The newest comes first.
            Part::Forced => optional(out, history, |out, epochs| {
                array(out, epochs.rev(), |out, epoch| self.forced.write(out, epoch));
            }),
            Part::Cutout(which) => optional(out, alert.cutouts.as_ref(), |out, cutouts| {
                let detection = &alert.candidate.detection;
                bytes(out, which.file(detection.id, &detection.frame).as_bytes());
                bytes(out, &cutouts.file(which));
            }),
        }
    }
}

impl SurveyWriter for Writer {
    fn visit(self: Arc<Self>, _: &Exposure) -> Arc<dyn VisitWriter> {
        self
    }
}

impl VisitWriter for Writer {
    fn write(
        &self,
        out: &mut Vec<u8>,
        plan: &Plan,
        index: i64,
        object: &Object,
        measurement: Measurement,
    ) -> (i64, Visit) {
        let alert = Alert::new(plan, index, object, measurement);
        out.reserve(alert.size());
        for part in &self.parts {
            self.part(out, *part, &alert);
        }
        let Detection { id, frame, .. } = &alert.candidate.detection;
        (*id, Visit::Time(frame.start.to_bits()))
    }
}

impl<'a> Alert<'a> {
    fn new(plan: &'a Plan, index: i64, object: &'a Object, measurement: Measurement) -> Alert<'a> {
        let (exposure, config, gaussians) = (&plan.exposure, &plan.config, &plan.gaussians);
        let frame = Frame::new(exposure, object);
        let before = before(object);
        let before = before.as_ref().unwrap_or(object);
        let found: Vec<usize> =
            (0..plan.earlier.len()).filter(|&then| before.measure(&plan.earlier[then], gaussians).detected()).collect();
        let recent = plan.earlier.iter().filter(|then| config.history && exposure.mjd - then.mjd < HISTORY);
        let history = recent.map(|then| Epoch::new(then, before, gaussians)).collect();
        let first = found.first().map_or(frame.start, |&then| Frame::new(&plan.earlier[then], object).start);
        let detection = Detection::new(frame, index, object, measurement, gaussians);
        let cutouts =
            config.stamps.then(|| Cutouts::draw(&detection.frame, object, &detection.place, &measurement, gaussians));
        let asteroid = object
            .asteroid_number(config.seed, exposure, index)
            .map(|number| Asteroid::new(number, object, &detection));
        let candidate = Candidate {
            catalogue: Catalogue::new(object, &object.place(exposure)),
            asteroid,
            counts: [found.len() as i64 + 1, plan.earlier.len() as i64 + 1],
            first,
            detection,
        };
        Alert { plan, index, object, candidate, history, cutouts }
    }

    /// The source as it was found on an earlier image.
    fn found(&self, epoch: &Epoch) -> Option<Detection> {
        let Epoch { frame, measurement, .. } = epoch;
        let gaussians = &self.plan.gaussians;
        measurement.detected().then(|| Detection::new(frame.clone(), self.index, self.object, *measurement, gaussians))
    }

    /// ZTF names objects by the year and seven letters. These are so few that among a million objects some share a
    /// name.
    fn name(&self) -> Vec<u8> {
        const LETTERS: u64 = 26;
        let year = self.object.discovered(&self.plan.exposure) % 100;
        let mut number = Random::new(&[self.object.key, 6]).bits();
        let mut name = format!("ZTF{year:02}").into_bytes();
        name.extend([(); 7].map(|()| {
            let letter = b'a' + (number % LETTERS) as u8;
            number /= LETTERS;
            letter
        }));
        name
    }

    /// An upper estimate of the alert's size in bytes.
    fn size(&self) -> usize {
        let cutouts = self.cutouts.as_ref().map_or(0, |_| 3 * Cutouts::FILE);
        1200 + cutouts + 600 * self.history.len()
    }
}

/// The object that was at the same position before. For an asteroid, there was nothing.
fn before(object: &Object) -> Option<Object> {
    let dark = Curve::Once { mjd: 0.0, flux: 0.0 };
    (object.population == Population::Asteroid).then(|| Object { curve: dark, ..object.clone() })
}

/// The kind of value in the top-level field of that name.
///
/// # Panics
/// Panics if the field is not simulated.
fn part(field: &Json) -> Part {
    match field["name"].as_str() {
        Some("schemavsn") => Part::Text("4.02"),
        Some("publisher") => Part::Text("Skysieve (simulated)"),
        Some("objectId") => Part::ObjectId,
        Some("candid") => Part::Id,
        Some("candidate") => Part::Candidate,
        Some("prv_candidates") => Part::Previous,
        Some("fp_hists") => Part::Forced,
        Some("cutoutScience") => Part::Cutout(Cutout::Science),
        Some("cutoutTemplate") => Part::Cutout(Cutout::Template),
        Some("cutoutDifference") => Part::Cutout(Cutout::Difference),
        other => panic!("the schema has {other:?}, of which nothing is known"),
    }
}
