//! The newest record of each filter and token, from what was read and what was written.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::kind::{Kinds, Record, parse, token_of};
use super::newest::Newest;
use super::record::{Blob, FilterRecord, Unreadable};
use super::store::Raw;
use crate::access::TokenRecord;

/// How many ids of changes are remembered. A host that asks whether its change was written has written it just now.
const CHANGES: usize = 1000;

/// How many records that can't be used are described to people.
const SHOWN: usize = 20;

/// The newest record of each filter, and of each token.
#[derive(Default)]
pub struct Records {
    kinds: Kinds,
    /// The ids of the changes that were read last.
    changes: (VecDeque<String>, HashSet<String>),
    /// The names of the filters whose records were changed since that was last asked.
    changed: BTreeSet<String>,
    /// Records that are not used, by their keys: those that no newer record has replaced.
    unreadable: BTreeMap<Vec<u8>, (i64, Unreadable)>,
    /// The offset of the newest record, and when it came, in milliseconds since 1970, if that is known.
    newest: Option<(i64, Option<i64>)>,
}

/// How much there is in the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistrySize {
    /// The number of filters.
    pub filters: u64,
    /// The number of tokens.
    pub tokens: u64,
    /// The bytes of the modules and configs that filters name, each once.
    pub bytes: u64,
}

impl Records {
    /// Takes note of a record that was read. Of those that this host has written, it has taken note before.
    pub fn read(&mut self, raw: Raw) {
        self.note(raw.offset, raw.time);
        let key = String::from_utf8_lossy(&raw.key).into_owned();
        match token_of(&key) {
            Some(id) => drop(self.read_as::<TokenRecord>(id, &key, raw)),
            None => {
                if self.read_as::<FilterRecord>(&key, &key, raw) {
                    self.changed.insert(key);
                }
            }
        }
    }

    /// Takes note of a record of a kind. Returns whether something has changed.
    fn read_as<R: Record>(&mut self, name: &str, key: &str, raw: Raw) -> bool {
        let Raw { key: bytes, value, offset, .. } = raw;
        if R::of_mut(&mut self.kinds).knows_read(name, offset) {
            return false;
        }
        match value.map(|value| parse::<R>(name, &value)) {
            Some(Ok(record)) => {
                self.remember(record.change());
                self.unreadable.remove(&bytes);
                R::of_mut(&mut self.kinds).insert(name, Arc::new(record), offset);
                true
            }
            Some(Err(error)) => {
                let shown: String = key.chars().take(100).collect();
                tracing::warn!(key = shown, offset, %error, "a record of the registry is not used");
                // Whoever fills the topic with garbage does not fill this.
                if self.unreadable.len() < 10 * SHOWN || self.of::<R>().get(name).is_some() {
                    self.unreadable.insert(bytes, (offset, error));
                }
                false
            }
            None => {
                self.unreadable.remove(&bytes);
                R::of_mut(&mut self.kinds).remove(name)
            }
        }
    }

    /// Takes note of a record that this host has written.
    pub fn written<R: Record>(&mut self, name: &str, record: Option<Arc<R>>, offset: i64) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.note(offset, i64::try_from(since.as_millis()).ok());
        if self.of::<R>().knows(name, offset) {
            return;
        }
        let key = R::key(name);
        self.unreadable.remove(key.as_bytes());
        match record {
            Some(record) => R::of_mut(&mut self.kinds).insert(name, record, offset),
            None => R::of_mut(&mut self.kinds).remove_written(name, offset),
        }
        if token_of(&key).is_none() {
            self.changed.insert(key);
        }
    }

    fn note(&mut self, offset: i64, time: Option<i64>) {
        if self.newest.is_none_or(|(newest, _)| newest < offset) {
            self.newest = Some((offset, time));
        }
    }

    /// The offset of the newest record, and when it came, in milliseconds since 1970, if that is known.
    pub fn newest(&self) -> Option<(i64, Option<i64>)> {
        self.newest
    }

    /// How much there is.
    pub fn size(&self) -> RegistrySize {
        let blobs = self.iter().flat_map(|record| &record.versions).flat_map(|version| version.blobs());
        let blobs: HashSet<&Blob> = blobs.collect();
        RegistrySize {
            filters: self.kinds.filters.len() as u64,
            tokens: self.kinds.tokens.len() as u64,
            bytes: blobs.iter().map(|blob| blob.bytes).sum(),
        }
    }

    fn remember(&mut self, change: &str) {
        let (order, known) = &mut self.changes;
        if known.insert(change.to_owned()) {
            order.push_back(change.to_owned());
        }
        if order.len() > CHANGES {
            order.pop_front().map(|oldest| known.remove(&oldest));
        }
    }

    /// Whether a change is among the last ones that were written.
    pub fn has(&self, change: &str) -> bool {
        self.changes.1.contains(change)
    }

    /// The newest records of a kind.
    pub fn of<R: Record>(&self) -> &Newest<R> {
        R::of(&self.kinds)
    }

    /// A filter.
    pub fn get(&self, name: &str) -> Option<&Arc<FilterRecord>> {
        self.kinds.filters.get(name)
    }

    /// All filters, by their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<FilterRecord>> {
        self.kinds.filters.iter()
    }

    /// A token's record.
    pub fn token(&self, id: &str) -> Option<&Arc<TokenRecord>> {
        self.kinds.tokens.get(id)
    }

    /// All tokens' records, by their ids.
    pub fn tokens(&self) -> impl Iterator<Item = &Arc<TokenRecord>> {
        self.kinds.tokens.iter()
    }

    /// Whether a newer program has written the record with this key, which must not be lost.
    pub fn is_newer(&self, key: &str) -> bool {
        matches!(self.unreadable.get(key.as_bytes()), Some((_, Unreadable::Format(_))))
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
        if blobs.is_empty() {
            return BTreeSet::new();
        }
        let others = self.iter().filter(|record| record.name != name);
        let used: HashSet<&Blob> =
            others.flat_map(|record| &record.versions).flat_map(|version| version.blobs()).collect();
        blobs.iter().filter(|blob| used.contains(**blob)).copied().collect()
    }
}
