//! Where filters with places of their own are and whether they can go on, as a lane's threads tell its loop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::kept::KeptBytes;
use super::positions::Positions;

/// One filter with a place of its own.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Behind the last batch that it has taken.
    pub next: Positions,
    /// Whether there is a batch that it has taken and not judged to the end.
    pub owes: bool,
    /// Whether it can take one more batch.
    pub has_room: bool,
    /// Whether it has been quick enough for the live lane for a while.
    pub is_quick: bool,
    /// What it took for each alert while it was quick.
    pub each: Duration,
    /// When it may use the processor again.
    pub due: Instant,
    /// When it was last at work.
    pub served: Instant,
}

impl Standing {
    /// That of a filter which has come to the lane, and is to be judged from there.
    pub fn at(next: Positions) -> Standing {
        let now = Instant::now();
        Standing { next, owes: false, has_room: true, is_quick: false, each: Duration::ZERO, due: now, served: now }
    }
}

/// All such filters of a lane, by name. Clones share them.
#[derive(Clone, Debug)]
pub struct Standings {
    all: Arc<Mutex<HashMap<String, Standing>>>,
    /// The share of a processor that all of them may use together.
    total: f64,
    /// The largest share that each may use now, because others want one, too.
    each: Arc<Mutex<f64>>,
    /// The bytes of the batches that they owe, and of those that are kept for filters that are to come.
    pub kept: KeptBytes,
}

impl Standings {
    /// Those of a lane that may use this share of a processor.
    pub fn new(total: f64) -> Standings {
        Standings { all: Arc::default(), total, each: Arc::new(Mutex::new(total)), kept: KeptBytes::default() }
    }

    /// Tells that of a filter.
    pub fn set(&self, name: &str, standing: Standing) {
        self.all.lock().insert(name.to_owned(), standing);
    }

    /// Forgets that of a filter, which has gone.
    pub fn remove(&self, name: &str) {
        self.all.lock().remove(name);
    }

    /// Those of the filters for which `is_active` is true.
    pub fn of(&self, is_active: impl Fn(&str) -> bool) -> Vec<(String, Standing)> {
        let all = self.all.lock();
        all.iter().filter(|(name, _)| is_active(name)).map(|(name, one)| (name.clone(), one.clone())).collect()
    }

    /// Whether one of the filters has taken a batch that it has not judged to the end.
    pub fn any_owes(&self) -> bool {
        self.all.lock().values().any(|standing| standing.owes)
    }

    /// Divides the lane's time among so many filters.
    pub fn divide_among(&self, filters: usize) {
        *self.each.lock() = self.total / filters.max(1) as f64;
    }

    /// What a filter may use now, whose own share this is.
    pub fn rate(&self, share: f64) -> f64 {
        share.min(*self.each.lock())
    }
}

impl Default for Standings {
    fn default() -> Standings {
        Standings::new(f64::INFINITY)
    }
}
