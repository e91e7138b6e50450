//! What a filter says about itself, and what it may say.

use std::collections::BTreeSet;

use super::limits::{
    DESCRIPTION_BYTES, FIELDS, PARAMETER_NAME_BYTES, PARAMETER_TEXT_BYTES, PARAMETERS, PATH_BYTES, PATHS,
};
use super::parameter::{Parameter, ParameterKind};
use super::refusal::Refusal;
use super::text::cut;
use super::wire::{WireManifest, WireParameter};
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
        Ok(Manifest { description: wire.description, fields, parameters: parameters(wire.parameters)? })
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

fn parameters(wire: Vec<WireParameter>) -> Result<Vec<Parameter>, Refusal> {
    if wire.len() > PARAMETERS {
        return Err(Refusal::Parameters { count: wire.len(), limit: PARAMETERS });
    }
    let parameters = wire.into_iter().enumerate().map(|(number, parameter)| check_parameter(number, parameter));
    let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    match parameters.iter().find(|parameter| !names.insert(&parameter.name)) {
        Some(Parameter { name, .. }) => Err(Refusal::SameParameter { name: name.clone() }),
        None => Ok(parameters),
    }
}

fn check_parameter(
    number: usize,
    WireParameter { name, kind, default, description }: WireParameter,
) -> Result<Parameter, Refusal> {
    if !is_name(&name) {
        return Err(Refusal::ParameterName { number, name: cut(&name, PARAMETER_NAME_BYTES).to_owned() });
    }
    let kind = ParameterKind::from(kind);
    for (what, size) in [("description", description.len()), ("default", default.as_deref().map_or(0, str::len))] {
        if size > PARAMETER_TEXT_BYTES {
            return Err(Refusal::ParameterText { name, what, size, limit: PARAMETER_TEXT_BYTES });
        }
    }
    let required = default.is_none();
    let default = match default.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => match kind.parse_toml(&text) {
            Some(value) => Some(value),
            None => return Err(Refusal::ParameterDefault { name, text, kind: kind.noun() }),
        },
    };
    Ok(Parameter { name, kind, default, required, description })
}

/// Whether it can be a key of TOML without quotes, and is not too long.
fn is_name(name: &str) -> bool {
    (1..=PARAMETER_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
