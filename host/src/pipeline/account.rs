//! The accounting for a filter's verdicts on a batch: which alerts are published, and where every alert went. It changes
//! nothing that lasts. If the host panics in it, it is repeated for parts of the batch, from the same counters.

use std::sync::Arc;
use std::time::SystemTime;

use skysieve_sandbox::{Fault, FaultKind};
use skysieve_survey::Visit;

use super::batch::Batch;
use super::config::{DEADLINE_STRIKES, STRIKE_TIME};
use super::judge::Verdicts;
use super::outcome::{FaultReport, Output, QuotaCounter};
use super::panics::{Halves, caught};
use super::quota::Quota;
use super::topics::Rows;
use crate::filters::{Counts, Entry, FAULTS, FaultCounts, FaultRecord, Tally, VisitTally};

/// The filter whose verdicts are accounted for, and its counters before the batch.
pub struct Accountant<'a> {
    /// The filter's record.
    pub entry: &'a Arc<Entry>,
    /// The topic of its accepted alerts.
    pub topic: &'a Arc<str>,
    /// Its accepted alerts.
    pub quota: &'a Quota,
    /// Its faults that were published.
    pub dead_letters: &'a Quota,
    /// Its faults, by their weights.
    pub strikes: &'a Quota,
    /// Whether alerts over the quota are among the outputs, too.
    pub tells_all: bool,
}

/// What a filter's verdicts lead to.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The alerts to be published.
    pub outputs: Vec<Output>,
    /// The faults to be published as dead letters.
    pub faults: Vec<FaultReport>,
    /// What is added to the counters, for each of the batch's visits.
    pub visits: Vec<VisitAccount>,
    /// The number of faults that could not be counted for a visit.
    pub unplaced: u32,
    /// The number of faults for which the filter is not to blame.
    pub not_its_own: u64,
    /// Why the filter is to be suspended, if it is.
    pub suspended: Option<String>,
    /// How often the filter failed, by the kind of fault.
    fault_counts: FaultCounts,
    /// The last faults.
    recorded: Vec<FaultRecord>,
}

/// What is added to the counters for a visit.
#[derive(Clone, Copy, Debug, Default)]
pub struct VisitAccount {
    /// Where its alerts went.
    pub counts: Counts,
    /// The number of faults published.
    pub dead_letters: u32,
    /// The weight of the faults.
    pub strikes: u32,
}

impl Accountant<'_> {
    /// Accounts for the verdicts on these rows. If the host panics over an alert, only that alert fails.
    pub fn account(&self, batch: &Batch, rows: &Rows, verdicts: &Verdicts) -> Account {
        let account = caught(|| {
            let mut account = Account::default();
            self.add(&mut account, batch, rows, verdicts);
            account
        });
        account.unwrap_or_else(|message| {
            tracing::error!(filter = self.entry.name, message, "accounting again, in halves");
            self.account_in_halves(batch, rows, verdicts)
        })
    }

    fn account_in_halves(&self, batch: &Batch, rows: &Rows, verdicts: &Verdicts) -> Account {
        let shown = batch.alerts_among(rows);
        let (mut account, mut halves) = (Account::default(), Halves::of(&shown));
        while let Some(some) = halves.next() {
            match self.with(&account, batch, some, |rows| verdicts.on(rows)) {
                Ok(with) => account = with,
                Err(message) => {
                    let Some(row) = halves.cut(some) else { continue };
                    let fault = Fault { row, kind: FaultKind::Host, message, backtrace: None };
                    batch.tell_failure(&self.entry.name, &fault);
                    let failed = |_: &[u32]| Verdicts { seen: 1, faults: vec![fault.clone()], ..Verdicts::default() };
                    match self.with(&account, batch, some, failed) {
                        Ok(with) => account = with,
                        Err(_) => self.add_unplaced(&mut account, batch, fault),
                    }
                }
            }
        }
        account
    }

    /// The account with the verdicts on some more rows, or the message of the host's panic over them.
    fn with(
        &self,
        account: &Account,
        batch: &Batch,
        rows: &[u32],
        verdicts: impl Fn(&[u32]) -> Verdicts,
    ) -> Result<Account, String> {
        caught(|| {
            let mut account = account.clone();
            let mut mask = vec![false; batch.messages.len()];
            rows.iter().for_each(|&row| mask[row as usize] = true);
            self.add(&mut account, batch, &Rows::Some(mask), &verdicts(rows));
            account
        })
    }

    /// Adds the verdicts on these rows.
    fn add(&self, account: &mut Account, batch: &Batch, rows: &Rows, verdicts: &Verdicts) {
        let visits = batch.alerts.visits();
        account.visits.resize(visits.len(), VisitAccount::default());
        for (of_visit, seen) in account.visits.iter_mut().zip(seen_by_visit(batch, rows)) {
            of_visit.counts.seen += seen;
        }
        for accepted in &verdicts.accepted {
            let at = batch.alerts.visit_of(accepted.row);
            let counts = &mut account.visits[at].counts;
            let has_room = counts.accepted < u64::from(self.quota.room(visits[at].visit));
            if has_room {
                counts.accepted += 1;
            } else {
                counts.over_quota += 1;
            }
            if has_room || self.tells_all {
                let (entry, topic, annotations) =
                    (self.entry.clone(), self.topic.clone(), accepted.annotations.clone());
                account.outputs.push(Output { entry, topic, row: accepted.row, annotations });
            }
        }
        if let Some(first) = verdicts.faults.first() {
            let lost = u32::try_from(verdicts.lost.as_millis() / STRIKE_TIME.as_millis()).unwrap_or(u32::MAX);
            self.strike(account, batch, lost, first);
        }
        for fault in &verdicts.faults {
            self.add_fault(account, batch, fault);
        }
        account.recorded.extend(last(&verdicts.faults).iter().map(|fault| self.record(batch, fault)));
        for VisitAccount { counts, .. } in &mut account.visits {
            let others = counts.accepted + counts.over_quota + counts.faulted;
            counts.rejected = counts.seen.checked_sub(others).expect("an alert has one verdict");
        }
    }

    fn add_fault(&self, account: &mut Account, batch: &Batch, fault: &Fault) {
        let at = batch.alerts.visit_of(fault.row);
        let of_visit = &mut account.visits[at];
        of_visit.counts.faulted += 1;
        account.fault_counts.add(fault.kind);
        if of_visit.dead_letters < self.dead_letters.room(batch.alerts.visits()[at].visit) {
            of_visit.dead_letters += 1;
            account.faults.push(FaultReport { entry: self.entry.clone(), fault: fault.clone() });
        }
        // The schema is to blame for fields that it lacks, and the host for its own failures.
        account.not_its_own += u64::from(matches!(fault.kind, FaultKind::Field | FaultKind::Host));
        let weight = match fault.kind {
            // Such a fault is cheap to find.
            FaultKind::Field => 0,
            FaultKind::Deadline => DEADLINE_STRIKES,
            _ => 1,
        };
        self.strike(account, batch, weight, fault);
    }

    /// Counts a fault of the filter, which is suspended if there were too many in the visit.
    fn strike(&self, account: &mut Account, batch: &Batch, weight: u32, fault: &Fault) {
        let at = batch.alerts.visit_of(fault.row);
        let (visit, of_visit) = (batch.alerts.visits()[at].visit, &mut account.visits[at]);
        let room = self.strikes.room(visit).saturating_sub(of_visit.strikes);
        of_visit.strikes += weight.min(room);
        if weight > room {
            account.suspend_for(visit, fault);
        }
    }

    /// Adds an alert over which the host panics even when it is only counted as failed.
    fn add_unplaced(&self, account: &mut Account, batch: &Batch, fault: Fault) {
        account.unplaced += 1;
        account.not_its_own += 1;
        account.fault_counts.add(fault.kind);
        account.recorded.extend(caught(|| self.record(batch, &fault)).ok());
        if account.unplaced > self.strikes.room(Visit::Unknown) {
            account.suspend_for(Visit::Unknown, &fault);
        }
        account.faults.push(FaultReport { entry: self.entry.clone(), fault });
    }

    fn record(&self, batch: &Batch, fault: &Fault) -> FaultRecord {
        let (message, alert) = (&batch.messages[fault.row as usize], batch.alerts.id_text(fault.row));
        FaultRecord {
            id: String::new(),
            time: SystemTime::now(),
            version: self.entry.sha256.clone(),
            alert,
            topic: message.topic.to_string(),
            partition: message.partition,
            offset: message.offset,
            kind: fault.kind,
            message: fault.message.clone(),
            backtrace: fault.backtrace.clone(),
        }
    }

    /// The counters of the quota that change, as they are after the batch.
    pub fn counters(&self, batch: &Batch, account: &Account) -> Vec<QuotaCounter> {
        let visits = batch.alerts.visits().iter().zip(&account.visits);
        visits
            .filter(|(_, of_visit)| of_visit.counts.accepted > 0)
            .map(|(share, of_visit)| {
                let used = self.quota.used(share.visit) + of_visit.counts.accepted as u32;
                QuotaCounter { entry: self.entry.clone(), visit: share.visit, used }
            })
            .collect()
    }
}

impl Account {
    /// Where the alerts went, and what people can read about that.
    pub fn tally(&self, batch: &Batch) -> Tally {
        let unplaced = u64::from(self.unplaced);
        let mut tally = Tally {
            counts: Counts { seen: unplaced, faulted: unplaced, ..Counts::default() },
            fault_counts: self.fault_counts.clone(),
            faults: last(&self.recorded).to_vec(),
            ..Tally::default()
        };
        for (share, &VisitAccount { counts, .. }) in batch.alerts.visits().iter().zip(&self.visits) {
            if counts.seen > 0 {
                tally.counts += counts;
                tally.visits.push(VisitTally { visit: share.label.to_string(), counts });
            }
        }
        tally.more_faults = tally.counts.faulted.saturating_sub(tally.faults.len() as u64);
        tally
    }

    fn suspend_for(&mut self, visit: Visit, fault: &Fault) {
        self.suspended.get_or_insert_with(|| {
            format!("too many faults in visit {visit}, the last: {}: {}", fault.kind, fault.message)
        });
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

/// The last of these, as many as are kept.
fn last<T>(all: &[T]) -> &[T] {
    &all[all.len().saturating_sub(FAULTS)..]
}
