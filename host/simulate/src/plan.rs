//! What a survey tells of itself to be simulated, and what its alerts are made from.

use std::sync::Arc;

use super::config::Config;
use super::object::{Measurement, Object};
use super::packet::Framing;
use super::random::Gaussians;
use super::schedule::Exposure;
use super::telescope::Telescope;

/// What a simulated survey is: each survey's room has one value of this type.
pub struct SimulatedSurvey {
    /// The schema of its alerts, in the form of an `.avsc` file.
    pub schema: &'static str,
    /// The schema's id in Confluent's framing: 100 × the major version + the minor version.
    pub schema_id: u32,
    /// How the survey frames its alerts.
    pub framing: Framing,
    /// The largest number of alerts in a visit, for which the ids have room.
    pub most_alerts: usize,
    /// What it observes with.
    pub telescope: &'static Telescope,
    /// Prepares what writes its alerts.
    pub writer: fn() -> Arc<dyn SurveyWriter>,
}

/// Writes a survey's alerts.
pub trait SurveyWriter: Send + Sync {
    /// Prepares what the alerts of `exposure` have in common.
    fn visit(self: Arc<Self>, exposure: &Exposure) -> Arc<dyn VisitWriter>;
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

/// What all alerts of a visit share.
pub struct Plan {
    /// The configuration that was asked for.
    pub config: Arc<Config>,
    /// Random deviates for noise.
    pub gaussians: Arc<Gaussians>,
    /// The visit.
    pub exposure: Exposure,
    /// The visits of the same field in the year before, oldest first.
    pub earlier: Vec<Exposure>,
}
