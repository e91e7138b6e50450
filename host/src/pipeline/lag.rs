//! Whether a filter in the slow lane can't keep up with the stream.

use std::time::Duration;

/// How far one filter is behind the live lane, by the time of the alerts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    /// The least since it came to the slow lane.
    least: Option<Duration>,
}

impl Lag {
    /// It is that far behind now. Returns whether it has fallen behind by more than `longest`. One that was further behind
    /// when it came, because it begins in the past, may catch up.
    pub fn add(&mut self, lag: Duration, longest: Duration) -> bool {
        let least = self.least.map_or(lag, |least| least.min(lag));
        self.least = Some(least);
        lag - least > longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn falling_behind_by_more_than_an_hour_is_too_much() {
        let mut lag = Lag::default();
        let too_much: Vec<u32> = (0..200).filter(|&minutes| lag.add(HOUR / 60 * minutes, HOUR)).collect();
        assert_eq!(too_much, (61..200).collect::<Vec<_>>());
    }

    #[test]
    fn catching_up_is_not_falling_behind() {
        let mut lag = Lag::default();
        assert!((0..200).rev().all(|hours| !lag.add(HOUR * hours, HOUR)));
        assert!(!lag.add(HOUR, HOUR) && lag.add(2 * HOUR, HOUR));
    }
}
