//! A filter on a shard. It judges batches within its quota, and accounts for every alert.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::filters::{Counts, Entry, Tally};
use skysieve_sandbox::{Fault, FaultKind, Interrupted};
use skysieve_survey::Visit;

use super::account::{Account, Accountant, recent};
use super::batch::Batch;
use super::config::Config;
use super::failing::Failing;
use super::judge::{Judge, Verdicts};
use super::log_rate::LogRate;
use super::outcome::{FaultReport, Outcome, QuotaCounter};
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
        counters.into_iter().for_each(|(visit, used)| self.quota.set(visit, used));
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
        self.settle(batch, &rows, &verdicts, time, outcome);
    }

    /// Accounts for the verdicts. Nothing of the filter is changed before it is known what to publish.
    pub fn settle(&mut self, batch: &Batch, rows: &Rows, verdicts: &Verdicts, time: Duration, outcome: &mut Outcome) {
        let accountant = Accountant {
            entry: &self.entry,
            topic: &self.topic,
            quota: &self.quota,
            dead_letters: &self.dead_letters,
            strikes: &self.strikes,
        };
        let account = accountant.account(batch, rows, verdicts);
        let counters = accountant.counters(batch, &account);
        let tally = Tally {
            fuel: verdicts.fuel,
            time,
            memory_peak: self.judge.filter().memory_peak(),
            logs: recent(&verdicts.logs).iter().map(|log| format!("{}: {}", log.level, log.message)).collect(),
            ..account.tally(batch)
        };
        // What the batch led to is known, and is published even if the filter can't go on.
        match caught(|| self.enter(batch, &account, &counters, tally)) {
            Ok(forgotten) => outcome.forgotten.extend(forgotten),
            Err(message) => self.suspend(message),
        }
        outcome.outputs.extend(account.outputs);
        outcome.faults.extend(account.faults);
        outcome.counters.extend(counters);
    }

    /// Adds an account to the filter's counters. Returns those that were forgotten.
    fn enter(
        &mut self,
        batch: &Batch,
        account: &Account,
        counters: &[QuotaCounter],
        tally: Tally,
    ) -> Vec<QuotaCounter> {
        counters.iter().for_each(|counter| self.quota.set(counter.visit, counter.used));
        for (share, of_visit) in batch.alerts.visits().iter().zip(&account.visits) {
            self.dead_letters.add(share.visit, of_visit.dead_letters);
            self.strikes.add(share.visit, of_visit.strikes);
        }
        self.strikes.add(Visit::Unknown, account.unplaced);
        let Counts { seen, faulted, .. } = tally.counts;
        self.failing.add(seen - account.not_its_own, faulted - account.not_its_own);
        self.entry.add(tally);
        if let Some(reason) = &account.suspended {
            tracing::warn!(filter = self.entry.name, reason, "filter suspended");
            self.suspended = true;
            self.entry.suspend(reason.clone());
        }
        self.check();
        let forgotten = self.quota.take_forgotten().into_iter();
        forgotten.map(|visit| QuotaCounter { entry: self.entry.clone(), visit, used: 0 }).collect()
    }

    /// Suspends the filter after the host has panicked over it, but not over an alert. Nothing is known of the batch, so
    /// each of its alerts is a fault.
    pub fn fail(&mut self, batch: &Batch, message: String, outcome: &mut Outcome) {
        let rows = batch.alerts_among(&Rows::All);
        let count = rows.len() as u64;
        self.entry
            .add(Tally { counts: Counts { seen: count, faulted: count, ..Counts::default() }, ..Tally::default() });
        outcome.faults.extend(rows.into_iter().map(|row| {
            let fault = Fault { row, kind: FaultKind::Host, message: message.clone(), backtrace: None };
            FaultReport { entry: self.entry.clone(), fault }
        }));
        self.suspend(message);
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
            let shown = batch.alerts_among(rows);
            let mut mask = vec![false; batch.messages.len()];
            let verdicts = judge_in_halves(&shown, |some| {
                mask.fill(false);
                some.iter().for_each(|&row| mask[row as usize] = true);
                self.judge.judge_within(&batch.decoded, Some(&mask), None)
            })?;
            let hosts = verdicts.faults.iter().filter(|fault| fault.kind == FaultKind::Host);
            hosts.for_each(|fault| batch.tell_failure(&self.entry.name, fault));
            Ok(verdicts)
        })
    }
}
