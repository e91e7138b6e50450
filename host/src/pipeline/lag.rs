//! Whether a filter in the slow lane can't keep up with the stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::positions::Positions;

/// How many times in the longest time that a filter may fall behind the live lane's progress is kept.
const SAMPLES: u32 = 8;

/// How one filter has followed the live lane.
#[derive(Clone, Debug, Default)]
pub struct Lag {
    samples: VecDeque<Sample>,
}

#[derive(Clone, Debug)]
struct Sample {
    at: Instant,
    /// Where the live lane was.
    live: Arc<Positions>,
    /// How many alerts the filter was behind.
    behind: u64,
}

impl Lag {
    /// The filter has come to `own`, and the live lane to `live`. Returns whether it is further behind than it may be: it
    /// has yet to come to where the live lane was `longest` ago, and is no nearer to the live lane than it was then. One
    /// that begins in the past may catch up.
    pub fn add(&mut self, now: Instant, own: &Positions, live: &Arc<Positions>, longest: Duration) -> bool {
        let is_older = |sample: &Sample, age| now.duration_since(sample.at) >= age;
        while self.samples.get(1).is_some_and(|second| is_older(second, longest)) {
            self.samples.pop_front();
        }
        let behind = own.behind(live);
        let oldest = self.samples.front().filter(|oldest| is_older(oldest, longest));
        let is_late = oldest.is_some_and(|then| !own.reach(&then.live) && behind >= then.behind);
        if self.samples.back().is_none_or(|last| is_older(last, longest / SAMPLES)) {
            self.samples.push_back(Sample { at: now, live: live.clone(), behind });
        }
        is_late
    }
}

#[cfg(test)]
mod tests {
    use super::super::io::Position;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(offset: i64) -> Arc<Positions> {
        Arc::new([Position { topic: "alerts".into(), partition: 0, offset }].into_iter().collect())
    }

    /// The first minute in which a filter is late that begins at `own`, if it judges so many alerts a minute.
    fn late(own: i64, each: i64) -> Option<u32> {
        let (mut lag, begin) = (Lag::default(), Instant::now());
        // The live lane is at a million then, and reads a thousand a minute.
        let is_late = |minute: &u32| {
            let (now, minute) = (begin + HOUR / 60 * *minute, i64::from(*minute));
            let live = 1_000_000 + 1000 * minute;
            let own = (own + each * minute).min(live);
            lag.add(now, &at(own), &at(live), HOUR)
        };
        (0..1000).find(is_late)
    }

    #[test]
    fn one_that_falls_behind_by_an_hour_is_late() {
        // After 61 minutes, it has yet to judge the alerts of the first minute.
        assert!((60..=70).contains(&late(1_000_000, 0).unwrap()));
        // After two hours, it is an hour behind.
        assert!((120..=135).contains(&late(1_000_000, 500).unwrap()));
        assert_eq!(late(1_000_000, 1000), None);
    }

    #[test]
    fn one_that_catches_up_is_not_late() {
        assert_eq!(late(0, 1100), None);
        assert!(late(0, 900).is_some());
        assert!(late(990_000, 100_000).is_none());
    }
}
