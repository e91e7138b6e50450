//! How many accepted alerts of a visit are published.

use std::collections::{HashMap, VecDeque};

use skysieve_survey::Visit;

/// Visits whose counters are kept; more than a survey takes in three nights. An alert of a visit older than all of them
/// would start a new counter.
const VISITS_KEPT: usize = 4096;

/// One filter's counters: visits may interleave, and alerts may come late.
#[derive(Debug)]
pub struct Quota {
    per_visit: u32,
    used: HashMap<Visit, u32>,
    order: VecDeque<Visit>,
}

impl Quota {
    /// At most `per_visit` alerts of a visit.
    pub fn new(per_visit: u32) -> Quota {
        Quota { per_visit, used: HashMap::new(), order: VecDeque::new() }
    }

    /// Counts one accepted alert; whether it is within the quota.
    pub fn take(&mut self, visit: Visit) -> bool {
        let per_visit = self.per_visit;
        let used = self.counter(visit);
        let within = *used < per_visit;
        *used += u32::from(within);
        within
    }

    /// How many alerts of the visit were within the quota so far.
    pub fn used(&self, visit: Visit) -> u32 {
        self.used.get(&visit).copied().unwrap_or(0)
    }

    /// Sets a visit's counter to what it was.
    pub fn restore(&mut self, visit: Visit, used: u32) {
        *self.counter(visit) = used;
    }

    /// Goes on with another's counters.
    pub fn inherit(&mut self, other: Quota) {
        (self.used, self.order) = (other.used, other.order);
    }

    fn counter(&mut self, visit: Visit) -> &mut u32 {
        if !self.used.contains_key(&visit) {
            self.forget_oldest();
            self.order.push_back(visit);
        }
        self.used.entry(visit).or_insert(0)
    }

    fn forget_oldest(&mut self) {
        if self.order.len() >= VISITS_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.used.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_that_interleave_have_a_counter_each() {
        let mut quota = Quota::new(2);
        let (one, other) = (Visit::Number(1), Visit::JulianDate(2.5f64.to_bits()));
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
        assert_eq!((quota.used.len(), quota.order.len()), (VISITS_KEPT, VISITS_KEPT));
        assert!(!quota.take(Visit::Number(3 * VISITS_KEPT as i64 - 1)));
    }

    #[test]
    fn counters_go_on_where_they_were() {
        let (mut quota, mut next) = (Quota::new(2), Quota::new(3));
        quota.restore(Visit::Number(1), 1);
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
