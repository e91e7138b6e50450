//! Locks for single filters, by their names.

use std::collections::HashSet;

use parking_lot::{Condvar, Mutex};

/// The names that are locked.
#[derive(Default)]
pub struct Names {
    locked: Mutex<HashSet<String>>,
    unlocked: Condvar,
}

/// A name that is locked until this goes out of scope.
pub struct Locked<'a> {
    names: &'a Names,
    name: String,
}

impl Names {
    /// Waits until nobody else has the name locked.
    pub fn lock(&self, name: &str) -> Locked<'_> {
        let mut locked = self.locked.lock();
        while !locked.insert(name.to_owned()) {
            self.unlocked.wait(&mut locked);
        }
        Locked { names: self, name: name.to_owned() }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.names.locked.lock().remove(&self.name);
        self.names.unlocked.notify_all();
    }
}
