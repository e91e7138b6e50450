//! Framed alerts to columns.

use std::sync::Arc;

use super::{AvroError, Framed, Projection, SchemaId, Schemas};
use crate::alert::Column;

/// Turns alerts into columns, a batch at a time.
#[derive(Debug)]
pub struct Decoder {}

/// A decoded batch.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// Alerts whose schemas agree on the kind of every field of kind `any`: nearly always one group of all.
    pub groups: Vec<Group>,
}

/// Alerts with the same kinds of columns.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The caller's numbers of the alerts, in the order they were pushed.
    pub rows: Vec<u32>,
    /// By slot of the projection; each has `rows.len()` rows. A field of kind `any` that a schema lacks is a column of
    /// doubles.
    pub columns: Vec<Column>,
    /// The alerts' schemas, by row.
    pub schemas: Vec<SchemaId>,
    /// Slots that a schema of this group cannot fill (it has no such path, or a kind that does not promote): its alerts
    /// hold nulls there, through an array nothing. Only schemas that lack something.
    pub lacking: Vec<(SchemaId, Vec<usize>)>,
}

impl Decoder {
    /// A decoder of these fields.
    pub fn new(_schemas: Arc<Schemas>, _projection: Projection) -> Decoder {
        todo!()
    }

    /// Decodes one alert into the columns. `row` is the caller's number for it.
    ///
    /// # Errors
    /// [`AvroError`]; then nothing of the alert is left in the columns.
    pub fn push(&mut self, _row: u32, _alert: &Framed<'_>) -> Result<(), AvroError> {
        todo!()
    }

    /// Ends the batch.
    pub fn finish(&mut self) -> Decoded {
        todo!()
    }

    /// Takes the buffers of a batch that is done with, to use them again.
    pub fn recycle(&mut self, _decoded: Decoded) {
        todo!()
    }
}
