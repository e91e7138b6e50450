//! The division into batches never changes a verdict: calls that fail are halved until they succeed or consist of one
//! alert.

use std::ops::Range;
use std::time::Duration;

use super::evaluation::{Accepted, Evaluation, Fault, FaultKind, Level, Log};
use super::fault::Failure;
use super::filter::Filter;
use super::instance::{CallError, Instance};
use super::interrupt::{Interrupted, Interrupts, Slice, cpu_time};
use super::limits::OVERRUNS;
use super::refusal::Refusal;
use super::stack::{is_roomy, with_room};
use skysieve_avro::alert::Column;

impl Filter {
    /// Judges a batch of `rows` alerts. `columns` are in the order of the manifest's fields and have `rows` rows each.
    /// A column of a field that is not `optional` must not have nulls.
    ///
    /// Any misbehaviour of the filter becomes a fault of the alerts that are to blame, and of no others. This is fast
    /// on a thread started by [`spawn`](super::spawn). Nothing interrupts it.
    pub fn evaluate(&mut self, rows: usize, columns: &[&Column]) -> Evaluation {
        self.evaluate_by(usize::MAX, rows, columns)
    }

    /// The same as [`Filter::evaluate`], in calls of at most `chunk` alerts each.
    pub fn evaluate_by(&mut self, chunk: usize, rows: usize, columns: &[&Column]) -> Evaluation {
        self.evaluate_unless(&Interrupts::default(), chunk, rows, columns).expect("nothing interrupts it")
    }

    /// The same as [`Filter::evaluate_by`], unless `slice` ends before, or the filter is [cancelled](Filter::cancel).
    ///
    /// # Errors
    /// Returns why it was interrupted. Nothing is known of its verdicts then, and no alert is to blame; the filter is
    /// started again when it is needed.
    pub fn evaluate_within(
        &mut self,
        slice: Option<Slice>,
        chunk: usize,
        rows: usize,
        columns: &[&Column],
    ) -> Result<Evaluation, Interrupted> {
        let cancel = Some(self.cancel());
        if is_roomy() {
            return self.evaluate_unless(&Interrupts { slice, cancel }, chunk, rows, columns);
        }
        // It runs on another thread, which has a clock of its own.
        let rest = slice.map(|slice| slice.rest());
        with_room(|| {
            let slice = rest.map(Slice::of);
            self.evaluate_unless(&Interrupts { slice, cancel }, chunk, rows, columns)
        })
    }

    fn evaluate_unless(
        &mut self,
        interrupts: &Interrupts,
        chunk: usize,
        rows: usize,
        columns: &[&Column],
    ) -> Result<Evaluation, Interrupted> {
        debug_assert_eq!(columns.len(), self.manifest.fields.len(), "a column for each field");
        with_room(|| Judge::new(self, interrupts, chunk, columns).judge_all(rows))
    }
}

/// The evaluation of one batch by a filter.
struct Judge<'a> {
    filter: &'a mut Filter,
    interrupts: &'a Interrupts,
    asked: usize,
    columns: &'a [&'a Column],
    evaluation: Evaluation,
    unlogged: u64,
    overruns: u32,
    /// Why the rest of the batch is not tried.
    gave_up: Option<Failure>,
    /// The thread's CPU time after the first call that failed.
    failing_since: Option<Duration>,
    /// Why the evaluation is abandoned.
    interrupted: Option<Interrupted>,
}

impl<'a> Judge<'a> {
    fn new(filter: &'a mut Filter, interrupts: &'a Interrupts, asked: usize, columns: &'a [&'a Column]) -> Judge<'a> {
        Judge {
            filter,
            interrupts,
            asked: asked.max(1),
            columns,
            evaluation: Evaluation::default(),
            unlogged: 0,
            overruns: 0,
            gave_up: None,
            failing_since: None,
            interrupted: None,
        }
    }

    /// Judges every row.
    fn judge_all(mut self, rows: usize) -> Result<Evaluation, Interrupted> {
        let logs = std::mem::take(&mut self.filter.start_logs);
        self.keep_logs(logs.clone());
        self.judge(0..rows);
        if let Some(since) = self.failing_since {
            self.evaluation.lost = cpu_time().saturating_sub(since);
        }
        if let Some(interrupted) = self.interrupted {
            self.filter.start_logs = logs;
            return Err(interrupted);
        }
        if self.unlogged > 0 && self.filter.log_room() > 0 {
            let message = format!("{} more messages dropped", self.unlogged);
            self.evaluation.logs.push(Log { level: Level::Warn, message });
        }
        Ok(self.evaluation)
    }

    /// Judges some rows. Returns whether one of the alerts failed on its own.
    fn judge(&mut self, rows: Range<usize>) -> bool {
        let mut blamed = false;
        let mut rest = rows;
        while !rest.is_empty() && self.interrupted.is_none() {
            let size = rest.len().min(self.asked).min(self.filter.chunk.size);
            let call = rest.start..rest.start + size;
            rest.start = call.end;
            blamed |= self.judge_together(call);
        }
        blamed
    }

    /// The same as [`Judge::judge`], in a single call if that succeeds.
    fn judge_together(&mut self, rows: Range<usize>) -> bool {
        if self.gave_up.is_some() {
            return self.blame(rows);
        }
        if let Err(interrupted) = self.check() {
            return self.interrupt(interrupted);
        }
        let instance = match self.filter.take_instance(self.interrupts) {
            Ok(instance) => instance,
            Err(Refusal::Interrupted(interrupted)) => return self.interrupt(interrupted),
            Err(refusal) => {
                let message = format!("cannot start again after a fault: {refusal}");
                self.gave_up = Some(Failure::new(refusal.kind(), message));
                return self.blame(rows);
            }
        };
        match self.call(instance, rows.clone()) {
            Ok(()) => false,
            Err(CallError::Interrupted(interrupted)) => self.interrupt(interrupted),
            Err(CallError::Failed(failure)) if rows.len() == 1 => self.blame_one(rows.start, failure),
            Err(CallError::Failed(_)) => self.halve(rows),
        }
    }

    /// Looks between two calls whether to go on. Reading the clock costs a good part of what a cheap call does, so that
    /// the first call, which is usually the only one, does without.
    fn check(&self) -> Result<(), Interrupted> {
        if self.evaluation.calls == 0 {
            let cancel = self.interrupts.cancel.clone();
            return Interrupts { slice: None, cancel }.check();
        }
        self.interrupts.check()
    }

    /// Abandons the evaluation. Returns that no alert is to blame.
    fn interrupt(&mut self, interrupted: Interrupted) -> bool {
        self.filter.instance = None;
        self.interrupted = Some(interrupted);
        false
    }

    fn halve(&mut self, rows: Range<usize>) -> bool {
        let middle = rows.start + rows.len() / 2;
        let first = self.judge(rows.start..middle);
        let second = self.judge(middle..rows.end);
        if !first && !second && self.interrupted.is_none() {
            self.filter.chunk.too_large(rows.len());
        }
        first || second
    }

    /// Makes one call. The instance is kept only if it behaved well.
    fn call(&mut self, mut instance: Instance, rows: Range<usize>) -> Result<(), CallError> {
        let result = instance.evaluate(rows.clone(), self.columns, self.interrupts, self.filter.log_room());
        self.evaluation.calls += 1;
        self.evaluation.fuel += instance.fuel();
        self.filter.memory_peak = self.filter.memory_peak.max(instance.memory());
        if result.is_ok() || rows.len() == 1 {
            self.keep_logs(instance.take_logs());
        }
        match result {
            Ok(accepted) => {
                self.keep(accepted, rows.start);
                self.filter.chunk.fitted(rows.len());
                self.filter.instance = Some(instance);
                Ok(())
            }
            Err(error) => {
                if let CallError::Failed(failure) = &error {
                    self.failing_since.get_or_insert_with(cpu_time);
                    self.note_overrun(failure);
                }
                Err(error)
            }
        }
    }

    fn note_overrun(&mut self, failure: &Failure) {
        self.overruns += u32::from(failure.kind == FaultKind::Deadline);
        if self.overruns == OVERRUNS {
            let message = format!("not judged: the filter overran its deadline {OVERRUNS} times in this batch");
            self.gave_up = Some(Failure::new(FaultKind::Deadline, message));
        }
    }

    fn keep(&mut self, mut accepted: Vec<Accepted>, start: usize) {
        accepted.iter_mut().for_each(|alert| alert.row += start as u32);
        if self.evaluation.accepted.is_empty() {
            self.evaluation.accepted = accepted;
        } else {
            self.evaluation.accepted.append(&mut accepted);
        }
    }

    fn keep_logs(&mut self, (logs, dropped): (Vec<Log>, u64)) {
        let room = self.filter.log_room().saturating_sub(self.evaluation.logs.len());
        self.unlogged += dropped + logs.len().saturating_sub(room) as u64;
        self.evaluation.logs.extend(logs.into_iter().take(room));
    }

    /// Records that the alert in `row` failed. Always returns true.
    fn blame_one(&mut self, row: usize, failure: Failure) -> bool {
        let Failure { kind, message, backtrace } = failure;
        self.evaluation.faults.push(Fault { row: row as u32, kind, message, backtrace });
        true
    }

    /// Records that the rest failed for the reason that made the host give up. Always returns true.
    fn blame(&mut self, rows: Range<usize>) -> bool {
        rows.for_each(|row| {
            if let Some(failure) = self.gave_up.clone() {
                self.blame_one(row, failure);
            }
        });
        true
    }
}
