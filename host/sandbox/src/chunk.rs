//! How many alerts fit a call of a filter.

use super::limits::CALL_ALERTS;

/// Calls of full size that must succeed before a larger one is tried.
const STREAK: u32 = 32;

/// How many alerts fit a call of this filter: what is remembered from one batch to the next.
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
    /// A call of `rows` succeeded.
    pub(super) fn fitted(&mut self, rows: usize) {
        if rows < self.size || self.size == CALL_ALERTS {
            return;
        }
        self.streak += 1;
        if self.streak == STREAK {
            *self = Chunk { size: (self.size * 2).min(CALL_ALERTS), streak: 0 };
        }
    }

    /// A call of `rows` failed though no alert of it fails alone.
    pub(super) fn too_large(&mut self, rows: usize) {
        *self = Chunk { size: self.size.min(rows.div_ceil(2)), streak: 0 };
    }
}
