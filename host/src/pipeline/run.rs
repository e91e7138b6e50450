//! A pipeline: the live lane and, if it has one, the slow lane.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crossbeam_channel::unbounded;
use skysieve_avro::Schemas;
use skysieve_sandbox::Engine;

use super::arrivals::ExpectedFilters;
use super::channels::Command;
use super::check_upload::Prepared;
use super::config::{Config, PipelineError};
use super::handle::Handle;
use super::io::{Sink, Source};
use super::lane::Lane;
use super::lane_time::LaneTime;
use super::live::Live;
use super::shards::Shards;
use super::slow::SlowLane;
use super::state::PipelineState;
use super::totals::Totals;
use crate::filters::FilterError;

/// Filters, and the threads that run them in the live lane.
pub struct Pipeline {
    lane: Lane,
    live: Live,
}

impl Pipeline {
    /// Makes a pipeline without filters, and a handle to it. Its filters take as long as they take.
    ///
    /// # Errors
    /// Returns [`PipelineError::Thread`] if a thread can't be started.
    pub fn new(config: Config, engine: Engine, schemas: Arc<Schemas>) -> Result<(Pipeline, Handle), PipelineError> {
        let state = Arc::new(PipelineState::new(config, engine, schemas));
        Pipeline::with_slice(state, None)
    }

    /// Makes a pipeline in which a filter that takes longer than `slice` for a batch leaves the live lane and is judged
    /// in the slow one, where it does not hold up the others. There, it is suspended when it has fallen behind by
    /// `max_lag`. The slow lane has to run beside the pipeline.
    ///
    /// # Errors
    /// Returns [`PipelineError::Thread`] if a thread can't be started.
    pub fn with_slow_lane(
        config: Config,
        slice: Duration,
        max_lag: Duration,
        engine: Engine,
        schemas: Arc<Schemas>,
    ) -> Result<(Pipeline, SlowLane, Handle), PipelineError> {
        let state = Arc::new(PipelineState::new(config, engine, schemas));
        let (mut pipeline, handle) = Pipeline::with_slice(state.clone(), Some(slice))?;
        let (sender, commands) = unbounded();
        let time = LaneTime::slow(slice, max_lag, &state.live, state.config.ceilings.cpu.total);
        let shards = Shards::start(state.config.shards, "slow", &time, &sender)?;
        pipeline.live.slow = Some(sender.clone());
        let totals = Arc::new(Totals::default());
        totals.set_state(false, "starting");
        // It is set once.
        let _ = state.slow.set(totals.clone());
        let lane = Lane::new(state, totals, shards, (sender, commands));
        let slow = SlowLane { lane, live: handle.commands(), standings: time.standings };
        Ok((pipeline, slow, handle))
    }

    fn with_slice(state: Arc<PipelineState>, slice: Option<Duration>) -> Result<(Pipeline, Handle), PipelineError> {
        state.totals.set_state(false, "starting");
        let (sender, commands) = unbounded::<Command>();
        let handle = Handle::new(state.clone(), sender.clone());
        let time = LaneTime::live(slice, &state.live);
        let shards = Shards::start(state.config.shards, "shard", &time, &sender)?;
        let lane = Lane::new(state.clone(), state.totals.clone(), shards, (sender, commands));
        let mut live = Live::default();
        live.standings = time.standings;
        live.expected = ExpectedFilters::new(time.costly);
        Ok((Pipeline { lane, live }, handle))
    }

    /// Restores the quotas' counters, and where filters were judged. `records` are the last records for each key of the
    /// topic [`Topics::quotas`](super::Topics), in the topic's order. Returns how many there are. This must be called
    /// before [`Pipeline::add`].
    pub fn restore<'a>(&mut self, records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> usize {
        let records: Vec<_> = records.into_iter().collect();
        self.lane.shards.restore(records.iter().copied()) + self.live.restore(&mut self.lane, records)
    }

    /// Lets all filters begin where the stream is read from, wherever they were judged before. This must be called
    /// after [`Pipeline::restore`] if the stream is not read from where it was left.
    pub fn begin_anew(&mut self) {
        self.live.forget_restored(&mut self.lane);
    }

    /// Adds filters before the stream is read.
    ///
    /// # Errors
    /// Returns [`FilterError::Full`] if there are too many, and [`FilterError::Busy`] if one is to begin in the past, and
    /// nobody says where that is.
    pub fn add(&mut self, filters: Vec<Prepared>) -> Result<(), FilterError> {
        let mut started = Vec::new();
        for prepared in filters {
            let (name, state) = (&prepared.entry.name, &self.lane.state);
            if let Some(departed) = state.moves.lock().departed_mut(name) {
                departed.find(&prepared.entry);
                let to = departed.record.gone.as_ref().map(|gone| &*gone.to);
                tracing::info!(filter = name, to, "the filter was moved to another host, and is not run here");
            } else if let Some(arrival) = self.live.beginning(state, &prepared.entry)? {
                self.live.arrive(&mut self.lane, prepared, arrival, None);
            } else {
                state.register(&prepared.entry)?;
                started.push(prepared);
            }
        }
        self.live.start(&mut self.lane, started);
        Ok(())
    }

    /// Reads the stream until it ends or `stop` is set; then finishes and publishes the batches in progress. There must
    /// be at least one sink; several of them publish in turn.
    ///
    /// # Errors
    /// Returns a [`PipelineError`]. What has not been published is read again at the next start.
    pub fn run<S: Source, K: Sink>(
        mut self,
        source: S,
        sinks: impl IntoIterator<Item = K>,
        stop: &AtomicBool,
    ) -> Result<(), PipelineError> {
        self.lane.run(&mut self.live, source, sinks, stop)
    }
}
