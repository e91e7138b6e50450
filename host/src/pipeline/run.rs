//! The loop: fetch, decode, hand to the shards; behind it the publisher. While a batch is published the next is
//! decoded and judged.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded, unbounded};

use super::decode::BatchDecoder;
use super::feed::Feed;
use super::handle::{Command, Handle, Prepared, Shared};
use super::publish::{Pending, Publisher};
use super::shard::{QUOTAS_KEPT, Shard};
use super::{Batch, Config, Message, PipelineError, Position, Sink, Source, letters};
use crate::filters::{Entry, FilterError};
use skysieve_avro::Schemas;
use skysieve_sandbox::Engine;
use skysieve_survey::Visit;

/// How long a fetch waits: stop signals and uploads are looked at in between.
const WAIT: Duration = Duration::from_millis(50);
/// Batches on the way between decoder and publisher.
const IN_FLIGHT: usize = 4;

/// Which shard a filter is on, or was: its counters are there.
struct Home {
    shard: usize,
    runs: bool,
}

/// Filters and the threads that run them.
pub struct Pipeline {
    shared: Arc<Shared>,
    decoder: BatchDecoder,
    shards: Vec<Shard>,
    homes: HashMap<String, Home>,
    /// Counters of before a restart, of filters that were not added yet.
    restored: HashMap<String, Vec<(Visit, u32)>>,
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
        let (homes, restored) = (HashMap::new(), HashMap::new());
        Ok((Pipeline { shared, decoder, shards, homes, restored, commands }, handle))
    }

    /// Sets the quotas' counters to what they were: `records` are the last ones, by key, of the topic
    /// [`Topics::quotas`](super::Topics). Returns how many there are. Comes before [`Pipeline::add`].
    pub fn restore<'a>(&mut self, records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> usize {
        let mut count = 0;
        for (filter, visit, used) in records.into_iter().filter_map(|(key, value)| letters::read_counter(key, value)) {
            self.restored.entry(filter).or_default().push((visit, used));
            count += 1;
        }
        count
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

    /// Reads the stream until it ends or `stop` is set; then finishes the batches on their way, and publishes them. The sinks, of
    /// which there is at least one, do so in turn.
    ///
    /// # Errors
    /// [`PipelineError`]: what was not published is read again at the next start.
    pub fn run<S: Source, K: Sink>(
        mut self,
        mut source: S,
        sinks: impl IntoIterator<Item = K>,
        stop: &AtomicBool,
    ) -> Result<(), PipelineError> {
        let shared = self.shared.clone();
        let (pending_in, pending) = bounded(IN_FLIGHT);
        let (done, published) = unbounded();
        let result = std::thread::scope(|scope| {
            // Threads own what they share: the loop learns by it that they have ended.
            let publisher = Arc::new(Publisher::new(&shared.config.topics, &shared.totals, pending));
            let mut publishers = Vec::new();
            for mut sink in sinks {
                let (publisher, done) = (publisher.clone(), done.clone());
                let thread = std::thread::Builder::new().name(format!("publisher-{}", publishers.len()));
                let publish = move || publisher.publish(&mut sink, &done);
                publishers.push(thread.spawn_scoped(scope, publish).map_err(PipelineError::Thread)?);
            }
            drop((publisher, done));
            shared.totals.watch(source.monitor());
            shared.totals.set_state(true, "reading");
            let read = self.read(&mut source, stop, pending_in, &published);
            let ended = publishers.into_iter().map(|thread| thread.join().map_err(|_| PipelineError::ThreadLost)?);
            ended.fold(Ok(()), Result::and).and(read)
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
        published: &Receiver<Arc<Batch>>,
    ) -> Result<(), PipelineError> {
        let mut feed = Feed::new(&self.shared.config.batch);
        while !feed.is_over() && !stop.load(Ordering::Relaxed) {
            self.obey();
            if !self.recycle(published) {
                // The publisher has failed; its error is the one to report.
                return Ok(());
            }
            let messages = feed.next(source, WAIT)?;
            if messages.is_empty() {
                continue;
            }
            if !self.await_schemas(&messages, stop) {
                return Ok(());
            }
            let Some(batch) = self.dispatch(messages, &mut feed) else { continue };
            if !self.hand_over(batch, &pending) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits until the schemas of all messages are known, if so configured. `false`: stopped before.
    fn await_schemas(&mut self, messages: &[Message], stop: &AtomicBool) -> bool {
        if !self.shared.config.wait_for_schemas {
            return true;
        }
        let mut told = String::new();
        while let Some(obstacle) = self.decoder.obstacle(messages) {
            if obstacle != told {
                tracing::warn!("{obstacle}");
                self.shared.totals.set_state(false, &obstacle);
                told = obstacle;
            }
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            self.obey();
            std::thread::sleep(WAIT);
        }
        if !told.is_empty() {
            self.shared.totals.set_state(true, "reading");
        }
        true
    }

    /// Passes a batch on to the publisher; whether there still is one. While the publisher is held up, uploads are answered.
    fn hand_over(&mut self, mut batch: Pending, pending: &Sender<Pending>) -> bool {
        loop {
            match pending.send_timeout(batch, WAIT) {
                Ok(()) => return true,
                Err(SendTimeoutError::Timeout(back)) => batch = back,
                Err(SendTimeoutError::Disconnected(_)) => return false,
            }
            self.obey();
        }
    }

    /// Decodes a batch and gives it to every shard. `None`: all of it is for later.
    fn dispatch(&mut self, messages: Vec<Message>, feed: &mut Feed) -> Option<Pending> {
        let mut batch = self.decode(messages);
        if feed.set_apart(&mut batch) {
            self.decoder.recycle(batch.decoded);
            if batch.messages.is_empty() {
                return None;
            }
            batch = self.decode(batch.messages);
        }
        let (positions, ends_visit) = (Position::after(&batch.messages), feed.ends_visit());
        let bytes = batch.messages.iter().map(|message| message.bytes.len()).sum();
        self.shared.totals.add_fetched(batch.messages.len(), bytes, batch.undecodable.len());
        let batch = Arc::new(batch);
        let (done, results) = bounded(self.shards.len());
        for shard in &self.shards {
            shard.judge(batch.clone(), done.clone());
        }
        Some(Pending { batch, results, shards: self.shards.len(), positions, ends_visit })
    }

    fn decode(&mut self, messages: Vec<Message>) -> Batch {
        let shared = &self.shared;
        self.decoder.decode(messages, |schema| shared.add_stream_schema(schema))
    }

    /// Takes the buffers of published batches back; whether there still is a publisher.
    fn recycle(&mut self, published: &Receiver<Arc<Batch>>) -> bool {
        loop {
            match published.try_recv() {
                Ok(batch) => drop(Arc::try_unwrap(batch).map(|batch| self.decoder.recycle(batch.decoded))),
                Err(error) => return error.is_empty(),
            }
        }
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
            let name = prepared.entry.name.clone();
            self.evict(&name);
            let mut resident = prepared.settle(&mut projection, &self.shared.config);
            resident.restore(self.restored.remove(&name).unwrap_or_default());
            let home = self.home(name);
            self.shards[home].add(resident);
        }
    }

    fn remove(&mut self, name: &str) -> Result<Arc<Entry>, FilterError> {
        let entry = self.shared.entries_mut().remove(name).ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        self.evict(name);
        self.rebind();
        Ok(entry)
    }

    /// The shard of a filter: that of an earlier one of its name, else the one with the fewest.
    fn home(&mut self, name: String) -> usize {
        let fewest = (0..self.shards.len()).min_by_key(|&shard| self.shards[shard].filters).unwrap_or(0);
        let home = self.homes.entry(name).or_insert(Home { shard: fewest, runs: false });
        home.runs = true;
        home.shard
    }

    fn evict(&mut self, name: &str) {
        if let Some(home) = self.homes.get_mut(name)
            && std::mem::take(&mut home.runs)
        {
            self.shards[home.shard].remove(name);
        }
        let room = QUOTAS_KEPT + self.shared.config.max_filters;
        if self.homes.len() > room {
            self.homes.retain(|_, home| home.runs);
        }
    }

    /// The projection of the filters there are now, to which the shards' filters are bound.
    fn rebind(&mut self) -> skysieve_avro::Projection {
        let projection = self.decoder.set_filters(self.shared.entries().values());
        for shard in &self.shards {
            shard.bind(projection.clone());
        }
        projection
    }
}
