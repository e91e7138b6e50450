//! A shadow on a shard: another version of a filter, which judges what the filter has judged, and publishes nothing.
//!
//! The filter passes its verdicts on to its shadow. That judges the same rows once the outcomes of the batch are on their way
//! to the publishers, in a slice of time that all shadows of a shard share. What it has not judged by then, it owes: it goes
//! on in the pauses of its shard, within a share of a processor. One that owes too much is stopped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skysieve_avro::Projection;
use skysieve_sandbox::{Budget, CpuTime, Interrupted, Slice};

use super::RunningFilter;
use crate::filters::{ComparedVisit, Comparison, Shadow, VersionTally};
use crate::pipeline::batch::Batch;
use crate::pipeline::config::Config;
use crate::pipeline::costly::FULL_BATCH;
use crate::pipeline::cpu_share::CpuShare;
use crate::pipeline::io::Message;
use crate::pipeline::judge::Verdicts;
use crate::pipeline::kept::KeptBytes;
use crate::pipeline::outcome::Outcome;
use crate::pipeline::owed;
use crate::pipeline::positions::Positions;
use crate::pipeline::topics::Rows;

/// How many alerts a shadow may owe: those of eight full batches. A filter of the live lane may owe half as many.
pub const MOST: u64 = 2 * owed::MOST as u64 * FULL_BATCH as u64;

/// A shadow that runs.
pub struct RunningShadow {
    /// What others see of it.
    pub shadow: Arc<Shadow>,
    filter: RunningFilter,
    /// The slots of its fields in the batches that come now. `None`: it has none there.
    slots: Option<Vec<usize>>,
    has_begun: bool,
    owed: VecDeque<OwedVerdicts>,
    /// How many alerts it judges at once.
    piece: usize,
    share: CpuShare,
    /// The memory of all filters.
    budget: Budget,
}

/// What the filter has said about some alerts, on which its shadow has yet to judge.
struct OwedVerdicts {
    batch: Arc<Batch>,
    slots: Vec<usize>,
    /// The rows that the filter was shown: the same as `alerts`.
    rows: Rows,
    alerts: Vec<u32>,
    /// How many of them are done.
    done: usize,
    /// Those that the filter has accepted.
    accepted: Vec<u32>,
    /// What the filter did with all of them.
    tally: VersionTally,
}

/// What a filter has just judged.
pub struct JudgedRows<'a> {
    /// The batch.
    pub batch: &'a Arc<Batch>,
    /// The rows that it was shown.
    pub rows: &'a Rows,
    /// Its verdicts.
    pub verdicts: &'a Verdicts,
    /// The time that they took.
    pub took: Duration,
}

impl RunningShadow {
    /// A shadow that has judged nothing.
    pub fn new(filter: RunningFilter, shadow: Arc<Shadow>, config: &Config) -> RunningShadow {
        RunningShadow {
            shadow,
            filter,
            slots: None,
            has_begun: false,
            owed: VecDeque::new(),
            piece: usize::MAX,
            share: CpuShare::new(Instant::now()),
            budget: config.memory.clone(),
        }
    }

    /// Binds it to the projection by which batches are decoded from now on.
    pub fn bind(&mut self, projection: &mut Projection) {
        self.filter.bind(projection);
        self.slots = Some(self.filter.judge_mut().slots().to_vec());
    }

    /// The slots of its fields in the batches that come now.
    pub fn slots(&self) -> Option<&Vec<usize>> {
        self.slots.as_ref()
    }

    /// Sets the slots to those of another batch.
    pub fn set_slots(&mut self, slots: Option<Vec<usize>>) {
        self.slots = slots;
    }

    /// Takes what the filter has judged, to judge it, too. `slots` are those of its own fields in that batch, and `from` is
    /// where the filter was before.
    pub fn take(&mut self, judged: &JudgedRows<'_>, slots: Option<Vec<usize>>, from: &Positions) {
        if self.shadow.is_over() {
            return self.owed.clear();
        }
        let Some(slots) = slots else {
            // Batches that the filter had taken before are not for it. Later on, there must be no gap.
            if self.has_begun {
                self.stop("its fields are missing in a batch that the active version has judged".to_owned());
            }
            return;
        };
        if !std::mem::replace(&mut self.has_begun, true) {
            self.shadow.entry.set_since(from.clone().into());
        }
        let JudgedRows { batch, rows, verdicts, took } = judged;
        let accepted: Vec<u32> = verdicts.accepted.iter().map(|accepted| accepted.row).collect();
        let tally = VersionTally::new(accepted.len() as u64, verdicts.faults.len() as u64, verdicts.fuel, *took);
        let (batch, rows, alerts) = (Arc::clone(batch), (*rows).clone(), batch.alerts_among(rows));
        if !alerts.is_empty() {
            self.owed.push_back(OwedVerdicts { batch, slots, rows, alerts, done: 0, accepted, tally });
            self.tell();
        }
    }

    /// How long it has to wait until it may go on with what it owes. `None`: it owes nothing.
    pub fn due(&self, rate: impl Fn(f64) -> f64) -> Option<Duration> {
        let owes = !self.owed.is_empty() && !self.shadow.is_over();
        owes.then(|| self.share.wait(Instant::now(), rate(self.shadow.entry.cpu_share)))
    }

    /// Judges what it owes, until the slice is over. If that slice is `whole`, so that nobody else has used any of it, at least
    /// one alert has to fit in. `rate` is its share of a processor.
    pub fn work(&mut self, slice: Option<Slice>, whole: Option<Duration>, rate: impl Fn(f64) -> f64) {
        let cpu = CpuTime::now();
        let mut is_first = true;
        while !self.owed.is_empty() && !self.shadow.is_over() && !slice.is_some_and(|slice| slice.is_over()) {
            // It gives way to filters that publish.
            if self.budget.used() > self.budget.limit() / 10 * 9 {
                self.stop("the host's filters take nearly all memory that they may have together".to_owned());
                break;
            }
            match (self.judge_piece(slice), whole.filter(|_| is_first && self.piece == 1)) {
                (Ok(()), _) => self.piece = self.piece.saturating_mul(4),
                (Err(Interrupted::Cancelled), _) => self.owed.clear(),
                (Err(Interrupted::Slice), Some(whole)) => {
                    let ms = whole.as_millis();
                    self.stop(format!("it takes longer for one alert than {ms} ms, the time for a batch (--slice)"));
                }
                (Err(Interrupted::Slice), None) => {
                    let left = self.owed.front().map_or(1, |owed| owed.alerts.len() - owed.done);
                    self.piece = (self.piece.min(left) / 8).max(1);
                    break;
                }
            }
            is_first = false;
        }
        let rate = rate(self.shadow.entry.cpu_share);
        self.share.spend(Instant::now(), cpu.elapsed(), rate);
        self.tell();
    }

    /// Keeps what it owes until it may go on, if there is not too much of it.
    pub fn keep(&mut self, kept: &KeptBytes) {
        let owes = self.owes();
        if owes > MOST || owes > 0 && !kept.has_room(true) {
            let status = self.shadow.entry.status();
            let each = status.seconds * 1e6 / status.counts.seen.max(1) as f64;
            return self.stop(format!(
                "it can't keep up with the active version: it takes {each:.0} us for an alert, and at most {MOST} alerts \
                 are kept for it; a dry run (skysieve filters check) has as much time as it needs"
            ));
        }
        self.owed.iter().for_each(|owed| owed.batch.keep(kept));
    }

    /// Stops it for this reason.
    pub fn stop(&mut self, reason: String) {
        self.shadow.stop(reason);
        self.owed.clear();
        self.filter.judge_mut().filter_mut().rest();
        self.tell();
    }

    /// Judges as many alerts as it judges at once.
    fn judge_piece(&mut self, slice: Option<Slice>) -> Result<(), Interrupted> {
        let Some(owed) = self.owed.front_mut() else { return Ok(()) };
        let (batch, count) = (owed.batch.clone(), self.piece.min(owed.alerts.len() - owed.done));
        let alerts = &owed.alerts[owed.done..owed.done + count];
        let rows = if count == owed.alerts.len() { owed.rows.clone() } else { rows_of(&batch, alerts) };
        self.filter.judge_mut().replace_slots(owed.slots.clone());
        let (verdicts, took) = self.filter.judge_timed(&batch, &rows, slice)?;
        let comparison = owed.compare(alerts, &verdicts);
        // What it would publish is dropped with this.
        self.filter.settle(&batch, &rows, &verdicts, took, &mut Outcome::default());
        self.shadow.add(comparison);
        owed.done += count;
        if owed.done == owed.alerts.len() {
            self.owed.pop_front();
        }
        if let Some(reason) = self.shadow.entry.suspended() {
            self.stop(reason);
        }
        Ok(())
    }

    /// Tells others how much it owes.
    fn tell(&self) {
        self.shadow.set_behind(self.owes());
    }

    /// How many alerts it owes.
    fn owes(&self) -> u64 {
        self.owed.iter().map(|owed| (owed.alerts.len() - owed.done) as u64).sum()
    }
}

impl OwedVerdicts {
    /// Compares the filter's verdicts with its shadow's on these alerts, which are the next ones.
    fn compare(&self, alerts: &[u32], verdicts: &Verdicts) -> Comparison {
        let identities = &self.batch.alerts;
        let mut visits = vec![ComparedVisit::default(); identities.visits().len()];
        let mut comparison = Comparison { seen: alerts.len() as u64, ..Comparison::default() };
        if self.done == 0 {
            comparison.active = self.tally;
        }
        for &row in alerts {
            let visit = &mut visits[identities.visit_of(row)];
            visit.seen += 1;
            let by_active = self.accepted.binary_search(&row).is_ok();
            let by_shadow = verdicts.accepted.binary_search_by_key(&row, |accepted| accepted.row).is_ok();
            let (count, ids) = match (by_active, by_shadow) {
                (true, true) => (&mut visit.both, &mut comparison.both),
                (true, false) => (&mut visit.only_active, &mut comparison.only_active),
                (false, true) => (&mut visit.only_shadow, &mut comparison.only_shadow),
                (false, false) => continue,
            };
            *count += 1;
            ids.push(id_of(&self.batch, row));
        }
        for (visit, share) in visits.iter_mut().zip(identities.visits()) {
            visit.visit = share.label.to_string();
        }
        visits.retain(|visit| visit.seen > 0);
        Comparison { visits, ..comparison }
    }
}

/// An alert's id, or where it is in the stream if it has none.
fn id_of(batch: &Batch, row: u32) -> String {
    match batch.alerts.id(row) {
        Some(id) => id.to_string(),
        None => {
            let Message { topic, partition, offset, .. } = &batch.messages[row as usize];
            format!("{topic}/{partition}/{offset}")
        }
    }
}

fn rows_of(batch: &Batch, alerts: &[u32]) -> Rows {
    let mut some = vec![false; batch.messages.len()];
    alerts.iter().for_each(|&row| some[row as usize] = true);
    Rows::Some(some)
}
