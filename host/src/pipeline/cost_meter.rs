//! Measures what single alerts cost a filter.

use std::sync::Arc;
use std::time::Instant;

use skysieve_avro::{Decoder, FieldError, Framed, Projection, Schemas};
use skysieve_sandbox::Filter;

use super::judge::Judge;
use crate::filters::{AlertCost, CostSample};

/// After how many alerts on which the filter fails nothing more is measured: each of them can take all of its limits.
const FAULTS: u32 = 100;

/// Measures what alerts cost a filter, each on its own. Its instance is not the one that judges the stream.
pub struct CostMeter {
    judge: Judge,
    /// Decodes for the fields of this filter alone.
    decoder: Decoder,
    sample: CostSample,
    faults: u32,
}

impl CostMeter {
    /// A meter for a filter, which should work on a thread of the sandbox ([`spawn`](skysieve_sandbox::spawn)).
    ///
    /// # Errors
    /// Returns a [`FieldError`] if a path is malformed.
    pub fn new(filter: Filter, schemas: &Arc<Schemas>) -> Result<CostMeter, FieldError> {
        let mut projection = Projection::new();
        let judge = Judge::new(filter, &mut projection)?;
        let decoder = Decoder::new(schemas.clone(), projection);
        Ok(CostMeter { judge, decoder, sample: CostSample::default(), faults: 0 })
    }

    /// Measures an alert, if it belongs to the sample. What can't be decoded is left out.
    pub fn measure(&mut self, alert: &Framed<'_>) {
        let key = crc32fast::hash(&alert.datum);
        if self.faults >= FAULTS || !self.sample.admits(key) {
            return;
        }
        let begun = Instant::now();
        if self.decoder.push(0, alert).is_err() {
            return;
        }
        let decoded = self.decoder.finish();
        let decoding = begun.elapsed();
        // An instance that has judged nothing: what it spends depends on nothing but the alert.
        self.judge.filter_mut().rest();
        let Ok(first) = self.judge.judge_within(&decoded, None, None) else { return };
        // Another time, because an instance's first call has to wait for its memory.
        let begun = Instant::now();
        let again = self.judge.judge_within(&decoded, None, None);
        let judging = begun.elapsed();
        self.decoder.recycle(decoded);
        if again.is_ok() {
            self.faults += first.faults.len() as u32;
            self.sample.add(AlertCost { key, fuel: first.fuel, judging, decoding });
        }
    }

    /// What was measured.
    pub fn sample(&self) -> &CostSample {
        &self.sample
    }

    /// The largest size of the filter's memory, in bytes.
    pub fn memory_peak(&self) -> usize {
        self.judge.filter().memory_peak()
    }
}
