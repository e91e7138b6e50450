//! The duties of the live lane: it adds and removes filters between two batches, and passes those that take too long to
//! the slow lane.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::arrivals::ExpectedFilters;
use super::channels::Command;
use super::check_upload::Prepared;
use super::lane::{Duties, Lane, TELL_AGAIN};
use super::lane_record::{LaneChange, LaneRecord};
use super::moving::{Departed, Release};
use super::positions::Positions;
use super::running_filter::{RunningFilter, RunningShadow};
use super::standings::Standings;
use crate::filters::{self, Entry, FilterError, Status};

mod arrive;
mod release;
mod shadow;

/// The live lane's duties.
#[derive(Default)]
pub struct Live {
    /// The slow lane, if there is one.
    pub slow: Option<Sender<Command>>,
    /// The names of filters that are in the slow lane, and of those that were removed there: their counters are there.
    away: HashSet<String>,
    /// Filters that have left their shards, and may have to wait for their new version to be returned.
    left: HashMap<String, Box<RunningFilter>>,
    /// New versions that can't begin, because the earlier one has left.
    returned: HashMap<String, Box<RunningFilter>>,
    /// Filters that are on their way from the slow lane.
    pub expected: ExpectedFilters,
    /// Whether one has come since the last batch. In a pause of the stream, too, it has to be known where it is.
    has_arrival: bool,
    /// The filters that are some batches behind.
    pub standings: Standings,
    /// Where filters were judged before a restart, if that was not in step with the live lane.
    restored: HashMap<String, LaneRecord>,
    /// Filters that are to go to another host, and have just left their shards.
    releasing: HashMap<String, Box<Release>>,
    /// Shadows of filters that have just left their shards.
    shadows: HashMap<String, Box<RunningShadow>>,
    /// When it was last published where filters are that would have to begin anew without that, and which have gone.
    told: Option<Instant>,
}

impl Duties for Live {
    const READS_ALWAYS: bool = true;
    const TELLS_WHAT_IS_NO_ALERT: bool = true;
    const KEEPS_RECENT: bool = true;

    /// Uploads that arrived together share one change of the projection.
    fn obey(&mut self, lane: &mut Lane) {
        if self.told.is_some_and(|told| told.elapsed() >= TELL_AGAIN) {
            self.tell_again(lane);
        }
        let (mut added, mut answers) = (Vec::new(), Vec::new());
        for command in lane.commands.try_iter().collect::<Vec<_>>() {
            match command {
                Command::Put(prepared, answer) => match register(lane, &prepared) {
                    Ok(()) => {
                        added.push(*prepared);
                        answers.push(answer);
                    }
                    Err(error) => drop(answer.send(Err(error))),
                },
                Command::Delete(name, answer) => {
                    self.start(lane, std::mem::take(&mut added));
                    drop(answer.send(self.remove(lane, &name)));
                }
                Command::Arrive(prepared, arrival, answer) => {
                    self.start(lane, std::mem::take(&mut added));
                    self.arrive(lane, *prepared, *arrival, Some(answer));
                }
                Command::Arrived(filter, answer) => self.arrived(lane, filter, answer),
                Command::Release(release) => {
                    self.start(lane, std::mem::take(&mut added));
                    self.release(lane, release);
                }
                Command::Left(filter) => drop(self.left.insert(filter.entry.name.clone(), filter)),
                Command::Returned(filter) => drop(self.returned.insert(filter.entry.name.clone(), filter)),
                Command::Expect(entry, each, answer) => drop(answer.send(self.expect(lane, entry, each))),
                Command::Join(filter, answer) => drop(answer.send(self.join(lane, filter))),
                Command::BeginShadow(new, answer) => {
                    self.start(lane, std::mem::take(&mut added));
                    drop(answer.send(self.begin_shadow(lane, *new)));
                }
                Command::EndShadow(name, answer) => {
                    self.start(lane, std::mem::take(&mut added));
                    drop(answer.send(self.end_shadow(lane, &name)));
                }
                Command::GiveShadow(name, shadow) => self.bring_shadow(lane, name, shadow),
                Command::Take(_) | Command::Replace(..) | Command::Remove(_) | Command::Project => {
                    unreachable!("this is for the slow lane")
                }
            }
        }
        self.start(lane, added);
        self.pass_on(lane);
        for answer in answers {
            // Sending fails if the caller has gone.
            drop(answer.send(Ok(())));
        }
    }

    fn has_moved(&mut self, lane: &mut Lane) {
        lane.state.live.set(&lane.position);
        self.expected.has_moved(lane, &self.standings.kept);
        if self.told.is_none() && !lane.position.is_empty() {
            self.keep_absent(lane);
        }
    }

    fn has_work(&mut self) -> bool {
        std::mem::take(&mut self.has_arrival) || self.standings.any_owes()
    }
}

impl Live {
    /// Keeps where filters were judged before a restart. Returns how many records there were.
    pub fn restore<'a>(&mut self, lane: &mut Lane, records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> usize {
        let mut count = 0;
        for LaneChange { filter, to } in records.into_iter().filter_map(|(key, value)| LaneChange::read(key, value)) {
            count += 1;
            if to.gone.is_some() {
                let departed = Departed::restored(to, lane.shards.take_restored(&filter));
                lane.state.moves.lock().depart(&filter, departed);
            } else {
                self.restored.insert(filter, to);
            }
        }
        count
    }

    /// Says where a filter was judged before a restart, and how it came there.
    pub fn restored(&self, name: &str) -> Option<&LaneRecord> {
        self.restored.get(name)
    }

    /// Lets all filters begin where the live lane does.
    pub fn forget_restored(&mut self, lane: &mut Lane) {
        for (filter, record) in &mut self.restored {
            *record = LaneRecord { origin: record.origin.clone(), ..LaneRecord::default() };
            lane.tell(LaneChange { filter: filter.clone(), to: record.clone() });
        }
        self.restored.retain(|_, record| !record.origin.is_plain());
    }

    /// Lets registered filters begin, in the lane in which they were before a restart.
    pub fn start(&mut self, lane: &mut Lane, filters: Vec<Prepared>) {
        let mut joining = Vec::new();
        for prepared in filters {
            let name = prepared.entry.name.clone();
            // Its first batch will tell if this is not quite right.
            prepared.entry.set_since((*lane.position).clone().into());
            if self.away.contains(&name) {
                self.expected.give_up(lane, &name);
                let there = lane.position.clone();
                self.send(Command::Replace(Box::new(prepared), there));
                continue;
            }
            let LaneRecord { lane: of, from, origin, .. } = self.restored.remove(&name).unwrap_or_default();
            if !origin.is_plain() {
                prepared.entry.set_origin(origin);
            }
            let mut filter = lane.shards.run(prepared, &lane.state.config);
            match from {
                Some(from) if of == filters::Lane::Slow && self.slow.is_some() => {
                    filter.judge_from(from);
                    self.away.insert(name);
                    self.send(Command::Take(Box::new(filter)));
                    continue;
                }
                Some(from) => filter.skip_to(from),
                None => {}
            }
            joining.push(filter);
        }
        lane.add(joining);
    }

    fn remove(&mut self, lane: &mut Lane, name: &str) -> Result<Status, FilterError> {
        lane.state.moves.lock().check(name)?;
        let removed = lane.state.entries_mut().remove(name);
        let departed = if removed.is_none() { lane.state.moves.lock().forget(name) } else { None };
        if let Some(departed) = departed {
            let status = departed.status(name);
            lane.shards.keep_restored(name, departed.counters);
            lane.tell(LaneChange::forget(name));
            return Ok(status);
        }
        let entry = removed.ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        // Its shard may be in the middle of a long evaluation, whose result is of no use any more.
        entry.cancel.cancel();
        if self.away.contains(name) {
            self.expected.give_up(lane, name);
            self.send(Command::Remove(name.to_owned()));
        } else {
            lane.remove(name);
        }
        Ok(entry.status())
    }

    /// Passes filters that have left to the slow lane: the version that is to run now.
    fn pass_on(&mut self, lane: &mut Lane) {
        let mut gone = Vec::new();
        for name in self.left.keys().cloned().collect::<Vec<_>>() {
            let current = lane.state.entries().get(&name).cloned();
            let is_current =
                |filter: &RunningFilter| current.as_ref().is_some_and(|entry| Arc::ptr_eq(entry, &filter.entry));
            if let Some(newer) = self.returned.remove(&name).filter(|newer| is_current(newer)) {
                let mut newer = newer;
                if let Some(earlier) = self.left.remove(&name) {
                    newer.succeed(*earlier);
                }
                self.give_away(newer);
            } else if self.left.get(&name).is_some_and(|filter| is_current(filter)) {
                match (self.left.remove(&name), self.releasing.remove(&name)) {
                    (Some(filter), Some(release)) => release::let_go(lane, *filter, *release),
                    (Some(filter), None) => self.give_away(filter),
                    (None, _) => {}
                }
            } else if current.is_none() {
                self.left.remove(&name);
                lane.tell(LaneChange::forget(&name));
            } else {
                // The newer version is on its way back.
                continue;
            }
            lane.shards.has_left(&name);
            gone.push(name);
        }
        lane.leave_out(gone.iter().map(String::as_str));
    }

    fn give_away(&mut self, mut filter: Box<RunningFilter>) {
        if let Some(shadow) = self.shadows.remove(&filter.entry.name) {
            filter.set_shadow(shadow);
        }
        tracing::info!(filter = filter.entry.name, "the filter takes long: it is judged in the slow lane");
        self.away.insert(filter.entry.name.clone());
        self.send(Command::Take(filter));
    }

    /// Keeps batches for a filter that is to join from the slow lane, and takes so long for each alert. Returns from where on.
    fn expect(&mut self, lane: &mut Lane, entry: Arc<Entry>, each: Duration) -> Option<Arc<Positions>> {
        let may_join = self.away.contains(&entry.name) && may_join(lane, &entry);
        may_join.then(|| self.expected.expect(lane, entry, each)).flatten()
    }

    /// Lets a filter join from the slow lane. Returns it if it can't, or is too late.
    fn join(&mut self, lane: &mut Lane, filter: Box<RunningFilter>) -> Option<Box<RunningFilter>> {
        if !may_join(lane, &filter.entry) {
            return Some(filter);
        }
        let name = filter.entry.name.clone();
        let late = self.expected.arrive(lane, filter);
        if late.is_none() {
            tracing::info!(filter = name, "the filter is quick again: it is judged in the live lane");
            self.away.remove(&name);
            self.has_arrival = true;
        }
        late
    }

    fn send(&self, command: Command) {
        if let Some(slow) = &self.slow {
            // Sending fails if the slow lane has ended, and then this one will end, too.
            let _ = slow.send(command);
        }
    }
}

/// Whether this is the version of the filter that is to run now, and is not about to go to another host.
fn may_join(lane: &Lane, entry: &Arc<Entry>) -> bool {
    let is_current = lane.state.entries().get(&entry.name).is_some_and(|current| Arc::ptr_eq(current, entry));
    is_current && !lane.state.moves.lock().is_in_transit(&entry.name)
}

/// Registers an uploaded filter, unless it is on its way, or was moved to another host.
fn register(lane: &Lane, prepared: &Prepared) -> Result<(), FilterError> {
    lane.state.moves.lock().check_upload(&prepared.entry.name)?;
    lane.state.register(&prepared.entry)
}
