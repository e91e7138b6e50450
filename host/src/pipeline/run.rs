//! The loop: it fetches and decodes messages, and passes batches to the shards and to the publisher behind them. While
//! a batch is being published, the next ones are decoded and judged.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded, unbounded};
use skysieve_avro::{Projection, Schemas};
use skysieve_sandbox::Engine;

use super::batch::Batch;
use super::batcher::Batcher;
use super::channels::{Command, Pending};
use super::check_upload::Prepared;
use super::config::{Config, PipelineError};
use super::decode::BatchDecoder;
use super::handle::Handle;
use super::io::{Message, Position, Sink, Source};
use super::publish::Publisher;
use super::shards::Shards;
use super::state::PipelineState;
use super::stopping::cancel_after_grace;
use crate::filters::{Entry, FilterError};

/// How long a fetch waits. Stop signals and uploads are handled in between.
const WAIT: Duration = Duration::from_millis(50);
/// How many batches may be between the decoder and the publisher.
const IN_FLIGHT: usize = 4;

/// Filters, and the threads that run them.
pub struct Pipeline {
    state: Arc<PipelineState>,
    decoder: BatchDecoder,
    shards: Shards,
    commands: Receiver<Command>,
}

impl Pipeline {
    /// Makes a pipeline without filters, and a handle to it.
    ///
    /// # Errors
    /// Returns [`PipelineError::Thread`] if a thread can't be started.
    pub fn new(config: Config, engine: Engine, schemas: Arc<Schemas>) -> Result<(Pipeline, Handle), PipelineError> {
        let shards = Shards::start(config.shards)?;
        let state = Arc::new(PipelineState::new(config, engine, schemas.clone()));
        state.totals.set_state(false, "starting");
        let (handle, commands) = Handle::new(state.clone());
        let decoder = BatchDecoder::new(schemas, state.config.surveys.clone());
        Ok((Pipeline { state, decoder, shards, commands }, handle))
    }

    /// Restores the quotas' counters. `records` are the last records for each key of the topic
    /// [`Topics::quotas`](super::Topics), in the topic's order. Returns how many there are. This must be called before
    /// [`Pipeline::add`].
    pub fn restore<'a>(&mut self, records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> usize {
        self.shards.restore(records)
    }

    /// Adds filters before the stream is read.
    ///
    /// # Errors
    /// Returns [`FilterError::Full`] if there are too many.
    pub fn add(&mut self, filters: Vec<Prepared>) -> Result<(), FilterError> {
        for prepared in &filters {
            self.state.register(&prepared.entry)?;
        }
        self.start(filters);
        Ok(())
    }

    /// Reads the stream until it ends or `stop` is set; then finishes and publishes the batches in progress. Once `stop` is
    /// set, filters have a second for them; batches that take longer are left to the next start. There must be at least one
    /// sink; several of them publish in turn.
    ///
    /// # Errors
    /// Returns a [`PipelineError`]. What has not been published is read again at the next start.
    pub fn run<S: Source, K: Sink>(
        mut self,
        mut source: S,
        sinks: impl IntoIterator<Item = K>,
        stop: &AtomicBool,
    ) -> Result<(), PipelineError> {
        let state = self.state.clone();
        let (pending_in, pending) = bounded(IN_FLIGHT);
        let (done, published) = unbounded();
        let result = std::thread::scope(|scope| {
            // The threads own what they share, so that the loop notices when they have ended.
            let publisher = Arc::new(Publisher::new(&state.config.topics, &state.totals, pending));
            let mut publishers = Vec::new();
            let (running, ended) = bounded(0);
            let cancel = &state.cancel;
            let stopping = std::thread::Builder::new().name("stopping".to_owned());
            stopping
                .spawn_scoped(scope, move || cancel_after_grace(stop, &ended, cancel))
                .map_err(PipelineError::Thread)?;
            for mut sink in sinks {
                let (publisher, done) = (publisher.clone(), done.clone());
                let thread = std::thread::Builder::new().name(format!("publisher-{}", publishers.len()));
                let publish = move || publisher.publish(&mut sink, &done);
                publishers.push(thread.spawn_scoped(scope, publish).map_err(PipelineError::Thread)?);
            }
            drop((publisher, done));
            state.totals.watch(source.monitor());
            state.totals.set_state(true, "reading");
            let read = self.read(&mut source, stop, pending_in, &published);
            // Held until the publishers have ended.
            let _running: Sender<Infallible> = running;
            let ended = publishers.into_iter().map(|thread| thread.join().map_err(|_| PipelineError::ThreadLost)?);
            ended.fold(Ok(()), Result::and).and(read)
        });
        let detail = result.as_ref().map_or_else(|error| error.to_string(), |()| "stopped".to_owned());
        state.totals.set_state(false, &detail);
        result
    }

    fn read<S: Source>(
        &mut self,
        source: &mut S,
        stop: &AtomicBool,
        pending: Sender<Pending>,
        published: &Receiver<Arc<Batch>>,
    ) -> Result<(), PipelineError> {
        let mut batcher = Batcher::new(&self.state.config.batch);
        while !batcher.is_over() && !stop.load(Ordering::Relaxed) {
            self.obey();
            if !self.recycle(published) {
                // The publisher has failed, and its error is the one to report.
                return Ok(());
            }
            let messages = batcher.next(source, WAIT)?;
            if messages.is_empty() {
                continue;
            }
            if !self.await_schemas(&messages, stop) {
                return Ok(());
            }
            let Some(batch) = self.dispatch(messages, &mut batcher) else { continue };
            if !self.hand_over(batch, &pending) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits while a registry can't be asked for the schema of one of the messages. If it is so configured, also waits
    /// for unknown schemas if there is no registry. Returns `false` if the host was stopped in the meantime.
    fn await_schemas(&mut self, messages: &[Message], stop: &AtomicBool) -> bool {
        let for_unknown = self.state.config.wait_for_schemas;
        let mut told = String::new();
        while let Some(obstacle) = self.decoder.obstacle(messages, for_unknown) {
            if told.is_empty() {
                tracing::warn!("{obstacle}");
                self.state.totals.set_waiting(true);
            }
            self.state.totals.set_state(false, &obstacle);
            told = obstacle;
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            self.obey();
            std::thread::sleep(WAIT);
        }
        if !told.is_empty() {
            tracing::info!("no longer waiting for a schema");
            self.state.totals.set_waiting(false);
            self.state.totals.set_state(true, "reading");
        }
        true
    }

    /// Passes a batch on to the publishers. Returns whether there still are any. While they are busy, uploads are
    /// answered.
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

    /// Decodes a batch and passes it to every shard. `None` if all of it was set apart for later.
    fn dispatch(&mut self, messages: Vec<Message>, batcher: &mut Batcher) -> Option<Pending> {
        let mut batch = self.decode(messages);
        if batcher.set_apart(&mut batch) {
            self.decoder.recycle(batch.decoded);
            if batch.messages.is_empty() {
                return None;
            }
            batch = self.decode(batch.messages);
        }
        let (positions, ends_visit) = (Position::after(&batch.messages), batcher.ends_visit());
        let bytes = batch.messages.iter().map(|message| message.bytes.len()).sum();
        self.state.totals.add_fetched(batch.messages.len(), bytes, batch.undecodable.len());
        self.state.totals.add_without_visit(batch.alerts.without_visit());
        let batch = Arc::new(batch);
        let outcomes = self.shards.judge(&batch);
        Some(Pending { batch, outcomes, shards: self.shards.count(), positions, ends_visit })
    }

    fn decode(&mut self, messages: Vec<Message>) -> Batch {
        let (state, mut new) = (&self.state, false);
        let batch = self.decoder.decode(messages, |topic, schema| {
            state.add_stream_schema(topic, schema);
            new = true;
        });
        if new {
            state.set_seen_topics(self.decoder.seen_topics());
        }
        batch
    }

    /// Takes back the buffers of published batches. Returns whether there still is a publisher.
    fn recycle(&mut self, published: &Receiver<Arc<Batch>>) -> bool {
        loop {
            match published.try_recv() {
                Ok(batch) => drop(Arc::try_unwrap(batch).map(|batch| self.decoder.recycle(batch.decoded))),
                Err(error) => return error.is_empty(),
            }
        }
    }

    /// Executes what was requested through the handles. Uploads that arrived together share one change of the
    /// projection.
    fn obey(&mut self) {
        let mut added = Vec::new();
        let mut answers = Vec::new();
        for command in self.commands.try_iter().collect::<Vec<_>>() {
            match command {
                Command::Put(prepared, answer) => match self.state.register(&prepared.entry) {
                    Ok(()) => {
                        added.push(*prepared);
                        answers.push(answer);
                    }
                    Err(error) => drop(answer.send(Err(error))),
                },
                Command::Delete(name, answer) => {
                    self.start(std::mem::take(&mut added));
                    drop(answer.send(self.remove(&name)));
                }
            }
        }
        self.start(added);
        for answer in answers {
            // Sending fails if the caller has gone.
            drop(answer.send(Ok(())));
        }
    }

    /// Passes registered filters to shards. Batches are decoded for them from the next one on.
    fn start(&mut self, filters: Vec<Prepared>) {
        if filters.is_empty() {
            return;
        }
        let mut projection = self.project();
        self.shards.add(filters, &mut projection, &self.state.config);
    }

    fn remove(&mut self, name: &str) -> Result<Arc<Entry>, FilterError> {
        let entry = self.state.entries_mut().remove(name).ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        // Its shard may be in the middle of a long evaluation, whose result is of no use any more.
        entry.cancel.cancel();
        self.shards.remove(name, &self.state.config);
        self.project();
        Ok(entry)
    }

    /// Returns the projection for the current filters, after binding the shards' filters to it.
    fn project(&mut self) -> Projection {
        let projection = self.decoder.set_filters(self.state.entries().values());
        self.shards.bind(&projection);
        projection
    }
}
