//! The duties of the live lane: it adds and removes filters between two batches, and passes those that take too long to
//! the slow lane.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::arrivals::ExpectedFilters;
use super::channels::Command;
use super::check_upload::Prepared;
use super::lane::{Duties, Lane};
use super::outcome::LaneChange;
use super::positions::Positions;
use super::records;
use super::running_filter::RunningFilter;
use super::standings::Standings;
use crate::filters::{self, Entry, FilterError};

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
    expected: ExpectedFilters,
    /// Whether one has come since the last batch. In a pause of the stream, too, it has to be known where it is.
    has_arrival: bool,
    /// The filters that are some batches behind.
    pub standings: Standings,
    /// Where filters were judged before a restart, if that was not in step with the live lane.
    restored: HashMap<String, (filters::Lane, Positions)>,
}

impl Duties for Live {
    const READS_ALWAYS: bool = true;
    const TELLS_WHAT_IS_NO_ALERT: bool = true;

    /// Uploads that arrived together share one change of the projection.
    fn obey(&mut self, lane: &mut Lane) {
        let (mut added, mut answers) = (Vec::new(), Vec::new());
        for command in lane.commands.try_iter().collect::<Vec<_>>() {
            match command {
                Command::Put(prepared, answer) => match lane.state.register(&prepared.entry) {
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
                Command::Left(filter) => drop(self.left.insert(filter.entry.name.clone(), filter)),
                Command::Returned(filter) => drop(self.returned.insert(filter.entry.name.clone(), filter)),
                Command::Expect(entry, answer) => drop(answer.send(self.expect(lane, entry))),
                Command::Join(filter, answer) => drop(answer.send(self.join(lane, filter))),
                Command::Take(_) | Command::Replace(..) | Command::Remove(_) => {
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
        self.expected.has_moved(lane);
    }

    fn has_work(&mut self) -> bool {
        std::mem::take(&mut self.has_arrival) || self.standings.any_owes()
    }
}

impl Live {
    /// Keeps where filters were judged before a restart. Returns how many records there were.
    pub fn restore<'a>(&mut self, records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> usize {
        let lanes = records.into_iter().filter_map(|(key, value)| records::read_lane(key, value));
        self.restored = lanes.map(|(filter, lane, positions)| (filter, (lane, positions))).collect();
        self.restored.len()
    }

    /// Lets all filters begin where the live lane does.
    pub fn forget_restored(&mut self, lane: &mut Lane) {
        self.restored.drain().for_each(|(filter, _)| lane.tell(LaneChange { filter, to: None }));
    }

    /// Lets registered filters begin, in the lane in which they were before a restart.
    pub fn start(&mut self, lane: &mut Lane, filters: Vec<Prepared>) {
        let mut joining = Vec::new();
        for prepared in filters {
            let name = prepared.entry.name.clone();
            if self.away.contains(&name) {
                self.expected.give_up(lane, &name);
                let there = lane.position.clone();
                self.send(Command::Replace(Box::new(prepared), there));
                continue;
            }
            let mut filter = lane.shards.run(prepared, &lane.state.config);
            match self.restored.remove(&name) {
                Some((filters::Lane::Slow, from)) if self.slow.is_some() => {
                    filter.judge_from(from);
                    self.away.insert(name);
                    self.send(Command::Take(Box::new(filter)));
                    continue;
                }
                Some((_, from)) => filter.skip_to(from),
                None => {}
            }
            joining.push(filter);
        }
        lane.add(joining);
    }

    fn remove(&mut self, lane: &mut Lane, name: &str) -> Result<Arc<Entry>, FilterError> {
        let removed = lane.state.entries_mut().remove(name);
        let entry = removed.ok_or_else(|| FilterError::Unknown(name.to_owned()))?;
        // Its shard may be in the middle of a long evaluation, whose result is of no use any more.
        entry.cancel.cancel();
        if self.away.contains(name) {
            self.expected.give_up(lane, name);
            self.send(Command::Remove(name.to_owned()));
        } else {
            lane.remove(name);
        }
        Ok(entry)
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
                self.left.remove(&name).into_iter().for_each(|filter| self.give_away(filter));
            } else if current.is_none() {
                self.left.remove(&name);
                lane.tell(LaneChange { filter: name.clone(), to: None });
            } else {
                // The newer version is on its way back.
                continue;
            }
            lane.shards.has_left(&name);
            gone.push(name);
        }
        lane.leave_out(gone.iter().map(String::as_str));
    }

    fn give_away(&mut self, filter: Box<RunningFilter>) {
        tracing::info!(filter = filter.entry.name, "the filter takes long: it is judged in the slow lane");
        self.away.insert(filter.entry.name.clone());
        self.send(Command::Take(filter));
    }

    /// Keeps batches for a filter that is to join from the slow lane. Returns from where on.
    fn expect(&mut self, lane: &mut Lane, entry: Arc<Entry>) -> Option<Arc<Positions>> {
        let is_away = self.away.contains(&entry.name) && is_current(lane, &entry);
        is_away.then(|| self.expected.expect(lane, entry)).flatten()
    }

    /// Lets a filter join from the slow lane. Returns it if it is too late.
    fn join(&mut self, lane: &mut Lane, filter: Box<RunningFilter>) -> Option<Box<RunningFilter>> {
        if !is_current(lane, &filter.entry) {
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

/// Whether this is the version of the filter that is to run now.
fn is_current(lane: &Lane, entry: &Arc<Entry>) -> bool {
    lane.state.entries().get(&entry.name).is_some_and(|current| Arc::ptr_eq(current, entry))
}
