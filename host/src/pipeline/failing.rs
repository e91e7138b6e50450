//! Notices that a filter fails on nearly all alerts.

use super::config::FAILING_ALERTS;

/// How many alerts are remembered at most. What is older counts less and less.
const REMEMBERED: u64 = 5 * FAILING_ALERTS;

/// How many of the alerts that a filter was shown lately it has failed on.
#[derive(Debug, Default)]
pub struct Failing {
    seen: u64,
    faulted: u64,
}

impl Failing {
    /// Adds a batch.
    pub fn add(&mut self, seen: u64, faulted: u64) {
        self.seen += seen;
        self.faulted += faulted;
        while self.seen > REMEMBERED {
            self.seen /= 2;
            self.faulted /= 2;
        }
    }

    /// Why the filter is to be suspended, if it is.
    pub fn reason(&self) -> Option<String> {
        let Failing { seen, faulted } = self;
        (*seen >= FAILING_ALERTS && 10 * faulted >= 9 * seen).then(|| {
            format!(
                "it failed on {faulted} of the last {seen} alerts; try it with `skysieve check` on alerts of this stream, \
                 and upload it again"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(batches: &[(u64, u64)]) -> bool {
        let mut failing = Failing::default();
        for &(seen, faulted) in batches {
            failing.add(seen, faulted);
        }
        failing.reason().is_some()
    }

    #[test]
    fn nine_tenths_of_many_alerts_are_too_much() {
        assert!(failing(&[(200, 180)]) && failing(&[(100, 100), (100, 80)]));
        assert!(!failing(&[(199, 199)]) && !failing(&[(200, 179)]) && !failing(&[]));
    }

    #[test]
    fn a_filter_that_worked_for_long_is_suspended_soon_after_it_breaks() {
        let mut batches = vec![(256, 0); 10_000];
        assert!(!failing(&batches));
        batches.extend([(256, 256); 40]);
        assert!(failing(&batches));
    }
}
