//! Made-up surveys, visit by visit.

use std::sync::Arc;

use super::object::{Measurement, Object, Population};
use super::packet::{Envelope, Framing};
use super::random::Gaussians;
use super::schedule::Exposure;
use super::telescope::{LSST, Telescope, ZTF};
use super::{lsst, ztf};

/// The surveys that are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Survey {
    /// LSST's alerts, version 11.1. Visits are 39 seconds apart from the evening of 2026-05-09 on, 900 a night. The
    /// first is of the COSMOS field (150.1°, 2.2°), the next 17 are 3.5° further south each.
    Lsst,
    /// ZTF's alerts, version 4.02. Visits are 40 seconds apart from the evening of 2026-12-26 on, 900 a night. The first
    /// is around (15.1°, -15.5°), the next 17 are 5.9° further north each.
    Ztf,
}

/// Which alerts to make.
#[derive(Clone, Debug)]
pub struct Config {
    /// The same seed makes the same alerts.
    pub seed: u64,
    /// How many visits of the survey to pass over.
    pub skip: u32,
    /// Whether alerts tell what was seen before.
    pub history: bool,
    /// Whether alerts have cutouts.
    pub stamps: bool,
    /// What packets look like; the survey's own way when not said.
    pub framing: Option<Framing>,
}

impl Default for Config {
    fn default() -> Config {
        Config { seed: 1, skip: 0, history: true, stamps: true, framing: None }
    }
}

/// A made-up survey.
pub struct Simulator {
    shared: Arc<Shared>,
    next: i64,
}

/// What is the same for all visits.
pub struct Shared {
    survey: Survey,
    /// As asked for.
    pub config: Config,
    /// Noise.
    pub gaussians: Gaussians,
    envelope: Envelope,
    writer: Writer,
}

/// A survey's way to tell what it saw.
enum Writer {
    Lsst(Arc<lsst::Writer>),
    Ztf(Arc<ztf::Writer>),
}

/// Writes the alerts of one visit.
pub trait VisitWriter: Send + Sync {
    /// Appends the alert of that index, which is of `object`: Avro without frame. Says the alert's id and visit.
    fn write(
        &self,
        out: &mut Vec<u8>,
        plan: &Plan,
        index: i64,
        object: &Object,
        measurement: Measurement,
    ) -> (i64, skysieve_survey::Visit);
}

/// The alerts of one visit, as an iterator that makes them one by one. Clones share what was prepared.
#[derive(Clone)]
pub struct SimulatedVisit {
    plan: Arc<Plan>,
    writer: Arc<dyn VisitWriter>,
    next: usize,
    alerts: usize,
}

/// What is the same for all alerts of a visit.
pub struct Plan {
    /// What is the same for all visits.
    pub shared: Arc<Shared>,
    /// The visit.
    pub exposure: Exposure,
    /// Those of its field in the year before, oldest first.
    pub earlier: Vec<Exposure>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAlert {
    /// Its `diaSourceId` or `candid`.
    pub id: i64,
    /// Its visit.
    pub visit: skysieve_survey::Visit,
    /// What it is of.
    pub population: Population,
    /// The packet, framed as asked for.
    pub bytes: Vec<u8>,
    datum: std::ops::Range<usize>,
}

impl Survey {
    /// The schema of its alerts, as an `.avsc` file has it.
    pub fn schema(self) -> &'static str {
        match self {
            Survey::Lsst => lsst::SCHEMA,
            Survey::Ztf => ztf::SCHEMA,
        }
    }

    /// The schema's id in Confluent's framing: 100 × major + minor version.
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

    /// Alerts that a visit can have: their ids have room for no more.
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
    /// A survey about to begin.
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

    /// The next visit, with that many alerts, at most [`Survey::most_alerts`].
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
    /// When, where and in which band.
    pub fn exposure(&self) -> &Exposure {
        &self.plan.exposure
    }

    /// What the alerts are made from.
    #[cfg(test)]
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The alert of that index, counted from 0 and below the visit's number of alerts; always the same one, so that
    /// several threads can share a visit.
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
    /// The alert without its frame: bare Avro.
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
