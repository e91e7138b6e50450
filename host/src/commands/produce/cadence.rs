//! Decides when visits start.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// How often a wait checks whether to stop.
const LOOK: Duration = Duration::from_millis(20);

/// The starts of visits, which follow each other after an interval or later.
pub struct Cadence {
    interval: Duration,
    align: bool,
    started: Option<Instant>,
}

impl Cadence {
    /// The first visit starts at once. With `align`, every visit starts at a multiple of the interval since 1970.
    pub fn new(interval: Duration, align: bool) -> Cadence {
        Cadence { interval, align, started: None }
    }

    /// Waits until the next visit is due. Returns false if `stop` was set in the meantime.
    pub fn wait(&mut self, stop: &AtomicBool) -> bool {
        let now = Instant::now();
        let due = if self.align {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            now + until_multiple(since, self.interval)
        } else {
            self.started.map_or(now, |started| started + self.interval).max(now)
        };
        let go_on = pause_until(due, stop);
        // Counting from the due time keeps visits that are on time from drifting.
        self.started = Some(due);
        go_on
    }

    /// If the visit that was started last has taken longer than the interval so far, returns how long.
    pub fn late(&self) -> Option<Duration> {
        let took = self.started?.elapsed();
        (!self.interval.is_zero() && took > self.interval).then_some(self.interval)
    }
}

/// The time from `since` to the next multiple of `interval`.
fn until_multiple(since: Duration, interval: Duration) -> Duration {
    match interval.as_nanos() {
        0 => Duration::ZERO,
        interval => {
            let over = since.as_nanos() % interval;
            // This is at most a day, so it fits.
            Duration::from_nanos(if over == 0 { 0 } else { (interval - over) as u64 })
        }
    }
}

/// Waits until a time. Returns false if `stop` was set.
pub fn pause_until(due: Instant, stop: &AtomicBool) -> bool {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(LOOK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples() {
        let until = |since: f64, interval: f64| {
            until_multiple(Duration::from_secs_f64(since), Duration::from_secs_f64(interval)).as_secs_f64()
        };
        assert_eq!(until(78.0, 39.0), 0.0);
        assert_eq!(until(79.0, 39.0), 38.0);
        assert_eq!(until(77.75, 39.0), 0.25);
        assert_eq!(until(77.0, 0.0), 0.0);
    }

    #[test]
    fn visits_start_an_interval_apart_and_late_ones_at_once() {
        let stop = AtomicBool::new(false);
        let mut cadence = Cadence::new(Duration::from_millis(60), false);
        let begun = Instant::now();
        assert!(cadence.wait(&stop) && cadence.late().is_none());
        assert!(cadence.wait(&stop));
        assert!(begun.elapsed() >= Duration::from_millis(60));
        std::thread::sleep(Duration::from_millis(70));
        assert_eq!(cadence.late(), Some(Duration::from_millis(60)));
        let late = Instant::now();
        assert!(cadence.wait(&stop));
        assert!(late.elapsed() < Duration::from_millis(60));
        stop.store(true, Ordering::Relaxed);
        assert!(!cadence.wait(&stop));
    }
}
