//! The slow lane: it judges the filters that take too long for the live lane, each from a position of its own. It goes
//! back whenever a filter comes that is behind; the others skip what they have judged. A filter that is quick and has
//! caught up goes back to the live lane.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use skysieve_sandbox::yield_to_others;

use super::channels::Command;
use super::config::PipelineError;
use super::io::{Sink, Source};
use super::lane::{Duties, Lane, TELL_AGAIN, WAIT};
use super::lane_record::LaneChange;
use super::moving::Release;
use super::running_filter::RunningFilter;
use crate::filters::{self, FilterError};

/// The lane of slow filters. It publishes through sinks of its own.
pub struct SlowLane {
    pub(super) lane: Lane,
    pub(super) live: Sender<Command>,
}

impl SlowLane {
    /// Judges slow filters until `stop` is set, and finishes the batches in progress. The source has to be able to
    /// [seek](Source::seek), and reads nothing before that.
    ///
    /// # Errors
    /// Returns a [`PipelineError`]. What has not been published is read again at the next start.
    pub fn run<S: Source, K: Sink>(
        mut self,
        source: S,
        sinks: impl IntoIterator<Item = K>,
        stop: &AtomicBool,
    ) -> Result<(), PipelineError> {
        yield_to_others();
        self.lane.run(&mut Slow { live: self.live, told: Instant::now() }, source, sinks, stop)
    }
}

struct Slow {
    live: Sender<Command>,
    /// When it was last published where all filters are.
    told: Instant,
}

impl Duties for Slow {
    const READS_ALWAYS: bool = false;
    const TELLS_WHAT_IS_NO_ALERT: bool = false;

    fn obey(&mut self, lane: &mut Lane) {
        // Only then it is known how far filters are behind.
        if lane.state.live.positions().is_empty() {
            return;
        }
        if self.told.elapsed() >= TELL_AGAIN {
            self.told = Instant::now();
            lane.tell_again(true);
        }
        for command in lane.commands.try_iter().collect::<Vec<_>>() {
            match command {
                Command::Take(filter) => self.take(lane, filter),
                Command::Replace(prepared, there) => {
                    let mut filter = Box::new(lane.shards.run(*prepared, &lane.state.config));
                    // A filter that runs here is replaced where it is.
                    match lane.shards.withdraw(&filter.entry.name) {
                        Some(earlier) => filter.succeed(*earlier),
                        None => filter.judge_from((*there).clone()),
                    }
                    self.take(lane, filter);
                }
                Command::Remove(name) => {
                    lane.remove(&name);
                    lane.tell(LaneChange::forget(&name));
                }
                Command::Release(release) => self.release(lane, *release),
                Command::Put(..)
                | Command::Delete(..)
                | Command::Arrive(..)
                | Command::Arrived(..)
                | Command::Join(..) => {
                    unreachable!("this is for the live lane")
                }
                // Nobody is interrupted here.
                Command::Left(_) | Command::Returned(_) => {}
            }
        }
    }

    /// Offers filters to the live lane, once everything that they have said is published.
    fn idle(&mut self, lane: &mut Lane, stop: &AtomicBool) {
        if lane.in_flight > 0 || !lane.position.reach(&lane.state.live.positions()) {
            return;
        }
        let mut kept = Vec::new();
        let mut gone = Vec::new();
        for filter in lane.shards.release() {
            let name = filter.entry.name.clone();
            match self.offer(Box::new(filter), stop) {
                Some(filter) => kept.push(*filter),
                None => gone.push(name),
            }
        }
        lane.add(kept);
        lane.leave_out(gone.iter().map(String::as_str));
    }
}

impl Slow {
    fn take(&self, lane: &mut Lane, filter: Box<RunningFilter>) {
        if let Some(positions) = filter.positions() {
            filter.entry.set_lane(filters::Lane::Slow, positions.behind(&lane.state.live.positions()));
            lane.go_back_to(positions);
        }
        lane.add(vec![*filter]);
    }

    /// Lets a filter go to another host.
    fn release(&self, lane: &mut Lane, release: Release) {
        let withdrawn = lane.shards.withdraw(&release.name).and_then(|filter| {
            let from = filter.positions().cloned()?;
            Some((filter, from))
        });
        match withdrawn {
            Some((filter, from)) => lane.let_go(*filter, from, release),
            // The host is stopping, and has cancelled the filter.
            None => drop(release.answer.send(Err(FilterError::Stopping))),
        }
    }

    /// Offers a filter to the live lane. Returns it if it can't join.
    fn offer(&self, filter: Box<RunningFilter>, stop: &AtomicBool) -> Option<Box<RunningFilter>> {
        let (answer, answered) = bounded(1);
        self.live.send(Command::Join(filter, answer)).ok()?;
        while !stop.load(Ordering::Relaxed) {
            match answered.recv_timeout(WAIT) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}
