//! The loop: fetch, decode, hand to the shards; behind it the publisher. While a batch is published the next is
//! decoded and judged.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::decode::BatchDecoder;
use super::handle::{Command, Handle, Prepared, Shared};
use super::publish::{Pending, Published, publish_all};
use super::shard::Shard;
use super::{Batch, Config, Message, PipelineError, Position, Sink, Source};
use crate::avro::Schemas;
use crate::filters::{Entry, FilterError};
use crate::sandbox::Engine;

/// How long a fetch waits: stop signals and uploads are looked at in between.
const WAIT: Duration = Duration::from_millis(50);
/// Batches on the way between decoder and publisher.
const IN_FLIGHT: usize = 2;

/// Filters and the threads that run them.
pub struct Pipeline {
    shared: Arc<Shared>,
    decoder: BatchDecoder,
    shards: Vec<Shard>,
    /// Which shard a filter is on.
    homes: HashMap<String, usize>,
    commands: Receiver<Command>,
}

impl Pipeline {
    /// A pipeline without filters, and a handle on it.
    ///
    /// # Errors
    /// [`PipelineError::Thread`].
    pub fn new(config: Config, engine: Engine, schemas: Arc<Schemas>) -> Result<(Pipeline, Handle), PipelineError> {
        let shards = (0..config.shards.max(1)).map(Shard::start).collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared::new(config, engine, schemas.clone()));
        shared.totals.set_state(false, "starting");
        let (handle, commands) = Handle::new(shared.clone());
        let decoder = BatchDecoder::new(schemas);
        Ok((Pipeline { shared, decoder, shards, homes: HashMap::new(), commands }, handle))
    }

    /// Adds filters before the stream is read.
    ///
    /// # Errors
    /// [`FilterError::Full`].
    pub fn add(&mut self, filters: Vec<Prepared>) -> Result<(), FilterError> {
        for prepared in &filters {
            self.register(&prepared.entry)?;
        }
        self.settle(filters);
        Ok(())
    }

    /// Reads the stream until it ends or `stop` is set; then finishes what was fetched, and commits it.
    ///
    /// # Errors
    /// [`PipelineError`]: nothing was committed that was not published.
    pub fn run<S: Source, K: Sink>(
        mut self,
        mut source: S,
        mut sink: K,
        stop: &AtomicBool,
    ) -> Result<(), PipelineError> {
        let shared = self.shared.clone();
        let (pending_in, pending) = bounded(IN_FLIGHT);
        let (done, published) = unbounded();
        let result = std::thread::scope(|scope| {
            let (topics, totals) = (&shared.config.topics, &shared.totals);
            let publisher = scope.spawn(move || publish_all(&mut sink, topics, totals, &pending, &done));
            shared.totals.set_state(true, "reading");
            let read = self.read(&mut source, stop, pending_in, &published);
            let rest = publisher.join().map_err(|_| PipelineError::ThreadLost)?;
            let committed = self.commit(&mut source, published.try_iter());
            rest.and(read).and(committed)
        });
        let detail = result.as_ref().map_or_else(|error| error.to_string(), |()| "stopped".to_owned());
        shared.totals.set_state(false, &detail);
        result
    }

    fn read<S: Source>(
        &mut self,
        source: &mut S,
        stop: &AtomicBool,
        pending: Sender<Pending>,
        published: &Receiver<Published>,
    ) -> Result<(), PipelineError> {
        let mut more = true;
        while more && !stop.load(Ordering::Relaxed) {
            self.obey();
            self.commit(source, published.try_iter())?;
            let mut messages = Vec::new();
            more = source.fetch(&mut messages, &self.shared.config.batch, WAIT)?;
            if !messages.is_empty() && pending.send(self.dispatch(messages)).is_err() {
                // The publisher has failed; its error is the one to report.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Decodes a batch and gives it to every shard.
    fn dispatch(&mut self, messages: Vec<Message>) -> Pending {
        let positions = positions(&messages);
        let bytes = messages.iter().map(|message| message.bytes.len()).sum();
        let shared = &self.shared;
        let batch = self.decoder.decode(messages, |schema| shared.add_stream_schema(schema));
        shared.totals.add_fetched(batch.messages.len(), bytes, batch.undecodable.len());
        let batch = Arc::new(batch);
        let (done, results) = bounded(self.shards.len());
        for shard in &self.shards {
            shard.judge(batch.clone(), done.clone());
        }
        Pending { batch, results, shards: self.shards.len(), positions }
    }

    fn commit<S: Source>(
        &mut self,
        source: &mut S,
        published: impl Iterator<Item = Published>,
    ) -> Result<(), PipelineError> {
        for Published { batch, positions } in published {
            source.commit(&positions)?;
            if let Ok(Batch { decoded, .. }) = Arc::try_unwrap(batch) {
                self.decoder.recycle(decoded);
            }
        }
        Ok(())
    }

    /// Does what was asked through the handle. Uploads that came together share one change of the projection.
    fn obey(&mut self) {
        let mut added = Vec::new();
        let mut answers = Vec::new();
        for command in self.commands.try_iter().collect::<Vec<_>>() {
            match command {
                Command::Put(prepared, answer) => match self.register(&prepared.entry) {
                    Ok(()) => {
                        added.push(*prepared);
                        answers.push(answer);
                    }
                    Err(error) => drop(answer.send(Err(error))),
                },
                Command::Delete(name, answer) => {
                    self.settle(std::mem::take(&mut added));
                    drop(answer.send(self.remove(&name)));
                }
            }
        }
        self.settle(added);
        for answer in answers {
            // Whoever asked may have gone.
            drop(answer.send(Ok(())));
        }
    }

    fn register(&self, entry: &Arc<Entry>) -> Result<(), FilterError> {
        let mut entries = self.shared.entries_mut();
        let room = self.shared.config.max_filters;
        if entries.len() >= room && !entries.contains_key(&entry.name) {
            return Err(FilterError::Full(room));
        }
        entries.insert(entry.name.clone(), entry.clone());
        Ok(())
    }

    /// Gives registered filters to shards, and decodes for them from the next batch on.
    fn settle(&mut self, filters: Vec<Prepared>) {
        if filters.is_empty() {
            return;
        }
        let mut projection = self.rebind();
        for prepared in filters {
            self.evict(&prepared.entry.name);
            let name = prepared.entry.name.clone();
            let home = (0..self.shards.len()).min_by_key(|&shard| self.shards[shard].filters).unwrap_or(0);
            self.shards[home].add(prepared.settle(&mut projection, &self.shared.config));
            self.homes.insert(name, home);
        }
    }

    fn remove(&mut self, name: &str) -> Result<Arc<Entry>, FilterError> {
        let entry = self.shared.entries_mut().remove(name).ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        self.evict(name);
        self.rebind();
        Ok(entry)
    }

    fn evict(&mut self, name: &str) {
        if let Some(home) = self.homes.remove(name) {
            self.shards[home].remove(name);
        }
    }

    /// The projection of the filters there are now, to which the shards' filters are bound.
    fn rebind(&mut self) -> crate::avro::Projection {
        let projection = self.decoder.set_filters(self.shared.entries().values());
        for shard in &self.shards {
            shard.bind(projection.clone());
        }
        projection
    }
}

/// One past the last message of each partition.
fn positions(messages: &[Message]) -> Vec<Position> {
    let mut positions: Vec<Position> = Vec::new();
    for message in messages {
        let next = message.offset + 1;
        let same = |known: &&mut Position| known.partition == message.partition && known.topic == message.topic;
        match positions.iter_mut().find(same) {
            Some(known) => known.offset = known.offset.max(next),
            None => {
                positions.push(Position { topic: message.topic.clone(), partition: message.partition, offset: next });
            }
        }
    }
    positions
}
