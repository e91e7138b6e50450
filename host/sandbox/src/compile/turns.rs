//! Whose module is compiled next.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::super::refusal::Refusal;

/// For how long the time that an owner's modules took counts against it.
const REMEMBERED: Duration = Duration::from_secs(600);

/// A limited number of places, which owners take in turns: of all who wait, the next is whose modules took the least
/// time recently, and among equals the one who has waited longest. Whoever uploads many modules, or slow ones, waits
/// for the others.
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
    patience: Duration,
    places: usize,
}

#[derive(Default)]
struct State {
    free: usize,
    /// The number of the next one who comes.
    next: u64,
    waiting: Vec<(u64, String)>,
    /// The time that owners' modules took, and when the last one ended.
    spent: HashMap<String, (Duration, Instant)>,
}

impl State {
    /// The number of the one whose turn it is.
    fn first(&self) -> Option<u64> {
        let spent = |owner: &String| self.spent.get(owner).map_or(Duration::ZERO, |(spent, _)| *spent);
        let next = self.waiting.iter().min_by_key(|(number, owner)| (spent(owner), *number));
        next.map(|(number, _)| *number)
    }

    fn charge(&mut self, owner: &str, time: Duration) {
        let now = Instant::now();
        self.spent.retain(|_, (_, last)| now.duration_since(*last) < REMEMBERED);
        let (spent, last) = self.spent.entry(owner.to_owned()).or_insert((Duration::ZERO, now));
        (*spent, *last) = (*spent + time, now);
    }
}

impl Turns {
    /// As many places as modules may be compiled at the same time, and how long to wait for one.
    pub fn new(places: usize, patience: Duration) -> Turns {
        let state = Mutex::new(State { free: places, ..State::default() });
        Turns { state, changed: Condvar::new(), patience, places }
    }

    /// How many places are taken, and how many wait for one.
    pub fn count(&self) -> (u64, u64) {
        let state = self.state.lock();
        (self.places.saturating_sub(state.free) as u64, state.waiting.len() as u64)
    }

    /// Waits for a place, `times` as long as usual. It is free again when what this returns is dropped.
    pub fn wait(&self, owner: &str, times: u32) -> Result<Turn<'_>, Refusal> {
        let end = Instant::now() + self.patience * times;
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        state.waiting.push((number, owner.to_owned()));
        let mut over = false;
        while !over && (state.free == 0 || state.first() != Some(number)) {
            over = self.changed.wait_until(&mut state, end).timed_out();
        }
        let mine = state.free > 0 && state.first() == Some(number);
        state.waiting.retain(|(other, _)| *other != number);
        if !mine {
            drop(state);
            self.changed.notify_all();
            return Err(Refusal::CompilerBusy { seconds: (self.patience * times).as_secs() });
        }
        state.free -= 1;
        drop(state);
        // Another place may be free for the next one.
        self.changed.notify_all();
        Ok(Turn { turns: self, owner: owner.to_owned(), begun: Instant::now() })
    }
}

/// A place that is taken.
pub struct Turn<'a> {
    turns: &'a Turns,
    owner: String,
    begun: Instant,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.state.lock();
        state.charge(&self.owner, self.begun.elapsed());
        state.free += 1;
        drop(state);
        self.turns.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    /// Lets these owners wait, one after another, while the only place is taken. Returns the order of their turns.
    fn order(turns: &Turns, owners: &[&str]) -> Vec<String> {
        let order = Mutex::new(Vec::new());
        let waiting = || turns.state.lock().waiting.len();
        std::thread::scope(|scope| {
            let taken = turns.wait("first", 1).unwrap();
            for (number, owner) in owners.iter().enumerate() {
                let order = &order;
                scope.spawn(move || {
                    let _turn = turns.wait(owner, 1).unwrap();
                    order.lock().push((*owner).to_owned());
                });
                while waiting() <= number {
                    std::thread::yield_now();
                }
            }
            drop(taken);
        });
        order.into_inner()
    }

    #[test]
    fn who_took_less_time_is_next() {
        let turns = Turns::new(1, LONG);
        turns.state.lock().charge("much", Duration::from_secs(30));
        turns.state.lock().charge("some", Duration::from_secs(1));
        assert_eq!(order(&turns, &["much", "much", "some", "new"]), ["new", "some", "much", "much"]);
    }

    #[test]
    fn one_who_asks_often_waits_for_the_others() {
        let order = order(&Turns::new(1, LONG), &["often", "often", "often", "once", "other"]);
        assert_eq!(order[0], "often");
        assert_eq!(order[3..], ["often", "often"]);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let turns = Turns::new(1, Duration::from_millis(10));
        let taken = turns.wait("one", 1).unwrap();
        let refusal = turns.wait("two", 1).err().unwrap();
        assert!(matches!(refusal, Refusal::CompilerBusy { .. }), "{refusal}");
        drop(taken);
        assert!(turns.wait("two", 1).is_ok());
    }
}
