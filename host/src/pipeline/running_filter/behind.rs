//! A filter of the live lane that is some batches behind it: it has just come from the slow lane, or could not judge a
//! batch within its slice. It goes on with what it owes, within a slice for each batch of the lane, so that no other filter
//! waits for longer than that.

use std::sync::Arc;

use skysieve_sandbox::Interrupted;

use super::RunningFilter;
use crate::filters::Lane;
use crate::pipeline::batch::Batch;
use crate::pipeline::channels::Judged;
use crate::pipeline::costly::Cost;
use crate::pipeline::lane_record::LaneChange;
use crate::pipeline::lane_time::LaneTime;
use crate::pipeline::owed;
use crate::pipeline::place::Place;

/// How many batches a filter must have judged within their slices, one after another, before it may owe one.
const STEADY: u32 = 32;

impl RunningFilter {
    /// Whether it is behind the live lane, in which it is.
    pub fn is_behind(&self) -> bool {
        self.place.is_own()
    }

    /// Takes note that it has come to the live lane, with the batches that were kept for it.
    pub fn has_arrived(&mut self) {
        self.may_owe = owed::MOST.max(self.owed.len() + 1);
        self.cost = Cost::default();
    }

    /// Lets it owe a batch that it could not judge within its slice. Returns whether it may: it has to have judged others in
    /// time.
    pub fn owe(&mut self, batch: &Arc<Batch>, time: &LaneTime, judged: &mut Judged) -> bool {
        if std::mem::take(&mut self.steady) < STEADY || !time.standings.kept.has_room(false) {
            return false;
        }
        let from = self.place.not_before(&batch.begin);
        judged.outcome.lanes.push(LaneChange::new(&self.entry, Some((Lane::Slow, from.clone()))));
        self.owed.clear();
        self.place = Place::Own(from);
        self.may_owe = owed::MOST;
        self.take(batch, owed::MOST, &time.standings.kept);
        true
    }

    /// Takes a batch of the live lane, and judges what it owes within a slice. Returns whether it may stay: it comes
    /// closer, or is not far behind.
    ///
    /// # Errors
    /// Returns [`Interrupted::Cancelled`] if it was cancelled.
    pub fn catch_up(&mut self, batch: &Arc<Batch>, time: &LaneTime, judged: &mut Judged) -> Result<bool, Interrupted> {
        // It takes this one before it goes on with the others, and has to owe no more than before when the next one comes.
        self.may_owe = self.may_owe.min(owed::MOST.max(self.owed.len() + 1));
        self.take(batch, self.may_owe, &time.standings.kept);
        let before = self.place.positions().cloned();
        match self.work(time, judged) {
            Err(Interrupted::Cancelled) => return Err(Interrupted::Cancelled),
            Err(Interrupted::Slice) if before.as_ref() == self.place.positions() => return Ok(false),
            _ => {}
        }
        let Place::Own(own) = &self.place else { return Ok(true) };
        if self.suspended {
            return Ok(true);
        }
        if self.owed.is_empty() && own.reach(&batch.end) {
            // It may have come further in the slow lane than this one is.
            let ahead = (!batch.end.reach(own)).then(|| own.clone());
            self.place = ahead.clone().map_or(Place::InStep, Place::Ahead);
            self.entry.set_lane(Lane::Live, 0);
            time.standings.remove(&self.entry.name);
            let to = ahead.map(|own| (Lane::Live, own));
            judged.outcome.lanes.push(LaneChange::new(&self.entry, to));
            return Ok(true);
        }
        Ok(self.owed.next().unwrap_or(own).reach(&batch.end))
    }

    /// Lets it be judged in the slow lane from where it is. That is published already.
    pub fn leave_behind(&mut self, time: &LaneTime) {
        self.pace.leave();
        time.standings.remove(&self.entry.name);
        if let Some(own) = self.place.positions().cloned() {
            self.judge_from(own);
        }
    }
}
