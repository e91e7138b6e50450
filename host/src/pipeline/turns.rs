//! Who commits next: in the order in which turns were taken.

use std::convert::Infallible;
use std::sync::{Condvar, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Turns of some threads. One that drops its turn without having [ended](Turn::ends) it breaks the order: no later turn
/// comes.
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
    /// Is disconnected once the order is broken.
    pub broken: Receiver<Infallible>,
}

struct State {
    taken: u64,
    ended: u64,
    /// `None`: the order is broken.
    whole: Option<Sender<Infallible>>,
}

/// A place in the order.
pub struct Turn<'a> {
    turns: &'a Turns,
    number: u64,
}

impl Turns {
    pub fn new() -> Turns {
        let (whole, broken) = bounded(0);
        Turns { state: Mutex::new(State { taken: 0, ended: 0, whole: Some(whole) }), changed: Condvar::new(), broken }
    }

    /// The next place.
    pub fn take(&self) -> Turn<'_> {
        let mut state = self.lock();
        state.taken += 1;
        Turn { turns: self, number: state.taken - 1 }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Waits until all earlier ones have ended. `false`: the order is broken.
    pub fn comes(&self) -> bool {
        let waits = |state: &mut State| state.whole.is_some() && state.ended != self.number;
        let state = self.turns.changed.wait_while(self.turns.lock(), waits);
        state.unwrap_or_else(PoisonError::into_inner).whole.is_some()
    }

    /// The next may come.
    pub fn ends(self) {
        self.turns.lock().ended += 1;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        if state.ended <= self.number {
            state.whole = None;
        }
        drop(state);
        self.turns.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn turns_come_in_their_order() {
        let (turns, ended) = (Turns::new(), AtomicUsize::new(0));
        let taken: Vec<Turn<'_>> = (0..8).map(|_| turns.take()).collect();
        std::thread::scope(|scope| {
            for (number, turn) in taken.into_iter().enumerate().rev() {
                let ended = &ended;
                scope.spawn(move || {
                    assert!(turn.comes());
                    assert_eq!(ended.fetch_add(1, Ordering::Relaxed), number);
                    turn.ends();
                });
            }
        });
        assert_eq!(ended.into_inner(), 8);
    }

    #[test]
    fn none_comes_after_one_that_was_dropped() {
        let turns = Turns::new();
        let (first, second, third) = (turns.take(), turns.take(), turns.take());
        assert!(first.comes());
        first.ends();
        assert!(turns.broken.try_recv().unwrap_err().is_empty());
        drop(second);
        assert!(!third.comes());
        assert!(turns.broken.try_recv().unwrap_err().is_disconnected());
        assert!(!turns.take().comes());
    }
}
