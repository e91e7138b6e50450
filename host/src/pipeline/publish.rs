//! The end of an alert's way: what the shards kept of a batch goes to a sink, batch by batch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, select};

use super::shard::ShardResult;
use super::totals::Totals;
use super::turns::{Turn, Turns};
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
    /// The next one is the first of a visit, and goes into a transaction of its own.
    pub ends_visit: bool,
}

/// Messages beyond which no further batch goes into a transaction.
const MESSAGES: usize = 1024;

/// Bytes of payloads to publish, for the same. Subscribers get nothing of a transaction before its end; the next one is
/// sent while it ends.
const BYTES: usize = 8 << 20;

/// How long the sink is left in peace. A host that has nothing to do learns by a commit that another has taken its place,
/// and Kafka does not forget its offsets.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Batches on their way to the sinks, which take them in turn.
pub struct Publisher<'a> {
    topics: &'a Topics,
    totals: &'a Totals,
    queue: Mutex<Queue>,
    turns: Turns,
}

/// Batches that no sink has taken yet.
struct Queue {
    pending: Receiver<Pending>,
    /// How far the sinks were given the stream: all of it is committed by the time of the next turn.
    reached: Vec<Position>,
}

impl<'a> Publisher<'a> {
    /// What publishes the batches that come through `pending`.
    pub fn new(topics: &'a Topics, totals: &'a Totals, pending: Receiver<Pending>) -> Publisher<'a> {
        Publisher { topics, totals, queue: Mutex::new(Queue { pending, reached: Vec::new() }), turns: Turns::new() }
    }

    /// Publishes batches in their order, in turn with other threads that do the same with other sinks, until there are no
    /// more, or one of the sinks fails. `done` gets the batches back, for their buffers.
    ///
    /// # Errors
    /// [`PipelineError::Sink`], [`PipelineError::ThreadLost`].
    pub fn publish<K: Sink>(&self, sink: &mut K, done: &Sender<Arc<Batch>>) -> Result<(), PipelineError> {
        while let Some((turn, batches, sent)) = self.send(sink)? {
            if !turn.comes() {
                // Another sink has failed; its error is the one to report.
                return Ok(());
            }
            sink.commit(sent)?;
            self.totals.add_published(batches.batches.len(), batches.messages, batches.dead_letters);
            turn.ends();
            for batch in batches.batches {
                // The loop may have ended.
                let _ = done.send(batch);
            }
        }
        Ok(())
    }

    /// Sends the next batches; the other sinks wait meanwhile. Those that have come while others were sent go together.
    fn send<K: Sink>(&self, sink: &mut K) -> Result<Option<(Turn<'_>, Together, K::Sent)>, PipelineError> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut together = Together::default();
        let turn = loop {
            select! {
                recv(queue.pending) -> first => {
                    let Ok(first) = first else { return Ok(None) };
                    let turn = self.turns.take();
                    together.add(first, self.topics)?;
                    break turn;
                }
                recv(self.turns.broken) -> _ => return Ok(None),
                default(KEEP_ALIVE) => if !queue.reached.is_empty() {
                    together.positions = queue.reached.clone();
                    break self.turns.take();
                }
            }
        };
        while together.has_room()
            && let Ok(next) = queue.pending.try_recv()
        {
            together.add(next, self.topics)?;
        }
        let (records, positions) = (std::mem::take(&mut together.records), std::mem::take(&mut together.positions));
        positions.iter().cloned().for_each(|position| position.advance(&mut queue.reached));
        let sent = sink.send(records, positions);
        Ok(Some((turn, together, sent)))
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
    ends_visit: bool,
}

impl Together {
    fn has_room(&self) -> bool {
        let bytes = || self.records.iter().map(|record| record.payload.len()).sum::<usize>();
        !self.ends_visit && self.messages < MESSAGES && bytes() < BYTES
    }

    /// Waits for the shards' results on a batch, and adds what is to be published.
    fn add(&mut self, pending: Pending, topics: &Topics) -> Result<(), PipelineError> {
        let Pending { batch, results, shards, positions, ends_visit } = pending;
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
        self.ends_visit = ends_visit;
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
