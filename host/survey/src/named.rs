//! Fields that the user names, for alerts of unknown surveys, or if a field other than the survey's is meant.

use skysieve_avro::alert::{Field, Kind};
use skysieve_avro::{FieldError, SchemaId, Schemas, check_field};

/// Where alerts have the id, the visit and the time, overriding what their survey says. If there are several fields,
/// the first that an alert's schema has counts. A schema that has none of them is read as if nothing had been named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedFields {
    id: Vec<String>,
    visit: Vec<String>,
    time: Vec<String>,
}

impl NamedFields {
    /// Takes the named fields; an empty list means that none is named.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if no schema could have a path, or if a path goes through an array.
    pub fn new(id: Vec<String>, visit: Vec<String>, time: Vec<String>) -> Result<NamedFields, FieldError> {
        for path in [&id, &visit, &time].into_iter().flatten() {
            let field = field(std::slice::from_ref(path));
            skysieve_avro::Projection::new().add(&field)?;
            if field.is_list() {
                let why = "goes through an array, where an alert may have any number of values";
                return Err(FieldError::Path { path: path.clone(), why });
            }
        }
        Ok(NamedFields { id, visit, time })
    }

    /// Returns errors for the named fields that can't be read from alerts of a schema.
    pub fn unfit(&self, schemas: &Schemas, schema: SchemaId) -> Vec<FieldError> {
        let named = [&self.id, &self.visit, &self.time].into_iter().filter(|paths| !paths.is_empty());
        named.filter_map(|paths| check_field(schemas, schema, &field(paths)).err()).collect()
    }

    pub(super) fn id(&self) -> &[String] {
        &self.id
    }

    pub(super) fn visit(&self) -> &[String] {
        &self.visit
    }

    pub(super) fn time(&self) -> &[String] {
        &self.time
    }
}

fn field(paths: &[String]) -> Field {
    Field { paths: paths.to_vec(), kind: Kind::Any, optional: true }
}
