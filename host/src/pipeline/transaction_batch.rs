//! Batches that are published together, in one transaction.

use std::sync::Arc;

use super::batch::Batch;
use super::channels::Pending;
use super::config::{PipelineError, Topics};
use super::io::{Position, Record};
use super::outcome::Outcome;
use super::records;

/// Messages beyond which no further batch goes into a transaction.
const MESSAGES: usize = 1024;

/// Bytes of payloads to publish, for the same. Subscribers get nothing of a transaction before its end; the next one is
/// sent while it ends.
const BYTES: usize = 8 << 20;

/// Batches that are published together.
#[derive(Default)]
pub struct TransactionBatch {
    pub records: Vec<Record>,
    pub positions: Vec<Position>,
    pub batches: Vec<Arc<Batch>>,
    pub messages: usize,
    pub dead_letters: usize,
    ends_visit: bool,
}

impl TransactionBatch {
    pub fn has_room(&self) -> bool {
        let bytes = || self.records.iter().map(|record| record.payload.len()).sum::<usize>();
        !self.ends_visit && self.messages < MESSAGES && bytes() < BYTES
    }

    /// Waits for the shards' outcomes on a batch, and adds what is to be published.
    pub fn add(&mut self, pending: Pending, topics: &Topics) -> Result<(), PipelineError> {
        let Pending { batch, outcomes, shards, positions, ends_visit } = pending;
        for undecodable in &batch.undecodable {
            self.records.push(records::undecodable(&topics.dead_letters, &batch, undecodable));
        }
        self.dead_letters += batch.undecodable.len();
        for _ in 0..shards {
            let outcome = outcomes.recv().map_err(|_| PipelineError::ThreadLost)?;
            self.dead_letters += outcome.faults.len();
            append(&mut self.records, topics, &batch, &outcome);
        }
        positions.into_iter().for_each(|position| position.advance(&mut self.positions));
        self.messages += batch.messages.len();
        self.ends_visit = ends_visit;
        self.batches.push(batch);
        Ok(())
    }
}

fn append(records: &mut Vec<Record>, topics: &Topics, batch: &Batch, outcome: &Outcome) {
    records.extend(outcome.outputs.iter().map(|output| records::accepted(batch, output)));
    records.extend(outcome.faults.iter().map(|report| records::fault(&topics.dead_letters, batch, report)));
    if let Some(topic) = &topics.quotas {
        records.extend(outcome.counters.iter().map(|counter| records::counter(topic, counter)));
    }
}
