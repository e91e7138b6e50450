//! Pauses between attempts. Each is twice as long as the one before, up to a longest one, and ends when the process is asked
//! to stop.

use std::time::{Duration, Instant};

use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;
use crate::kafka::client::stop::Stop;

/// How often a wait looks up.
pub(in crate::kafka) const TICK: Duration = Duration::from_millis(100);

/// The first and the longest pause, unless said otherwise. A broker that restarts is away for some seconds, and a hundred
/// clients that ask it without pauses would keep it from starting.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The pauses between one attempt and the next.
pub(in crate::kafka) struct Backoff {
    stop: Stop,
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Pauses of 0.1 to 5 s, which end as soon as the process is asked to stop.
    pub(in crate::kafka) fn new(options: &Options) -> Backoff {
        Backoff::between(&Stop::at_once(options), PAUSES)
    }

    /// Pauses of 0.1 to 5 s, which are ended by `stop`.
    pub(in crate::kafka) fn until(stop: &Stop) -> Backoff {
        Backoff::between(stop, PAUSES)
    }

    /// Pauses that all have the same length, and end as soon as the process is asked to stop.
    pub(in crate::kafka) fn every(options: &Options, pause: Duration) -> Backoff {
        Backoff::between(&Stop::at_once(options), (pause, pause))
    }

    /// Pauses that grow from `first` to `longest`, ended by `stop`.
    pub(in crate::kafka) fn between(stop: &Stop, (first, longest): (Duration, Duration)) -> Backoff {
        Backoff { stop: stop.clone(), next: first, longest }
    }

    /// Waits. Once the process was asked to stop, while there is time left to end what has begun, a pause lasts one tick at
    /// most, so that there are some more attempts.
    ///
    /// # Errors
    /// [`Error::Stopped`] when it is time to stop.
    pub(in crate::kafka) fn pause(&mut self) -> Result<(), Error> {
        let (begun, pause) = (Instant::now(), self.next);
        self.next = (2 * pause).min(self.longest);
        loop {
            if self.stop.is_over() {
                return Err(Error::Stopped(0));
            }
            let pause = if self.stop.is_asked_for() { pause.min(TICK) } else { pause };
            match pause.saturating_sub(begun.elapsed()) {
                Duration::ZERO => return Ok(()),
                rest => std::thread::sleep(rest.min(TICK)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_end_when_the_process_stops() {
        let options = Options::new("127.0.0.1:1");
        let pauses = (Duration::from_millis(1), Duration::from_millis(3));
        let mut backoff = Backoff::between(&Stop::at_once(&options), pauses);
        for next in [2, 3, 3] {
            backoff.pause().unwrap();
            assert_eq!(backoff.next, Duration::from_millis(next));
        }
        options.stop.store(true, Ordering::Relaxed);
        assert!(matches!(Backoff::new(&options).pause(), Err(Error::Stopped(_))));
    }

    #[test]
    fn what_has_begun_is_tried_some_more_times_before_the_process_stops() {
        let options = Options::new("127.0.0.1:1");
        let stop = Stop::after(&options, 3 * TICK);
        options.stop.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        let hour = Duration::from_secs(3600);
        let mut backoff = Backoff::between(&stop, (hour, hour));
        backoff.pause().unwrap();
        assert!(begun.elapsed() >= TICK);
        while backoff.pause().is_ok() {}
        assert!(begun.elapsed() >= 3 * TICK && stop.is_over());
    }
}
