//! Filters that come from another host, or begin in the past. They begin in the slow lane, once it is committed where.

use std::time::Instant;

use crossbeam_channel::Sender;

use super::Live;
use crate::filters::{self, Entry, FilterError};
use crate::pipeline::channels::Command;
use crate::pipeline::check_upload::Prepared;
use crate::pipeline::lane::Lane;
use crate::pipeline::lane_record::LaneChange;
use crate::pipeline::moving::Arrival;
use crate::pipeline::running_filter::RunningFilter;
use crate::pipeline::state::PipelineState;

/// Takes the answer to whoever has sent the filter.
type Answer = Sender<Result<(), FilterError>>;

/// What is to be done with a filter that comes.
enum Admitted {
    /// It is here.
    Already,
    /// It was here before a restart, and goes on where it was.
    Again,
    /// It is new here.
    New,
}

impl Live {
    /// Takes a filter, unless it is here already.
    pub fn arrive(&mut self, lane: &mut Lane, prepared: Prepared, arrival: Arrival, answer: Option<Answer>) {
        let done = match self.admit(lane, &prepared, &arrival) {
            Ok(Admitted::New) => return self.begin(lane, prepared, arrival, answer),
            Ok(Admitted::Again) => {
                self.start(lane, vec![prepared]);
                Ok(())
            }
            Ok(Admitted::Already) => Ok(()),
            Err(error) => Err(error),
        };
        // Sending fails if the caller has gone.
        answer.map(|answer| answer.send(done));
    }

    /// Where a filter begins that a host is started with, if its settings say so and it has not begun there before.
    ///
    /// # Errors
    /// Returns [`FilterError::Busy`] if nobody says where that is.
    pub fn beginning(&self, state: &PipelineState, entry: &Entry) -> Result<Option<Arrival>, FilterError> {
        let restored = self.restored(&entry.name).and_then(|record| record.origin.began.as_ref());
        match &entry.settings.from {
            Some(from) if restored != Some(from) => Arrival::beginning(&state.config, from).map(Some),
            _ => Ok(None),
        }
    }

    /// Registers a filter that comes, unless it is here already.
    fn admit(&self, lane: &Lane, prepared: &Prepared, arrival: &Arrival) -> Result<Admitted, FilterError> {
        let name = &prepared.entry.name;
        let moved = &arrival.origin.moved;
        let mut moves = lane.state.moves.lock();
        moves.check(name)?;
        if let Some(entry) = lane.state.entries().get(name) {
            let is_same = moved.is_some() && entry.origin().moved == *moved;
            let conflict = || FilterError::Conflict(format!("this host has a filter {name:?} already"));
            return if is_same { Ok(Admitted::Already) } else { Err(conflict()) };
        }
        match (moves.departed(name), moved) {
            (Some(_), None) => moves.check_upload(name)?,
            (Some(departed), Some(_)) if departed.record.origin.moved == *moved => {
                let to = departed.record.gone.as_ref().map(|gone| gone.to.clone()).unwrap_or_default();
                return Err(FilterError::MovedOn(name.clone(), to));
            }
            _ => {}
        }
        if self.slow.is_none() {
            return Err(FilterError::Refused(
                "this host has no slow lane, in which a filter could catch up".to_owned(),
            ));
        }
        lane.state.register(&prepared.entry)?;
        let is_same = |restored: &filters::Origin| match moved {
            Some(_) => restored.moved == *moved,
            None => restored.began == arrival.origin.began,
        };
        if self.restored.get(name).is_some_and(|restored| is_same(&restored.origin)) {
            return Ok(Admitted::Again);
        }
        moves.begin(name)?;
        Ok(Admitted::New)
    }

    /// Lets a registered filter begin, once it is committed where.
    fn begin(&mut self, lane: &mut Lane, prepared: Prepared, arrival: Arrival, answer: Option<Answer>) {
        let Arrival { positions, origin, brings } = arrival;
        let entry = prepared.entry.clone();
        self.restored.remove(&entry.name);
        if brings.is_some() {
            lane.shards.take_restored(&entry.name);
        }
        entry.set_origin(origin);
        entry.set_lane(filters::Lane::Slow, positions.behind(&lane.position));
        let mut filter = Box::new(lane.shards.run(prepared, &lane.state.config));
        let counters = brings.map(|(counters, of)| filter.bring(counters, of == filters::Lane::Live));
        filter.judge_from(positions.clone());
        let change = LaneChange::new(&entry, Some((filters::Lane::Slow, positions)));
        let sender = lane.sender();
        // Sending fails if the loop has ended; the next start reads where the filter is.
        let then = move || drop(sender.send(Command::Arrived(filter, answer)));
        lane.tell_then(change, counters.unwrap_or_default(), Box::new(then));
    }

    /// Passes a filter to the slow lane, now that it is committed where it begins.
    pub(super) fn arrived(&mut self, lane: &Lane, filter: Box<RunningFilter>, answer: Option<Answer>) {
        let name = filter.entry.name.clone();
        let mut moves = lane.state.moves.lock();
        moves.forget(&name);
        moves.end(&name);
        drop(moves);
        tracing::info!(filter = name, "the filter catches up in the slow lane");
        self.away.insert(name);
        self.send(Command::Take(filter));
        answer.into_iter().for_each(|answer| drop(answer.send(Ok(()))));
    }

    /// Publishes once more what must not be forgotten.
    pub(super) fn tell_again(&mut self, lane: &mut Lane) {
        self.told = Some(Instant::now());
        lane.tell_again(false);
        let gone = lane.state.moves.lock().records();
        gone.into_iter().for_each(|change| lane.tell(change));
    }

    /// Writes down where filters are that were judged before a restart, but are not here: they may come later, and go on
    /// there. Those that were where the live lane is would otherwise be lost when that goes on.
    pub(super) fn keep_absent(&mut self, lane: &mut Lane) {
        for (name, record) in &mut self.restored {
            if record.from.is_some() && record.lane == filters::Lane::Slow
                || lane.state.moves.lock().begin(name).is_err()
            {
                continue;
            }
            tracing::info!(
                filter = name,
                "a filter that was judged here is missing: it goes on here when it is uploaded"
            );
            record.lane = filters::Lane::Slow;
            record.from.get_or_insert_with(|| (*lane.position).clone());
            let (state, filter) = (lane.state.clone(), name.clone());
            let then = move || state.moves.lock().end(&filter);
            lane.tell_then(LaneChange { filter: name.clone(), to: record.clone() }, Vec::new(), Box::new(then));
        }
        self.tell_again(lane);
    }
}
