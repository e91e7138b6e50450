//! The union of the fields of all filters.

use super::{FieldError, SchemaId, Schemas};
use crate::alert::Field;

/// The fields to read, each once: a slot for each distinct pair of paths and kind.
#[derive(Clone, Default, Debug)]
pub struct Projection {}

impl Projection {
    /// One without a field.
    pub fn new() -> Projection {
        Projection::default()
    }

    /// The slot of these paths in this kind: that of an equal earlier one, or a new one. `optional` does not matter.
    ///
    /// # Errors
    /// [`FieldError`] for a path that is malformed in any schema.
    pub fn add(&mut self, _field: &Field) -> Result<usize, FieldError> {
        todo!()
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether `field` can be read from alerts of that schema.
///
/// # Errors
/// [`FieldError`], which names the nearest paths, or the kinds that don't promote, or what the path goes through.
pub fn check_field(_schemas: &Schemas, _schema: SchemaId, _field: &Field) -> Result<(), FieldError> {
    todo!()
}
