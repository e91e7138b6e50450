//! The end of an alert's way: what the shards kept of a batch goes to the sink, batch by batch.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

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

/// Publishes batches in their order until there are no more, or the sink fails. `done` gets them back, for their buffers.
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
    for Pending { batch, results, shards, positions } in pending {
        let mut records = Vec::new();
        for undecodable in &batch.undecodable {
            records.push(letters::undecodable(&topics.dead_letters, &batch, undecodable));
        }
        let mut dead_letters = records.len();
        for _ in 0..shards {
            let result = results.recv().map_err(|_| PipelineError::ThreadLost)?;
            dead_letters += result.letters.len();
            append(&mut records, topics, &batch, &result);
        }
        sink.publish(records, &positions)?;
        totals.add_published(batch.messages.len(), dead_letters);
        if done.send(batch).is_err() {
            break;
        }
    }
    Ok(())
}

fn append(records: &mut Vec<Record>, topics: &Topics, batch: &Batch, result: &ShardResult) {
    records.extend(result.outputs.iter().map(|output| letters::accepted(batch, output)));
    records.extend(result.letters.iter().map(|letter| letters::fault(&topics.dead_letters, batch, letter)));
    if let Some(topic) = &topics.quotas {
        records.extend(result.counters.iter().map(|counter| letters::counter(topic, counter)));
    }
}
