//! A lane: the loop that fetches and decodes messages, and passes batches to its shards and to the publishers behind
//! them. While a batch is being published, the next ones are decoded and judged. What is special about the live lane and
//! the slow one is in their [`Duties`].

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded, unbounded};

use super::batch::Batch;
use super::batcher::Batcher;
use super::channels::{Command, Pending};
use super::config::PipelineError;
use super::decode::BatchDecoder;
use super::io::{Message, Position, Sink, Source};
use super::lane_record::LaneChange;
use super::outcome::{AfterCommit, Changes, QuotaCounter};
use super::positions::Positions;
use super::publish::Publisher;
use super::running_filter::{RunningFilter, RunningShadow};
use super::shards::Shards;
use super::state::PipelineState;
use super::stopping::cancel_after_grace;
use super::totals::Totals;
use crate::filters::Entry;

/// How long a fetch waits. Stop signals and uploads are handled in between.
pub const WAIT: Duration = Duration::from_millis(50);
/// How often it is published where filters are judged, although nothing has changed. Records are kept for days.
pub const TELL_AGAIN: Duration = Duration::from_secs(6 * 3600);
/// How many batches may be between the decoder and the publisher.
const IN_FLIGHT: usize = 4;

/// How long a lane rests if nobody can take a batch.
const SHORTLY: Duration = Duration::from_millis(2);

/// What a lane does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It reads a batch.
    Read,
    /// It lets filters go on with the batches that they have taken.
    Work,
    /// It waits a moment.
    Rest,
}

/// What a lane does besides reading.
pub trait Duties {
    /// Whether the lane reads while it has no filter that is active.
    const READS_ALWAYS: bool;
    /// Whether messages that are not alerts become dead letters. All lanes read them, and one tells.
    const TELLS_WHAT_IS_NO_ALERT: bool;
    /// Whether uploads are tried on what it reads.
    const KEEPS_RECENT: bool = false;

    /// Executes the commands that have come.
    fn obey(&mut self, lane: &mut Lane);

    /// What to do next.
    fn next_step(&mut self, _lane: &mut Lane, _stop: &AtomicBool) -> Step {
        Step::Read
    }

    /// Takes note that a batch was passed to the shards.
    fn has_moved(&mut self, _lane: &mut Lane) {}

    /// Whether filters have something to do although no message has come.
    fn has_work(&mut self) -> bool {
        false
    }
}

/// One lane: its filters, and how far it has come.
pub struct Lane {
    /// What the lanes share.
    pub state: Arc<PipelineState>,
    /// The counts of this lane.
    pub totals: Arc<Totals>,
    /// The threads that judge.
    pub shards: Shards,
    /// The commands that have come.
    pub commands: Receiver<Command>,
    /// Where the next batch begins.
    pub position: Arc<Positions>,
    /// How many batches are being judged or published.
    pub in_flight: usize,
    sender: Sender<Command>,
    decoder: BatchDecoder,
    /// The records of the filters in this lane.
    members: BTreeMap<String, Arc<Entry>>,
    /// What is to be published with the next batch about filters that have joined or were removed.
    changes: Changes,
    /// Whether nothing more is to be read.
    ended: bool,
    /// Whether the source has to go to `position`.
    moved: bool,
}

impl Lane {
    /// A lane without filters.
    pub fn new(
        state: Arc<PipelineState>,
        totals: Arc<Totals>,
        shards: Shards,
        (sender, commands): (Sender<Command>, Receiver<Command>),
    ) -> Lane {
        let (surveys, most) = (state.config.surveys.clone(), state.config.batch.columns);
        let decoder = BatchDecoder::new(state.schemas.clone(), surveys, state.topics.clone(), most);
        Lane {
            state,
            totals,
            shards,
            commands,
            position: Arc::default(),
            in_flight: 0,
            sender,
            decoder,
            members: BTreeMap::new(),
            changes: Changes::default(),
            ended: false,
            moved: false,
        }
    }

    /// Passes filters to the shards. Batches are decoded for them from the next one on.
    pub fn add(&mut self, filters: Vec<RunningFilter>) {
        if filters.is_empty() {
            return;
        }
        for filter in &filters {
            self.members.insert(filter.entry.name.clone(), filter.entry.clone());
        }
        let mut projection = self.project();
        filters.into_iter().for_each(|filter| self.shards.add(Box::new(filter), &mut projection));
    }

    /// Decodes for a filter that is to come, and keeps batches for it from the next one on.
    pub fn expect(&mut self, entry: Arc<Entry>) {
        self.members.insert(entry.name.clone(), entry.clone());
        let mut projection = self.project();
        self.shards.expect(&entry, &mut projection);
    }

    /// The record of a filter in this lane.
    pub fn entry(&self, name: &str) -> Option<Arc<Entry>> {
        self.members.get(name).cloned()
    }

    /// Ends to decode for filters that are no longer on the shards.
    pub fn leave_out<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let before = self.members.len();
        names.into_iter().for_each(|name| drop(self.members.remove(name)));
        if self.members.len() < before {
            self.project();
        }
    }

    /// Removes a filter.
    pub fn remove(&mut self, name: &str) {
        self.shards.remove(name, &self.state.config);
        self.leave_out([name]);
    }

    /// Publishes with the next batch where a filter is judged now.
    pub fn tell(&mut self, change: LaneChange) {
        self.changes.lanes.push(change);
    }

    /// The same, with counters that the filter has brought along. `then` is called once that is committed.
    pub fn tell_then(&mut self, change: LaneChange, counters: Vec<QuotaCounter>, then: AfterCommit) {
        self.changes.lanes.push(change);
        self.changes.counters.extend(counters);
        self.changes.then.push(then);
    }

    /// Sends commands to this lane.
    pub fn sender(&self) -> Sender<Command> {
        self.sender.clone()
    }

    /// Publishes with the next batch once more where filters are judged, because the records are kept for some days only:
    /// of all filters, or of those that would have to begin anew without it.
    pub fn tell_again(&mut self, all: bool) {
        let names: Vec<String> = self
            .members
            .values()
            .filter(|entry| all || !entry.origin().is_plain())
            .map(|entry| entry.name.clone())
            .collect();
        let mut told = Vec::new();
        for name in names {
            // One that is not there is about to leave, which is told anyway.
            if let Some(filter) = self.shards.withdraw(&name) {
                self.tell(filter.lane_change());
                told.push(*filter);
            }
        }
        self.add(told);
    }

    /// Goes to these positions, and reads on from there.
    pub fn go_to(&mut self, positions: &Positions) {
        let position = Arc::make_mut(&mut self.position);
        positions.iter().for_each(|of_partition| position.set(of_partition));
        self.moved = true;
    }

    /// Whether the filter of that name is in this lane, and not suspended.
    pub fn is_active(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|entry| entry.is_active())
    }

    /// Reads nothing more. The batches in progress are finished.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Gives a filter its shadow, for which batches are decoded from the next one on. Returns the shadow if the filter is not
    /// here.
    pub fn give_shadow(&mut self, name: &str, mut shadow: Box<RunningShadow>) -> Result<(), Box<RunningShadow>> {
        let mut projection = self.project();
        shadow.bind(&mut projection);
        self.shards.give_shadow(name, shadow)
    }

    /// Decodes for the current filters and their shadows from now on, and binds the filters on the shards to that.
    pub fn project(&mut self) -> skysieve_avro::Projection {
        let shadows = self.members.values().filter_map(|entry| entry.shadow()).filter(|shadow| !shadow.is_over());
        let shadows: Vec<Arc<Entry>> = shadows.map(|shadow| shadow.entry.clone()).collect();
        let projection = self.decoder.set_filters(self.members.values().chain(&shadows));
        self.shards.bind(&projection);
        projection
    }

    /// Reads the stream until it ends or `stop` is set; then finishes and publishes the batches in progress. Once `stop` is
    /// set, filters have a second for them; batches that take longer are left to the next start.
    pub fn run<S: Source, K: Sink>(
        &mut self,
        duties: &mut impl Duties,
        mut source: S,
        sinks: impl IntoIterator<Item = K>,
        stop: &AtomicBool,
    ) -> Result<(), PipelineError> {
        let (state, totals) = (self.state.clone(), self.totals.clone());
        let (pending_in, pending) = bounded(IN_FLIGHT);
        let (done, published) = unbounded();
        let result = std::thread::scope(|scope| {
            // The threads own what they share, so that the loop notices when they have ended.
            let publisher = Arc::new(Publisher::new(&state.config.topics, &totals, pending, self.sender.clone()));
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
            totals.watch(source.monitor());
            totals.set_state(true, "reading");
            let read = self.read(duties, &mut source, stop, pending_in, &published);
            // Held until the publishers have ended.
            let _running: Sender<Infallible> = running;
            let ended = publishers.into_iter().map(|thread| thread.join().map_err(|_| PipelineError::ThreadLost)?);
            ended.fold(Ok(()), Result::and).and(read)
        });
        let detail = result.as_ref().map_or_else(|error| error.to_string(), |()| "stopped".to_owned());
        totals.set_state(false, &detail);
        result
    }

    fn read<D: Duties, S: Source>(
        &mut self,
        duties: &mut D,
        source: &mut S,
        stop: &AtomicBool,
        pending: Sender<Pending>,
        published: &Receiver<Arc<Batch>>,
    ) -> Result<(), PipelineError> {
        let mut batcher = Batcher::new(&self.state.config.batch);
        source.positions().into_iter().for_each(|position| Arc::make_mut(&mut self.position).set_at_least(position));
        duties.has_moved(self);
        let mut reads = true;
        while !batcher.is_over() && !stop.load(Ordering::Relaxed) {
            duties.obey(self);
            if self.ended {
                return Ok(());
            }
            if !self.recycle(published) {
                // The publisher has failed, and its error is the one to report.
                return Ok(());
            }
            let step = duties.next_step(self, stop);
            let wanted = D::READS_ALWAYS || self.members.values().any(|entry| entry.is_active());
            if std::mem::take(&mut self.moved) || wanted != reads {
                source.seek(if wanted { self.position.iter().collect() } else { Vec::new() })?;
                batcher = Batcher::new(&self.state.config.batch);
                reads = wanted;
            }
            let mut messages = Vec::new();
            match step {
                _ if !reads => {
                    Arc::make_mut(&mut self.position).clone_from(&Positions::default());
                    std::thread::sleep(WAIT);
                }
                Step::Read => messages = batcher.next(source, WAIT)?,
                Step::Rest => std::thread::sleep(SHORTLY),
                Step::Work => {}
            }
            let has_work = step == Step::Work && reads || messages.is_empty() && duties.has_work();
            if messages.is_empty() && self.changes.is_empty() && !has_work {
                continue;
            }
            if !self.await_schemas(duties, &messages, stop) {
                return Ok(());
            }
            if !self.dispatch_and_hand_over(duties, messages, &mut batcher, &pending) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits while a registry can't be asked for the schema of one of the messages. If it is so configured, also waits
    /// for unknown schemas if there is no registry. Returns `false` if the host was stopped in the meantime.
    fn await_schemas(&mut self, duties: &mut impl Duties, messages: &[Message], stop: &AtomicBool) -> bool {
        let for_unknown = self.state.config.wait_for_schemas;
        let mut told = String::new();
        while let Some(obstacle) = self.decoder.obstacle(messages, for_unknown) {
            if told.is_empty() {
                tracing::warn!("{obstacle}");
                self.totals.set_waiting(true);
            }
            self.totals.set_state(false, &obstacle);
            told = obstacle;
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            duties.obey(self);
            std::thread::sleep(WAIT);
        }
        if !told.is_empty() {
            tracing::info!("no longer waiting for a schema");
            self.totals.set_waiting(false);
            self.totals.set_state(true, "reading");
        }
        true
    }

    /// Passes messages to the shards and to the publishers. Returns whether there still are publishers. While they are
    /// busy, uploads are answered.
    fn dispatch_and_hand_over<D: Duties>(
        &mut self,
        duties: &mut D,
        messages: Vec<Message>,
        batcher: &mut Batcher,
        pending: &Sender<Pending>,
    ) -> bool {
        let Some(mut batch) = self.dispatch::<D>(messages, batcher) else { return true };
        self.in_flight += 1;
        duties.has_moved(self);
        loop {
            match pending.send_timeout(batch, WAIT) {
                Ok(()) => return true,
                Err(SendTimeoutError::Timeout(back)) => batch = back,
                Err(SendTimeoutError::Disconnected(_)) => return false,
            }
            duties.obey(self);
        }
    }

    /// Decodes a batch and passes it to every shard. `None` if all of it was set apart for later.
    fn dispatch<D: Duties>(&mut self, messages: Vec<Message>, batcher: &mut Batcher) -> Option<Pending> {
        let mut batch = self.decode(messages, batcher);
        if batcher.set_apart(&mut batch) {
            self.decoder.recycle(batch.decoded);
            if batch.messages.is_empty() {
                return None;
            }
            batch = self.decode(batch.messages, batcher);
        }
        let undecodable = batch.undecodable.len();
        if !D::TELLS_WHAT_IS_NO_ALERT {
            batch.undecodable.clear();
        }
        if D::KEEPS_RECENT {
            self.state.recent.note(&batch.messages);
        }
        self.move_on(&mut batch);
        let (positions, ends_visit) = (Position::after(&batch.messages), batcher.ends_visit());
        let bytes = batch.messages.iter().map(|message| message.bytes.len()).sum();
        self.totals.add_fetched(batch.messages.len(), bytes, undecodable);
        self.totals.add_without_visit(batch.alerts.without_visit());
        let batch = Arc::new(batch);
        let outcomes = self.shards.judge(&batch);
        let changes = std::mem::take(&mut self.changes);
        Some(Pending { batch, outcomes, shards: self.shards.count(), positions, ends_visit, changes })
    }

    /// Sets where the batch begins and ends, and goes on behind it.
    fn move_on(&mut self, batch: &mut Batch) {
        let position = Arc::make_mut(&mut self.position);
        for topic in position.meet(&batch.messages) {
            self.shards.begin_anew(&topic);
            position.forget(&topic);
            position.meet(&batch.messages);
        }
        batch.begin = self.position.clone();
        Arc::make_mut(&mut self.position).advance(&batch.messages);
        batch.end = self.position.clone();
    }

    /// Decodes a batch. If its columns take too much memory, the rest goes into the next one.
    fn decode(&mut self, messages: Vec<Message>, batcher: &mut Batcher) -> Batch {
        let state = &self.state;
        let begun = Instant::now();
        let (batch, rest) = self.decoder.decode(messages, |topic, schema| state.add_stream_schema(topic, schema));
        self.totals.add_decoding(begun.elapsed());
        batcher.put_back(rest);
        batch
    }

    /// Takes back the buffers of published batches. Returns whether there still is a publisher.
    fn recycle(&mut self, published: &Receiver<Arc<Batch>>) -> bool {
        loop {
            match published.try_recv() {
                Ok(batch) => {
                    self.in_flight -= 1;
                    drop(Arc::try_unwrap(batch).map(|batch| self.decoder.recycle(batch.decoded)));
                }
                Err(error) => return error.is_empty(),
            }
        }
    }
}
