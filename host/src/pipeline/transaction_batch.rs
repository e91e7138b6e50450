//! Batches that are published together in one transaction.

use std::sync::Arc;
use std::time::Duration;

use skysieve_survey::Visit;

use super::batch::Batch;
use super::channels::{Judged, Pending};
use super::config::{PipelineError, Topics};
use super::io::{Position, Record};
use super::lane_record::LaneChange;
use super::outcome::{AfterCommit, Changes, Outcome, QuotaCounter};
use super::records;
use super::running_filter::RunningFilter;
use crate::filters::Entry;

/// A transaction with at least this many messages takes no further batch.
const MESSAGES: usize = 1024;

/// A transaction with at least this many bytes of payloads takes no further batch. Subscribers receive nothing of a
/// transaction before its end, and the next one is sent while it ends.
const BYTES: usize = 8 << 20;

/// Batches that are published together in one transaction.
#[derive(Default)]
pub struct TransactionBatch {
    /// The records to publish.
    pub records: Vec<Record>,
    /// The positions to commit with them.
    pub positions: Vec<Position>,
    /// The batches.
    pub batches: Vec<Arc<Batch>>,
    /// The number of messages in the batches.
    pub messages: usize,
    /// The number of dead letters among the records.
    pub dead_letters: usize,
    /// How long shards have judged the batches.
    pub judging: Duration,
    /// How long sending the records took.
    pub sending: Duration,
    /// The filters that leave the lane once the transaction is committed.
    pub leaving: Vec<RunningFilter>,
    /// What else is to be done then.
    pub then: Vec<AfterCommit>,
    /// The accepted alerts among the records, in ascending order.
    accepted: Vec<AcceptedRecord>,
    ends_visit: bool,
}

/// A record of an accepted alert.
struct AcceptedRecord {
    /// The index of the record among the records.
    number: usize,
    entry: Arc<Entry>,
    topic: Arc<str>,
    visit: Visit,
}

impl TransactionBatch {
    /// Whether another batch may be added.
    pub fn has_room(&self) -> bool {
        let bytes = || self.records.iter().map(|record| record.payload.len()).sum::<usize>();
        !self.ends_visit && self.messages < MESSAGES && bytes() < BYTES
    }

    /// Waits for the shards' outcomes for a batch, and adds what is to be published. Returns whether they are complete;
    /// nothing is added otherwise.
    pub fn add(&mut self, pending: Pending, topics: &Topics) -> Result<bool, PipelineError> {
        let Pending { batch, outcomes, shards, positions, ends_visit, changes } = pending;
        let judged: Vec<Judged> =
            (0..shards).map(|_| outcomes.recv()).collect::<Result<_, _>>().map_err(|_| PipelineError::ThreadLost)?;
        if judged.iter().any(|judged| judged.outcome.is_incomplete) {
            return Ok(false);
        }
        let Changes { lanes, counters, then } = changes;
        self.add_lanes(topics, &lanes);
        self.add_counters(topics, &counters);
        self.then.extend(then);
        for undecodable in &batch.undecodable {
            self.records.push(records::undecodable(&topics.dead_letters, &batch, undecodable));
        }
        self.dead_letters += batch.undecodable.len();
        for Judged { outcome, late, leaving, took } in judged {
            late.iter().for_each(|(batch, outcome)| self.append(topics, batch, outcome));
            self.append(topics, &batch, &outcome);
            self.leaving.extend(leaving);
            self.judging += took;
        }
        positions.into_iter().for_each(|position| position.advance(&mut self.positions));
        self.messages += batch.messages.len();
        self.ends_visit = ends_visit;
        self.batches.push(batch);
        Ok(true)
    }

    fn append(&mut self, topics: &Topics, batch: &Batch, outcome: &Outcome) {
        for output in &outcome.outputs {
            let visit = batch.alerts.visits()[batch.alerts.visit_of(output.row)].visit;
            let (number, entry, topic) = (self.records.len(), output.entry.clone(), output.topic.clone());
            self.accepted.push(AcceptedRecord { number, entry, topic, visit });
            self.records.push(records::accepted(batch, output));
        }
        self.dead_letters += outcome.faults.len();
        self.records.extend(outcome.faults.iter().map(|report| records::fault(&topics.dead_letters, batch, report)));
        self.add_counters(topics, &outcome.counters);
        if let Some(topic) = &topics.quotas {
            self.records.extend(outcome.forgotten.iter().map(|counter| records::forgotten(topic, counter)));
        }
        self.add_lanes(topics, &outcome.lanes);
    }

    fn add_counters(&mut self, topics: &Topics, counters: &[QuotaCounter]) {
        if let Some(topic) = &topics.quotas {
            self.records.extend(counters.iter().map(|counter| records::counter(topic, counter)));
        }
    }

    fn add_lanes(&mut self, topics: &Topics, lanes: &[LaneChange]) {
        if let Some(topic) = &topics.quotas {
            self.records.extend(lanes.iter().map(|change| change.record(topic)));
        }
    }

    /// Accounts for records that became dead letters because they were too large. Returns the topics that did not
    /// accept them.
    pub fn count_too_large(&mut self, numbers: &[usize]) -> Vec<Arc<str>> {
        let mut topics = Vec::new();
        for number in numbers {
            // Records that are not found were dead letters already.
            if let Ok(at) = self.accepted.binary_search_by_key(number, |accepted| accepted.number) {
                let AcceptedRecord { entry, topic, visit, .. } = &self.accepted[at];
                entry.count_too_large(*visit);
                self.dead_letters += 1;
                if !topics.contains(topic) {
                    topics.push(topic.clone());
                }
            }
        }
        topics
    }
}
