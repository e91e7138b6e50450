//! Simulated surveys, visit by visit.

use std::sync::Arc;

use super::config::Config;
use super::object::{Object, Population};
use super::packet::Envelope;
use super::plan::{Plan, SurveyWriter, VisitWriter};
use super::random::Gaussians;
use super::schedule::Exposure;
use super::survey::Survey;

/// A simulated survey.
pub struct Simulator {
    survey: Survey,
    config: Arc<Config>,
    gaussians: Arc<Gaussians>,
    envelope: Arc<Envelope>,
    writer: Arc<dyn SurveyWriter>,
    next: i64,
}

/// The alerts of one visit, as an iterator that makes them one by one. Clones share everything that was prepared.
#[derive(Clone)]
pub struct SimulatedVisit {
    plan: Arc<Plan>,
    envelope: Arc<Envelope>,
    writer: Arc<dyn VisitWriter>,
    next: usize,
    alerts: usize,
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

impl Simulator {
    /// Returns a survey before its first visit.
    pub fn new(survey: Survey, config: Config) -> Simulator {
        let framing = config.framing.unwrap_or(survey.framing());
        Simulator {
            next: config.skip.into(),
            envelope: Arc::new(Envelope::new(survey.schema(), survey.schema_id(), framing)),
            writer: (survey.table().writer)(),
            gaussians: Arc::new(Gaussians::new()),
            config: Arc::new(config),
            survey,
        }
    }

    /// Returns the next visit, with that many alerts, but at most [`Survey::most_alerts`].
    pub fn visit(&mut self, alerts: usize) -> SimulatedVisit {
        let exposure = Exposure::new(self.survey.table().telescope, self.config.seed, self.next);
        self.next += 1;
        let plan = Plan {
            config: self.config.clone(),
            gaussians: self.gaussians.clone(),
            earlier: exposure.earlier(self.config.seed),
            exposure,
        };
        SimulatedVisit {
            writer: self.writer.clone().visit(&plan.exposure),
            plan: Arc::new(plan),
            envelope: self.envelope.clone(),
            next: 0,
            alerts: alerts.min(self.survey.most_alerts()),
        }
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
        let Plan { config, gaussians, exposure, .. } = &*self.plan;
        let (object, measurement) = Object::detected(config.seed, exposure, index as i64, gaussians);
        let mut bytes = self.envelope.begin();
        let (id, visit) = self.writer.write(&mut bytes, &self.plan, index as i64, &object, measurement);
        let (bytes, datum) = self.envelope.seal(bytes, id);
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
