//! A filter on a shard. It judges batches within its quota, and accounts for every alert.

mod behind;
mod piecewise;
mod shadow;
mod shadowed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::filters::{Counts, Entry, Lane, LogRecord, Tally};
use skysieve_sandbox::{CpuTime, Fault, FaultKind, Interrupted, Log, Slice};
use skysieve_survey::Visit;

use super::account::{Account, Accountant};
use super::batch::Batch;
use super::config::Config;
use super::costly::Cost;
use super::cpu_share::CpuShare;
use super::failing::Failing;
use super::judge::{Judge, Verdicts};
use super::lag::Lag;
use super::lane_record::LaneChange;
use super::lane_time::LaneTime;
use super::log_rate::LogRate;
use super::outcome::{FaultReport, Outcome, QuotaCounter};
use super::owed::Owed;
use super::pace::Pace;
use super::panics::{caught, judge_in_halves};
use super::place::Place;
use super::positions::Positions;
use super::quota::Quota;
use super::topics::{FilterTopics, Rows};

pub use shadow::{MOST as ALERTS_OWED_BY_SHADOWS, RunningShadow};

use shadow::JudgedRows;

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
    place: Place,
    pace: Pace,
    /// What it takes for each alert of the live lane.
    cost: Cost,
    lag: Lag,
    /// Whether it has met a batch.
    has_begun: bool,
    owed: Owed,
    share: CpuShare,
    /// How many batches it may owe in the live lane.
    may_owe: usize,
    /// How many batches it has judged within their slices, one after another.
    steady: u32,
    /// When it was last at work.
    served: Instant,
    /// Whether it only finds out what a filter would do and cost.
    dry_run: bool,
    /// Whether it has brought counters along, so that those of an earlier filter don't count.
    brings_counters: bool,
    /// The version that judges what this one has judged.
    shadow: Option<Box<RunningShadow>>,
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
            place: Place::InStep,
            pace: Pace::default(),
            cost: Cost::default(),
            lag: Lag::default(),
            has_begun: false,
            owed: Owed::default(),
            share: CpuShare::new(Instant::now()),
            may_owe: 0,
            steady: 0,
            served: Instant::now(),
            dry_run: config.dry_run,
            brings_counters: false,
            shadow: None,
        }
    }

    /// Takes the place of an earlier filter with the same name: its counters, and where it had come to.
    pub fn succeed(&mut self, earlier: RunningFilter) {
        self.place = earlier.place;
        self.quota.inherit(earlier.quota);
    }

    /// Lets it be judged in the slow lane from now on, and from the batch's `begin` or `end`, or from where it was to join the
    /// live lane if that is later. Returns what is to be published about that.
    pub fn leave(&mut self, from: &Positions, batch: &Batch) -> LaneChange {
        self.pace.leave();
        let from = self.place.not_before(from);
        self.judge_from(from.clone());
        self.entry.set_lane(Lane::Slow, from.behind(&batch.end));
        LaneChange::new(&self.entry, Some((Lane::Slow, from)))
    }

    /// Takes note that the live lane has judged a batch of so many messages. Returns whether it is now known anew what the
    /// filter takes.
    pub fn end_batch(&mut self, messages: usize) -> bool {
        self.cost.end_batch(messages)
    }

    /// What it takes for each alert of the live lane, if it is costly.
    pub fn cost(&self) -> Option<Duration> {
        self.cost.each().filter(|_| !self.suspended)
    }

    /// Lets it be judged in the slow lane, from these positions on.
    pub fn judge_from(&mut self, positions: Positions) {
        self.lag = Lag::default();
        self.cost = Cost::default();
        self.owed.clear();
        self.place = Place::Own(positions);
    }

    /// Lets it be judged in the live lane once that has come to these positions.
    pub fn skip_to(&mut self, positions: Positions) {
        self.place = Place::Ahead(positions);
    }

    /// From where on it is to be judged, unless that is where its lane is.
    pub fn positions(&self) -> Option<&Positions> {
        self.place.positions()
    }

    /// Where it is judged, as it is to be published.
    pub fn lane_change(&self) -> LaneChange {
        let lane = if self.place.is_own() { Lane::Slow } else { Lane::Live };
        LaneChange::new(&self.entry, self.place.positions().map(|own| (lane, own.clone())))
    }

    /// Whether it is judged in the slow lane.
    pub fn is_in_slow_lane(&self) -> bool {
        self.place.is_own()
    }

    /// Forgets how far it has come in a topic that was created anew.
    pub fn begin_anew(&mut self, topic: &str) {
        self.place.forget(topic);
        self.owed.forget(topic);
    }

    /// Whether the verdicts on a batch that it could not judge are missing: unless it was deleted, or judges the batch
    /// once more from a position of its own.
    pub fn is_missed(&self) -> bool {
        !self.judge.filter().cancel().is_cancelled_itself() && !self.place.is_own()
    }

    /// Whether it has been quick enough for the live lane for a while.
    pub fn is_quick(&self) -> bool {
        self.owed.is_empty() && self.has_been_quick()
    }

    /// The same, although it may owe batches, which it leaves to the host that it goes to.
    pub fn has_been_quick(&self) -> bool {
        !self.suspended && self.pace.is_quick()
    }

    /// Restores the counters of the quota after a restart. They must come in the order of their last changes.
    pub fn restore(&mut self, counters: impl IntoIterator<Item = (Visit, u32)>) {
        counters.into_iter().for_each(|(visit, used)| self.quota.set(visit, used));
    }

    /// Takes over the counters of an earlier filter with the same name.
    pub fn inherit(&mut self, quota: Quota) {
        if !self.brings_counters {
            self.quota.inherit(quota);
        }
    }

    /// Goes on with these counters, which came along from another host, in the order of their last changes. If it was
    /// quick there, it is taken to be so here. Returns what is to be published about them.
    pub fn bring(&mut self, counters: Vec<(Visit, u32)>, was_quick: bool) -> Vec<QuotaCounter> {
        self.brings_counters = true;
        self.restore(counters.iter().copied());
        if was_quick {
            self.pace.trust();
        }
        let entry = &self.entry;
        counters.into_iter().map(|(visit, used)| QuotaCounter { entry: entry.clone(), visit, used }).collect()
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
    /// shown.
    ///
    /// # Errors
    /// Returns [`Interrupted`] if that took more than the `slice` of time, or was cancelled. Nothing has changed then.
    pub fn process(&mut self, batch: &Arc<Batch>, time: &LaneTime, outcome: &mut Outcome) -> Result<(), Interrupted> {
        if self.suspended {
            return Ok(());
        }
        self.begin(batch);
        let rows = self.rows(batch);
        let rows = self.place.rows(batch, rows);
        let judged =
            if rows == Rows::None { None } else { Some(self.judge_timed(batch, &rows, time.slice.map(Slice::of))?) };
        self.steady = self.steady.saturating_add(1);
        self.give_back(outcome);
        if let Some((verdicts, took)) = judged {
            self.settle(batch, &rows, &verdicts, took, outcome);
            if self.shadow.is_some() {
                let (slots, from) = (self.slots().shadow, self.place.not_before(&batch.begin));
                self.pass_on(&JudgedRows { batch, rows: &rows, verdicts: &verdicts, took }, slots, &from);
            }
        }
        self.advance(batch, outcome);
        Ok(())
    }

    /// Judges these rows. Returns the time that it took, too.
    pub(super) fn judge_timed(
        &mut self,
        batch: &Batch,
        rows: &Rows,
        slice: Option<Slice>,
    ) -> Result<(Verdicts, Duration), Interrupted> {
        let started = Instant::now();
        self.judge.filter_mut().limit_logs(self.log_rate.room(started));
        // A dry run yields to others, so the clock would count their time.
        let cpu = if self.dry_run { Some(CpuTime::now()) } else { self.cost.clock() };
        let judged = self.judge_all(batch, rows, slice);
        let by_the_clock = started.elapsed();
        let used = cpu.map_or(by_the_clock, |cpu| cpu.elapsed());
        self.cost.add(used);
        let took = if self.dry_run { used } else { by_the_clock };
        let verdicts = judged?;
        self.log_rate.take(verdicts.logs.len());
        Ok((verdicts, took))
    }

    /// Accounts for the verdicts. Nothing of the filter is changed before it is known what to publish.
    pub fn settle(&mut self, batch: &Batch, rows: &Rows, verdicts: &Verdicts, time: Duration, outcome: &mut Outcome) {
        self.begin(batch);
        let accountant = Accountant {
            entry: &self.entry,
            topic: &self.topic,
            quota: &self.quota,
            dead_letters: &self.dead_letters,
            strikes: &self.strikes,
            tells_all: self.dry_run,
        };
        let account = accountant.account(batch, rows, verdicts);
        let counters = accountant.counters(batch, &account);
        let tally = Tally {
            fuel: verdicts.fuel,
            time,
            memory_peak: self.judge.filter().memory_peak(),
            logs: self.log_records(&verdicts.logs),
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

    fn log_records(&self, logs: &[Log]) -> Vec<LogRecord> {
        let version = &self.entry.sha256;
        logs.iter().map(|log| LogRecord::new(version, log)).collect()
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
        let rows = batch.alerts_among(&self.place.rows(batch, Rows::All));
        self.entry.add(batch.tally_of_failure(&rows));
        outcome.faults.extend(rows.into_iter().map(|row| {
            let fault = Fault { row, kind: FaultKind::Host, message: message.clone(), backtrace: None };
            FaultReport { entry: self.entry.clone(), fault }
        }));
        self.suspend(message);
        self.advance(batch, outcome);
    }

    /// Suspends the filter if it fails on nearly all alerts, or takes memory that the host does not have.
    fn check(&mut self) {
        if self.suspended {
            self.judge.filter_mut().rest();
        } else if let Some(reason) = self.failing.reason() {
            let last = self.entry.last_fault().unwrap_or_default();
            self.suspend(format!("{reason}, the last: {last}"));
        } else if self.judge.filter().breaks_budget() {
            self.suspend(
                "the host's filters take more memory than they may have together (--memory-budget), and this one takes \
                 more than an equal share"
                    .to_owned(),
            );
        }
    }

    /// Takes note of where it begins, with its first batch.
    fn begin(&mut self, batch: &Batch) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.entry.set_since(self.place.not_before(&batch.begin).into());
        }
    }

    /// Takes note that it has judged the batch, if it is not simply where its lane is.
    fn advance(&mut self, batch: &Batch, outcome: &mut Outcome) {
        if self.place.advance(batch) {
            outcome.lanes.push(LaneChange::new(&self.entry, None));
        }
    }

    /// Suspends a filter that can't keep up with the stream.
    fn check_lag(&mut self, own: &Positions, live: &Arc<Positions>, longest: Duration) {
        if !self.suspended && self.lag.add(Instant::now(), own, live, longest) {
            let status = self.entry.status();
            let each = status.seconds * 1e6 / status.counts.seen.max(1) as f64;
            let share = self.entry.cpu_share;
            self.suspend(format!(
                "it is {} alerts behind the live ones, which is more than {} s (--max-lag): it takes {each:.0} us for an \
                 alert, and may use {share} of a processor (--cpu-share), so it judges at most {:.0} alerts a second; it \
                 helps to reject most alerts by a field of the newest detection, and to read fewer fields of histories and \
                 no cutouts, or to ask the operator for a larger share. A new version goes on where this one stopped",
                own.behind(live),
                longest.as_secs(),
                share * 1e6 / each.max(1.0)
            ));
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

    /// Returns the filter's verdicts on these rows. If the host panics over an alert, only that alert fails.
    fn judge_all(&mut self, batch: &Batch, rows: &Rows, slice: Option<Slice>) -> Result<Verdicts, Interrupted> {
        let mask = match rows {
            Rows::Some(rows) => Some(&rows[..]),
            _ => None,
        };
        let judged = caught(|| self.judge.judge_within(&batch.decoded, mask, slice));
        judged.unwrap_or_else(|message| {
            tracing::error!(filter = self.entry.name, message, "judging again, in halves");
            let shown = batch.alerts_among(rows);
            let mut mask = vec![false; batch.messages.len()];
            let verdicts = judge_in_halves(&shown, |some| {
                mask.fill(false);
                some.iter().for_each(|&row| mask[row as usize] = true);
                self.judge.judge_within(&batch.decoded, Some(&mask), slice)
            })?;
            let hosts = verdicts.faults.iter().filter(|fault| fault.kind == FaultKind::Host);
            hosts.for_each(|fault| batch.tell_failure(&self.entry.name, fault));
            Ok(verdicts)
        })
    }
}
