//! The bytes of the batches that filters owe: they stay in memory until the last of these filters has judged them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes these batches may have together, more or less: the last one may be larger.
pub const MOST: usize = 256 << 20;

/// The bytes of all batches that filters of a lane owe. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct KeptBytes(Arc<AtomicUsize>);

/// Counts a batch until it is dropped.
#[derive(Debug)]
pub struct Counted {
    bytes: usize,
    all: KeptBytes,
}

impl KeptBytes {
    /// Counts a batch of so many bytes.
    pub fn keep(&self, bytes: usize) -> Counted {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Counted { bytes, all: self.clone() }
    }

    /// Whether a filter may owe one more batch. Half of the room is for filters that owe none, so that nobody stands
    /// still because others lag.
    pub fn has_room(&self, owes: bool) -> bool {
        self.0.load(Ordering::Relaxed) < if owes { MOST / 2 } else { MOST }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl KeptBytes {
    /// How many there are.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_room_is_for_those_who_owe_nothing() {
        let kept = KeptBytes::default();
        let has_room = |bytes| {
            kept.0.store(bytes, Ordering::Relaxed);
            (kept.has_room(true), kept.has_room(false))
        };
        assert_eq!([0, MOST / 2, MOST].map(has_room), [(true, true), (false, true), (false, false)]);
    }
}
