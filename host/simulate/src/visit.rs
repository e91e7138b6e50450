//! Simulated surveys, visit by visit.

use std::sync::Arc;

use super::object::{Measurement, Object, Population};
use super::packet::{Envelope, Framing};
use super::random::Gaussians;
use super::schedule::Exposure;
use super::telescope::{LSST, Telescope, ZTF};
use super::{lsst, ztf};

/// The surveys that can be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Survey {
    /// LSST's alerts, version 11.1. Visits follow each other every 39 seconds from the evening of 2026-05-09 on, 900 in
    /// a night. The first is of the COSMOS field (150.1°, 2.2°), and each of the next 17 is 3.5° further south.
    Lsst,
    /// ZTF's alerts, version 4.02. Visits follow each other every 40 seconds from the evening of 2026-12-26 on, 900 in
    /// a night. The first is around (15.1°, -15.5°), and each of the next 17 is 5.9° further north.
    Ztf,
}

/// Which alerts to make.
#[derive(Clone, Debug)]
pub struct Config {
    /// The seed of all random numbers. The same seed makes the same alerts.
    pub seed: u64,
    /// How many visits of the survey to skip.
    pub skip: u32,
    /// Whether alerts contain the history of earlier detections.
    pub history: bool,
    /// Whether alerts have cutouts.
    pub stamps: bool,
    /// The framing of packets. If it is not given, the survey's own framing is used.
    pub framing: Option<Framing>,
}

impl Default for Config {
    fn default() -> Config {
        Config { seed: 1, skip: 0, history: true, stamps: true, framing: None }
    }
}

/// A simulated survey.
pub struct Simulator {
    shared: Arc<Shared>,
    next: i64,
}

/// What all visits share.
pub struct Shared {
    survey: Survey,
    /// The configuration that was asked for.
    pub config: Config,
    /// Random deviates for noise.
    pub gaussians: Gaussians,
    envelope: Envelope,
    writer: Writer,
}

/// The writer of a survey's alerts.
enum Writer {
    Lsst(Arc<lsst::Writer>),
    Ztf(Arc<ztf::Writer>),
}

/// Writes the alerts of one visit.
pub trait VisitWriter: Send + Sync {
    /// Appends the alert with this index, which is about `object`, as Avro without framing. Returns the alert's id and
    /// visit.
    fn write(
        &self,
        out: &mut Vec<u8>,
        plan: &Plan,
        index: i64,
        object: &Object,
        measurement: Measurement,
    ) -> (i64, skysieve_survey::Visit);
}

/// The alerts of one visit, as an iterator that makes them one by one. Clones share everything that was prepared.
#[derive(Clone)]
pub struct SimulatedVisit {
    plan: Arc<Plan>,
    writer: Arc<dyn VisitWriter>,
    next: usize,
    alerts: usize,
}

/// What all alerts of a visit share.
pub struct Plan {
    /// What all visits share.
    pub shared: Arc<Shared>,
    /// The visit.
    pub exposure: Exposure,
    /// The visits of the same field in the year before, oldest first.
    pub earlier: Vec<Exposure>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAlert {
    /// Its `diaSourceId` or `candid`.
    pub id: i64,
    /// Its visit.
    pub visit: skysieve_survey::Visit,
    /// The kind of object that it is about.
    pub population: Population,
    /// The packet, in the framing that was asked for.
    pub bytes: Vec<u8>,
    datum: std::ops::Range<usize>,
}

impl Survey {
    /// The schema of its alerts, in the form of an `.avsc` file.
    pub fn schema(self) -> &'static str {
        match self {
            Survey::Lsst => lsst::SCHEMA,
            Survey::Ztf => ztf::SCHEMA,
        }
    }

    /// The schema's id in Confluent's framing: 100 × the major version + the minor version.
    pub fn schema_id(self) -> u32 {
        match self {
            Survey::Lsst => 1101,
            Survey::Ztf => 402,
        }
    }

    /// How the survey frames its alerts.
    pub fn framing(self) -> Framing {
        match self {
            Survey::Lsst => Framing::Confluent,
            Survey::Ztf => Framing::Container,
        }
    }

    /// The largest number of alerts in a visit, for which the ids have room.
    pub fn most_alerts(self) -> usize {
        match self {
            Survey::Lsst => lsst::MOST_ALERTS,
            Survey::Ztf => ztf::MOST_ALERTS,
        }
    }

    fn telescope(self) -> &'static Telescope {
        match self {
            Survey::Lsst => &LSST,
            Survey::Ztf => &ZTF,
        }
    }
}

impl Simulator {
    /// Returns a survey before its first visit.
    pub fn new(survey: Survey, config: Config) -> Simulator {
        let next = config.skip.into();
        let envelope = Envelope::new(survey.schema(), survey.schema_id(), config.framing.unwrap_or(survey.framing()));
        let gaussians = Gaussians::new();
        let writer = match survey {
            Survey::Lsst => Writer::Lsst(Arc::new(lsst::Writer::new())),
            Survey::Ztf => Writer::Ztf(Arc::new(ztf::Writer::new(&gaussians))),
        };
        let shared = Shared { survey, config, gaussians, envelope, writer };
        Simulator { shared: Arc::new(shared), next }
    }

    /// Returns the next visit, with that many alerts, but at most [`Survey::most_alerts`].
    pub fn visit(&mut self, alerts: usize) -> SimulatedVisit {
        let Shared { survey, config, writer, .. } = &*self.shared;
        let exposure = Exposure::new(survey.telescope(), config.seed, self.next);
        self.next += 1;
        let writer: Arc<dyn VisitWriter> = match writer {
            Writer::Lsst(writer) => Arc::new(lsst::InVisit::new(writer.clone(), &exposure)),
            Writer::Ztf(writer) => writer.clone(),
        };
        let alerts = alerts.min(survey.most_alerts());
        let plan = Plan { shared: self.shared.clone(), earlier: exposure.earlier(config.seed), exposure };
        SimulatedVisit { plan: Arc::new(plan), writer, next: 0, alerts }
    }
}

impl SimulatedVisit {
    /// The time, direction and band of the visit.
    pub fn exposure(&self) -> &Exposure {
        &self.plan.exposure
    }

    /// The data from which the alerts are made.
    #[cfg(test)]
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the alert with this index, which is counted from 0 and must be less than the visit's number of alerts.
    /// It is always the same one, so that several threads can share a visit.
    pub fn alert(&self, index: usize) -> SimulatedAlert {
        let Plan { shared, exposure, .. } = &*self.plan;
        let (object, measurement) = Object::detected(shared.config.seed, exposure, index as i64, &shared.gaussians);
        let mut bytes = shared.envelope.begin();
        let (id, visit) = self.writer.write(&mut bytes, &self.plan, index as i64, &object, measurement);
        let (bytes, datum) = shared.envelope.seal(bytes, id);
        SimulatedAlert { id, visit, population: object.population, bytes, datum }
    }
}

impl SimulatedAlert {
    /// The alert without framing, as bare Avro.
    pub fn datum(&self) -> &[u8] {
        &self.bytes[self.datum.clone()]
    }
}

impl Iterator for SimulatedVisit {
    type Item = SimulatedAlert;

    fn next(&mut self) -> Option<SimulatedAlert> {
        let index = self.next;
        self.next += usize::from(index < self.alerts);
        (index < self.alerts).then(|| self.alert(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.alerts - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for SimulatedVisit {}
