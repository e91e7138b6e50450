//! The newest record of each filter, from what was read and what was written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::record::{Blob, FilterRecord, Unreadable, parse};
use super::store::Raw;

/// How many ids of changes are remembered. A host that asks whether its change was written has written it just now.
const CHANGES: usize = 1000;

/// How many records that can't be used are described to people.
const SHOWN: usize = 20;

/// The newest record of each filter.
#[derive(Default)]
pub struct Records {
    filters: BTreeMap<String, (i64, Arc<FilterRecord>)>,
    /// Filters that this host has removed, with the offset of that, until it is read.
    removed: HashMap<String, i64>,
    /// The ids of the changes that were read last.
    changes: (VecDeque<String>, HashSet<String>),
    /// The names of the filters whose records were changed since that was last asked.
    changed: BTreeSet<String>,
    /// Records that are not used, by their keys: those that no newer record has replaced.
    unreadable: BTreeMap<Vec<u8>, (i64, Unreadable)>,
}

impl Records {
    /// Takes note of a record that was read. Of those that this host has written, it has taken note before.
    pub fn read(&mut self, raw: Raw) {
        let Raw { key, value, offset } = raw;
        let name = String::from_utf8_lossy(&key).into_owned();
        if self.removed.get(&name).is_some_and(|removed| offset >= *removed) {
            self.removed.remove(&name);
        }
        if self.knows(&name, offset) {
            return;
        }
        match value.map(|value| parse(&key, &value)) {
            Some(Ok(record)) => {
                self.remember(&record);
                self.unreadable.remove(&key);
                self.changed.insert(name.clone());
                self.filters.insert(name, (offset, Arc::new(record)));
            }
            Some(Err(error)) => {
                let shown: String = name.chars().take(100).collect();
                tracing::warn!(key = shown, offset, %error, "a record of the registry is not used");
                // Whoever fills the topic with garbage does not fill this.
                if self.unreadable.len() < 10 * SHOWN || self.filters.contains_key(&name) {
                    self.unreadable.insert(key, (offset, error));
                }
            }
            None => {
                self.unreadable.remove(&key);
                if self.filters.remove(&name).is_some() {
                    self.changed.insert(name);
                }
            }
        }
    }

    /// Takes note of a record that this host has written.
    pub fn written(&mut self, name: &str, record: Option<Arc<FilterRecord>>, offset: i64) {
        if self.knows(name, offset) {
            return;
        }
        self.unreadable.remove(name.as_bytes());
        self.changed.insert(name.to_owned());
        match record {
            Some(record) => drop(self.filters.insert(name.to_owned(), (offset, record))),
            None => {
                self.filters.remove(name);
                self.removed.insert(name.to_owned(), offset);
            }
        }
    }

    /// Whether what is known of a filter is from this offset, or from a later one.
    fn knows(&self, name: &str, offset: i64) -> bool {
        let known = self.filters.get(name).map(|(offset, _)| *offset);
        let removed = self.removed.get(name).copied();
        known.max(removed).is_some_and(|known| known >= offset)
    }

    fn remember(&mut self, record: &FilterRecord) {
        let (order, known) = &mut self.changes;
        if known.insert(record.change.clone()) {
            order.push_back(record.change.clone());
        }
        if order.len() > CHANGES {
            order.pop_front().map(|oldest| known.remove(&oldest));
        }
    }

    /// Whether a change is among the last ones that were written.
    pub fn has(&self, change: &str) -> bool {
        self.changes.1.contains(change)
    }

    /// A filter.
    pub fn get(&self, name: &str) -> Option<&Arc<FilterRecord>> {
        self.filters.get(name).map(|(_, record)| record)
    }

    /// All filters, by their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<FilterRecord>> {
        self.filters.values().map(|(_, record)| record)
    }

    /// Whether a newer program has written the filter's record, which must not be lost.
    pub fn is_newer(&self, name: &str) -> bool {
        matches!(self.unreadable.get(name.as_bytes()), Some((_, Unreadable::Format(_))))
    }

    /// The names of the filters whose records were changed since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }

    /// The records that are not used, for people to read.
    pub fn unreadable(&self) -> Vec<String> {
        let describe = |(key, (offset, error)): (&Vec<u8>, &(i64, Unreadable))| {
            let key: String = String::from_utf8_lossy(key).chars().take(100).collect();
            format!("key {key:?}, offset {offset}: {error}")
        };
        self.unreadable.iter().take(SHOWN).map(describe).collect()
    }

    /// What of these blobs is used by other filters.
    pub fn used_elsewhere<'a>(&self, name: &str, blobs: &BTreeSet<&'a Blob>) -> BTreeSet<&'a Blob> {
        let others = self.iter().filter(|record| record.name != name);
        let used: HashSet<&Blob> =
            others.flat_map(|record| &record.versions).flat_map(|version| version.blobs()).collect();
        blobs.iter().filter(|blob| used.contains(**blob)).copied().collect()
    }
}
