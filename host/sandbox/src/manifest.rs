//! What a filter says of itself, and what it may say.

use super::refusal::Refusal;
use super::wire::WireManifest;
use skysieve_avro::alert::Field;

/// Bytes of a description.
const DESCRIPTION: usize = 4 << 10;
/// Fields of a filter.
const FIELDS: usize = 256;
/// Alternative paths of a field.
const PATHS: usize = 16;
/// Bytes of a path.
const PATH: usize = 1 << 10;

/// Host memory that a manifest may take while it is read: one that keeps the limits above fits, whatever a hostile one
/// makes its lists point at.
pub const MANIFEST_BYTES: usize = DESCRIPTION + FIELDS * (64 + PATHS * (PATH + 64)) + (64 << 10);

/// What a filter says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Manifest {
    /// One line for people.
    pub description: String,
    /// The columns that [`Filter::evaluate`](super::Filter::evaluate) wants, in this order.
    pub fields: Vec<Field>,
}

impl TryFrom<WireManifest> for Manifest {
    type Error = Refusal;

    fn try_from(wire: WireManifest) -> Result<Manifest, Refusal> {
        if wire.description.len() > DESCRIPTION {
            return Err(Refusal::Description { size: wire.description.len(), limit: DESCRIPTION });
        }
        if wire.fields.len() > FIELDS {
            return Err(Refusal::Fields { count: wire.fields.len(), limit: FIELDS });
        }
        let fields: Vec<Field> = wire.fields.into_iter().map(Field::from).collect();
        fields.iter().enumerate().try_for_each(|(number, field)| check(number, field))?;
        Ok(Manifest { description: wire.description, fields })
    }
}

fn check(number: usize, field: &Field) -> Result<(), Refusal> {
    let paths = &field.paths;
    if paths.is_empty() || paths.len() > PATHS {
        return Err(Refusal::Paths { field: number, count: paths.len(), limit: PATHS });
    }
    if let Some(path) = paths.iter().find(|path| path.is_empty() || path.len() > PATH) {
        return Err(Refusal::Path { field: number, size: path.len(), limit: PATH });
    }
    let list = field.is_list();
    if let Some(other) = paths.iter().find(|path| path.contains("[]") != list) {
        return Err(Refusal::MixedPaths { field: number, first: paths[0].clone(), other: other.clone() });
    }
    Ok(())
}
