//! Whether a filter in the slow lane has become quick enough for the live one.

use std::time::Duration;

/// How many alerts it must have judged quickly, one after another, before it may go back.
const QUICK: u64 = 1000;

/// How often that number doubles at most, for filters that leave the live lane again and again.
const DOUBLINGS: u32 = 6;

/// How quickly one filter has judged lately.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// The alerts since it was last too slow.
    quick: u64,
    /// The time that these took.
    spent: Duration,
    /// How often it has left the live lane.
    left: u32,
}

impl Pace {
    /// It has left the live lane.
    pub fn leave(&mut self) {
        *self = Pace { left: self.left + 1, ..Pace::default() };
    }

    /// It has judged so many alerts in that time. `allowance` is what it may take for each of them.
    pub fn add(&mut self, alerts: u64, time: Duration, allowance: Duration) {
        let quick = time.as_nanos() <= allowance.as_nanos() * u128::from(alerts.max(1));
        (self.quick, self.spent) = if quick { (self.quick + alerts, self.spent + time) } else { Default::default() };
    }

    /// It was quick enough for another host's live lane.
    pub fn trust(&mut self) {
        self.quick = QUICK;
    }

    /// What it took for each of these alerts.
    pub fn each(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.spent.as_nanos() / u128::from(self.quick.max(1))).unwrap_or(u64::MAX))
    }

    /// Whether it may go back.
    pub fn is_quick(&self) -> bool {
        self.quick >= QUICK << self.left.saturating_sub(1).min(DOUBLINGS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_to_be_quick_for_longer_each_time() {
        let allowance = Duration::from_micros(40);
        let mut pace = Pace::default();
        for left in 0..10 {
            pace.leave();
            let mut alerts = 0;
            while !pace.is_quick() {
                pace.add(100, Duration::from_millis(3), allowance);
                alerts += 100;
            }
            assert_eq!((alerts, pace.each()), (1000 << left.min(6), Duration::from_micros(30)));
        }
        pace.add(100, Duration::from_millis(5), allowance);
        assert!(!pace.is_quick());
    }
}
