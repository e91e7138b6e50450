//! A filter on a shard. It judges batches within its quota, and accounts for every alert.

use std::sync::Arc;
use std::time::Instant;

use crate::filters::{Counts, Entry, RECENT, Tally, VisitTally};
use skysieve_sandbox::{Fault, FaultKind, Interrupted};
use skysieve_survey::Visit;

use super::batch::Batch;
use super::config::{Config, DEADLINE_STRIKES, STRIKE_TIME};
use super::failing::Failing;
use super::io::Message;
use super::judge::{Judge, Verdicts};
use super::log_rate::LogRate;
use super::outcome::{FaultReport, Outcome, Output, QuotaCounter};
use super::panics::{caught, judge_in_halves};
use super::quota::Quota;
use super::topics::{FilterTopics, Rows};

/// One running filter.
pub struct RunningFilter {
    /// Its record.
    pub entry: Arc<Entry>,
    /// The topic of its accepted alerts.
    pub topic: Arc<str>,
    judge: Judge,
    topics: FilterTopics,
    /// The number of topics that the host reads.
    inputs: usize,
    told_idle: bool,
    quota: Quota,
    dead_letters: Quota,
    strikes: Quota,
    failing: Failing,
    log_rate: LogRate,
    suspended: bool,
}

impl RunningFilter {
    /// Makes a running filter from a prepared one, which is bound to the projection by which batches are decoded.
    pub fn new(
        entry: Arc<Entry>,
        topic: Arc<str>,
        judge: Judge,
        topics: FilterTopics,
        config: &Config,
    ) -> RunningFilter {
        let quota = entry.settings.quota.unwrap_or(config.quota);
        RunningFilter {
            entry,
            topic,
            judge,
            topics,
            inputs: config.topics.inputs.len(),
            told_idle: false,
            quota: Quota::new(quota),
            dead_letters: Quota::new(config.faults.dead_letters_per_visit),
            strikes: Quota::new(config.faults.strikes_per_visit),
            failing: Failing::default(),
            log_rate: LogRate::new(Instant::now()),
            suspended: false,
        }
    }

    /// Restores the counters of the quota after a restart. They must come in the order of their last changes.
    pub fn restore(&mut self, counters: impl IntoIterator<Item = (Visit, u32)>) {
        counters.into_iter().for_each(|(visit, used)| self.quota.restore(visit, used));
    }

    /// Takes over the counters of an earlier filter with the same name.
    pub fn inherit(&mut self, quota: Quota) {
        self.quota.inherit(quota);
    }

    /// Returns the counters, which remain when the filter is removed.
    pub fn into_quota(self) -> Quota {
        self.quota
    }

    /// The part that judges.
    pub fn judge_mut(&mut self) -> &mut Judge {
        &mut self.judge
    }

    /// Judges a batch, appends what is to be published to `outcome`, and accounts for every alert that the filter is
    /// shown. If the filter is cancelled, nothing is known of the batch: that of a filter that was deleted is not missed, but
    /// otherwise the outcome is incomplete.
    pub fn process(&mut self, batch: &Batch, outcome: &mut Outcome) {
        if self.suspended {
            return;
        }
        self.give_back(outcome);
        let rows = self.rows(batch);
        if rows == Rows::None {
            return;
        }
        let started = Instant::now();
        self.judge.filter_mut().limit_logs(self.log_rate.room(started));
        let Ok(verdicts) = self.judge_all(batch, &rows) else {
            outcome.is_incomplete |= !self.judge.filter().cancel().is_cancelled_itself();
            return;
        };
        let time = started.elapsed();
        self.log_rate.take(verdicts.logs.len());
        let mut tally = Tally {
            fuel: verdicts.fuel,
            time,
            memory_peak: self.judge.filter().memory_peak(),
            faults: recent(&verdicts.faults).iter().map(|fault| describe(batch, fault)).collect(),
            logs: recent(&verdicts.logs).iter().map(|log| format!("{}: {}", log.level, log.message)).collect(),
            ..Tally::default()
        };
        // The schema is to blame for fields that it lacks, and the host for its own failures.
        let others = |fault: &&Fault| matches!(fault.kind, FaultKind::Field | FaultKind::Host);
        let (faulted, not_its_own) = (verdicts.faults.len(), verdicts.faults.iter().filter(others).count());
        self.failing.add(verdicts.seen.saturating_sub(not_its_own as u64), (faulted - not_its_own) as u64);
        let by_visit = self.limit(batch, seen_by_visit(batch, &rows), verdicts, outcome);
        for (share, counts) in batch.alerts.visits().iter().zip(by_visit) {
            if counts.seen == 0 {
                continue;
            }
            tally.counts += counts;
            if counts.accepted > 0 {
                outcome.counters.push(self.counter(share.visit));
            }
            tally.visits.push(VisitTally { visit: share.label.to_string(), counts });
        }
        let forgotten = self.quota.take_forgotten().into_iter();
        outcome.forgotten.extend(forgotten.map(|visit| QuotaCounter { entry: self.entry.clone(), visit, used: 0 }));
        self.entry.add(tally);
        self.check();
    }

    /// Suspends the filter if it fails on nearly all alerts, or takes memory that the host does not have.
    fn check(&mut self) {
        if self.suspended {
            self.judge.filter_mut().rest();
        } else if let Some(reason) = self.failing.reason() {
            let last = self.entry.status().recent_faults.pop().unwrap_or_default();
            self.suspend(format!("{reason}, the last: {last}"));
        } else if self.judge.filter().breaks_budget() {
            self.suspend(
                "the host's filters take more memory than they may have together (--memory-budget), and this one takes \
                 more than an equal share"
                    .to_owned(),
            );
        }
    }

    /// Stops the filter, because it has done something that must not happen again.
    pub fn suspend(&mut self, reason: String) {
        tracing::error!(filter = self.entry.name, reason, "filter suspended");
        self.suspended = true;
        self.judge.filter_mut().rest();
        self.entry.suspend(reason);
    }

    /// Subtracts alerts that were too large to be published from the quota.
    fn give_back(&mut self, outcome: &mut Outcome) {
        for visit in self.entry.take_unpublished() {
            if self.quota.give_back(visit) {
                outcome.counters.push(self.counter(visit));
            }
        }
    }

    fn counter(&self, visit: Visit) -> QuotaCounter {
        QuotaCounter { entry: self.entry.clone(), visit, used: self.quota.used(visit) }
    }

    /// The rows of the topics that the filter belongs to.
    fn rows(&mut self, batch: &Batch) -> Rows {
        if self.topics.shows_all() {
            return Rows::All;
        }
        let seen = &batch.topics.seen;
        if let Some(topics) = self.topics.look_at(seen) {
            tracing::info!(filter = self.entry.name, topics = topics.join(","), "filter belongs to topics");
            self.entry.set_topics(topics);
        }
        if self.topics.is_idle(seen, self.inputs) && !std::mem::replace(&mut self.told_idle, true) {
            tracing::warn!(
                filter = self.entry.name,
                "no topic's schema has the filter's fields, so it is shown no alert: name its topics, or correct its fields"
            );
        }
        batch.topics.rows(|index| self.topics.shows(seen, index))
    }

    /// Returns the filter's verdicts on these rows, unless it is cancelled. If the host panics over an alert, only that
    /// alert fails.
    fn judge_all(&mut self, batch: &Batch, rows: &Rows) -> Result<Verdicts, Interrupted> {
        let judged = caught(|| {
            let some = if let Rows::Some(rows) = rows { Some(&rows[..]) } else { None };
            self.judge.judge_within(&batch.decoded, some, None)
        });
        judged.unwrap_or_else(|message| {
            tracing::error!(filter = self.entry.name, message, "judging again, in halves");
            let all = batch.decoded.groups.iter().flat_map(|group| &group.rows).copied();
            let mut shown: Vec<u32> = all.filter(|&row| rows.contain(row)).collect();
            shown.sort_unstable();
            let mut mask = vec![false; batch.messages.len()];
            let verdicts = judge_in_halves(&shown, |some| {
                mask.fill(false);
                some.iter().for_each(|&row| mask[row as usize] = true);
                self.judge.judge_within(&batch.decoded, Some(&mask), None)
            })?;
            for fault in verdicts.faults.iter().filter(|fault| fault.kind == FaultKind::Host) {
                let Message { topic, partition, offset, .. } = &batch.messages[fault.row as usize];
                let (filter, message) = (&self.entry.name, &fault.message);
                tracing::error!(filter, %topic, partition, offset, message, "the host failed on an alert");
            }
            Ok(verdicts)
        })
    }

    /// Applies the quota, and returns the counts by visit.
    fn limit(&mut self, batch: &Batch, seen: Vec<u64>, verdicts: Verdicts, outcome: &mut Outcome) -> Vec<Counts> {
        let mut counts: Vec<Counts> = seen.into_iter().map(|seen| Counts { seen, ..Counts::default() }).collect();
        for accepted in verdicts.accepted {
            let at = batch.alerts.visit_of(accepted.row);
            if self.quota.take(batch.alerts.visits()[at].visit) {
                counts[at].accepted += 1;
                let (entry, topic) = (self.entry.clone(), self.topic.clone());
                outcome.outputs.push(Output { entry, topic, row: accepted.row, annotations: accepted.annotations });
            } else {
                counts[at].over_quota += 1;
            }
        }
        if let Some(first) = verdicts.faults.first() {
            let visit = batch.alerts.visits()[batch.alerts.visit_of(first.row)].visit;
            let lost = u32::try_from(verdicts.lost.as_millis() / STRIKE_TIME.as_millis()).unwrap_or(u32::MAX);
            self.add_strikes(visit, lost, first);
        }
        for fault in verdicts.faults {
            let at = batch.alerts.visit_of(fault.row);
            counts[at].faulted += 1;
            self.strike(batch.alerts.visits()[at].visit, &fault);
            if self.dead_letters.take(batch.alerts.visits()[at].visit) {
                outcome.faults.push(FaultReport { entry: self.entry.clone(), fault });
            }
        }
        for counts in &mut counts {
            counts.rejected = counts.seen - counts.accepted - counts.over_quota - counts.faulted;
        }
        counts
    }

    /// Counts a fault of the filter, and suspends the filter if there were too many in the visit.
    fn strike(&mut self, visit: Visit, fault: &Fault) {
        let weight = match fault.kind {
            // The schema is to blame, and such a fault is cheap to find.
            FaultKind::Field => 0,
            FaultKind::Deadline => DEADLINE_STRIKES,
            _ => 1,
        };
        self.add_strikes(visit, weight, fault);
    }

    fn add_strikes(&mut self, visit: Visit, count: u32, fault: &Fault) {
        for _ in 0..count {
            if !self.strikes.take(visit) && !self.suspended {
                self.suspended = true;
                let reason = format!("too many faults in visit {visit}, the last: {}: {}", fault.kind, fault.message);
                tracing::warn!(filter = self.entry.name, %visit, reason, "filter suspended");
                self.entry.suspend(reason);
            }
        }
    }
}

/// How many alerts of each visit are among these rows.
fn seen_by_visit(batch: &Batch, rows: &Rows) -> Vec<u64> {
    let visits = batch.alerts.visits();
    if *rows == Rows::All {
        return visits.iter().map(|share| share.alerts).collect();
    }
    let mut seen = vec![0; visits.len()];
    for &row in batch.decoded.groups.iter().flat_map(|group| &group.rows).filter(|row| rows.contain(**row)) {
        seen[batch.alerts.visit_of(row)] += 1;
    }
    seen
}

/// The last of these, as many as are kept for people to read.
fn recent<T>(all: &[T]) -> &[T] {
    &all[all.len().saturating_sub(RECENT)..]
}

fn describe(batch: &Batch, fault: &Fault) -> String {
    format!("alert {}: {}: {}", batch.alerts.id_text(fault.row), fault.kind, fault.message)
}
