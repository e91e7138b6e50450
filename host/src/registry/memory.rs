//! A registry in memory, for tests: several hosts can share it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::pieces::Pieces;
use super::record::Blob;
use super::store::{Blobs, Raw, Store, StoreError, Write};

/// What all hosts see.
#[derive(Default)]
pub struct Shared {
    inner: Mutex<Topics>,
}

#[derive(Default)]
struct Topics {
    exists: bool,
    filters: Vec<Raw>,
    modules: Vec<(String, bytes::Bytes)>,
    /// Counts the writers. The last one may commit.
    epoch: u64,
    /// What becomes of the next commits.
    faults: Vec<Fault>,
}

/// What may become of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not written.
    Lost,
    /// It is written, but the answer is lost.
    Unanswered,
}

impl Shared {
    /// Writes a record by hand.
    pub fn write(&self, key: &[u8], value: Option<&[u8]>) {
        let mut topics = self.inner.lock();
        topics.exists = true;
        let offset = topics.filters.len() as i64;
        topics.filters.push(Raw { key: key.to_vec(), value: value.map(<[u8]>::to_vec), offset, time: None });
    }

    /// Writes a piece by hand.
    pub fn write_piece(&self, key: &str, piece: &[u8]) {
        self.inner.lock().modules.push((key.to_owned(), piece.to_vec().into()));
    }

    /// The newest pieces that are kept, by their keys.
    pub fn pieces(&self) -> Vec<String> {
        let mut newest = std::collections::BTreeMap::new();
        for (key, piece) in &self.inner.lock().modules {
            newest.insert(key.clone(), piece.len());
        }
        newest.into_iter().filter(|(_, bytes)| *bytes > 0).map(|(key, _)| key).collect()
    }

    /// How often a piece was written.
    pub fn pieces_written(&self) -> usize {
        self.inner.lock().modules.iter().filter(|(_, piece)| !piece.is_empty()).count()
    }

    /// Lets the next commits fail, the last one first.
    pub fn fail(&self, faults: &[Fault]) {
        self.inner.lock().faults = faults.to_vec();
    }

    /// Forgets all modules.
    pub fn lose_modules(&self) {
        self.inner.lock().modules.clear();
    }
}

/// One host's side.
pub struct MemoryStore {
    shared: Arc<Shared>,
    next: Mutex<usize>,
    epoch: Mutex<u64>,
}

impl MemoryStore {
    /// A host that has read nothing.
    pub fn new(shared: &Arc<Shared>) -> MemoryStore {
        MemoryStore { shared: shared.clone(), next: Mutex::new(0), epoch: Mutex::new(0) }
    }
}

impl Store for MemoryStore {
    fn exists(&self) -> Result<bool, StoreError> {
        Ok(self.shared.inner.lock().exists)
    }

    fn lock(&self) -> Result<(), StoreError> {
        let mut topics = self.shared.inner.lock();
        topics.exists = true;
        topics.epoch += 1;
        *self.epoch.lock() = topics.epoch;
        Ok(())
    }

    fn catch_up(&self, take: &mut dyn FnMut(Raw)) -> Result<(), StoreError> {
        let mut next = self.next.lock();
        let new: Vec<Raw> = self.shared.inner.lock().filters[*next..].to_vec();
        *next += new.len();
        new.into_iter().for_each(take);
        Ok(())
    }

    fn follow(&self, take: &mut dyn FnMut(Raw)) -> Result<(), StoreError> {
        self.catch_up(take)?;
        std::thread::sleep(Duration::from_millis(1));
        Ok(())
    }

    fn commit(&self, write: &Write) -> Result<i64, StoreError> {
        let mut topics = self.shared.inner.lock();
        let fault = topics.faults.pop();
        if topics.epoch != *self.epoch.lock() || fault == Some(Fault::Lost) {
            return Err(StoreError::Again);
        }
        let Write { key, record, pieces } = write.clone();
        let offset = topics.filters.len() as i64;
        topics.filters.push(Raw { key: key.into_bytes(), value: record, offset, time: None });
        topics.modules.extend(pieces);
        if fault == Some(Fault::Unanswered) { Err(StoreError::Again) } else { Ok(offset) }
    }

    fn blobs(&self, wanted: &[Blob]) -> Result<Blobs, StoreError> {
        let mut pieces = Pieces::of(wanted);
        for (key, piece) in &self.shared.inner.lock().modules {
            pieces.add(key.as_bytes(), (!piece.is_empty()).then_some(&piece[..]));
        }
        Ok(pieces.complete())
    }
}
