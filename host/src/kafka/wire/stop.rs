//! When waiting ends because the process was asked to stop.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::kafka::client::options::Options;

/// How long waits go on once the process was asked to stop, all of them together.
const PATIENCE: Duration = Duration::from_secs(4);

/// Shared by everything that waits for the same brokers.
#[derive(Clone)]
pub(super) struct Stop {
    options: Options,
    since: Arc<OnceLock<Instant>>,
}

impl Stop {
    pub(super) fn new(options: &Options) -> Stop {
        Stop { options: options.clone(), since: Arc::default() }
    }

    /// Whether the process was asked to stop.
    pub(super) fn is_asked_for(&self) -> bool {
        self.options.stopping()
    }

    /// Whether there is no more patience.
    pub(super) fn is_over(&self) -> bool {
        self.options.stopping() && self.since.get_or_init(Instant::now).elapsed() >= PATIENCE
    }
}
