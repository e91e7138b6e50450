//! ZTF's alerts, version 4.02.

mod alert;
mod candidate;
mod catalogue;
mod detection;
mod forced;
mod frame;
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
    schema_id: 402,
    framing: Framing::Container,
    most_alerts: MOST_ALERTS,
    telescope: &telescope::ZTF,
    writer: || Arc::new(Writer::new()),
};
