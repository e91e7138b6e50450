//! The slow lane: it judges the filters that take too long for the live lane, each from a position of its own, in turns and
//! within their shares of a processor. A filter that can't take a batch any more is left behind, and the lane comes back
//! for it (`rounds`). A filter that is quick and has caught up goes back to the live lane.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use skysieve_sandbox::yield_to_others;

use super::channels::Command;
use super::config::PipelineError;
use super::io::{Sink, Source};
use super::lane::{Duties, Lane, Step, TELL_AGAIN};
use super::lane_record::LaneChange;
use super::meetings::Meetings;
use super::moving::Release;
use super::rounds;
use super::running_filter::RunningFilter;
use super::standings::{Standing, Standings};
use crate::filters::{self, FilterError};

/// How often filters that have used their shares are looked at, whether they have fallen too far behind meanwhile.
const TICK: Duration = Duration::from_millis(250);

/// The lane of slow filters. It publishes through sinks of its own.
pub struct SlowLane {
    pub(super) lane: Lane,
    pub(super) live: Sender<Command>,
    pub(super) standings: Standings,
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
        let (meetings, now) = (Meetings::new(self.live), Instant::now());
        let slow = &mut Slow { meetings, standings: self.standings, since: now, worked: now, told: now };
        self.lane.run(slow, source, sinks, stop)
    }
}

struct Slow {
    /// The filters that are on their way to the live lane.
    meetings: Meetings,
    /// Where the filters are.
    standings: Standings,
    /// Since when the lane reads where it is.
    since: Instant,
    /// When filters were last let go on without a batch.
    worked: Instant,
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
                    self.meetings.forget(&name);
                    self.standings.remove(&name);
                    lane.tell(LaneChange::forget(&name));
                }
                Command::GiveShadow(name, shadow) => {
                    // The live lane has kept no batches for it.
                    self.meetings.forget(&name);
                    if let Err(shadow) = lane.give_shadow(&name, shadow) {
                        self.meetings.send(Command::GiveShadow(name, shadow));
                    }
                }
                Command::Project => drop(lane.project()),
                Command::Release(release) => self.release(lane, *release),
                Command::Put(..)
                | Command::Delete(..)
                | Command::Arrive(..)
                | Command::Arrived(..)
                | Command::Expect(..)
                | Command::Join(..)
                | Command::BeginShadow(..)
                | Command::EndShadow(..) => {
                    unreachable!("this is for the live lane")
                }
                // Nobody is interrupted here.
                Command::Left(_) | Command::Returned(_) => {}
            }
        }
    }

    /// Nothing is decided before all that was read is judged or taken, and that is committed.
    fn next_step(&mut self, lane: &mut Lane, stop: &AtomicBool) -> Step {
        if lane.in_flight > 0 {
            return Step::Rest;
        }
        self.meetings.go_on(lane, &self.standings, stop);
        let (live, now) = (lane.state.live.positions(), Instant::now());
        let filters = self.standings.of(|name| lane.is_active(name));
        let filters: Vec<Standing> = filters.into_iter().map(|(_, standing)| standing).collect();
        self.standings.divide_among(filters.iter().filter(|filter| filter.owes || !filter.next.reach(&live)).count());
        match rounds::next_step(&filters, &lane.position, &live, self.since, now) {
            rounds::Step::Read => Step::Read,
            rounds::Step::Rest if now.duration_since(self.worked) < TICK => Step::Rest,
            rounds::Step::Work | rounds::Step::Rest => {
                self.worked = now;
                Step::Work
            }
            rounds::Step::Go(to) => {
                self.since = now;
                lane.go_to(&to);
                Step::Read
            }
        }
    }
}

impl Slow {
    fn take(&mut self, lane: &mut Lane, filter: Box<RunningFilter>) {
        self.meetings.forget(&filter.entry.name);
        if let Some(positions) = filter.positions() {
            filter.entry.set_lane(filters::Lane::Slow, positions.behind(&lane.state.live.positions()));
            filter.standing().into_iter().for_each(|standing| self.standings.set(&filter.entry.name, standing));
            if lane.position.is_empty() {
                lane.go_to(positions);
            }
        }
        lane.add(vec![*filter]);
    }

    /// Lets a filter go to another host.
    fn release(&mut self, lane: &mut Lane, release: Release) {
        let withdrawn = lane.shards.withdraw(&release.name).and_then(|filter| {
            let from = filter.positions().cloned()?;
            Some((filter, from))
        });
        self.meetings.forget(&release.name);
        self.standings.remove(&release.name);
        match withdrawn {
            Some((filter, from)) => lane.let_go(*filter, from, release),
            // The host is stopping, and has cancelled the filter.
            None => drop(release.answer.send(Err(FilterError::Stopping))),
        }
    }
}
