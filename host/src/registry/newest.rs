//! The newest records of one kind, by their names.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The newest records of one kind, by their names.
pub struct Newest<R> {
    /// Each with its offset.
    records: BTreeMap<String, (i64, Arc<R>)>,
    /// Those that this host has removed, with the offset of that, until it is read.
    removed: HashMap<String, i64>,
}

impl<R> Default for Newest<R> {
    fn default() -> Newest<R> {
        Newest { records: BTreeMap::new(), removed: HashMap::new() }
    }
}

impl<R> Newest<R> {
    /// Whether what is known is from this offset, which was read, or from a later one.
    pub(super) fn knows_read(&mut self, name: &str, offset: i64) -> bool {
        if self.removed.get(name).is_some_and(|removed| offset >= *removed) {
            self.removed.remove(name);
        }
        self.knows(name, offset)
    }

    /// Whether what is known is from this offset, or from a later one.
    pub(super) fn knows(&self, name: &str, offset: i64) -> bool {
        let known = self.records.get(name).map(|(offset, _)| *offset);
        let removed = self.removed.get(name).copied();
        known.max(removed).is_some_and(|known| known >= offset)
    }

    pub(super) fn insert(&mut self, name: &str, record: Arc<R>, offset: i64) {
        self.records.insert(name.to_owned(), (offset, record));
    }

    /// Forgets a record, because it was read that it was removed. Returns whether there was one.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.records.remove(name).is_some()
    }

    /// Forgets a record that this host has removed.
    pub(super) fn remove_written(&mut self, name: &str, offset: i64) {
        self.records.remove(name);
        self.removed.insert(name.to_owned(), offset);
    }

    /// The record of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<R>> {
        self.records.get(name).map(|(_, record)| record)
    }

    /// All records, by their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<R>> {
        self.records.values().map(|(_, record)| record)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }
}
