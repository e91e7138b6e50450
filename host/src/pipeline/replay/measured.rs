//! Measures what alerts cost a filter as they are read, for a check.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use skysieve_avro::Schemas;

use crate::pipeline::cost_meter::CostMeter;
use crate::pipeline::io::{BatchLimits, Message, Monitor, Position, Source, SourceError};
use crate::pipeline::panics::caught;

/// A source whose alerts are measured.
pub struct Measured {
    source: Box<dyn Source>,
    schemas: Arc<Schemas>,
    meter: Arc<Mutex<CostMeter>>,
}

impl Measured {
    pub fn new(source: Box<dyn Source>, schemas: Arc<Schemas>, meter: Arc<Mutex<CostMeter>>) -> Measured {
        Measured { source, schemas, meter }
    }
}

impl Source for Measured {
    fn fetch(&mut self, batch: &mut Vec<Message>, limits: &BatchLimits, wait: Duration) -> Result<bool, SourceError> {
        let known = batch.len();
        let goes_on = self.source.fetch(batch, limits, wait)?;
        let mut meter = self.meter.lock();
        for message in &batch[known..] {
            // Over what the host itself panics, it does so once more when the batch is judged, which tells what happened.
            let _ = caught(|| {
                if let Ok(alert) = self.schemas.frame(&message.bytes) {
                    meter.measure(&alert);
                }
            });
        }
        Ok(goes_on)
    }

    fn positions(&self) -> Vec<Position> {
        self.source.positions()
    }

    fn monitor(&self) -> Monitor {
        self.source.monitor()
    }
}
