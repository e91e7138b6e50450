//! The end of an alert's way: what the shards kept of a batch goes to the sink, batch by batch.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::shard::ShardResult;
use super::totals::Totals;
use super::{Batch, PipelineError, Position, Record, Sink, Topics, letters};

/// A batch that the shards are at work on.
pub struct Pending {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Where its results come from, one a shard.
    pub results: Receiver<ShardResult>,
    /// How many shards there are.
    pub shards: usize,
    /// What is done with once it is published.
    pub positions: Vec<Position>,
}

/// Messages beyond which no further batch goes into a transaction.
const MESSAGES: usize = 1024;

/// Bytes of payloads to publish, for the same. Subscribers get nothing of a transaction before its end, and read what they
/// got while the next one is sent.
const BYTES: usize = 24 << 20;

/// How long the sink is left in peace. A host that has nothing to do learns by a commit that another has taken its place,
/// and Kafka does not forget its offsets.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Publishes batches in their order until there are no more, or the sink fails. Batches that have come while others were
/// published go together. `done` gets them back, for their buffers.
///
/// # Errors
/// [`PipelineError::Sink`], [`PipelineError::ThreadLost`].
pub fn publish_all<K: Sink>(
    sink: &mut K,
    topics: &Topics,
    totals: &Totals,
    pending: &Receiver<Pending>,
    done: &Sender<Arc<Batch>>,
) -> Result<(), PipelineError> {
    let mut reached = Vec::new();
    loop {
        let first = match pending.recv_timeout(KEEP_ALIVE) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) if reached.is_empty() => continue,
            Err(RecvTimeoutError::Timeout) => {
                sink.publish(Vec::new(), &reached)?;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let mut together = Together::default();
        together.add(first, topics)?;
        while together.has_room()
            && let Ok(next) = pending.try_recv()
        {
            together.add(next, topics)?;
        }
        let Together { records, positions, batches, messages, dead_letters } = together;
        sink.publish(records, &positions)?;
        totals.add_published(batches.len(), messages, dead_letters);
        positions.into_iter().for_each(|position| position.advance(&mut reached));
        for batch in batches {
            // The loop may have ended.
            let _ = done.send(batch);
        }
    }
}

/// Batches that are published together.
#[derive(Default)]
struct Together {
    records: Vec<Record>,
    positions: Vec<Position>,
    batches: Vec<Arc<Batch>>,
    messages: usize,
    dead_letters: usize,
}

impl Together {
    fn has_room(&self) -> bool {
        let bytes = || self.records.iter().map(|record| record.payload.len()).sum::<usize>();
        self.messages < MESSAGES && bytes() < BYTES
    }

    /// Waits for the shards' results on a batch, and adds what is to be published.
    fn add(&mut self, pending: Pending, topics: &Topics) -> Result<(), PipelineError> {
        let Pending { batch, results, shards, positions } = pending;
        for undecodable in &batch.undecodable {
            self.records.push(letters::undecodable(&topics.dead_letters, &batch, undecodable));
        }
        self.dead_letters += batch.undecodable.len();
        for _ in 0..shards {
            let result = results.recv().map_err(|_| PipelineError::ThreadLost)?;
            self.dead_letters += result.letters.len();
            append(&mut self.records, topics, &batch, &result);
        }
        positions.into_iter().for_each(|position| position.advance(&mut self.positions));
        self.messages += batch.messages.len();
        self.batches.push(batch);
        Ok(())
    }
}

fn append(records: &mut Vec<Record>, topics: &Topics, batch: &Batch, result: &ShardResult) {
    records.extend(result.outputs.iter().map(|output| letters::accepted(batch, output)));
    records.extend(result.letters.iter().map(|letter| letters::fault(&topics.dead_letters, batch, letter)));
    if let Some(topic) = &topics.quotas {
        records.extend(result.counters.iter().map(|counter| letters::counter(topic, counter)));
    }
}
