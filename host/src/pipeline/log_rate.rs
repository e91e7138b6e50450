//! Bounds how many messages a filter may log. A message has a limited size, so this bounds their bytes as well.

use std::time::Instant;

/// How many messages a filter may leave at once.
pub const LOG_BURST: u32 = 256;
/// How many messages a filter may leave in a second, in the long run.
pub const LOGS_A_SECOND: u32 = 10;

/// The messages that a filter may still log.
#[derive(Debug)]
pub struct LogRate {
    room: f64,
    since: Instant,
}

impl LogRate {
    /// The rate of a filter that has not logged anything.
    pub fn new(now: Instant) -> LogRate {
        LogRate { room: f64::from(LOG_BURST), since: now }
    }

    /// How many messages it may log now.
    pub fn room(&mut self, now: Instant) -> usize {
        let more = now.saturating_duration_since(self.since).as_secs_f64() * f64::from(LOGS_A_SECOND);
        (self.room, self.since) = ((self.room + more).min(f64::from(LOG_BURST)), now);
        self.room as usize
    }

    /// Takes note that it has logged messages.
    pub fn take(&mut self, messages: usize) {
        self.room = (self.room - messages as f64).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_followed_by_a_trickle() {
        let begun = Instant::now();
        let mut rate = LogRate::new(begun);
        assert_eq!(rate.room(begun), 256);
        rate.take(256);
        assert_eq!(rate.room(begun), 0);
        assert_eq!(rate.room(begun + Duration::from_secs(2)), 20);
        assert_eq!(rate.room(begun + Duration::from_secs(3600)), 256);
    }
}
