//! Makes changes, so that none is lost: of all hosts one at a time writes, and it knows what all others have written.
//!
//! A host that becomes the writer reads everything that is committed. From then on it knows all of it, because nobody else
//! can commit without becoming the writer first, and then this host's next commit fails. So what it has checked before a
//! commit that succeeds was the newest. A refusal commits nothing that could fail: it is therefore checked again by a host
//! that has just become the writer.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::kind::Record;
use super::pieces;
use super::record::{Blob, FilterRecord};
use super::records::Records;
use super::store::{Blobs, Store, StoreError, Write};
use crate::filters::FilterError;

/// How long a change is tried.
pub const CHANGE_TIME: Duration = Duration::from_secs(20);

/// The first and the longest pause between attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// What is to be done about a filter, or about another record.
pub enum Decision<R = FilterRecord> {
    /// Nothing.
    Nothing,
    /// It is removed.
    Remove,
    /// It is to be like this, and this content may not be kept yet.
    Write(Box<R>, Vec<(Blob, Bytes)>),
}

/// What became of a filter, or of another record.
#[derive(Clone, Debug)]
pub struct Changed<R = FilterRecord> {
    /// The record before.
    pub before: Option<Arc<R>>,
    /// The record now.
    pub now: Option<Arc<R>>,
}

/// The registry, as one host sees it.
pub struct Registry {
    store: Box<dyn Store>,
    records: Mutex<Records>,
    /// Held while a change is made. Whether this host is the writer, as far as it knows.
    is_writer: Mutex<bool>,
    /// The hashes of content that should be there, but is missing or damaged.
    missing: Mutex<HashSet<String>>,
    /// Whether everything was read once.
    is_read: AtomicBool,
}

impl Registry {
    /// A registry of which nothing was read.
    pub fn new(store: Box<dyn Store>) -> Registry {
        let (is_writer, is_read) = (Mutex::new(false), AtomicBool::new(false));
        Registry { store, records: Mutex::default(), is_writer, missing: Mutex::default(), is_read }
    }

    /// What is known.
    pub fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock()
    }

    /// Reads everything that is committed.
    ///
    /// # Errors
    /// Returns a [`StoreError`].
    pub fn catch_up(&self) -> Result<(), StoreError> {
        self.store.catch_up(&mut |raw| self.records.lock().read(raw))
    }

    /// Reads on, and waits a moment if there is nothing new.
    ///
    /// # Errors
    /// Returns a [`StoreError`].
    pub fn follow(&self) -> Result<(), StoreError> {
        self.store.follow(&mut |raw| self.records.lock().read(raw))
    }

    /// Reads content. What is missing or damaged is left out.
    ///
    /// # Errors
    /// Returns a [`StoreError`].
    pub fn blobs(&self, wanted: &[Blob]) -> Result<Blobs, StoreError> {
        if wanted.is_empty() {
            return Ok(Blobs::new());
        }
        let found = self.store.blobs(wanted)?;
        let mut missing = self.missing.lock();
        for Blob { sha256, .. } in wanted {
            if found.contains_key(sha256) {
                missing.remove(sha256)
            } else {
                missing.insert(sha256.clone())
            };
        }
        Ok(found)
    }

    /// Changes a filter as `rule` says, which is told the newest record, perhaps several times. Returns once that is
    /// committed.
    ///
    /// # Errors
    /// Returns the error of `rule`; [`FilterError::Busy`] if others are always quicker, or Kafka does not answer;
    /// [`FilterError::Refused`] if the registry can't be written; [`FilterError::Stopping`].
    pub fn change(
        &self,
        name: &str,
        rule: impl FnMut(Option<&FilterRecord>) -> Result<Decision, FilterError>,
    ) -> Result<Changed, FilterError> {
        self.change_record(name, rule)
    }

    /// The same for any kind of record.
    ///
    /// # Errors
    /// As [`Registry::change`].
    pub fn change_record<R: Record>(
        &self,
        name: &str,
        mut rule: impl FnMut(Option<&R>) -> Result<Decision<R>, FilterError>,
    ) -> Result<Changed<R>, FilterError> {
        let mut is_writer = self.is_writer.lock();
        let mut attempts = Attempts::new();
        // A change of which it is not known whether it was written.
        let mut doubt: Option<Changed<R>> = None;
        loop {
            let is_fresh = !*is_writer;
            if is_fresh {
                match self.become_writer(name, &mut rule) {
                    Ok(None) => *is_writer = true,
                    Ok(Some(done)) => return done,
                    Err(error) => {
                        attempts.pause(error)?;
                        continue;
                    }
                }
            }
            if let Some(changed) = doubt.take().filter(|changed| self.is_written(name, changed)) {
                return Ok(changed);
            }
            let before = self.records().of::<R>().get(name).cloned();
            let (now, content) = match self.decide(name, before.as_deref(), &mut rule) {
                Ok(Decision::Write(mut record, content)) => {
                    record.set_change(new_id());
                    (Some(Arc::new(*record)), content)
                }
                Ok(Decision::Remove) if before.is_some() => (None, Vec::new()),
                Ok(_) if is_fresh => return Ok(Changed { now: before.clone(), before }),
                Err(error) if is_fresh => return Err(error),
                // Perhaps it is another matter with what others have written.
                Ok(_) | Err(_) => {
                    *is_writer = false;
                    continue;
                }
            };
            let write = self.write(name, before.as_deref(), now.as_deref(), &content);
            let changed = Changed { before, now: now.clone() };
            match self.store.commit(&write) {
                Ok(offset) => {
                    self.records().written(name, now, offset);
                    return Ok(changed);
                }
                Err(error) => {
                    *is_writer = false;
                    doubt = Some(changed);
                    attempts.pause(error)?;
                }
            }
        }
    }

    /// Reads everything that was ever committed, even a moment ago.
    ///
    /// # Errors
    /// Returns a [`StoreError`].
    pub fn open(&self) -> Result<(), StoreError> {
        let mut is_writer = self.is_writer.lock();
        if self.store.exists()? {
            // A commit that was acknowledged may not be visible yet, but is before the next writer comes.
            self.store.lock()?;
            self.catch_up()?;
            *is_writer = true;
        }
        self.is_read.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether everything that was committed before the host's start is known.
    pub fn is_read(&self) -> bool {
        self.is_read.load(Ordering::Acquire)
    }

    /// Whether a change was written, now that everything was read that was committed since.
    fn is_written<R: Record>(&self, name: &str, changed: &Changed<R>) -> bool {
        let records = self.records();
        match (&changed.now, &changed.before) {
            (Some(now), _) => records.has(now.change()),
            // If there is another one now, it was created since.
            (None, Some(before)) => {
                records.of::<R>().get(name).is_none_or(|newest| newest.created() != before.created())
            }
            (None, None) => true,
        }
    }

    /// Becomes the writer, and reads what others have written. Where nothing is kept, nothing is created for a change that
    /// comes to nothing: then this returns its result.
    fn become_writer<R: Record>(
        &self,
        name: &str,
        rule: &mut impl FnMut(Option<&R>) -> Result<Decision<R>, FilterError>,
    ) -> Result<Option<Result<Changed<R>, FilterError>>, StoreError> {
        if !self.store.exists()? {
            match rule(None) {
                Ok(Decision::Write(..)) => {}
                Ok(_) => return Ok(Some(Ok(Changed { before: None, now: None }))),
                Err(error) => return Ok(Some(Err(error))),
            }
        }
        tracing::debug!(key = R::key(name), "becoming the writer of the registry");
        self.store.lock()?;
        self.catch_up()?;
        Ok(None)
    }

    fn decide<R: Record>(
        &self,
        name: &str,
        before: Option<&R>,
        rule: &mut impl FnMut(Option<&R>) -> Result<Decision<R>, FilterError>,
    ) -> Result<Decision<R>, FilterError> {
        if self.records().is_newer(&R::key(name)) {
            return Err(FilterError::Conflict(format!(
                "the record of {name:?} was written by a newer version of Skysieve, and is not changed by this one"
            )));
        }
        let decision = rule(before)?;
        if let Decision::Write(mut record, content) = decision {
            let shortened = record.shorten();
            shortened
                .map_err(|bytes| FilterError::Refused(format!("its record would have {bytes} bytes, too many")))?;
            return Ok(Decision::Write(record, content));
        }
        Ok(decision)
    }

    /// What is to be written: the record, content that is not there yet, and the end of content that nobody uses any more.
    fn write<R: Record>(&self, name: &str, before: Option<&R>, now: Option<&R>, content: &[(Blob, Bytes)]) -> Write {
        let [old, new] = [before, now].map(|record| record.map(R::blobs).unwrap_or_default());
        let records = self.records();
        let gone: BTreeSet<&Blob> = old.difference(&new).copied().collect();
        let still_used = records.used_elsewhere(name, &gone);
        let mut written = Vec::new();
        for blob in gone.difference(&still_used) {
            written.extend(pieces::remove(blob));
        }
        let added: BTreeSet<&Blob> = new.difference(&old).copied().collect();
        let there = records.used_elsewhere(name, &added);
        let missing = self.missing.lock();
        let is_needed = |blob: &Blob| added.contains(blob) && !there.contains(blob) || missing.contains(&blob.sha256);
        for (blob, bytes) in content.iter().filter(|(blob, _)| new.contains(blob) && is_needed(blob)) {
            written.extend(pieces::cut(blob, bytes));
        }
        Write { key: R::key(name), record: now.map(R::to_bytes), pieces: written }
    }
}

/// An id that no other change has.
pub fn new_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}-{:x}", since.as_nanos(), std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The attempts to make a change.
struct Attempts {
    deadline: Instant,
    next: Duration,
}

impl Attempts {
    fn new() -> Attempts {
        Attempts { deadline: Instant::now() + CHANGE_TIME, next: PAUSES.0 }
    }

    /// Waits before the next attempt. The pauses are of random lengths, so that two hosts do not go on in step.
    fn pause(&mut self, error: StoreError) -> Result<(), FilterError> {
        match error {
            StoreError::Stopping => return Err(FilterError::Stopping),
            StoreError::Impossible(_) => return Err(FilterError::Refused(error.to_string())),
            StoreError::Again | StoreError::Unavailable(_) if Instant::now() >= self.deadline => {
                return Err(FilterError::Busy(format!("{error}; try again")));
            }
            StoreError::Again | StoreError::Unavailable(_) => {}
        }
        tracing::debug!(%error, "trying a change of the registry once more");
        std::thread::sleep(self.next.mul_f64(0.2 + 0.8 * random()));
        self.next = (2 * self.next).min(PAUSES.1);
        Ok(())
    }
}

/// A number from 0 to 1.
fn random() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let bits = std::collections::hash_map::RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
