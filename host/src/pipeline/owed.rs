//! The batches that a filter has taken and not judged to the end. It goes on with them a piece at a time, and neither its
//! lane nor the other filters wait for it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::io::Message;
use super::positions::Positions;
use super::slots::Slots;
use super::topics::Rows;

/// How many batches a filter may owe. In the slow lane, this is how often the lane has to go back for a filter that is
/// behind; in the live lane, how far a filter may be behind.
pub const MOST: usize = 4;

/// How many alerts are in the first piece that a filter judges. Nothing is known yet of the time that it takes.
const FIRST_PIECE: usize = 4;

/// The batches that a filter owes, in their order.
#[derive(Debug)]
pub struct Owed {
    rests: VecDeque<Rest>,
    /// Behind the last of them. `None` if there is none.
    next: Option<Positions>,
    /// How many alerts the next piece has.
    piece: usize,
}

/// What is left of a batch.
#[derive(Debug)]
pub struct Rest {
    /// The batch.
    pub batch: Arc<Batch>,
    /// The columns of the filter's fields in it. Later batches may have them elsewhere.
    pub slots: Slots,
    /// The rows to be judged.
    rows: Rows,
    /// How many of its messages are done.
    done: usize,
    /// The alerts that were judged, and the time that this took.
    judged: (u64, Duration),
    /// Topics that were created anew since. Offsets of their messages here mean nothing any more.
    former: Vec<Arc<str>>,
}

impl Rest {
    /// Some of the batch's messages, without those whose offsets mean nothing any more.
    pub fn messages(&self, some: Range<usize>) -> impl Iterator<Item = &Message> {
        self.batch.messages[some].iter().filter(|message| !self.former.contains(&message.topic))
    }
}

impl Default for Owed {
    fn default() -> Owed {
        Owed { rests: VecDeque::new(), next: None, piece: FIRST_PIECE }
    }
}

impl Owed {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.rests.is_empty()
    }

    /// How many batches there are.
    pub fn len(&self) -> usize {
        self.rests.len()
    }

    /// Behind the last batch that was taken, if it is owed.
    pub fn next(&self) -> Option<&Positions> {
        self.next.as_ref()
    }

    /// Takes one more batch, of which `rows` are to be judged. `own` is where the filter is if it owes nothing.
    pub fn push(&mut self, batch: &Arc<Batch>, rows: Rows, slots: Slots, own: &Positions) {
        let next = self.next.get_or_insert_with(|| own.clone());
        next.learn(&batch.begin);
        next.advance(&batch.messages);
        self.rests.push_back(Rest {
            batch: batch.clone(),
            slots,
            rows,
            done: 0,
            judged: Default::default(),
            former: Vec::new(),
        });
    }

    /// Takes note that a shadow has come, for which there is nothing in the batches that were taken already.
    pub fn leave_out_shadow(&mut self) {
        self.rests.iter_mut().for_each(|rest| rest.slots.shadow = None);
    }

    /// Lets the next piece be a small one, because one took too long.
    pub fn begin_small(&mut self) {
        self.piece = (self.piece / 8).clamp(1, FIRST_PIECE);
    }

    /// Forgets all of it, to be judged from elsewhere.
    pub fn clear(&mut self) {
        *self = Owed::default();
    }

    /// Forgets how far it has come in a topic that was created anew.
    pub fn forget(&mut self, topic: &str) {
        self.next.iter_mut().for_each(|next| next.forget(topic));
        self.rests.iter_mut().for_each(|rest| rest.former.push(topic.into()));
    }

    /// The next piece: the batch's rest, the messages that are done with it, and the rows to judge. `None` if nothing is
    /// owed.
    pub fn piece(&self) -> Option<(&Rest, Range<usize>, Rows)> {
        let rest = self.rests.front()?;
        let all = rest.batch.messages.len();
        let (mut end, mut rows, mut some) = (rest.done, 0, vec![false; all]);
        while end < all {
            if rest.rows.contain(end as u32) {
                if rows == self.piece {
                    break;
                }
                rows += 1;
                some[end] = true;
            }
            end += 1;
        }
        let rows = match rows {
            0 => Rows::None,
            _ if rest.done == 0 && end == all && rest.rows == Rows::All => Rows::All,
            _ => Rows::Some(some),
        };
        Some((rest, rest.done..end, rows))
    }

    /// Takes note that the messages up to `end` are done of the first batch. The piece had `alerts` and took so much time;
    /// the next one is to take no more than `left`. If that is the end of the batch, returns how many alerts were judged of
    /// it, and the time that this took.
    pub fn done(&mut self, end: usize, alerts: u64, took: Duration, left: Duration) -> Option<(u64, Duration)> {
        if alerts > 0 {
            let fit = left.as_nanos() * u128::from(alerts) / took.as_nanos().max(1);
            let most = 4 * self.piece;
            self.piece = usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, most.min(1 << 20));
        }
        let first = self.rests.front_mut()?;
        first.done = end;
        first.judged.0 += alerts;
        first.judged.1 += took;
        let judged = (end == first.batch.messages.len()).then_some(first.judged)?;
        self.rests.pop_front();
        self.next.take_if(|_| self.rests.is_empty());
        Some(judged)
    }
}
