//! A filter that has a place of its own takes batches, and judges them a piece at a time. It does so within its turn and
//! its share of a processor, so that no other filter waits for it longer than that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use skysieve_sandbox::{CpuTime, Interrupted, Slice};

use super::RunningFilter;
use super::shadow::JudgedRows;
use crate::filters::Lane;
use crate::pipeline::batch::Batch;
use crate::pipeline::channels::Judged;
use crate::pipeline::kept::KeptBytes;
use crate::pipeline::lane_record::LaneChange;
use crate::pipeline::lane_time::LaneTime;
use crate::pipeline::outcome::Outcome;
use crate::pipeline::owed;
use crate::pipeline::place::Place;
use crate::pipeline::standings::Standing;
use crate::pipeline::topics::Rows;

impl RunningFilter {
    /// Takes a batch, to judge it, if it is what comes next for the filter and it may owe one more. Otherwise the filter is
    /// left behind, and its lane has to come back.
    pub fn take(&mut self, batch: &Arc<Batch>, may_owe: usize, kept: &KeptBytes) {
        let has_room = self.has_room(may_owe, kept);
        if self.take_if(has_room, batch) {
            batch.keep(kept);
        }
    }

    /// Takes a batch that was kept for it.
    pub fn take_kept(&mut self, batch: &Arc<Batch>) {
        self.take_if(true, batch);
    }

    /// Whether it may owe one more batch, if it may owe `most`.
    fn has_room(&self, most: usize, kept: &KeptBytes) -> bool {
        self.owed.len() < most && kept.has_room(!self.owed.is_empty())
    }

    fn take_if(&mut self, has_room: bool, batch: &Arc<Batch>) -> bool {
        let Place::Own(own) = &mut self.place else { return false };
        own.learn(&batch.begin);
        let next = self.owed.next().unwrap_or(own);
        if !has_room || self.suspended || next.reach(&batch.end) || !next.reach(&batch.begin) {
            return false;
        }
        let (own, place) = (own.clone(), Place::Own(next.clone()));
        let rows = self.rows(batch);
        let slots = self.slots();
        self.owed.push(batch, place.rows(batch, rows), slots, &own);
        true
    }

    /// Where it is and whether it is quick, if it has a place of its own and has taken nothing yet. It may come in a pause of
    /// the stream, and has to be looked at all the same.
    pub fn standing(&self) -> Option<Standing> {
        let own = self.place.positions()?.clone();
        Some(Standing { is_quick: self.is_quick(), each: self.pace.each(), ..Standing::at(own) })
    }

    /// Goes on judging what it has taken until its turn is over, or it has used its share of a processor.
    ///
    /// # Errors
    /// Returns [`Interrupted`] if it was cancelled, or a piece could not be judged within the lane's slice. What it has
    /// judged until then is in `judged`.
    pub fn work(&mut self, time: &LaneTime, judged: &mut Judged) -> Result<(), Interrupted> {
        let rate = time.standings.rate(self.entry.cpu_share);
        let Some(before) = self.place.positions().cloned() else { return Ok(()) };
        self.give_back(&mut judged.outcome);
        let (began, cpu) = (Instant::now(), CpuTime::now());
        let (mut result, slice) = (Ok(()), time.slice.map(Slice::of));
        let may_work = !time.takes_turns || self.share.wait(began, rate).is_zero();
        if !self.owed.is_empty() && may_work {
            while result.is_ok() && !self.suspended && !self.owed.is_empty() && cpu.elapsed() < time.turn {
                result = self.judge_piece(time, slice, &cpu, &mut judged.late);
            }
            self.share.spend(Instant::now(), cpu.elapsed(), rate);
            self.served = began;
        }
        if self.suspended {
            self.owed.clear();
        }
        self.tell(before, rate, time, judged);
        result
    }

    /// Judges a piece of what it owes, which is to fit what is left of the turn.
    fn judge_piece(
        &mut self,
        time: &LaneTime,
        slice: Option<Slice>,
        turn: &CpuTime,
        late: &mut Vec<(Arc<Batch>, Outcome)>,
    ) -> Result<(), Interrupted> {
        let Some((rest, messages, rows)) = self.owed.piece() else { return Ok(()) };
        let (batch, slots, cpu) = (rest.batch.clone(), rest.slots.clone(), CpuTime::now());
        let (mut alerts, mut passed_on) = (0, None);
        if rows != Rows::None {
            let now = self.judge.replace_slots(slots.filter);
            let judged = self.judge_timed(&batch, &rows, slice);
            self.judge.replace_slots(now);
            if judged.is_err() {
                self.owed.begin_small();
            }
            let (verdicts, took) = judged?;
            alerts = verdicts.seen;
            let mut outcome = Outcome::default();
            self.settle(&batch, &rows, &verdicts, took, &mut outcome);
            late.push((batch.clone(), outcome));
            let from = self.place.positions().filter(|_| self.shadow.is_some()).cloned();
            passed_on = from.map(|from| (from, verdicts, took));
        }
        let Some((rest, ..)) = self.owed.piece() else { return Ok(()) };
        if let Place::Own(own) = &mut self.place {
            own.advance(rest.messages(messages.clone()));
        }
        let (took, left) = (cpu.elapsed(), time.turn.saturating_sub(turn.elapsed()));
        if let Some((alerts, took)) = self.owed.done(messages.end, alerts, took, left) {
            self.pace.add(alerts, took, time.allowance);
        }
        // What its shadow takes is none of its own time.
        if let Some((from, verdicts, took)) = passed_on {
            let judged = JudgedRows { batch: &batch, rows: &rows, verdicts: &verdicts, took };
            self.pass_on(&judged, slots.shadow, &from);
        }
        Ok(())
    }

    /// Publishes where it has come to, and tells the loop and others.
    fn tell(&mut self, before: super::Positions, rate: f64, time: &LaneTime, judged: &mut Judged) {
        let Place::Own(own) = &self.place else { return };
        let (own, live, now) = (own.clone(), time.live.positions(), Instant::now());
        self.entry.set_lane(Lane::Slow, own.behind(&live));
        self.entry.set_cpu_used(self.share.used(now));
        let standing = Standing {
            next: self.owed.next().unwrap_or(&own).clone(),
            owes: !self.owed.is_empty(),
            has_room: self.has_room(owed::MOST, &time.standings.kept),
            is_quick: self.is_quick(),
            each: self.pace.each(),
            due: now.checked_add(self.share.wait(now, rate)).unwrap_or(now + Duration::from_secs(3600)),
            served: self.served,
        };
        time.standings.set(&self.entry.name, standing);
        if let Some(longest) = time.max_lag {
            self.check_lag(&own, &live, longest);
        }
        if own != before {
            judged.outcome.lanes.push(LaneChange::new(&self.entry, Some((Lane::Slow, own))));
        }
    }
}
