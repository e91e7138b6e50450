//! What a filter says about itself, and what it may say.

use super::limits::{
    DESCRIPTION_BYTES, FIELDS, PARAMETER_NAME_BYTES, PARAMETER_TEXT_BYTES, PARAMETERS, PATH_BYTES, PATHS,
};
use super::parameter::{self, Parameter};
use super::refusal::Refusal;
use super::wire::WireManifest;
use skysieve_avro::alert::Field;

/// How much host memory a manifest may take while it is read. A manifest within the limits above fits, whatever a
/// hostile one makes its lists point at.
pub const MANIFEST_BYTES: usize = DESCRIPTION_BYTES
    + FIELDS * (64 + PATHS * (PATH_BYTES + 64))
    + PARAMETERS * (128 + PARAMETER_NAME_BYTES + 2 * PARAMETER_TEXT_BYTES)
    + (64 << 10);

/// What a filter says about itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Manifest {
    /// A description in one line, for people.
    pub description: String,
    /// The columns that [`Filter::evaluate`](super::Filter::evaluate) needs, in this order.
    pub fields: Vec<Field>,
    /// What can be set in its config.
    pub parameters: Vec<Parameter>,
}

impl TryFrom<WireManifest> for Manifest {
    type Error = Refusal;

    fn try_from(wire: WireManifest) -> Result<Manifest, Refusal> {
        if wire.description.len() > DESCRIPTION_BYTES {
            return Err(Refusal::Description { size: wire.description.len(), limit: DESCRIPTION_BYTES });
        }
        if wire.fields.len() > FIELDS {
            return Err(Refusal::Fields { count: wire.fields.len(), limit: FIELDS });
        }
        let fields: Vec<Field> = wire.fields.into_iter().map(Field::from).collect();
        fields.iter().enumerate().try_for_each(|(number, field)| check(number, field))?;
        Ok(Manifest { description: wire.description, fields, parameters: parameter::checked(wire.parameters)? })
    }
}

fn check(number: usize, field: &Field) -> Result<(), Refusal> {
    let paths = &field.paths;
    if paths.is_empty() || paths.len() > PATHS {
        return Err(Refusal::Paths { field: number, count: paths.len(), limit: PATHS });
    }
    if let Some(path) = paths.iter().find(|path| path.is_empty() || path.len() > PATH_BYTES) {
        return Err(Refusal::Path { field: number, size: path.len(), limit: PATH_BYTES });
    }
    let list = field.is_list();
    if let Some(other) = paths.iter().find(|path| path.contains("[]") != list) {
        return Err(Refusal::MixedPaths { field: number, first: paths[0].clone(), other: other.clone() });
    }
    Ok(())
}
