//! How many alerts fit into one call of a filter.

use super::limits::CALL_ALERTS;

/// How many calls of the current size must succeed before a larger size is tried.
const STREAK: u32 = 32;

/// How many alerts fit into one call of this filter. This is remembered from one batch to the next.
#[derive(Debug)]
pub struct Chunk {
    pub(super) size: usize,
    streak: u32,
}

impl Default for Chunk {
    fn default() -> Chunk {
        Chunk { size: CALL_ALERTS, streak: 0 }
    }
}

impl Chunk {
    /// Records that a call of `rows` alerts succeeded.
    pub(super) fn fitted(&mut self, rows: usize) {
        if rows < self.size || self.size == CALL_ALERTS {
            return;
        }
        self.streak += 1;
        if self.streak == STREAK {
            *self = Chunk { size: (self.size * 2).min(CALL_ALERTS), streak: 0 };
        }
    }

    /// Records that a call of `rows` alerts failed, although none of its alerts fails alone.
    pub(super) fn too_large(&mut self, rows: usize) {
        *self = Chunk { size: self.size.min(rows.div_ceil(2)), streak: 0 };
    }
}
