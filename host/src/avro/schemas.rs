//! The schemas known, and messages taken apart with them.

use std::path::Path;

use super::{AvroError, Framed, SchemaError, SchemaId};
use crate::alert::Kind;

/// Schemas known: built in, from folders, and from containers seen (a bounded number of those). Share it behind an
/// [`Arc`](std::sync::Arc).
#[derive(Debug)]
pub struct Schemas {}

impl Schemas {
    /// Those of `/schema` at the repository's root.
    pub fn builtin() -> Schemas {
        todo!()
    }

    /// Searches `folder`, and folders in it, for `lsst.vM_m.alert.avsc` beside the records that it names (Confluent id:
    /// M × 100 + m). Returns how many were found; those of ids known already take their place.
    ///
    /// # Errors
    /// [`SchemaError`] when a folder or file cannot be read, a file is no schema, or there is none.
    pub fn add_folder(&self, _folder: &Path) -> Result<usize, SchemaError> {
        todo!()
    }

    /// The schema of a Confluent id, in place of one known already.
    ///
    /// # Errors
    /// [`SchemaError`] when `avsc` is not the schema of a record.
    pub fn add(&self, _id: u32, _avsc: &str) -> Result<SchemaId, SchemaError> {
        todo!()
    }

    /// The schema of a Confluent id.
    pub fn by_id(&self, _id: u32) -> Option<SchemaId> {
        todo!()
    }

    /// Takes a message that holds exactly one alert out of its framing: Confluent's wire format or an Avro object
    /// container file, told apart by their first bytes. A container's schema is remembered.
    ///
    /// # Errors
    /// [`AvroError`]; the framing is checked wholly, the alert itself is not read.
    pub fn frame<'a>(&self, _message: &'a [u8]) -> Result<Framed<'a>, AvroError> {
        todo!()
    }

    /// The alerts of a file: a container of any number of them, or a single one in Confluent's wire format. The first
    /// error ends the iteration.
    pub fn alerts<'a>(&'a self, _file: &'a [u8]) -> impl Iterator<Item = Result<Framed<'a>, AvroError>> {
        std::iter::empty()
    }

    /// Reads the whole alert, checking every byte of it, where a [`Decoder`](super::Decoder) stops after the last field
    /// wanted.
    ///
    /// # Errors
    /// [`AvroError`], with the field and offset.
    pub fn validate(&self, _alert: &Framed<'_>) -> Result<(), AvroError> {
        todo!()
    }

    /// The schema's full name: `lsst.v11_1.alert`, `ztf.alert`.
    pub fn name(&self, _id: SchemaId) -> String {
        todo!()
    }

    /// The paths that can be read from alerts of a schema, with their kinds, in the schema's order (the first 10,000).
    pub fn paths(&self, _id: SchemaId) -> Vec<(String, Kind)> {
        todo!()
    }

    /// All schemas known, without those whose place another took.
    pub fn all(&self) -> Vec<SchemaId> {
        todo!()
    }
}
