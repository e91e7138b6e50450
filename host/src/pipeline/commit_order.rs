//! The order in which several sinks commit, which is the order in which they took their tickets.

use std::convert::Infallible;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Condvar, Mutex};

/// Tickets for several threads. If a ticket is dropped before it has [committed](Ticket::committed), the order is
/// broken, and the turn of later tickets never comes.
pub struct CommitOrder {
    state: Mutex<State>,
    changed: Condvar,
    /// Becomes disconnected once the order is broken.
    pub broken: Receiver<Infallible>,
}

struct State {
    taken: u64,
    committed: u64,
    /// `None` if the order is broken.
    whole: Option<Sender<Infallible>>,
}

/// A place in the order.
pub struct Ticket<'a> {
    order: &'a CommitOrder,
    number: u64,
}

impl CommitOrder {
    pub fn new() -> CommitOrder {
        let (whole, broken) = bounded(0);
        let state = State { taken: 0, committed: 0, whole: Some(whole) };
        CommitOrder { state: Mutex::new(state), changed: Condvar::new(), broken }
    }

    /// Takes the next place.
    pub fn take(&self) -> Ticket<'_> {
        let mut state = self.state.lock();
        state.taken += 1;
        Ticket { order: self, number: state.taken - 1 }
    }
}

impl Ticket<'_> {
    /// Waits until all earlier tickets have committed. Returns `false` if the order is broken.
    pub fn wait(&self) -> bool {
        let mut state = self.order.state.lock();
        self.order.changed.wait_while(&mut state, |state| state.whole.is_some() && state.committed != self.number);
        state.whole.is_some()
    }

    /// Gives the place back. No other ticket may have been taken meanwhile.
    pub fn give_back(self) {
        self.order.state.lock().taken -= 1;
        std::mem::forget(self);
    }

    /// Lets the next ticket commit.
    pub fn committed(self) {
        self.order.state.lock().committed += 1;
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.order.state.lock();
        if state.committed <= self.number {
            state.whole = None;
        }
        drop(state);
        self.order.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn tickets_commit_in_their_order() {
        let (order, committed) = (CommitOrder::new(), AtomicUsize::new(0));
        let tickets: Vec<Ticket<'_>> = (0..8).map(|_| order.take()).collect();
        std::thread::scope(|scope| {
            for (number, ticket) in tickets.into_iter().enumerate().rev() {
                let committed = &committed;
                scope.spawn(move || {
                    assert!(ticket.wait());
                    assert_eq!(committed.fetch_add(1, Ordering::Relaxed), number);
                    ticket.committed();
                });
            }
        });
        assert_eq!(committed.into_inner(), 8);
    }

    #[test]
    fn no_ticket_commits_after_one_that_was_dropped() {
        let order = CommitOrder::new();
        let (first, second, third) = (order.take(), order.take(), order.take());
        assert!(first.wait());
        first.committed();
        assert!(order.broken.try_recv().unwrap_err().is_empty());
        drop(second);
        assert!(!third.wait());
        assert!(order.broken.try_recv().unwrap_err().is_disconnected());
        assert!(!order.take().wait());
    }
}
