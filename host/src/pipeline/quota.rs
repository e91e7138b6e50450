//! The quota: how many accepted alerts of a visit are published.

use std::collections::{BTreeMap, HashMap};

use skysieve_survey::Visit;

/// For how many visits counters are kept. This is more than a survey takes in three nights. An alert of a forgotten
/// visit would start a new counter.
pub const VISITS_KEPT: usize = 4096;

/// The counters of one filter. Visits may interleave, and alerts may arrive late.
///
/// If there are too many counters, the one that has not changed for the longest time is forgotten. Each change is
/// published as a record of the quotas' topic. A restart reads that topic in its order, and so arrives at the same
/// counters.
#[derive(Debug)]
pub struct Quota {
    per_visit: u32,
    counters: HashMap<Visit, Counter>,
    /// The visits, by the time at which their counters last changed.
    changed: BTreeMap<u64, Visit>,
    changes: u64,
    /// Visits that were forgotten since the last call of [`Quota::take_forgotten`].
    forgotten: Vec<Visit>,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    used: u32,
    changed: u64,
}

impl Quota {
    /// Allows at most `per_visit` alerts of each visit.
    pub fn new(per_visit: u32) -> Quota {
        let (counters, changed) = (HashMap::new(), BTreeMap::new());
        Quota { per_visit, counters, changed, changes: 0, forgotten: Vec::new() }
    }

    /// How many more alerts of the visit are within the quota.
    pub fn room(&self, visit: Visit) -> u32 {
        self.per_visit.saturating_sub(self.used(visit))
    }

    /// Counts accepted alerts.
    pub fn add(&mut self, visit: Visit, count: u32) {
        if count > 0 {
            self.set(visit, self.used(visit).saturating_add(count));
        }
    }

    /// Subtracts one alert that was counted, but could not be published. Returns whether the visit is known.
    pub fn give_back(&mut self, visit: Visit) -> bool {
        let known = self.counters.get(&visit).map(|counter| counter.used);
        if let Some(used) = known {
            self.set(visit, used.saturating_sub(1));
        }
        known.is_some()
    }

    /// How many alerts of the visit have been within the quota so far.
    pub fn used(&self, visit: Visit) -> u32 {
        self.counters.get(&visit).map_or(0, |counter| counter.used)
    }

    /// The counters, in the order of their last changes.
    pub fn counters(&self) -> Vec<(Visit, u32)> {
        self.changed.values().map(|visit| (*visit, self.used(*visit))).collect()
    }

    /// Takes over the counters of another quota.
    pub fn inherit(&mut self, other: Quota) {
        *self = Quota { per_visit: self.per_visit, ..other };
    }

    /// Returns the visits whose counters were forgotten since the last call, unless they have counted again since.
    pub fn take_forgotten(&mut self) -> Vec<Visit> {
        let forgotten = std::mem::take(&mut self.forgotten);
        forgotten.into_iter().filter(|visit| !self.counters.contains_key(visit)).collect()
    }

    /// Sets the counter of a visit. After a restart, counters must be set in the order of their last changes.
    pub fn set(&mut self, visit: Visit, used: u32) {
        self.changes += 1;
        let counter = Counter { used, changed: self.changes };
        match self.counters.insert(visit, counter) {
            Some(before) => drop(self.changed.remove(&before.changed)),
            None => self.forget_oldest(),
        }
        self.changed.insert(counter.changed, visit);
    }

    fn forget_oldest(&mut self) {
        if self.counters.len() > VISITS_KEPT
            && let Some((_, oldest)) = self.changed.pop_first()
        {
            self.counters.remove(&oldest);
            self.forgotten.push(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Quota {
        /// Counts one alert if it is within the quota, and returns whether it is.
        fn take(&mut self, visit: Visit) -> bool {
            let is_within = self.room(visit) > 0;
            self.add(visit, u32::from(is_within));
            is_within
        }
    }

    #[test]
    fn visits_that_interleave_have_a_counter_each() {
        let mut quota = Quota::new(2);
        let (one, other) = (Visit::Number(1), Visit::Time(2.5f64.to_bits()));
        let taken = [one, other, one, one, other, other].map(|visit| quota.take(visit));
        assert_eq!(taken, [true, true, true, false, true, false]);
    }

    #[test]
    fn a_late_alert_meets_its_visits_counter() {
        let mut quota = Quota::new(1);
        assert!(quota.take(Visit::Number(0)));
        for visit in 1..1000 {
            assert!(quota.take(Visit::Number(visit)));
        }
        assert!(!quota.take(Visit::Number(0)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut quota = Quota::new(1);
        for visit in 0..3 * VISITS_KEPT as i64 {
            assert!(quota.take(Visit::Number(visit)));
        }
        assert_eq!((quota.counters.len(), quota.changed.len()), (VISITS_KEPT, VISITS_KEPT));
        assert_eq!(quota.take_forgotten().len(), 2 * VISITS_KEPT);
        assert!(!quota.take(Visit::Number(3 * VISITS_KEPT as i64 - 1)));
    }

    #[test]
    fn the_counter_that_was_changed_longest_ago_is_forgotten() {
        let mut quota = Quota::new(2);
        let visit = |number: usize| Visit::Number(number as i64);
        (0..VISITS_KEPT).for_each(|number| assert!(quota.take(visit(number))));
        // A late alert of the first visit makes the second visit the oldest.
        assert!(quota.take(visit(0)));
        assert!(quota.take(visit(VISITS_KEPT)));
        assert_eq!(quota.take_forgotten(), [visit(1)]);
        assert_eq!([0, 1, 2].map(|number| quota.used(visit(number))), [2, 0, 1]);
        // An alert beyond the quota changes nothing, neither in memory nor in the topic.
        assert!(!quota.take(visit(0)));
        assert_eq!(quota.take_forgotten(), []);
    }

    #[test]
    fn a_forgotten_counter_that_is_back_is_kept() {
        let mut quota = Quota::new(2);
        let visit = |number: usize| Visit::Number(number as i64);
        (0..=VISITS_KEPT).for_each(|number| quota.set(visit(number), 1));
        quota.set(visit(0), 2);
        assert_eq!((quota.take_forgotten(), quota.used(visit(0))), (vec![visit(1)], 2));
    }

    #[test]
    fn of_too_many_restored_counters_the_last_are_kept() {
        let (mut before, mut quota) = (Quota::new(20), Quota::new(20));
        let restored: Vec<Visit> = (0..VISITS_KEPT as i64 + 500).map(|number| Visit::Number(7919 * number)).collect();
        for visit in &restored {
            assert!(before.take(*visit));
            quota.set(*visit, 1);
        }
        assert!(restored.iter().all(|visit| quota.used(*visit) == before.used(*visit)));
        assert_eq!(quota.used(restored[499]), 0);
        assert_eq!(quota.used(restored[500]), 1);
    }

    #[test]
    fn what_was_not_published_is_given_back() {
        let mut quota = Quota::new(1);
        assert!(quota.take(Visit::Number(1)) && !quota.take(Visit::Number(1)));
        assert!(quota.give_back(Visit::Number(1)) && quota.take(Visit::Number(1)));
        assert!(!quota.give_back(Visit::Number(2)));
        assert_eq!(quota.used(Visit::Number(2)), 0);
    }

    #[test]
    fn counters_go_on_where_they_were() {
        let (mut quota, mut next) = (Quota::new(2), Quota::new(3));
        quota.set(Visit::Number(1), 1);
        assert_eq!([0; 3].map(|_| quota.take(Visit::Number(1))), [true, false, false]);
        next.inherit(quota);
        assert_eq!([0; 2].map(|_| next.take(Visit::Number(1))), [true, false]);
        assert_eq!((next.used(Visit::Number(1)), next.used(Visit::Number(2))), (3, 0));
    }

    #[test]
    fn a_quota_of_nothing_publishes_nothing() {
        assert!(!Quota::new(0).take(Visit::Unknown));
    }
}
