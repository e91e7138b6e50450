//! A registry that commands wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::client::Registry;
use skysieve_avro::{Lookup, Resolver};

/// How often a registry that can't be asked is tried again; its client has pauses of its own.
const PAUSE: Duration = Duration::from_millis(100);

/// A registry for commands that read a limited number of alerts and come to an end. While the registry can't be asked
/// they wait, up to a limit for each outage.
#[derive(Debug)]
pub struct Waiting {
    registry: Registry,
    most: Duration,
    stop: Arc<AtomicBool>,
    /// The time since which it can't be asked.
    since: Mutex<Option<Instant>>,
}

impl Waiting {
    /// Waits for at most this long, and only until `stop` is set.
    pub fn new(registry: Registry, most: Duration, stop: Arc<AtomicBool>) -> Waiting {
        Waiting { registry, most, stop, since: Mutex::new(None) }
    }

    fn is_over(&self) -> bool {
        let mut since = self.since.lock();
        since.get_or_insert_with(Instant::now).elapsed() >= self.most || self.stop.load(Ordering::Relaxed)
    }
}

impl Resolver for Waiting {
    fn look_up(&self, id: u32) -> Lookup {
        loop {
            match self.registry.look_up(id) {
                Lookup::Unavailable(why) if self.is_over() => return Lookup::Unavailable(why),
                Lookup::Unavailable(_) => std::thread::sleep(PAUSE),
                answered => {
                    *self.since.lock() = None;
                    return answered;
                }
            }
        }
    }
}
