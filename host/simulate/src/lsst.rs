//! LSST's alerts, version 11.1.

mod alert;
mod dia_object;
mod source;
mod sso;
mod stamp;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::packet::Framing;
use super::plan::SimulatedSurvey;
use super::telescope;
use alert::{MOST_ALERTS, SCHEMA, Writer};

/// The survey.
pub static SURVEY: SimulatedSurvey = SimulatedSurvey {
    schema: SCHEMA,
    schema_id: 1101,
    framing: Framing::Confluent,
    most_alerts: MOST_ALERTS,
    telescope: &telescope::LSST,
    writer: || Arc::new(Writer::new()),
};
