//! When waiting ends because the process was asked to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::kafka::client::options::Options;

/// Tells waits when to end: at once when the process is asked to stop, or some time later, so that what has begun can end.
/// That time is shared by everything that holds the same `Stop`.
#[derive(Clone)]
pub(in crate::kafka) struct Stop {
    asked: Arc<AtomicBool>,
    grace: Duration,
    since: Arc<OnceLock<Instant>>,
}

impl Stop {
    /// Ends waits as soon as the process is asked to stop.
    pub(in crate::kafka) fn at_once(options: &Options) -> Stop {
        Stop::after(options, Duration::ZERO)
    }

    /// Lets waits go on for that long once the process was asked to stop, all of them together.
    pub(in crate::kafka) fn after(options: &Options, grace: Duration) -> Stop {
        Stop { asked: options.stop.clone(), grace, since: Arc::default() }
    }

    /// Whether the process was asked to stop.
    pub(in crate::kafka) fn is_asked_for(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether waits are to end.
    pub(in crate::kafka) fn is_over(&self) -> bool {
        self.is_asked_for() && self.since.get_or_init(Instant::now).elapsed() >= self.grace
    }
}
