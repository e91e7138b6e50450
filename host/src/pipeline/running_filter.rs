//! A filter as a shard keeps it: judged, limited, accounted for.

use std::sync::Arc;
use std::time::Instant;

use crate::filters::{Counts, Entry, Tally, VisitTally};
use skysieve_sandbox::{Fault, FaultKind};
use skysieve_survey::Visit;

use super::batch::Batch;
use super::config::FaultLimits;
use super::judge::{Judge, Verdicts};
use super::outcome::{FaultReport, Outcome, Output, QuotaCounter};
use super::quota::Quota;

/// One running filter.
pub struct RunningFilter {
    /// Its record.
    pub entry: Arc<Entry>,
    /// The topic of its accepted alerts.
    pub topic: Arc<str>,
    judge: Judge,
    quota: Quota,
    dead_letters: Quota,
    strikes: Quota,
    suspended: bool,
}

impl RunningFilter {
    /// A filter that publishes at most `quota` alerts of a visit.
    pub fn new(entry: Arc<Entry>, topic: Arc<str>, judge: Judge, quota: u32, faults: &FaultLimits) -> RunningFilter {
        RunningFilter {
            entry,
            topic,
            judge,
            quota: Quota::new(quota),
            dead_letters: Quota::new(faults.dead_letters_per_visit),
            strikes: Quota::new(faults.strikes_per_visit),
            suspended: false,
        }
    }

    /// Sets the counters of the quota to what they were before a restart.
    pub fn restore(&mut self, counters: impl IntoIterator<Item = (Visit, u32)>) {
        counters.into_iter().for_each(|(visit, used)| self.quota.restore(visit, used));
    }

    /// Goes on with the counters of an earlier filter of the name.
    pub fn inherit(&mut self, quota: Quota) {
        self.quota.inherit(quota);
    }

    /// What is left when the filter is removed.
    pub fn into_quota(self) -> Quota {
        self.quota
    }

    /// The part that judges.
    pub fn judge_mut(&mut self) -> &mut Judge {
        &mut self.judge
    }

    /// Judges a batch, appends what is to be published, and accounts for every alert.
    pub fn process(&mut self, batch: &Batch, outcome: &mut Outcome) {
        if self.suspended {
            return;
        }
        let started = Instant::now();
        let verdicts = self.judge.judge(&batch.decoded);
        let time = started.elapsed();
        let mut tally = Tally {
            fuel: verdicts.fuel,
            time,
            memory_peak: self.judge.filter().memory_peak(),
            faults: verdicts.faults.iter().map(|fault| describe(batch, fault)).collect(),
            logs: verdicts.logs.iter().map(|log| format!("{}: {}", log.level, log.message)).collect(),
            ..Tally::default()
        };
        let by_visit = self.limit(batch, verdicts, outcome);
        for (share, counts) in batch.alerts.visits().iter().zip(by_visit) {
            tally.counts += counts;
            if counts.accepted > 0 {
                let (entry, visit) = (self.entry.clone(), share.visit);
                outcome.counters.push(QuotaCounter { entry, visit, used: self.quota.used(visit) });
            }
            tally.visits.push(VisitTally { visit: share.label.to_string(), counts });
        }
        self.entry.add(tally);
    }

    /// Applies the quota; the counts by visit.
    fn limit(&mut self, batch: &Batch, verdicts: Verdicts, outcome: &mut Outcome) -> Vec<Counts> {
        let mut counts: Vec<Counts> =
            batch.alerts.visits().iter().map(|share| Counts { seen: share.alerts, ..Counts::default() }).collect();
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

    /// Counts a fault against the filter, and suspends it when there were too many in the visit.
    fn strike(&mut self, visit: Visit, fault: &Fault) {
        let weight = match fault.kind {
            // The schema's doing, and cheap to find.
            FaultKind::Field => 0,
            // Each has held up its shard for the whole deadline.
            FaultKind::Deadline => 50,
            _ => 1,
        };
        for _ in 0..weight {
            if !self.strikes.take(visit) && !self.suspended {
                self.suspended = true;
                let reason = format!("too many faults in visit {visit}, the last: {}: {}", fault.kind, fault.message);
                tracing::warn!(filter = self.entry.name, %visit, reason, "filter suspended");
                self.entry.suspend(reason);
            }
        }
    }
}

fn describe(batch: &Batch, fault: &Fault) -> String {
    format!("alert {}: {}: {}", batch.alerts.id_text(fault.row), fault.kind, fault.message)
}
