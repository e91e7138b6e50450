//! Pauses between attempts: each twice as long as the one before, and none once the process shall stop.

use std::time::{Duration, Instant};

use crate::kafka::client::connection::TICK;
use crate::kafka::client::error::Error;
use crate::kafka::client::options::Options;

/// The first and the longest pause, unless said otherwise: a broker that restarts is away for some seconds, and its
/// hundred clients shall not keep it from starting.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The pauses of one attempt after another.
pub(in crate::kafka) struct Backoff {
    options: Options,
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(in crate::kafka) fn new(options: &Options) -> Backoff {
        Backoff::between(options, PAUSES.0, PAUSES.1)
    }

    /// Pauses of `first` and more, `longest` at most.
    pub(in crate::kafka) fn between(options: &Options, first: Duration, longest: Duration) -> Backoff {
        Backoff { options: options.clone(), next: first, longest }
    }

    /// Waits.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the process was asked to stop.
    pub(in crate::kafka) fn pause(&mut self) -> Result<(), Error> {
        let until = Instant::now() + self.next;
        self.next = (2 * self.next).min(self.longest);
        loop {
            if self.options.stopping() {
                return Err(Error::Stopped(0));
            }
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(()),
                rest => std::thread::sleep(TICK.min(rest)),
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
        let mut backoff = Backoff::between(&options, Duration::from_millis(1), Duration::from_millis(3));
        for next in [2, 3, 3] {
            backoff.pause().unwrap();
            assert_eq!(backoff.next, Duration::from_millis(next));
        }
        options.stop.store(true, Ordering::Relaxed);
        assert!(matches!(Backoff::new(&options).pause(), Err(Error::Stopped(_))));
    }
}
