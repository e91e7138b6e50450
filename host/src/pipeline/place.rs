//! From where on a filter is judged. Batches are those of its lane, and it skips what it has judged already.

use super::batch::Batch;
use super::io::Message;
use super::positions::Positions;
use super::topics::Rows;

/// From where on a filter is judged.
#[derive(Clone, Debug, Default)]
pub enum Place {
    /// From where its lane is.
    #[default]
    InStep,
    /// In the live lane, from a position that this lane has yet to reach.
    Ahead(Positions),
    /// From a position of its own: in the slow lane, or some batches behind the live one.
    Own(Positions),
}

impl Place {
    /// Unless that is where its lane is.
    pub fn positions(&self) -> Option<&Positions> {
        match self {
            Place::InStep => None,
            Place::Ahead(positions) | Place::Own(positions) => Some(positions),
        }
    }

    /// Whether it is judged from a position of its own.
    pub fn is_own(&self) -> bool {
        matches!(self, Place::Own(_))
    }

    /// Forgets how far it has come in a topic that was created anew.
    pub fn forget(&mut self, topic: &str) {
        if let Place::Ahead(positions) | Place::Own(positions) = self {
            positions.forget(topic);
        }
    }

    /// Those of these rows that are to be judged.
    pub fn rows(&self, batch: &Batch, rows: Rows) -> Rows {
        let Some(positions) = self.positions().filter(|positions| !batch.begin.reach(positions)) else { return rows };
        let is_passed = |message: &Message| {
            positions.get(&message.topic, message.partition).is_some_and(|next| message.offset < next)
        };
        let kept: Vec<bool> =
            (0u32..).zip(&batch.messages).map(|(row, message)| rows.contain(row) && !is_passed(message)).collect();
        if kept.iter().any(|kept| *kept) { Rows::Some(kept) } else { Rows::None }
    }

    /// Where a filter goes on elsewhere: at these positions of its lane, or where it was to begin if that is later.
    pub fn not_before(&self, positions: &Positions) -> Positions {
        let mut from = positions.clone();
        self.positions().into_iter().flat_map(Positions::iter).for_each(|position| from.set_at_least(position));
        from
    }

    /// Moves on behind a batch of the live lane. Returns whether the lane has reached it with that.
    pub fn advance(&mut self, batch: &Batch) -> bool {
        let is_reached = matches!(self, Place::Ahead(own) if batch.end.reach(own));
        if is_reached {
            *self = Place::InStep;
        }
        is_reached
    }
}
