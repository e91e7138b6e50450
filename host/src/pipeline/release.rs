//! Lets a filter go to another host. It has judged all batches up to a position, and none behind it. What it said of
//! them, the position, and that it has gone are committed in this order, or together.

use super::lane::Lane;
use super::lane_record::{Departure, LaneChange, LaneRecord};
use super::moving::{Departed, Release};
use super::positions::Positions;
use super::running_filter::RunningFilter;
use crate::filters;

impl Lane {
    /// Lets a filter go that has been withdrawn from its shard, and goes on elsewhere from these positions on.
    pub fn let_go(&mut self, filter: RunningFilter, from: Positions, release: Release) {
        let Release { name, to, id, stream, answer } = release;
        let entry = filter.entry.clone();
        tracing::info!(filter = name, to, id, "the filter goes to another host");
        let gone = Departure { id, to, sha256: entry.sha256.clone(), settings: entry.settings.clone(), stream };
        // What counts on the other host is whether it is quick, rather than whether it has caught up here.
        let is_quick = !filter.is_in_slow_lane() || filter.has_been_quick();
        let lane = if is_quick { filters::Lane::Live } else { filters::Lane::Slow };
        let record = LaneRecord { lane, from: Some(from), origin: entry.origin(), gone: Some(gone) };
        let departed = Departed::new(&entry, record.clone(), filter.into_quota().counters());
        let (state, filter) = (self.state.clone(), name.clone());
        let then = move || {
            state.entries_mut().remove(&filter);
            let mut moves = state.moves.lock();
            moves.depart(&filter, departed);
            moves.end(&filter);
            drop(moves);
            // Sending fails if the caller has gone, who will ask again.
            let _ = answer.send(Ok(()));
        };
        self.tell_then(LaneChange { filter: name.clone(), to: record }, Vec::new(), Box::new(then));
        self.leave_out([&*name]);
    }
}
