//! LSST's alerts, version 11.1.

mod alert;
mod dia_object;
mod source;
mod sso;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use alert::Writer;

use super::object::{Object, Population};
use super::random::Gaussians;
use super::schedule::Exposure;
use super::stamp::Stamps;

/// Which alerts to make.
#[derive(Clone, Debug)]
pub struct LsstConfig {
    /// The same seed makes the same alerts.
    pub seed: u64,
    /// How many visits of the survey to pass over.
    pub skip: u32,
    /// Whether alerts have previous and forced sources.
    pub history: bool,
    /// Whether alerts have cutouts.
    pub stamps: bool,
}

impl Default for LsstConfig {
    fn default() -> LsstConfig {
        LsstConfig { seed: 1, skip: 0, history: true, stamps: true }
    }
}

/// A made-up LSST: visit after visit, 39 seconds apart from the evening of 2026-05-09 on, 900 a night. The first
/// visit is of the COSMOS field (150.1°, 2.2°), the next 17 are 3.5° further south each.
pub struct Lsst {
    shared: Arc<Shared>,
    next: i64,
}

struct Shared {
    config: LsstConfig,
    gaussians: Gaussians,
    writer: Writer,
}

/// The alerts of one visit, as an iterator that makes them one by one. Clones share what was prepared.
#[derive(Clone)]
pub struct Visit {
    plan: Arc<Plan>,
    next: usize,
    alerts: usize,
}

/// What is the same for all alerts of a visit.
struct Plan {
    shared: Arc<Shared>,
    exposure: Exposure,
    earlier: Vec<Exposure>,
    stamps: Stamps,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAlert {
    /// Its `diaSourceId`.
    pub id: i64,
    /// Its `diaSource.visit`.
    pub visit: i64,
    /// What it is of.
    pub population: Population,
    /// The packet: byte 0, the schema's id 1101 in four bytes, bare Avro.
    pub bytes: Vec<u8>,
}

impl Lsst {
    /// Alerts that a visit can have.
    pub const MOST_ALERTS: usize = 1 << 24;

    /// A survey about to begin.
    pub fn new(config: LsstConfig) -> Lsst {
        let next = config.skip.into();
        Lsst { shared: Arc::new(Shared { config, gaussians: Gaussians::new(), writer: Writer::new() }), next }
    }

    /// The next visit, with that many alerts, at most [`Lsst::MOST_ALERTS`].
    pub fn visit(&mut self, alerts: usize) -> Visit {
        let seed = self.shared.config.seed;
        let exposure = Exposure::new(seed, self.next);
        self.next += 1;
        let (earlier, stamps) = (exposure.earlier(seed), Stamps::new(&exposure));
        let plan = Plan { shared: Arc::clone(&self.shared), exposure, earlier, stamps };
        Visit { plan: Arc::new(plan), next: 0, alerts: alerts.min(Lsst::MOST_ALERTS) }
    }
}

impl Visit {
    /// When, where and in which band.
    pub fn exposure(&self) -> &Exposure {
        &self.plan.exposure
    }

    /// The alert of that index, counted from 0 and below the visit's number of alerts; always the same one, so that
    /// several threads can share a visit.
    pub fn alert(&self, index: usize) -> SimulatedAlert {
        let Plan { shared, exposure, .. } = &*self.plan;
        let (object, measurement) = Object::detected(shared.config.seed, exposure, index as i64, &shared.gaussians);
        shared.writer.alert(&self.plan, index as i64, &object, measurement)
    }
}

impl Iterator for Visit {
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

impl ExactSizeIterator for Visit {}
