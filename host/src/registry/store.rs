//! Where the registry is kept.

use std::collections::HashMap;

use bytes::Bytes;

use super::record::Blob;

/// A record of the filters' topic, as it was read.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The key: a filter's name, or what stands for a record of another kind.
    pub key: Vec<u8>,
    /// The record. `None`: there is none any more.
    pub value: Option<Vec<u8>>,
    /// Where it is.
    pub offset: i64,
    /// When it came, in milliseconds since 1970, if that is known.
    pub time: Option<i64>,
}

/// What one change writes: all of it, or nothing.
#[derive(Clone, Debug)]
pub struct Write {
    /// The record's key.
    pub key: String,
    /// The record. `None` removes it.
    pub record: Option<Vec<u8>>,
    /// Pieces of modules and configs. Those that are empty are removed.
    pub pieces: Vec<(String, Bytes)>,
}

/// The content that was found, by its hash.
pub type Blobs = HashMap<String, Bytes>;

/// Why a store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else writes, or it is not known whether the change was written. To be asked again from the begin.
    #[error("others change filters at this moment")]
    Again,
    /// It can't be done now, but perhaps later.
    #[error("the registry: {0}")]
    Unavailable(String),
    /// It can't be done.
    #[error("the registry: {0}")]
    Impossible(String),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

/// Where the registry is kept. Of all writers, one at a time can commit.
pub trait Store: Send + Sync {
    /// Whether there is anything yet.
    ///
    /// # Errors
    /// Returns a [`StoreError`].
    fn exists(&self) -> Result<bool, StoreError>;

    /// Becomes the only writer, and creates what is missing. Whatever earlier writers have not committed by then is never
    /// committed.
    ///
    /// # Errors
    /// Returns a [`StoreError`].
    fn lock(&self) -> Result<(), StoreError>;

    /// Reads on, up to everything that was committed before this call.
    ///
    /// # Errors
    /// Returns a [`StoreError`].
    fn catch_up(&self, take: &mut dyn FnMut(Raw)) -> Result<(), StoreError>;

    /// Reads on, and waits a moment if there is nothing new.
    ///
    /// # Errors
    /// Returns a [`StoreError`].
    fn follow(&self, take: &mut dyn FnMut(Raw)) -> Result<(), StoreError>;

    /// Commits a change, unless another writer has come since [`lock`](Store::lock). Returns the offset of the record.
    ///
    /// # Errors
    /// Returns [`StoreError::Impossible`] if nothing was written. After any other [`StoreError`] this is known only once the
    /// store was locked and read again.
    fn commit(&self, write: &Write) -> Result<i64, StoreError>;

    /// Reads content. What is missing or damaged is left out.
    ///
    /// # Errors
    /// Returns a [`StoreError`].
    fn blobs(&self, wanted: &[Blob]) -> Result<Blobs, StoreError>;
}
